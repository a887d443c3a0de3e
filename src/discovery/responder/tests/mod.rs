//! The responder against packets made by hand, with a clock made by hand, and against itself in a
//! network made by hand.

mod answers;
mod conflicts;
mod garbage;
mod life;

use super::names::{name, type_name};
use super::*;
use crate::discovery::interfaces::Network;
use crate::discovery::service::{Service, SERVICE_TYPE};
use simple_dns::rdata::{RData, A};
use simple_dns::{Name, Packet, Question, ResourceRecord, CLASS, QTYPE, TYPE};
use std::net::Ipv4Addr;
use std::net::SocketAddr;

const ETH0: InterfaceId = InterfaceId { index: 2, v6: false };

/// Somebody else in the network.
const PHONE: &str = "192.168.1.9:5353";

fn announcement(name: &str, port: u16) -> Announcement {
    let cli_path = Some("/opt/clawdbot".to_owned());
    let service = Service { port, cli_path, ..Service::example(name) };
    Announcement { service, types: vec![SERVICE_TYPE.to_owned()], is_minimal: false }
}

fn v4(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A responder on one link, and its time.
struct Bench {
    responder: Responder,
    now: Instant,
    own: Vec<IpAddr>,
}

impl Bench {
    /// Nothing is sent yet.
    fn new(announcement: Announcement) -> Self {
        let mut bench = Self {
            responder: Responder::new(announcement, 7),
            now: Instant::now(),
            own: vec![v4("192.168.1.5"), v4("10.0.0.5")],
        };
        bench.set_interface(ETH0, &["192.168.1.5"]);
        bench
    }

    /// Everything is announced, and long enough ago.
    fn settled() -> Self {
        let mut bench = Self::new(announcement("Studio", 18790));
        bench.run(Duration::from_secs(10));
        bench
    }

    fn set_interface(&mut self, id: InterfaceId, addresses: &[&str]) -> Vec<Transmit> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|ip| v4(ip)).collect();
        let networks = addresses.iter().map(|ip| Network { ip: *ip, prefix: 24 }).collect();
        self.responder.set_interface(
            self.now,
            id,
            AnnouncedAddresses { announced: addresses, networks, is_complete: true },
        )
    }

    /// What is sent within a time, and when, counted from its beginning.
    fn run(&mut self, time: Duration) -> Vec<(Duration, Transmit)> {
        let (start, end) = (self.now, self.now + time);
        let mut sent = Vec::new();
        while let Some(at) = self.responder.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let after = self.now - start;
            sent.extend(self.responder.tick(self.now).into_iter().map(|t| (after, t)));
        }
        self.now = end;
        sent
    }

    fn hear_on(&mut self, interface: InterfaceId, from: &str, bytes: &[u8]) -> Vec<Transmit> {
        let from = from.parse().unwrap();
        let own = self.own.clone();
        self.responder.receive(self.now, interface, from, bytes, &mut |ip| own.contains(&ip))
    }

    fn hear(&mut self, from: &str, bytes: &[u8]) -> Vec<Transmit> {
        self.hear_on(ETH0, from, bytes)
    }

    /// What is sent within half a second after a packet.
    fn after(&mut self, from: &str, bytes: &[u8]) -> Vec<Transmit> {
        let mut sent = self.hear(from, bytes);
        sent.extend(self.run(Duration::from_millis(500)).into_iter().map(|(_, t)| t));
        sent
    }
}

fn question(name: Name<'static>, kind: impl Into<QTYPE>) -> Question<'static> {
    Question::new(name, kind.into(), CLASS::IN.into(), false)
}

fn query(questions: Vec<Question<'static>>) -> Packet<'static> {
    let mut packet = Packet::new_query(0);
    packet.questions = questions;
    packet
}

fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    packet.build_bytes_vec_compressed().unwrap()
}

/// Who is there?
fn browse() -> Vec<u8> {
    bytes(&query(vec![question(type_name(SERVICE_TYPE), TYPE::PTR)]))
}

fn instance(label: &str) -> Name<'static> {
    name([label, "_clawdbot-bridge", "_tcp", "local"])
}

fn host() -> Name<'static> {
    name(["studio", "local"])
}

fn address_record(ip: [u8; 4], ttl: u32) -> ResourceRecord<'static> {
    let rdata = RData::A(A { address: Ipv4Addr::from(ip).into() });
    ResourceRecord::new(host(), CLASS::IN, ttl, rdata)
}

fn answer(records: Vec<ResourceRecord<'static>>) -> Vec<u8> {
    let mut packet = Packet::new_reply(0);
    packet.answers = records;
    bytes(&packet)
}

/// A record in short: `PTR Studio (Clawdbot)._clawdbot-bridge._tcp.local 4500`.
fn line(record: &ResourceRecord<'_>) -> String {
    let what = match &record.rdata {
        RData::PTR(target) => format!("PTR {}", target.0),
        RData::SRV(server) => format!("SRV {}:{}", server.target, server.port),
        RData::TXT(_) => "TXT".to_owned(),
        RData::A(a) => format!("A {}", Ipv4Addr::from(a.address)),
        RData::AAAA(_) => "AAAA".to_owned(),
        RData::NSEC(_) => format!("NSEC {}", record.name),
        other => format!("{:?}", other.type_code()),
    };
    format!("{what}{} {}", if record.cache_flush { "!" } else { "" }, record.ttl)
}

/// The answers of a packet, and what is told beside them.
fn lines(transmit: &Transmit) -> (Vec<String>, Vec<String>) {
    let packet = Packet::parse(&transmit.bytes).unwrap();
    let lines = |records: &[ResourceRecord<'_>]| records.iter().map(line).collect();
    (lines(&packet.answers), lines(&packet.additional_records))
}

fn answers(sent: &[Transmit]) -> Vec<String> {
    sent.iter().flat_map(|transmit| lines(transmit).0).collect()
}

const POINTER: &str = "PTR Studio (Clawdbot)._clawdbot-bridge._tcp.local 4500";
