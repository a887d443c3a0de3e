//! The bridges in mDNS answers, put together from their records. Pure; `browse.rs` has the sockets.

use super::responder::names::type_name;
use super::responder::packets::{address, answered, parse_response, query, question};
use crate::protocol::limits;
use crate::tls::Fingerprint;
use serde::Serialize;
use simple_dns::rdata::{RData, PTR, TXT};
use simple_dns::{Name, ResourceRecord, CLASS, TYPE};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// Questions in one packet.
const QUESTIONS: usize = 8;
/// Seconds to live of the known answers in our questions.
const TTL: u32 = 75 * 60;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DiscoveredBridge {
    pub(crate) name: String,
    /// The host name: `studio.local`.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Its addresses, IPv4 first; link-local ones with `%` and the interface.
    pub(crate) addresses: Vec<String>,
    pub(crate) interfaces: Vec<String>,
    pub(crate) txt: BTreeMap<String, String>,
}

impl DiscoveredBridge {
    /// Whether it announces TLS (protocol section 10.3).
    pub(crate) fn has_tls(&self) -> bool {
        self.txt.get("bridgeTls").is_some_and(|value| matches!(&**value, "1" | "true" | "yes"))
    }

    /// The fingerprint that it announces, which is not authenticated.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        self.txt.get("bridgeTlsSha256").and_then(|value| value.parse().ok())
    }
}

/// An address and, if it is link-local, the index of the interface.
type ScopedAddress = (IpAddr, u32);

/// The records received so far.
pub(super) struct BrowseResults {
    service_type: Name<'static>,
    instances: HashMap<Name<'static>, Instance>,
    hosts: HashMap<Name<'static>, BTreeSet<ScopedAddress>>,
}

#[derive(Default)]
struct Instance {
    server: Option<(Name<'static>, u16)>,
    txt: Option<BTreeMap<String, String>>,
    /// The interfaces on which a PTR record named the instance.
    interfaces: BTreeSet<u32>,
}

impl BrowseResults {
    pub(super) fn new(service_type: &str) -> Self {
        let service_type = type_name(service_type);
        Self { service_type, instances: HashMap::new(), hosts: HashMap::new() }
    }

    /// A query for all instances, with those that are known as known answers.
    pub(super) fn query(&self) -> Vec<u8> {
        let known = |instance: &Name<'static>| {
            let pointer = RData::PTR(PTR(instance.clone()));
            ResourceRecord::new(self.service_type.clone(), CLASS::IN, TTL, pointer)
        };
        let known = self.instances.keys().take(QUESTIONS).map(known);
        query(vec![question(&self.service_type, TYPE::PTR)], known.collect())
    }

    pub(super) fn follow_up_queries(&self) -> Vec<Vec<u8>> {
        let mut questions = Vec::new();
        for (name, instance) in &self.instances {
            match &instance.server {
                None => questions.push(question(name, TYPE::SRV)),
                Some((host, _)) if !self.hosts.contains_key(host) => {
                    questions.extend([question(host, TYPE::A), question(host, TYPE::AAAA)]);
                }
                Some(_) => {}
            }
            if instance.txt.is_none() {
                questions.push(question(name, TYPE::TXT));
            }
        }
        let packet = |questions: &[_]| query(questions.to_vec(), Vec::new());
        questions.chunks(QUESTIONS).map(packet).collect()
    }

    /// Adds the records of a packet from the interface with this index; whether any was new.
    pub(super) fn add_packet(&mut self, interface: u32, bytes: &[u8]) -> bool {
        let Some(packet) = parse_response(bytes) else { return false };
        let before = self.counts();
        answered(&packet).for_each(|record| self.add_record(interface, record));
        self.counts() != before
    }

    /// How many instances, SRV records, TXT records and hosts are known.
    fn counts(&self) -> [usize; 4] {
        let instances = || self.instances.values();
        let servers = instances().filter(|instance| instance.server.is_some()).count();
        let texts = instances().filter(|instance| instance.txt.is_some()).count();
        [self.instances.len(), servers, texts, self.hosts.len()]
    }

