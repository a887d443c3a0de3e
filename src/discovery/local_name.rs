//! Asks the local network for the addresses of a `.local` name, for systems whose resolver does
//! not (Debian without libnss-mdns, programs linked with musl).

use super::datagram::MDNS_PORT;
use super::interfaces::{Interface, InterfaceSelection};
use super::responder::packets::{address, answered, parse_response, query, question};
use super::sockets::Asker;
use crate::addresses::{self, is_link_local};
use crate::link::Stop;
use crate::protocol::limits;
use simple_dns::{Name, TYPE};
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

/// After the first question, because multicast gets lost (RFC 6762, section 5.2).
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// After the first address, for those of the other family and on other interfaces.
const MORE: Duration = Duration::from_millis(300);

/// Whether mDNS is responsible for this name (RFC 6762, section 3).
pub(crate) fn is_local(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let start = host.len().checked_sub(".local".len()).filter(|start| *start > 0);
    start.and_then(|start| host.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(".local"))
}

/// The addresses of a host, those in a network of this machine first; empty if nobody answers
/// within [`limits::MDNS_RESOLVE`], or with the stop.
pub(crate) fn resolve(host: &str, port: u16, stop: &Stop) -> io::Result<Vec<SocketAddr>> {
    let interfaces = InterfaceSelection::everywhere().choose(&addresses::list()?);
    let Some((mut answers, mut asker)) = Answers::new(host).zip(Asker::open(&interfaces)) else {
        return Ok(Vec::new());
    };
    let (query, begin) = (answers.query(), Instant::now());
    let (mut end, mut ask_at) = (begin + limits::MDNS_RESOLVE, begin);
    while !stop.is_requested() {
        let now = Instant::now();
        if now >= end {
            break;
        }
        if now >= ask_at {
            asker.ask(&query);
            ask_at = now + ASK_AGAIN;
        }
        asker.listen(Some(stop), ask_at.min(end), |interface, from, bytes| {
            // Others are no mDNS responders (RFC 6762, section 6).
            if from.port() == MDNS_PORT && answers.add_packet(interface, bytes) {
                end = end.min(Instant::now() + MORE);
            }
        })?;
    }
    Ok(answers.addresses(port, &interfaces))
}

/// The addresses received so far, each with the index of the interface it came from.
struct Answers {
    name: Name<'static>,
    found: Vec<(IpAddr, u32)>,
}

impl Answers {
    /// `None` if there can be no such name.
    fn new(host: &str) -> Option<Self> {
        let host = host.strip_suffix('.').unwrap_or(host);
        Some(Self { name: Name::new(host).ok()?.into_owned(), found: Vec::new() })
    }

    fn query(&self) -> Vec<u8> {
        let questions = [TYPE::A, TYPE::AAAA].map(|kind| question(&self.name, kind));
        query(questions.into(), Vec::new())
    }

    /// Adds the addresses in a packet from this interface; whether any was new.
    fn add_packet(&mut self, interface: u32, bytes: &[u8]) -> bool {
        let Some(packet) = parse_response(bytes) else { return false };
        let before = self.found.len();
        let named = answered(&packet).filter(|record| record.name == self.name && record.ttl > 0);
        for ip in named.filter_map(|record| address(&record.rdata)) {
            let is_new = !self.found.contains(&(ip, interface));
            if is_new && self.found.len() < limits::DISCOVERED_ADDRESSES {
                self.found.push((ip, interface));
            }
        }
        self.found.len() > before
    }

    /// In the order in which to try them: first in the networks of the interface they came from,
    /// then link-local ones, which are on it as well, and then what is behind a router. Of each,
    /// IPv4 first.
    fn addresses(mut self, port: u16, interfaces: &[Interface]) -> Vec<SocketAddr> {
        let is_near = |ip: IpAddr, index: u32| {
            let mut interfaces = interfaces.iter().filter(|interface| interface.index == index);
            interfaces.any(|interface| {
                interface.addresses.networks.iter().any(|network| network.contains(ip))
            })
        };
        self.found.sort_by_key(|&(ip, index)| {
            let distance = match (is_link_local(ip), is_near(ip, index)) {
                (false, true) => 0,
                (true, _) => 1,
                (false, false) => 2,
            };
            (distance, ip, index)
        });
        let address = |(ip, index): (IpAddr, u32)| match ip {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => {
                SocketAddrV6::new(ip, port, 0, index).into()
            }
            ip => SocketAddr::new(ip, port),
        };
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in self.found.into_iter().map(address) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }
}

