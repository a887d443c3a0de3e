//! What answers tell about bridges, put together. Pure; `browse.rs` has the sockets.

use super::responder::names::type_name;
use super::responder::packets::parse;
use crate::protocol::limits;
use crate::tls::Fingerprint;
use simple_dns::rdata::{RData, PTR, TXT};
use simple_dns::{Name, Packet, PacketFlag, Question, ResourceRecord, CLASS, TYPE};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Questions in one packet.
const QUESTIONS: usize = 8;

/// What a record without a cache-flush bit is remembered for; only said back to who told it.
const TTL: u32 = 75 * 60;

/// A bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name of the service.
    pub name: String,
    /// The name of its machine: `studio.local`.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// Its addresses, IPv4 first; link-local ones with the interface behind `%`.
    pub addresses: Vec<String>,
    /// The interfaces on which it was found.
    pub interfaces: Vec<String>,
    /// What it says about itself.
    pub txt: BTreeMap<String, String>,
}

impl Found {
    /// Whether it speaks TLS (protocol section 10.3).
    pub fn has_tls(&self) -> bool {
        self.txt.get("bridgeTls").is_some_and(|value| matches!(&**value, "1" | "true" | "yes"))
    }

    /// What it says its certificate's fingerprint is. Nothing vouches for it.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.txt.get("bridgeTlsSha256").and_then(|value| value.parse().ok())
    }
}

/// An address, and the interface behind which it is if that matters.
type Place = (IpAddr, u32);

/// See the module.
pub(super) struct Finds {
    wanted: Name<'static>,
    instances: HashMap<Name<'static>, Instance>,
    hosts: HashMap<Name<'static>, BTreeSet<Place>>,
}

#[derive(Default)]
struct Instance {
    server: Option<(Name<'static>, u16)>,
    txt: Option<BTreeMap<String, String>>,
    links: BTreeSet<u32>,
}

impl Finds {
    pub(super) fn new(service_type: &str) -> Self {
        let wanted = type_name(service_type);
        Self { wanted, instances: HashMap::new(), hosts: HashMap::new() }
    }

    /// Who is there? Those who are known need not answer.
    pub(super) fn question(&self) -> Vec<u8> {
        let mut packet = Packet::new_query(0);
        packet.questions.push(question(&self.wanted, TYPE::PTR));
        for name in self.instances.keys().take(QUESTIONS) {
            let pointer = RData::PTR(PTR(name.clone()));
            let record = ResourceRecord::new(self.wanted.clone(), CLASS::IN, TTL, pointer);
            packet.answers.push(record);
        }
        packet.build_bytes_vec_compressed().unwrap_or_default()
    }

    /// What is not known yet of those who are.
    pub(super) fn open_questions(&self) -> Vec<Vec<u8>> {
        let mut questions = Vec::new();
        for (name, instance) in &self.instances {
            match &instance.server {
                None => questions.push(question(name, TYPE::SRV)),
                Some((host, _)) if !self.hosts.contains_key(host) => {
                    questions.push(question(host, TYPE::A));
                    questions.push(question(host, TYPE::AAAA));
                }
                Some(_) => {}
            }
            if instance.txt.is_none() {
                questions.push(question(name, TYPE::TXT));
            }
        }
        let packet = |questions: &[Question<'static>]| {
            let mut packet = Packet::new_query(0);
            packet.questions = questions.to_vec();
            packet.build_bytes_vec_compressed().unwrap_or_default()
        };
        questions.chunks(QUESTIONS).map(packet).collect()
    }

    /// Takes what a packet tells; whether that was something new.
    pub(super) fn read(&mut self, link: u32, bytes: &[u8]) -> bool {
        let Some(packet) = parse(bytes) else { return false };
        if !packet.has_flags(PacketFlag::RESPONSE) {
            return false;
        }
        let known = self.known();
        for record in packet.answers.iter().chain(&packet.additional_records) {
            if record.class == CLASS::IN {
                self.learn(link, record);
            }
        }
        self.known() != known
    }

    /// How many instances, their parts, and hosts are known.
    fn known(&self) -> [usize; 4] {
        let count = |is_known: fn(&Instance) -> bool| {
            self.instances.values().filter(|instance| is_known(instance)).count()
        };
        let (servers, texts) = (count(|i| i.server.is_some()), count(|i| i.txt.is_some()));
        [self.instances.len(), servers, texts, self.hosts.len()]
    }

    fn learn(&mut self, link: u32, record: &ResourceRecord<'_>) {
        let name = record.name.clone().into_owned();
        match &record.rdata {
            RData::PTR(PTR(instance)) if name == self.wanted => {
                let instance = instance.clone().into_owned();
                if record.ttl == 0 {
                    self.instances.remove(&instance);
                } else if self.has_room(&instance) && instance.get_labels().len() > 1 {
                    self.instances.entry(instance).or_default().links.insert(link);
                }
            }
            RData::SRV(server) if record.ttl > 0 && self.is_ours(&name) && self.has_room(&name) => {
                let instance = self.instances.entry(name).or_default();
                instance.server = Some((server.target.clone().into_owned(), server.port));
            }
            RData::TXT(txt) if record.ttl > 0 && self.is_ours(&name) && self.has_room(&name) => {
                self.instances.entry(name).or_default().txt = Some(pairs(txt));
            }
            RData::A(a) => self.place(name, (Ipv4Addr::from(a.address).into(), 0), record.ttl),
            RData::AAAA(aaaa) => {
                let ip = Ipv6Addr::from(aaaa.address);
                let scope = if ip.is_unicast_link_local() { link } else { 0 };
                self.place(name, (ip.into(), scope), record.ttl);
            }
            _ => {}
        }
    }

