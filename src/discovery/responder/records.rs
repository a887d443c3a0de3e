//! The records that are told on one link, and which of them answer a question.

use super::names::{name, type_name, Names};
use crate::discovery::interfaces::AnnouncedAddresses;
use crate::discovery::Facts;
use simple_dns::rdata::{RData, NSEC, PTR, SRV, TXT};
use simple_dns::{CharacterString, Name, Packet, Question, ResourceRecord};
use simple_dns::{CLASS, QCLASS, QTYPE, TYPE};
use simple_mdns::conversion_utils::ip_addr_to_resource_record;
use std::net::IpAddr;
use std::time::Instant;

/// What names a host or a service instance: two minutes (RFC 6762, section 10).
const TTL_HOST: u32 = 120;

/// Everything else: 75 minutes.
const TTL_OTHER: u32 = 75 * 60;

/// What a record is for. The number is that of the service type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// This type of service exists. Shared with other responders.
    Type(usize),
    /// This instance exists. Shared with other responders.
    Pointer(usize),
    Server(usize),
    Text(usize),
    Address,
    /// The instance has nothing but what is told here.
    NoMore(usize),
    /// The host has nothing but what is told here.
    NoMoreAddress,
}

impl Part {
    pub(super) fn is_shared(self) -> bool {
        matches!(self, Self::Type(_) | Self::Pointer(_))
    }

    pub(super) fn is_negative(self) -> bool {
        matches!(self, Self::NoMore(_) | Self::NoMoreAddress)
    }

    /// Whether who asks for this will want to know `other` next (RFC 6763, section 12).
    pub(super) fn brings(self, other: Self) -> bool {
        match self {
            Self::Pointer(i) => {
                other == Self::Server(i) || other == Self::Text(i) || other.is_of_host()
            }
            Self::Server(_) | Self::Address => other.is_of_host(),
            _ => false,
        }
    }

    fn is_of_host(self) -> bool {
        matches!(self, Self::Address | Self::NoMoreAddress)
    }
}

/// A record of ours on one link, and when it was or will be told.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) part: Part,
    pub(super) record: ResourceRecord<'static>,
    /// Bytes without compression.
    pub(super) size: usize,
    /// When it was last multicast.
    pub(super) sent: Option<Instant>,
    /// When it shall be multicast.
    pub(super) due: Option<Instant>,
    /// Who alone waits for it, and may still say that it is known.
    pub(super) asker: Option<IpAddr>,
}

impl Entry {
    fn new(part: Part, name: &Name<'static>, ttl: u32, rdata: RData<'static>) -> Self {
        let record = ResourceRecord::new(name.clone(), CLASS::IN, ttl, rdata);
        Self::of(part, record.with_cache_flush(!part.is_shared()))
    }

    fn of(part: Part, record: ResourceRecord<'static>) -> Self {
        let size = wire(&record).len();
        Self { part, record, size, sent: None, due: None, asker: None }
    }

    /// Whether it answers the question, as something that exists.
    fn answers(&self, question: &Question<'_>) -> bool {
        !self.part.is_negative()
            && self.record.name == question.qname
            && match question.qtype {
                QTYPE::ANY => true,
                QTYPE::TYPE(kind) => kind == self.record.rdata.type_code(),
                _ => false,
            }
    }

    /// Whether it says that there is no answer to the question. There may be an address that is not
    /// told by us.
    fn denies(&self, question: &Question<'_>) -> bool {
        let RData::NSEC(nothing_but) = &self.record.rdata else { return false };
        let exists = |kind| nothing_but.contains(kind);
        self.record.name == question.qname
            && !matches!(question.qtype, QTYPE::TYPE(kind) if exists(kind))
    }
}

/// Every record of one link.
pub(super) fn records(facts: &Facts, names: &Names, addresses: &AnnouncedAddresses) -> Vec<Entry> {
    let (instance, host) = (names.instance(), names.host());
    let host_name = name([host.as_str(), "local"]);
    let services = name(["_services", "_dns-sd", "_udp", "local"]);
    let txt = RData::TXT(txt(&facts.local_txt(&host)));
    let mut entries = Vec::new();
    for (i, service_type) in facts.types.iter().enumerate() {
        let type_name = type_name(service_type);
        let labels = [instance.as_str()].into_iter().chain(service_type.split('.'));
        let full = name(labels.chain(["local"]));
        let (port, target) = (facts.service.port, host_name.clone());
        let server = RData::SRV(SRV { priority: 0, weight: 0, port, target });
        let kinds = [TYPE::TXT, TYPE::SRV];
        entries.extend([
            Entry::new(Part::Type(i), &services, TTL_OTHER, RData::PTR(PTR(type_name.clone()))),
            Entry::new(Part::Pointer(i), &type_name, TTL_OTHER, RData::PTR(PTR(full.clone()))),
            Entry::new(Part::Server(i), &full, TTL_HOST, server),
            Entry::new(Part::Text(i), &full, TTL_OTHER, txt.clone()),
            Entry::new(Part::NoMore(i), &full, TTL_HOST, nothing_but(&full, &kinds)),
        ]);
    }
    for ip in &addresses.announced {
        let record = ip_addr_to_resource_record(&host_name, *ip, TTL_HOST);
        entries.push(Entry::of(Part::Address, record.with_cache_flush(addresses.is_complete)));
    }
    let mut kinds = Vec::new();
    kinds.extend(addresses.has_family(false).then_some(TYPE::A));
    kinds.extend(addresses.has_family(true).then_some(TYPE::AAAA));
    let nothing = nothing_but(&host_name, &kinds);
    entries.push(Entry::new(Part::NoMoreAddress, &host_name, TTL_HOST, nothing));
    entries
}

fn nothing_but(name: &Name<'static>, kinds: &[TYPE]) -> RData<'static> {
    RData::NSEC(NSEC::from_types(name.clone(), kinds))
}

fn txt(strings: &[String]) -> TXT<'static> {
    let mut txt = TXT::new();
    for string in strings {
        // They are short enough, or they would not have been made.
        if let Ok(string) = CharacterString::new(string.as_bytes()) {
            txt.add_char_string(string.into_owned());
        }
    }
    txt
}

/// The numbers of the entries that answer a question: what exists, else that it does not.
pub(super) fn answers(entries: &[Entry], question: &Question<'_>) -> Vec<usize> {
    if !matches!(question.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY) {
        return Vec::new();
    }
    let of = |wanted: &dyn Fn(&Entry) -> bool| {
        let found = entries.iter().enumerate().filter(|(_, entry)| wanted(entry));
        found.map(|(i, _)| i).collect::<Vec<_>>()
    };
    let positive = of(&|entry| entry.answers(question));
    if !positive.is_empty() {
        return positive;
    }
    of(&|entry| entry.denies(question))
}

/// The record as it is on the wire without compression.
pub(super) fn wire(record: &ResourceRecord<'_>) -> Vec<u8> {
    let mut packet = Packet::new_reply(0);
    packet.answers.push(record.clone());
    // Names and data were made or read within their bounds; there is no other error.
    packet.build_bytes_vec().map(|mut bytes| bytes.split_off(12)).unwrap_or_default()
}

/// The data of the record without its name, for comparing.
pub(super) fn data(record: &ResourceRecord<'_>) -> Vec<u8> {
    let mut wire = wire(record);
    let name: usize = record.name.as_bytes().map(|label| label.len() + 1).sum();
    // Name, its end, type, class, TTL, length.
    wire.split_off((name + 1 + 10).min(wire.len()))
}
