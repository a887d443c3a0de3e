//! The records of one interface, and which of them answer a question.

use super::names::{name, type_name, Announced};
use crate::discovery::interfaces::AnnouncedAddresses;
use simple_dns::rdata::{RData, NSEC, PTR, TXT};
use simple_dns::{Name, Packet, Question, ResourceRecord, CLASS, QTYPE, TYPE};
use simple_mdns::conversion_utils::{ip_addr_to_resource_record, port_to_srv_record};
use std::net::IpAddr;
use std::time::Instant;

/// Seconds to live of records with a host name in their name or data (RFC 6762, section 10).
const TTL_HOST: u32 = 120;
/// Seconds to live of all other records.
const TTL_OTHER: u32 = 75 * 60;

/// What a record is for. Numbers are those of the service types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordKind {
    /// The PTR record that lists the service type.
    ServiceType,
    /// The PTR record that lists the instance.
    InstancePointer(usize),
    Srv(usize),
    Txt(usize),
    /// An A or AAAA record of the host.
    Address,
    /// The NSEC records: instance and host have no types of records but those in them.
    InstanceNsec,
    HostNsec,
}

impl RecordKind {
    /// Whether other responders have records of the same name and type.
    pub(super) fn is_shared(self) -> bool {
        matches!(self, Self::ServiceType | Self::InstancePointer(_))
    }

    pub(super) fn is_negative(self) -> bool {
        matches!(self, Self::InstanceNsec | Self::HostNsec)
    }

    /// Whether probes ask for the record's name.
    pub(super) fn is_probed(self) -> bool {
        !self.is_shared() && !self.is_negative()
    }

    /// Whether `other` is an additional record for this one (RFC 6763, section 12).
    pub(super) fn brings(self, other: Self) -> bool {
        let is_of_host = matches!(other, Self::Address | Self::HostNsec);
        match self {
            Self::InstancePointer(i) => {
                is_of_host || other == Self::Srv(i) || other == Self::Txt(i)
            }
            Self::Srv(_) | Self::Address => is_of_host,
            _ => false,
        }
    }
}

/// One of our records on one interface, and when it was or will be multicast.
#[derive(Clone, Debug)]
pub(super) struct OwnRecord {
    pub(super) kind: RecordKind,
    pub(super) record: ResourceRecord<'static>,
    /// Bytes in a packet, without compression.
    pub(super) size: usize,
    pub(super) last_multicast: Option<Instant>,
    pub(super) due: Option<Instant>,
    /// Who alone asked for it, and may still say that it has the record in its cache.
    pub(super) querier: Option<IpAddr>,
}

impl OwnRecord {
    fn new(kind: RecordKind, record: ResourceRecord<'static>) -> Self {
        // Type, class, TTL and length have ten bytes.
        let size = name_size(&record.name) + 10 + rdata(&record).len();
        Self { kind, record, size, last_multicast: None, due: None, querier: None }
    }

    pub(super) fn unschedule(&mut self) {
        (self.due, self.querier) = (None, None);
    }

    /// Whether it is a positive answer to the question.
    fn answers(&self, question: &Question<'_>) -> bool {
        let is_of_type = match question.qtype {
            QTYPE::ANY => true,
            QTYPE::TYPE(kind) => kind == self.record.rdata.type_code(),
            _ => false,
        };
        is_of_type && !self.kind.is_negative() && self.record.name == question.qname
    }

    /// Whether it says that there is no answer to the question.
    fn denies(&self, question: &Question<'_>) -> bool {
        let RData::NSEC(nsec) = &self.record.rdata else { return false };
        let exists = matches!(question.qtype, QTYPE::TYPE(kind) if nsec.contains(kind));
        !exists && self.record.name == question.qname
    }
}

