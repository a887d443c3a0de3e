//! From records to packets and back.

use super::records::{name_size, OwnRecord};
use crate::protocol::limits;
use simple_dns::rdata::RData;
use simple_dns::{header_buffer, Name, Packet, PacketFlag, Question, ResourceRecord};
use simple_dns::{CLASS, OPCODE, QTYPE, RCODE, TYPE};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Seconds for which a legacy resolver may cache an answer (RFC 6762, section 6.7).
const TTL_LEGACY: u32 = 10;
/// Bytes of a packet's header, of the shortest question, and of the shortest record.
const HEADER: usize = 12;
const SHORTEST_QUESTION: usize = 5;
const SHORTEST_RECORD: usize = 11;

/// Reads a packet that has no more records than its length has room for, and than are looked at.
pub(in crate::discovery) fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let records = [
        header_buffer::answers(bytes).ok()?,
        header_buffer::name_servers(bytes).ok()?,
        header_buffer::additional_records(bytes).ok()?,
    ];
    let records: usize = records.map(usize::from).iter().sum();
    let questions = usize::from(header_buffer::questions(bytes).ok()?);
    // Before parsing: the codec then takes a part of the response code from the wrong end of the
    // OPT record, and every query of an Apple machine would look like an error.
    let is_normal = header_buffer::opcode(bytes).ok()? == OPCODE::StandardQuery
        && header_buffer::rcode(bytes).ok()? == RCODE::NoError;
    let shortest = HEADER + questions * SHORTEST_QUESTION + records * SHORTEST_RECORD;
    let is_possible = shortest <= bytes.len() && questions + records <= limits::MDNS_RECORDS;
    (is_normal && is_possible).then(|| Packet::parse(bytes).ok())?
}

/// As [`parse`], for a packet with answers.
pub(in crate::discovery) fn parse_response(bytes: &[u8]) -> Option<Packet<'_>> {
    parse(bytes).filter(|packet| packet.has_flags(PacketFlag::RESPONSE))
}

/// What a packet with answers says.
pub(in crate::discovery) fn answered<'p>(
    packet: &'p Packet<'p>,
) -> impl Iterator<Item = &'p ResourceRecord<'p>> {
    let records = packet.answers.iter().chain(&packet.additional_records);
    records.filter(|record| record.class == CLASS::IN)
}

pub(in crate::discovery) fn address(rdata: &RData<'_>) -> Option<IpAddr> {
    match rdata {
        RData::A(a) => Some(Ipv4Addr::from(a.address).into()),
        RData::AAAA(aaaa) => Some(Ipv6Addr::from(aaaa.address).into()),
        _ => None,
    }
}

/// A packet that asks others; `known` is what they need not answer.
pub(in crate::discovery) fn query(
    questions: Vec<Question<'static>>,
    known: Vec<ResourceRecord<'static>>,
) -> Vec<u8> {
    let mut packet = Packet::new_query(0);
    (packet.questions, packet.answers) = (questions, known);
    packet.build_bytes_vec_compressed().unwrap_or_default()
}

