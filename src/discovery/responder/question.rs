//! Questions: who is answered with what, when, and where to (RFC 6762, sections 5 to 7).

use super::link::Link;
use super::packets::{answer_packets, legacy_packet};
use super::{records, transmits, Chance, LinkId, Received, Responder, Transmit, PORT};
use simple_dns::{Packet, PacketFlag, Question, ResourceRecord};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Milliseconds before something is told that others tell, too.
const BEFORE_SHARED: Range<u64> = 20..120;

/// The same if the asker has more to say about what it knows.
const BEFORE_KNOWN: Range<u64> = 400..500;

impl Responder {
    pub(super) fn asked(
        &mut self,
        now: Instant,
        received: &Received<'_>,
        packet: &Packet<'_>,
        is_own: &mut dyn FnMut(IpAddr) -> bool,
    ) -> Vec<Transmit> {
        let id = received.link;
        let Some(link) = self.links.get_mut(&id) else { return Vec::new() };
        if link.is_probing() {
            // Nothing is ours yet.
            if !packet.name_servers.is_empty() {
                self.compare(now, id, packet, is_own);
            }
            return Vec::new();
        }
        if packet.questions.is_empty() {
            link.hear_known(received.from.ip(), &packet.answers);
            return Vec::new();
        }
        if received.from.port() != PORT {
            return link.answer_legacy(now, id, received.from, packet);
        }
        link.answer(now, id, received.from, packet, &mut self.chance)
    }
}

impl Link {
    fn answer(
        &mut self,
        now: Instant,
        id: LinkId,
        from: SocketAddr,
        packet: &Packet<'_>,
        chance: &mut Chance,
    ) -> Vec<Transmit> {
        let more_known = packet.has_flags(PacketFlag::TRUNCATION);
        let mut alone: Vec<usize> = Vec::new();
        for question in &packet.questions {
            let is_probe = packet.name_servers.iter().any(|other| other.name == question.qname);
            for i in records::answers(&self.entries, question) {
                if self.is_known(i, &packet.answers) {
                    continue;
                }
                if is_probe {
                    self.defend(i, now);
                } else if question.unicast_response && self.was_told_lately(i, now) {
                    alone.push(i);
                } else if more_known {
                    self.tell(i, now, chance.within(BEFORE_KNOWN), Some(from.ip()));
                } else if self.entries[i].part.is_shared() {
                    self.tell(i, now, chance.within(BEFORE_SHARED), None);
                } else {
                    self.tell(i, now, Duration::ZERO, None);
                }
            }
        }
        alone.sort_unstable();
        alone.dedup();
        if alone.is_empty() {
            return Vec::new();
        }
        if !self.may_answer_alone(now, from) {
            // As if it had been asked in the usual way, which is limited by itself.
            for i in alone {
                self.tell(i, now, chance.within(BEFORE_SHARED), None);
            }
            return Vec::new();
        }
        let additional = self.additional(&alone);
        let (packets, _) = answer_packets(&self.pick(&alone), &self.pick(&additional));
        transmits(id, Some(from), packets).collect()
    }

    /// For a resolver that knows nothing of multicast.
    fn answer_legacy(
        &mut self,
        now: Instant,
        id: LinkId,
        from: SocketAddr,
        packet: &Packet<'_>,
    ) -> Vec<Transmit> {
        let mut questions: Vec<Question<'_>> = Vec::new();
        let mut chosen: Vec<usize> = Vec::new();
        for question in &packet.questions {
            let answers = records::answers(&self.entries, question);
            let new = |i: &usize| !chosen.contains(i) && !self.is_known(*i, &packet.answers);
            let answers: Vec<usize> = answers.into_iter().filter(new).collect();
            if !answers.is_empty() {
                questions.push(question.clone());
                chosen.extend(answers);
            }
        }
        if chosen.is_empty() || !self.may_answer_alone(now, from) {
            return Vec::new();
        }
        let additional = self.additional(&chosen);
        let (chosen, additional) = (self.pick(&chosen), self.pick(&additional));
        let packet = legacy_packet(packet.id(), &questions, &chosen, &additional);
        transmits(id, Some(from), packet.into_iter().collect()).collect()
    }

    /// The rest of what an asker knows.
    fn hear_known(&mut self, from: IpAddr, known: &[ResourceRecord<'_>]) {
        for i in 0..self.entries.len() {
            if self.entries[i].asker == Some(from) && self.is_known(i, known) {
                (self.entries[i].due, self.entries[i].asker) = (None, None);
            }
        }
    }

    /// Whether the asker has it already, and for long enough (RFC 6762, section 7.1).
    fn is_known(&self, i: usize, known: &[ResourceRecord<'_>]) -> bool {
        let record = &self.entries[i].record;
        known.iter().any(|other| other == record && other.ttl >= record.ttl / 2)
    }

    /// Whether everybody was told within a quarter of the time for which it is remembered
    /// (RFC 6762, section 5.4).
    fn was_told_lately(&self, i: usize, now: Instant) -> bool {
        let entry = &self.entries[i];
        let quarter = Duration::from_secs(u64::from(entry.record.ttl / 4));
        entry.sent.is_some_and(|sent| now.duration_since(sent) < quarter)
    }

    fn may_answer_alone(&mut self, now: Instant, from: SocketAddr) -> bool {
        self.is_near(from.ip()) && self.unicast.take(now)
    }
}