pub(super) fn records(announced: &Announced, addresses: &AnnouncedAddresses) -> Vec<OwnRecord> {
    let (announcement, instance) = (&announced.announcement, announced.instance());
    let host_name = name([announced.host().as_str(), "local"]);
    let services = name(["_services", "_dns-sd", "_udp", "local"]);
    // Strings that are too long were left out before.
    let strings = announced.txt().into_iter().filter_map(|string| string.try_into().ok());
    let txt = strings.fold(TXT::new(), TXT::with_char_string);
    let record =
        |name: &Name<'static>, ttl, rdata| ResourceRecord::new(name.clone(), CLASS::IN, ttl, rdata);
    let nsec = |name: &Name<'static>, kinds: &[TYPE]| {
        record(name, TTL_HOST, RData::NSEC(NSEC::from_types(name.clone(), kinds)))
    };
    let mut records = Vec::new();
    for (i, service_type) in announcement.types.iter().enumerate() {
        let type_name = type_name(service_type);
        let labels = [instance.as_str()].into_iter().chain(service_type.split('.'));
        let full = name(labels.chain(["local"]));
        let port = announcement.service.port;
        let srv = port_to_srv_record(&host_name, port, TTL_HOST);
        let pointer = |from: &Name<'static>, to: &Name<'static>| {
            record(from, TTL_OTHER, RData::PTR(PTR(to.clone())))
        };
        records.extend([
            (RecordKind::ServiceType, pointer(&services, &type_name)),
            (RecordKind::InstancePointer(i), pointer(&type_name, &full)),
            // The crate makes the target the owner, too.
            (RecordKind::Srv(i), ResourceRecord { name: full.clone(), ..srv }),
            (RecordKind::Txt(i), record(&full, TTL_OTHER, RData::TXT(txt.clone()))),
            (RecordKind::InstanceNsec, nsec(&full, &[TYPE::TXT, TYPE::SRV])),
        ]);
    }
    let address = |ip: &IpAddr| ip_addr_to_resource_record(&host_name, *ip, TTL_HOST);
    records.extend(addresses.announced.iter().map(|ip| (RecordKind::Address, address(ip))));
    // Also of a family whose addresses are not announced: another responder may announce them.
    let mut kinds = Vec::new();
    kinds.extend(addresses.has_family(false).then_some(TYPE::A));
    kinds.extend(addresses.has_family(true).then_some(TYPE::AAAA));
    records.push((RecordKind::HostNsec, nsec(&host_name, &kinds)));
    let own = |(kind, record): (RecordKind, ResourceRecord<'static>)| {
        let is_unique = match kind {
            RecordKind::Address => addresses.is_complete,
            kind => !kind.is_shared(),
        };
        OwnRecord::new(kind, record.with_cache_flush(is_unique))
    };
    records.into_iter().map(own).collect()
}

/// The indexes of the records that answer a question, or else of those that deny an answer.
pub(super) fn answers(records: &[OwnRecord], question: &Question<'_>) -> Vec<usize> {
    let matching = |is_answer: fn(&OwnRecord, &Question<'_>) -> bool| -> Vec<usize> {
        let is_match =
            |own: &OwnRecord| own.record.match_qclass(question.qclass) && is_answer(own, question);
        (0..records.len()).filter(|i| is_match(&records[*i])).collect()
    };
    Some(matching(OwnRecord::answers))
        .filter(|positive| !positive.is_empty())
        .unwrap_or_else(|| matching(OwnRecord::denies))
}

/// The bytes of a name in a packet, without compression.
pub(super) fn name_size(name: &Name<'_>) -> usize {
    name.as_bytes().map(|label| label.len() + 1).sum::<usize>() + 1
}

/// The data of a record as in a packet, without compression.
pub(super) fn rdata(record: &ResourceRecord<'_>) -> Vec<u8> {
    let root = Name::new_with_labels(&[]);
    let mut packet = Packet::new_reply(0);
    packet.answers.push(ResourceRecord { name: root, ..record.clone() });
    // Behind the packet's header (12 bytes), the root (1), type, class, TTL and length (10). It is
    // written to memory, and everything in it was made or read within its bounds.
    packet.build_bytes_vec().map(|mut bytes| bytes.split_off(23)).unwrap_or_default()
}