    fn place(&mut self, host: Name<'static>, place: Place, ttl: u32) {
        if ttl == 0 {
            if let Some(places) = self.hosts.get_mut(&host) {
                places.remove(&place);
            }
        } else if self.hosts.len() < limits::DISCOVERED || self.hosts.contains_key(&host) {
            let places = self.hosts.entry(host).or_default();
            if places.len() < limits::DISCOVERED_ADDRESSES {
                places.insert(place);
            }
        }
    }

    fn is_ours(&self, instance: &Name<'_>) -> bool {
        instance.without(&self.wanted).is_some_and(|rest| rest.get_labels().len() == 1)
    }

    fn has_room(&self, instance: &Name<'static>) -> bool {
        self.instances.len() < limits::DISCOVERED || self.instances.contains_key(instance)
    }

    /// Everybody whose place is known, by name.
    pub(super) fn found(&self, interface: &dyn Fn(u32) -> String) -> Vec<Found> {
        let found = self.instances.iter().filter_map(|(name, instance)| {
            let (host, port) = instance.server.as_ref()?;
            // What was never pointed at has said goodbye, or is somebody's memory.
            let links = Some(&instance.links).filter(|links| !links.is_empty())?;
            let addresses = self.hosts.get(host).into_iter().flatten();
            let address = |(ip, scope): &Place| match scope {
                0 => ip.to_string(),
                index => format!("{ip}%{}", interface(*index)),
            };
            Some(Found {
                name: label(name.get_labels().first()?.as_ref()),
                host: readable(host),
                port: *port,
                addresses: addresses.map(address).collect(),
                interfaces: links.iter().map(|index| interface(*index)).collect(),
                txt: instance.txt.clone().unwrap_or_default(),
            })
        });
        let mut found: Vec<Found> = found.collect();
        found.sort_by(|a, b| (&a.name, &a.host, a.port).cmp(&(&b.name, &b.host, b.port)));
        found
    }
}

fn question(name: &Name<'static>, kind: TYPE) -> Question<'static> {
    Question::new(name.clone(), kind.into(), CLASS::IN.into(), false)
}

/// Of a key that is there twice, the first counts (RFC 6763, section 6.4).
fn pairs(txt: &TXT<'_>) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for (key, value) in txt.iter_raw() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        pairs.entry(text(key)).or_insert_with(|| text(value.unwrap_or_default()));
    }
    pairs
}

/// A label as text. Some responders put the escapes of zone files, `\032`, on the wire.
fn label(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u8>().ok());
        match code {
            Some(code) if *first == b'\\' => {
                plain.push(code);
                rest = &after[3..];
            }
            _ => {
                plain.push(*first);
                rest = after;
            }
        }
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
        let mut finds = Finds::new(TYPE_NAME);
        let label = "Pe\\.ter\\032x. (Clawdbot)";
        assert!(finds.read(2, &everything(label, 120)));
        assert!(!finds.read(3, &everything(label, 120)), "nothing else has to be asked for");
        assert!(finds.open_questions().is_empty());
        let found = finds.found(&|index| format!("eth{index}"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "Pe\\.ter x. (Clawdbot)");
        assert_eq!((&*found[0].host, found[0].port), ("studio.local", 18790));
        assert_eq!(found[0].addresses, ["192.168.1.5", "fe80::5%eth2", "fe80::5%eth3"]);
        assert_eq!(found[0].interfaces, ["eth2", "eth3"]);
        assert!(found[0].has_tls() && found[0].fingerprint().is_none());
        finds.read(2, &everything(label, 0));
        assert!(finds.found(&|_| String::new()).is_empty(), "it said goodbye");
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        let mut finds = Finds::new(TYPE_NAME);
        let pointer = RData::PTR(PTR(instance("x")));
        finds.read(1, &packet(vec![(type_name(TYPE_NAME), 9, pointer)]));
        let packets = finds.open_questions();
        let packet = Packet::parse(&packets[0]).unwrap();
        let kinds: Vec<_> = packet.questions.iter().map(|question| question.qtype).collect();
        assert_eq!(kinds, [TYPE::SRV.into(), TYPE::TXT.into()]);
        assert!(finds.found(&|_| String::new()).is_empty());
    }

    #[test]
    fn an_answer_that_tells_nothing_new_leads_to_no_question() {
        let mut finds = Finds::new(TYPE_NAME);
        let pointer = || RData::PTR(PTR(instance("x")));
        let bytes = packet(vec![(type_name(TYPE_NAME), 9, pointer())]);
        assert!(finds.read(1, &bytes));
        assert!(!finds.open_questions().is_empty());
        assert!(!finds.read(1, &bytes), "or every answer in the network makes us ask again");
    }

    #[test]
    fn nobody_can_fill_the_memory() {
        let mut finds = Finds::new(TYPE_NAME);
        for i in 0..limits::DISCOVERED + 50 {
            finds.read(1, &everything(&format!("bridge {i}"), 120));
        }
        assert_eq!(finds.found(&|_| String::new()).len(), limits::DISCOVERED);
    }
}
