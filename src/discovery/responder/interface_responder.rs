//! The responder on one interface in one address family: its records, how far it has announced
//! them, and what is to be sent when.

use super::jitter::Jitter;
use super::names::Announced;
use super::packets::{answer_packets, goodbye_packets, probe_packets};
use super::records::{records, OwnRecord, RecordKind};
use crate::discovery::datagram::{InterfaceId, Transmit};
use crate::discovery::interfaces::AnnouncedAddresses;
use crate::discovery::rate_limit::RateLimit;
use crate::protocol::limits;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

// Of RFC 6762: section 8.1 about probes, 8.3 about announcements, 6 about multicasts.

/// Milliseconds before the first probe: machines may be switched on together.
const BEFORE_PROBING: Range<u64> = 0..250;
/// Between two probes, and after the last one.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// Probes for one name.
const PROBES: u8 = 3;
/// Announcements of new records.
const ANNOUNCEMENTS: u8 = 2;
/// Between two announcements, and the shortest time between two multicasts of one record.
const SECOND: Duration = Duration::from_secs(1);
/// The same for a record that is defended against a probe.
const DEFENCE_INTERVAL: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Asking whether the names are free; the next probe, or the end of probing, is due at `at`.
    Probing { sent: u8, at: Instant },
    /// Sending all records unasked; the next announcement is due at `at`.
    Announcing { sent: u8, at: Instant },
    /// Only answering questions.
    Settled,
}

#[derive(Debug)]
pub(super) struct InterfaceResponder {
    id: InterfaceId,
    addresses: AnnouncedAddresses,
    pub(super) records: Vec<OwnRecord>,
    pub(super) phase: Phase,
    /// Whether other hosts may have the records in their caches.
    pub(super) is_announced: bool,
    unicast_limit: RateLimit,
    pub(super) jitter: Jitter,
}

impl InterfaceResponder {
    /// Has no records and says nothing yet.
    pub(super) fn new(id: InterfaceId, addresses: AnnouncedAddresses, jitter: Jitter) -> Self {
        Self {
            id,
            addresses,
            records: Vec::new(),
            phase: Phase::Settled,
            is_announced: false,
            unicast_limit: RateLimit::new(limits::MDNS_UNICAST),
            jitter,
        }
    }

    pub(super) fn set_addresses(
        &mut self,
        now: Instant,
        addresses: AnnouncedAddresses,
        announced: &Announced,
    ) -> Vec<Transmit> {
        if self.addresses == addresses {
            return Vec::new();
        }
        self.addresses = addresses;
        let mut gone = self.rebuild(announced);
        gone.retain(|own| own.kind == RecordKind::Address && self.is_announced);
        self.announce(now);
        self.transmits(None, goodbye_packets(&gone))
    }

    /// Makes the records anew. Those that stay the same keep their times; the others are returned.
    pub(super) fn rebuild(&mut self, announced: &Announced) -> Vec<OwnRecord> {
        let mut old = std::mem::take(&mut self.records);
        self.records = records(announced, &self.addresses);
        for own in &mut self.records {
            if let Some(i) = old.iter().position(|old| old.record == own.record) {
                // Not the whole: equal records may differ in their cache-flush bits.
                let old = old.swap_remove(i);
                (own.last_multicast, own.due, own.querier) =
                    (old.last_multicast, old.due, old.querier);
            }
        }
        old
    }

    pub(super) fn is_probing(&self) -> bool {
        matches!(self.phase, Phase::Probing { .. })
    }

    /// Makes the records anew, and probes for their names from a random moment soon after `from`.
    pub(super) fn start_probing(&mut self, from: Instant, announced: &Announced) {
        self.rebuild(announced);
        let at = from + self.jitter.within(BEFORE_PROBING);
        self.probe_at(at);
    }

    pub(super) fn probe_at(&mut self, at: Instant) {
        self.phase = Phase::Probing { sent: 0, at };
        self.records.iter_mut().for_each(OwnRecord::unschedule);
    }

    /// Announces the records again, under names that are ours already.
    pub(super) fn announce(&mut self, at: Instant) {
        if !self.is_probing() {
            self.phase = Phase::Announcing { sent: 0, at };
        }
    }

    /// Schedules the multicast of a record after a delay, subject to the rate limit for records.
    /// If only `querier` has asked, it may still withdraw its question.
    pub(super) fn schedule(
        &mut self,
        i: usize,
        now: Instant,
        delay: Duration,
        querier: Option<IpAddr>,
    ) {
        // A record that can be delayed joins those that are scheduled already.
        let scheduled = self.records.iter().filter_map(|own| own.due).min();
        let due = match scheduled {
            Some(due) if !delay.is_zero() && due > now && due < now + delay => due,
            _ => now + delay,
        };
        self.schedule_at(i, due, SECOND, querier);
    }

