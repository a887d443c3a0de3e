//! From records to packets and back.

use super::records::Entry;
use crate::protocol::limits;
use simple_dns::{Packet, PacketFlag, Question, ResourceRecord};

/// The header's flags of an answer. The authoritative bit is required (RFC 6762, section 18.4).
const ANSWER: PacketFlag = PacketFlag::AUTHORITATIVE_ANSWER;

/// The longest that an answer to an old-fashioned resolver may be kept (RFC 6762, section 6.7).
const TTL_LEGACY: u32 = 10;

/// The header.
const HEADER: usize = 12;

/// The shortest question and the shortest record.
const SHORTEST: (usize, usize) = (5, 11);

/// Reads a packet. Nothing is set aside for records that its length leaves no room for.
pub(crate) fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let counts: Vec<usize> = bytes
        .get(4..HEADER)?
        .chunks_exact(2)
        .map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]])))
        .collect();
    let records: usize = counts[1..].iter().sum();
    if HEADER + counts[0] * SHORTEST.0 + records * SHORTEST.1 > bytes.len() {
        return None;
    }
    // Not as the codec reads the code of the outcome: it takes a part of it from the wrong end of
    // the OPT record, and would have us refuse every question of an Apple machine.
    let (operation, outcome) = (bytes[2] >> 3 & 0xf, bytes[3] & 0xf);
    if operation != 0 || outcome != 0 {
        return None;
    }
    Packet::parse(bytes).ok()
}

/// Packets with these records, and beside the last of them as many of `additional` as fit. Which
/// of those were left out comes second, by their number.
pub(super) fn answer_packets(
    answers: &[&Entry],
    additional: &[&Entry],
) -> (Vec<Vec<u8>>, Vec<usize>) {
    let mut left_out = Vec::new();
    let mut packets = Vec::new();
    let mut packet = new_answer(0);
    let mut size = HEADER;
    for entry in answers {
        if size + entry.size > limits::MDNS_REPLY && !packet.answers.is_empty() {
            packets.extend(built(&std::mem::replace(&mut packet, new_answer(0))));
            size = HEADER;
        }
        size += entry.size;
        packet.answers.push(entry.record.clone());
    }
    for (number, entry) in additional.iter().enumerate() {
        if size + entry.size <= limits::MDNS_REPLY {
            size += entry.size;
            packet.additional_records.push(entry.record.clone());
        } else {
            left_out.push(number);
        }
    }
    if !packet.answers.is_empty() {
        packets.extend(built(&packet));
    }
    (packets, left_out)
}

/// Packets that say that these records are no more.
pub(super) fn goodbye_packets(entries: &[&Entry]) -> Vec<Vec<u8>> {
    let gone = entries.iter().map(|entry| {
        let mut entry = (*entry).clone();
        entry.record.ttl = 0;
        entry
    });
    let gone: Vec<Entry> = gone.collect();
    answer_packets(&gone.iter().collect::<Vec<_>>(), &[]).0
}

/// One packet for a resolver that knows nothing of multicast: with its question and its id, and
/// with nothing that it would misunderstand (RFC 6762, section 6.7).
pub(super) fn legacy_packet(
    id: u16,
    questions: &[Question<'_>],
    answers: &[&Entry],
    additional: &[&Entry],
) -> Option<Vec<u8>> {
    let mut packet = new_answer(id);
    packet.questions = questions.iter().map(|question| question.clone().into_owned()).collect();
    packet.questions.iter_mut().for_each(|question| question.unicast_response = false);
    // A name has 255 bytes at most, and there are few questions to which we have an answer.
    let mut size = HEADER
        + questions
            .iter()
            .map(|q| q.qname.as_bytes().map(|l| l.len() + 1).sum::<usize>() + 5)
            .sum::<usize>();
    let plain = |entry: &Entry| {
        let mut record = entry.record.clone().with_cache_flush(false);
        record.ttl = record.ttl.min(TTL_LEGACY);
        record
    };
    for entry in answers {
        if size + entry.size > limits::MDNS_REPLY {
            packet.set_flags(PacketFlag::TRUNCATION);
            return built(&packet);
        }
        size += entry.size;
        packet.answers.push(plain(entry));
    }
    for entry in additional {
        if size + entry.size <= limits::MDNS_REPLY {
            size += entry.size;
            packet.additional_records.push(plain(entry));
        }
    }
    built(&packet)
}

/// Packets that ask whether anybody has these names, and say what we would tell about them
/// (RFC 6762, section 8.1). They do not ask for answers to us alone: our sockets get what is sent
/// to the group only, so that unicast stays with whoever else is here.
pub(super) fn probe_packets(groups: &[(Question<'static>, Vec<&Entry>)]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut packet = Packet::new_query(0);
    let mut size = HEADER;
    for (question, entries) in groups {
        let more: usize = entries.iter().map(|entry| entry.size).sum();
        // The question is shorter than a record of the same name.
        let more = more + entries.first().map_or(0, |entry| entry.size);
        if size + more > limits::MDNS_REPLY && !packet.questions.is_empty() {
            packets.extend(built(&std::mem::replace(&mut packet, Packet::new_query(0))));
            size = HEADER;
        }
        size += more;
        packet.questions.push(question.clone());
        // Not yet ours, so nobody shall forget others because of them.
        let proposed = |entry: &&Entry| -> ResourceRecord<'static> {
            entry.record.clone().with_cache_flush(false)
        };
        packet.name_servers.extend(entries.iter().map(proposed));
    }
    packets.extend(built(&packet));
    packets
}

fn new_answer(id: u16) -> Packet<'static> {
    let mut packet = Packet::new_reply(id);
    packet.set_flags(ANSWER);
    packet
}

fn built(packet: &Packet<'_>) -> Option<Vec<u8>> {
    // It cannot fail: it is written to memory, and everything in it is within its bounds.
    packet.build_bytes_vec_compressed().ok()
}
