//! From records to packets and back.

use super::records::{name_size, OwnRecord};
use crate::protocol::limits;
use simple_dns::{header_buffer, Name, Packet, PacketFlag, Question, ResourceRecord};
use simple_dns::{CLASS, OPCODE, QTYPE, RCODE};

/// Seconds for which a legacy resolver may cache an answer (RFC 6762, section 6.7).
const TTL_LEGACY: u32 = 10;
/// Bytes of a packet's header, of the shortest question, and of the shortest record.
const HEADER: usize = 12;
const SHORTEST_QUESTION: usize = 5;
const SHORTEST_RECORD: usize = 11;

/// Reads a packet. No memory is reserved for more records than its length has room for.
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
    (is_normal && shortest <= bytes.len()).then(|| Packet::parse(bytes).ok())?
}

/// Packets with the answers at these indexes, and in the last of them as many of the additional
/// records as fit. Also returns the indexes of all records in them.
pub(super) fn answer_packets(
    records: &[OwnRecord],
    answers: &[usize],
    additional: &[usize],
) -> (Vec<Vec<u8>>, Vec<usize>) {
    let mut sent = answers.to_vec();
    let mut packets = Vec::new();
    let (mut packet, mut size) = (new_response(0), HEADER);
    for own in answers.iter().map(|i| &records[*i]) {
        if size + own.size > limits::MDNS_REPLY && !packet.answers.is_empty() {
            packets.extend(build(&std::mem::replace(&mut packet, new_response(0))));
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
        packets.extend(build(&packet));
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
    // There are few questions that we have an answer to, so these always fit.
    let mut size = HEADER;
    for question in questions {
        size += name_size(&question.qname) + 4;
        let question = Question { unicast_response: false, ..question.clone() };
        packet.questions.push(question.into_owned());
    }
    let plain = |own: &OwnRecord| {
        let mut record = own.record.clone().with_cache_flush(false);
        record.ttl = record.ttl.min(TTL_LEGACY);
        record
    };
    for own in answers.iter().map(|i| &records[*i]) {
        if size + own.size > limits::MDNS_REPLY {
            packet.set_flags(PacketFlag::TRUNCATION);
            return build(&packet);
        }
        size += own.size;
        packet.answers.push(plain(own));
    }
    for own in additional.iter().map(|i| &records[*i]) {
        if size + own.size <= limits::MDNS_REPLY {
            size += own.size;
            packet.additional_records.push(plain(own));
        }
    }
    build(&packet)
}

/// Packets that ask whether the names of our unique records are free, with the records that we
/// propose (RFC 6762, section 8.1). They do not ask for unicast responses: our sockets receive only
/// multicast, because unicast to port 5353 belongs to other responders on this machine.
pub(super) fn probe_packets(records: &[OwnRecord]) -> Vec<Vec<u8>> {
    let mut by_name: Vec<(&Name<'static>, Vec<&OwnRecord>)> = Vec::new();
    for own in records.iter().filter(|own| own.kind.is_probed()) {
        match by_name.iter_mut().find(|(name, _)| **name == own.record.name) {
            Some((_, group)) => group.push(own),
            None => by_name.push((&own.record.name, vec![own])),
        }
    }
    let mut packets = Vec::new();
    let (mut packet, mut size) = (Packet::new_query(0), HEADER);
    for (name, group) in by_name {
        // The question is shorter than a record of the same name.
        let more = group.iter().chain(group.first()).map(|own| own.size).sum::<usize>();
        if size + more > limits::MDNS_REPLY && !packet.questions.is_empty() {
            packets.extend(build(&std::mem::replace(&mut packet, Packet::new_query(0))));
            size = HEADER;
        }
        size += more;
        packet.questions.push(Question::new(name.clone(), QTYPE::ANY, CLASS::IN.into(), false));
        // Not ours yet, so no cache must be flushed because of them.
        let proposed = |own: &OwnRecord| -> ResourceRecord<'static> {
            own.record.clone().with_cache_flush(false)
        };
        packet.name_servers.extend(group.into_iter().map(proposed));
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