    fn add_record(&mut self, interface: u32, record: &ResourceRecord<'_>) {
        let name = record.name.clone().into_owned();
        match &record.rdata {
            RData::PTR(PTR(instance)) if name == self.service_type => {
                let instance = instance.clone().into_owned();
                if record.ttl == 0 {
                    self.instances.remove(&instance);
                } else if instance.get_labels().len() > 1 {
                    self.note(instance, |instance| _ = instance.interfaces.insert(interface));
                }
            }
            RData::SRV(srv) if record.ttl > 0 && self.is_of_type(&name) => {
                let server = (srv.target.clone().into_owned(), srv.port);
                self.note(name, |instance| instance.server = Some(server));
            }
            RData::TXT(txt) if record.ttl > 0 && self.is_of_type(&name) => {
                self.note(name, |instance| instance.txt = Some(attributes(txt)));
            }
            rdata => {
                let Some(ip) = address(rdata) else { return };
                let is_scoped = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
                self.add_address(name, (ip, if is_scoped { interface } else { 0 }), record.ttl);
            }
        }
    }

    fn add_address(&mut self, host: Name<'static>, address: ScopedAddress, ttl: u32) {
        if ttl == 0 {
            if let Some(addresses) = self.hosts.get_mut(&host) {
                addresses.remove(&address);
            }
        } else if self.hosts.len() < limits::DISCOVERED || self.hosts.contains_key(&host) {
            let addresses = self.hosts.entry(host).or_default();
            if addresses.len() < limits::DISCOVERED_ADDRESSES {
                addresses.insert(address);
            }
        }
    }

    fn is_of_type(&self, instance: &Name<'_>) -> bool {
        instance.without(&self.service_type).is_some_and(|rest| rest.get_labels().len() == 1)
    }

    /// Changes the instance of this name, new or known, unless there are too many.
    fn note(&mut self, name: Name<'static>, change: impl FnOnce(&mut Instance)) {
        if self.instances.len() < limits::DISCOVERED || self.instances.contains_key(&name) {
            change(self.instances.entry(name).or_default());
        }
    }

    /// All bridges whose host and port are known, sorted by name. `interface` returns the name of
    /// the interface with an index.
    pub(super) fn bridges(&self, interface: &dyn Fn(u32) -> String) -> Vec<DiscoveredBridge> {
        let bridge = |(name, instance): (&Name<'static>, &Instance)| {
            let (host, port) = instance.server.as_ref()?;
            // An instance without a PTR record has said goodbye, or is only in another's cache.
            let interfaces = Some(&instance.interfaces).filter(|indexes| !indexes.is_empty())?;
            let address = |(ip, scope): &ScopedAddress| match scope {
                0 => ip.to_string(),
                index => format!("{ip}%{}", interface(*index)),
            };
            Some(DiscoveredBridge {
                name: label(name.get_labels().first()?.as_ref()),
                host: readable(host),
                port: *port,
                addresses: self.hosts.get(host).into_iter().flatten().map(address).collect(),
                interfaces: interfaces.iter().map(|index| interface(*index)).collect(),
                txt: instance.txt.clone().unwrap_or_default(),
            })
        };
        let mut bridges: Vec<_> = self.instances.iter().filter_map(bridge).collect();
        bridges.sort_by(|a, b| (&a.name, &a.host, a.port).cmp(&(&b.name, &b.host, b.port)));
        bridges
    }
}

/// The keys and values of a TXT record. Of a key that is there twice, the first counts (RFC 6763,
/// section 6.4). The codec's own `attributes` changes the keys to lower case.
fn attributes(txt: &TXT<'_>) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    for (key, value) in txt.iter_raw() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        attributes.entry(text(key)).or_insert_with(|| text(value.unwrap_or_default()));
    }
    attributes
}