    /// Schedules a record at once, against a probe for its name.
    pub(super) fn defend(&mut self, i: usize, now: Instant) {
        self.schedule_at(i, now, DEFENCE_INTERVAL, None);
    }

    fn schedule_at(&mut self, i: usize, due: Instant, pause: Duration, querier: Option<IpAddr>) {
        let Some(own) = self.records.get_mut(i) else { return };
        let due = own.last_multicast.map_or(due, |last| due.max(last + pause));
        own.querier = querier.filter(|_| own.due.is_none());
        own.due = Some(own.due.map_or(due, |old| old.min(due)));
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let due = self.records.iter().filter_map(|own| own.due).min();
        match self.phase {
            // Nothing is answered meanwhile.
            Phase::Probing { at, .. } => Some(at),
            Phase::Announcing { at, .. } => Some(due.map_or(at, |due| due.min(at))),
            Phase::Settled => due,
        }
    }

    pub(super) fn tick(&mut self, now: Instant) -> Vec<Transmit> {
        if let Phase::Probing { sent, at } = self.phase {
            if at > now {
                return Vec::new();
            }
            if sent < PROBES {
                self.phase = Phase::Probing { sent: sent + 1, at: now + PROBE_INTERVAL };
                return self.transmits(None, probe_packets(&self.records));
            }
            self.phase = Phase::Announcing { sent: 0, at: now };
        }
        match self.phase {
            Phase::Announcing { sent, at } if at <= now => {
                let next = Phase::Announcing { sent: sent + 1, at: now + SECOND };
                self.phase = if sent + 1 < ANNOUNCEMENTS { next } else { Phase::Settled };
                self.is_announced = true;
                self.multicast(now, |own| !own.kind.is_negative())
            }
            _ => self.multicast(now, |own| own.due.is_some_and(|due| due <= now)),
        }
    }

    /// Multicasts records, with additional records that were not multicast a moment ago.
    fn multicast(&mut self, now: Instant, wanted: impl Fn(&OwnRecord) -> bool) -> Vec<Transmit> {
        let answers: Vec<usize> =
            (0..self.records.len()).filter(|i| wanted(&self.records[*i])).collect();
        let is_fresh =
            |last: Option<Instant>| last.is_some_and(|last| now.duration_since(last) < SECOND);
        let mut additional = self.additional(&answers);
        additional.retain(|i| !is_fresh(self.records[*i].last_multicast));
        // Additional records that do not fit stay scheduled, if they were.
        let (packets, sent) = answer_packets(&self.records, &answers, &additional);
        for i in sent {
            self.records[i].unschedule();
            self.records[i].last_multicast = Some(now);
        }
        self.transmits(None, packets)
    }

    /// The additional records for these answers. The host's NSEC is one of them only if the host
    /// has no addresses of one family.
    pub(super) fn additional(&self, answers: &[usize]) -> Vec<usize> {
        let has_both = self.addresses.has_family(false) && self.addresses.has_family(true);
        let is_additional = |i: &usize| {
            let kind = self.records[*i].kind;
            !(has_both && kind == RecordKind::HostNsec || answers.contains(i))
                && answers.iter().any(|answer| self.records[*answer].kind.brings(kind))
        };
        (0..self.records.len()).filter(is_additional).collect()
    }

    /// Whether a unicast response to this address is allowed: it is in one of the interface's
    /// networks, and the limit is not used up.
    pub(super) fn may_send_unicast(&mut self, now: Instant, to: IpAddr) -> bool {
        let is_link_local = matches!(to, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let is_near = self.addresses.networks.iter().any(|network| network.contains(to));
        (is_link_local || is_near) && self.unicast_limit.take(now, 1)
    }

    pub(super) fn goodbye(&self) -> Vec<Transmit> {
        self.goodbye_for(|kind| !kind.is_negative())
    }

    /// The names were lost to another host: goodbye packets for what that host does not announce,
    /// too. Everything else under the names is now for that host to say.
    pub(super) fn withdraw(&mut self) -> Vec<Transmit> {
        let transmits = self.goodbye_for(|kind| matches!(kind, RecordKind::InstancePointer(_)));
        self.is_announced = false;
        transmits
    }

    fn goodbye_for(&self, wanted: impl Fn(RecordKind) -> bool) -> Vec<Transmit> {
        let announced = self.records.iter().filter(|own| self.is_announced && wanted(own.kind));
        self.transmits(None, goodbye_packets(announced))
    }

    pub(super) fn transmits(&self, to: Option<SocketAddr>, packets: Vec<Vec<u8>>) -> Vec<Transmit> {
        packets.into_iter().map(|bytes| Transmit { interface: self.id, to, bytes }).collect()
    }
}
