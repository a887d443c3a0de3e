//! Queries: what is answered when, and to whom (RFC 6762, sections 5 to 7).

use super::interface_responder::InterfaceResponder;
use super::packets::{answer_packets, legacy_packet};
use super::records::{self, OwnRecord};
use crate::discovery::datagram::{Transmit, MDNS_PORT};
use simple_dns::{Packet, PacketFlag, Question, ResourceRecord};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Milliseconds before an answer that other responders may give as well.
const BEFORE_SHARED: Range<u64> = 20..120;
/// Milliseconds before an answer if the querier will send more known answers.
const BEFORE_KNOWN: Range<u64> = 400..500;

impl InterfaceResponder {
    pub(super) fn handle_query(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &Packet<'_>,
        is_own: &mut dyn FnMut(IpAddr) -> bool,
    ) -> Vec<Transmit> {
        if self.is_probing() {
            // The names are not ours yet.
            self.compare_probes(now, packet, is_own);
            Vec::new()
        } else if packet.questions.is_empty() {
            self.suppress_known(from.ip(), &packet.answers);
            Vec::new()
        } else if from.port() == MDNS_PORT {
            self.answer(now, from, packet)
        } else {
            self.answer_legacy(now, from, packet)
        }
    }

    fn answer(&mut self, now: Instant, from: SocketAddr, packet: &Packet<'_>) -> Vec<Transmit> {
        let more_known = packet.has_flags(PacketFlag::TRUNCATION);
        // Once for each record, however often the packet asks for it.
        let known = self.known(&packet.answers);
        let probed: Vec<bool> =
            self.each(|own| packet.name_servers.iter().any(|other| other.name == own.record.name));
        let mut unicast: Vec<usize> = Vec::new();
        for question in &packet.questions {
            for i in records::answers(&self.records, question) {
                if known[i] {
                    continue;
                }
                if probed[i] {
                    self.defend(i, now);
                } else if question.unicast_response && self.is_recent_multicast(i, now) {
                    unicast.push(i);
                } else if more_known {
                    let delay = self.jitter.within(BEFORE_KNOWN);
                    self.schedule(i, now, delay, Some(from.ip()));
                } else if self.records[i].kind.is_shared() {
                    self.schedule_shared(i, now);
                } else {
                    self.schedule(i, now, Duration::ZERO, None);
                }
            }
        }
        unicast.sort_unstable();
        unicast.dedup();
        if unicast.is_empty() {
            return Vec::new();
        }
        if !self.may_send_unicast(now, from.ip()) {
            // Multicast instead, which is limited by itself.
            unicast.into_iter().for_each(|i| self.schedule_shared(i, now));
            return Vec::new();
        }
        let (packets, _) = answer_packets(&self.records, &unicast, &self.additional(&unicast));
        self.transmits(Some(from), packets)
    }

    fn schedule_shared(&mut self, i: usize, now: Instant) {
        let delay = self.jitter.within(BEFORE_SHARED);
        self.schedule(i, now, delay, None);
    }

    /// Answers a resolver that does not know multicast (RFC 6762, section 6.7).
    fn answer_legacy(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &Packet<'_>,
    ) -> Vec<Transmit> {
        let mut questions: Vec<Question<'_>> = Vec::new();
        let mut answers: Vec<usize> = Vec::new();
        let known = self.known(&packet.answers);
        for question in &packet.questions {
            let mut new = records::answers(&self.records, question);
            new.retain(|i| !answers.contains(i) && !known[*i]);
            if !new.is_empty() {
                questions.push(question.clone());
                answers.extend(new);
            }
        }
        if answers.is_empty() || !self.may_send_unicast(now, from.ip()) {
            return Vec::new();
        }
        let additional = self.additional(&answers);
        let packet = legacy_packet(packet.id(), &questions, &self.records, &answers, &additional);
        self.transmits(Some(from), packet.into_iter().collect())
    }

    /// More known answers of a querier: what only that one asked for need not be sent.
    fn suppress_known(&mut self, from: IpAddr, known: &[ResourceRecord<'_>]) {
        let known = self.known(known);
        for (own, is_known) in self.records.iter_mut().zip(known) {
            if is_known && own.querier == Some(from) {
                own.unschedule();
            }
        }
    }

    /// Which records the querier has, for at least half of their TTL (RFC 6762, section 7.1).
    fn known(&self, known: &[ResourceRecord<'_>]) -> Vec<bool> {
        self.each(|OwnRecord { record, .. }| {
            known.iter().any(|other| other == record && other.ttl >= record.ttl / 2)
        })
    }

    fn each(&self, is_so: impl Fn(&OwnRecord) -> bool) -> Vec<bool> {
        self.records.iter().map(is_so).collect()
    }

    /// Whether the record was multicast within a quarter of its TTL (RFC 6762, section 5.4).
    fn is_recent_multicast(&self, i: usize, now: Instant) -> bool {
        let own = &self.records[i];
        let quarter = Duration::from_secs(u64::from(own.record.ttl / 4));
        own.last_multicast.is_some_and(|last| now.duration_since(last) < quarter)
    }
}