pub(in crate::discovery) fn question(name: &Name<'static>, kind: TYPE) -> Question<'static> {
    Question::new(name.clone(), kind.into(), CLASS::IN.into(), false)
}

/// Packets with the answers at these indexes, and in the last of them as many of the additional
/// records as fit. Also returns the indexes of all records in them.
pub(super) fn answer_packets(
    records: &[OwnRecord],
    answers: &[usize],
    additional: &[usize],
) -> (Vec<Vec<u8>>, Vec<usize>) {
    let (packets, sent) = fill(new_response(0), records, answers, additional);
    (packets.iter().filter_map(build).collect(), sent)
}

/// The same, beginning with this packet, which may have questions already. There are few that we
/// have an answer to, so these always fit.
fn fill(
    mut packet: Packet<'static>,
    records: &[OwnRecord],
    answers: &[usize],
    additional: &[usize],
) -> (Vec<Packet<'static>>, Vec<usize>) {
    let questions = packet.questions.iter().map(|question| name_size(&question.qname) + 4);
    let mut size = HEADER + questions.sum::<usize>();
    let (mut packets, mut sent) = (Vec::new(), answers.to_vec());
    for own in answers.iter().map(|i| &records[*i]) {
        if size + own.size > limits::MDNS_REPLY && !packet.answers.is_empty() {
            packets.push(std::mem::replace(&mut packet, new_response(0)));
            size = HEADER;
        }
        size += own.size;
        packet.answers.push(own.record.clone());
    }
    for i in additional {
        let own = &records[*i];
        if size + own.size <= limits::MDNS_REPLY {
            size += own.size;
            packet.additional_records.push(own.record.clone());
            sent.push(*i);
        }
    }
    if !packet.answers.is_empty() {
        packets.push(packet);
    }
    (packets, sent)
}

/// Packets with the records and a TTL of 0 (RFC 6762, section 10.1).
pub(super) fn goodbye_packets<'r>(
    records: impl IntoIterator<Item = &'r OwnRecord>,
) -> Vec<Vec<u8>> {
    let mut gone: Vec<OwnRecord> = records.into_iter().cloned().collect();
    gone.iter_mut().for_each(|own| own.record.ttl = 0);
    answer_packets(&gone, &(0..gone.len()).collect::<Vec<_>>(), &[]).0
}

/// One packet for a legacy resolver: with its question and id, and without what it would not
/// understand (RFC 6762, section 6.7).
pub(super) fn legacy_packet(
    id: u16,
    questions: &[Question<'_>],
    records: &[OwnRecord],
    answers: &[usize],
    additional: &[usize],
) -> Option<Vec<u8>> {
    let mut packet = new_response(id);
    packet.questions = questions.iter().map(|question| question.clone().into_owned()).collect();
    packet.questions.iter_mut().for_each(|question| question.unicast_response = false);
    let mut records = records.to_vec();
    for ResourceRecord { cache_flush, ttl, .. } in records.iter_mut().map(|own| &mut own.record) {
        (*cache_flush, *ttl) = (false, TTL_LEGACY.min(*ttl));
    }
    let (mut packets, _) = fill(packet, &records, answers, additional);
    let is_cut = packets.len() > 1;
    let first = packets.first_mut()?;
    if is_cut {
        first.set_flags(PacketFlag::TRUNCATION);
    }
    build(first)
}

/// Packets that ask whether the names of our unique records are free, with the records that we
/// propose (RFC 6762, section 8.1). They do not ask for unicast responses: our sockets receive only
/// multicast, because unicast to port 5353 belongs to other responders on this machine.
pub(super) fn probe_packets(records: &[OwnRecord]) -> Vec<Vec<u8>> {
    let probed: Vec<_> = records.iter().filter(|own| own.kind.is_probed()).collect();
    let mut packets = Vec::new();
    let (mut packet, mut size) = (Packet::new_query(0), HEADER);
    // The records of one name follow each other.
    for group in probed.chunk_by(|a, b| a.record.name == b.record.name) {
        // The question is shorter than a record of the same name.
        let more = group.iter().chain(&group[..1]).map(|own| own.size).sum::<usize>();
        let name = group[0].record.name.clone();
        if size + more > limits::MDNS_REPLY && !packet.questions.is_empty() {
            packets.extend(build(&std::mem::replace(&mut packet, Packet::new_query(0))));
            size = HEADER;
        }
        size += more;
        packet.questions.push(Question::new(name, QTYPE::ANY, CLASS::IN.into(), false));
        // Not ours yet, so no cache must be flushed because of them.
        let proposed = group.iter().map(|own| own.record.clone().with_cache_flush(false));
        packet.name_servers.extend(proposed);
    }
    packets.extend(build(&packet));
    packets
}

/// A response; the authoritative bit is required (RFC 6762, section 18.4).
fn new_response(id: u16) -> Packet<'static> {
    let mut packet = Packet::new_reply(id);
    packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    packet
}

fn build(packet: &Packet<'_>) -> Option<Vec<u8>> {
    // It cannot fail: it is written to memory, and everything in it is within its bounds.
    packet.build_bytes_vec_compressed().ok()
}