/// A label as text. Some responders put the escapes of zone files, `\032`, on the wire; `\.` is
/// not one of them.
fn label(mut bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    while let Some((first, rest)) = bytes.split_first() {
        let digits = rest.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u8>().ok());
        let escaped = code.filter(|_| *first == b'\\');
        plain.push(escaped.unwrap_or(*first));
        bytes = if escaped.is_some() { &rest[3..] } else { rest };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn readable(name: &Name<'_>) -> String {
    name.get_labels().iter().map(|part| label(part.as_ref())).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::super::responder::names::name;
    use super::*;
    use simple_dns::rdata::{A, AAAA, SRV};
    use simple_dns::Packet;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const TYPE_NAME: &str = "_clawdbot-bridge._tcp";

    fn packet(records: Vec<(Name<'static>, u32, RData<'static>)>) -> Vec<u8> {
        let mut packet = Packet::new_reply(0);
        let record = |(name, ttl, data)| ResourceRecord::new(name, CLASS::IN, ttl, data);
        packet.answers = records.into_iter().map(record).collect();
        packet.build_bytes_vec_compressed().unwrap()
    }

    fn instance(label: &str) -> Name<'static> {
        name([label, "_clawdbot-bridge", "_tcp", "local"])
    }

    fn everything(label: &str, ttl: u32) -> Vec<u8> {
        let host = name(["Studio", "local"]);
        let target = name(["studio", "local"]);
        let txt = TXT::new().with_string("bridgeTls=1").unwrap();
        let txt = txt.with_string("role=gateway").unwrap().with_string("ROLE").unwrap();
        let v4 = u32::from(Ipv4Addr::new(192, 168, 1, 5));
        let v6 = u128::from("fe80::5".parse::<Ipv6Addr>().unwrap());
        packet(vec![
            (type_name(TYPE_NAME), ttl, RData::PTR(PTR(instance(label)))),
            (instance(label), ttl, RData::SRV(SRV { priority: 0, weight: 0, port: 18790, target })),
            (instance(label), ttl, RData::TXT(txt)),
            (host.clone(), ttl, RData::A(A { address: v4 })),
            (host, ttl, RData::AAAA(AAAA { address: v6 })),
        ])
    }

    #[test]
    fn one_bridge_on_two_interfaces_is_one_bridge() {
        let mut results = BrowseResults::new(TYPE_NAME);
        let label = "Pe\\.ter\\032x. (Clawdbot)";
        assert!(results.add_packet(2, &everything(label, 120)));
        assert!(
            !results.add_packet(3, &everything(label, 120)),
            "nothing else has to be asked for"
        );
        assert!(results.follow_up_queries().is_empty());
        let found = results.bridges(&|index| format!("eth{index}"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "Pe\\.ter x. (Clawdbot)");
        assert_eq!((&*found[0].host, found[0].port), ("studio.local", 18790));
        assert_eq!(found[0].addresses, ["192.168.1.5", "fe80::5%eth2", "fe80::5%eth3"]);
        assert_eq!(found[0].interfaces, ["eth2", "eth3"]);
        assert!(found[0].has_tls() && found[0].fingerprint().is_none());
        results.add_packet(2, &everything(label, 0));
        assert!(results.bridges(&|_| String::new()).is_empty(), "it said goodbye");
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        let mut results = BrowseResults::new(TYPE_NAME);
        let pointer = RData::PTR(PTR(instance("x")));
        results.add_packet(1, &packet(vec![(type_name(TYPE_NAME), 9, pointer)]));
        let packets = results.follow_up_queries();
        let packet = Packet::parse(&packets[0]).unwrap();
        let kinds: Vec<_> = packet.questions.iter().map(|question| question.qtype).collect();
        assert_eq!(kinds, [TYPE::SRV.into(), TYPE::TXT.into()]);
        assert!(results.bridges(&|_| String::new()).is_empty());
    }

    #[test]
    fn an_answer_without_news_leads_to_no_question() {
        let mut results = BrowseResults::new(TYPE_NAME);
        let pointer = || RData::PTR(PTR(instance("x")));
        let bytes = packet(vec![(type_name(TYPE_NAME), 9, pointer())]);
        assert!(results.add_packet(1, &bytes));
        assert!(!results.follow_up_queries().is_empty());
        assert!(
            !results.add_packet(1, &bytes),
            "or every answer in the network makes us ask again"
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut results = BrowseResults::new(TYPE_NAME);
        for i in 0..limits::DISCOVERED + 50 {
            results.add_packet(1, &everything(&format!("bridge {i}"), 120));
        }
        assert_eq!(results.bridges(&|_| String::new()).len(), limits::DISCOVERED);
    }
}