#[cfg(fuzzing)]
pub(super) fn fuzz(packet: &[u8]) {
    if let Some(mut answers) = Answers::new("studio.local") {
        answers.add_packet(2, packet);
        assert!(answers.found.len() <= limits::DISCOVERED_ADDRESSES);
        answers.addresses(1, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::InterfaceAddress;
    use simple_dns::rdata::{RData, A, AAAA};
    use simple_dns::{Packet, ResourceRecord, CLASS};

    fn answer(name: &str, ttl: u32, ips: &[&str]) -> Vec<u8> {
        let mut packet = Packet::new_reply(0);
        let record = |ip: &&str| {
            let data = match ip.parse().unwrap() {
                IpAddr::V4(ip) => RData::A(A { address: ip.into() }),
                IpAddr::V6(ip) => RData::AAAA(AAAA { address: ip.into() }),
            };
            ResourceRecord::new(Name::new_unchecked(name).into_owned(), CLASS::IN, ttl, data)
        };
        packet.answers = ips.iter().map(record).collect();
        packet.build_bytes_vec_compressed().unwrap()
    }

    fn resolved(packets: &[(u32, Vec<u8>)]) -> Vec<String> {
        let own = [("eth0", 2, "192.168.1.9"), ("eth0", 2, "fd00::9"), ("wlan0", 3, "10.0.0.9")];
        let own = own.map(|(name, index, ip)| InterfaceAddress::fake(name, index, ip));
        let interfaces = InterfaceSelection::everywhere().choose(&own);
        let mut answers = Answers::new("studio.local.").unwrap();
        packets.iter().for_each(|(index, bytes)| _ = answers.add_packet(*index, bytes));
        answers.addresses(18790, &interfaces).iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn a_local_name_ends_in_local() {
        for host in ["studio.local", "Studio.LOCAL.", "a.b.local", "müller.local"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["local", ".local", "studio", "studio.localhost", "studio.local.example", ""] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn what_is_on_the_same_link_comes_first_and_link_local_addresses_have_their_interface() {
        let ips = ["2001:db8::5", "fe80::5", "172.17.0.1", "fd00::5", "192.168.1.5"];
        assert_eq!(
            resolved(&[(2, answer("Studio.local", 120, &ips))]),
            [
                "192.168.1.5:18790",
                "[fd00::5]:18790",
                "[fe80::5%2]:18790",
                "172.17.0.1:18790",
                "[2001:db8::5]:18790",
            ]
        );
        let other = answer("studio.local", 120, &["192.168.1.5", "10.0.0.5", "fe80::5"]);
        let first = answer("studio.local", 120, &["192.168.1.5", "fe80::5"]);
        assert_eq!(
            resolved(&[(3, other), (2, first)]),
            ["10.0.0.5:18790", "192.168.1.5:18790", "[fe80::5%2]:18790", "[fe80::5%3]:18790"]
        );
    }

    #[test]
    fn only_answers_with_the_name_count_and_memory_is_bounded() {
        let goodbye = answer("studio.local", 0, &["10.0.0.5"]);
        let query = Answers::new("studio.local").unwrap().query();
        let packets =
            [answer("attic.local", 120, &["10.0.0.5"]), goodbye, query, b"nonsense".to_vec()];
        assert!(resolved(&packets.map(|packet| (3, packet))).is_empty());
        let many: Vec<String> = (0..100).map(|i| format!("10.0.0.{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let found = resolved(&[(3, answer("studio.local", 120, &many))]);
        assert_eq!(found.len(), limits::DISCOVERED_ADDRESSES);
    }

    #[test]
    fn both_families_are_asked_for() {
        let query = Answers::new("studio.local").unwrap().query();
        let packet = Packet::parse(&query).unwrap();
        let kinds: Vec<_> = packet.questions.iter().map(|question| question.qtype).collect();
        assert_eq!(kinds, [TYPE::A.into(), TYPE::AAAA.into()]);
        assert!(Answers::new(&format!("{}.local", "x".repeat(64))).is_none());
    }
}
