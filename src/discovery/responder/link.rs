//! What the responder knows of one link in one family of addresses: how far the announcement is,
//! and what is to be told when.

use super::names::Names;
use super::packets::{answer_packets, goodbye_packets, probe_packets};
use super::records::{self, Entry, Part};
use crate::discovery::interfaces::AnnouncedAddresses;
use crate::discovery::Facts;
use simple_dns::{Question, CLASS, QTYPE};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Between two probes, and after the last one (RFC 6762, section 8.1).
const PROBE_EVERY: Duration = Duration::from_millis(250);

/// How often it is asked whether a name is free.
const PROBES: u8 = 3;

/// Between two announcements (RFC 6762, section 8.3), and the least between two tellings of one
/// record (section 6).
const SECOND: Duration = Duration::from_secs(1);

/// The least between two tellings of a record that is defended (RFC 6762, section 6).
const DEFEND_EVERY: Duration = Duration::from_millis(250);

/// How often a new thing is announced.
const ANNOUNCEMENTS: u8 = 2;

/// How far the announcement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Asking whether the names are free; the next question, or the end, is at that time.
    Probing { sent: u8, at: Instant },
    /// Telling everybody.
    Announcing { sent: u8, at: Instant },
    /// Answering questions.
    Settled,
}

/// So many in a second.
#[derive(Debug)]
pub(crate) struct Budget {
    each_second: u32,
    since: Option<Instant>,
    used: u32,
}

impl Budget {
    pub(crate) fn new(each_second: u32) -> Self {
        Self { each_second, since: None, used: 0 }
    }

    /// One more, if that is not too many.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.renewal(now).is_none() {
            self.since = Some(now);
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
        self.used <= self.each_second
    }

    /// When there is more of it; `None` if there is.
    pub(crate) fn exhausted_until(&self, now: Instant) -> Option<Instant> {
        self.renewal(now).filter(|_| self.used >= self.each_second)
    }

    fn renewal(&self, now: Instant) -> Option<Instant> {
        self.since.map(|since| since + SECOND).filter(|end| now < *end)
    }
}

/// One link.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) addresses: AnnouncedAddresses,
    pub(super) entries: Vec<Entry>,
    pub(super) stage: Stage,
    /// Whether anybody can have heard the names here.
    pub(super) told: bool,
    pub(super) unicast: Budget,
}

impl Link {
    /// Whether the names are ours, as far as anybody has said.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Settled)
    }

    pub(super) fn is_probing(&self) -> bool {
        matches!(self.stage, Stage::Probing { .. })
    }

    /// Whether an address is in a network of this link, so that it may be answered alone.
    pub(super) fn is_near(&self, ip: IpAddr) -> bool {
        let is_link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        is_link_local || self.addresses.networks.iter().any(|network| network.contains(ip))
    }

    /// Makes the records anew. What stays the same keeps its times; what is no more is returned.
    pub(super) fn rebuild(&mut self, facts: &Facts, names: &Names) -> Vec<Entry> {
        let new = records::records(facts, names, &self.addresses);
        let mut old = std::mem::replace(&mut self.entries, new);
        for entry in &mut self.entries {
            if let Some(i) = old.iter().position(|old| old.record == entry.record) {
                let old = old.swap_remove(i);
                (entry.sent, entry.due, entry.asker) = (old.sent, old.due, old.asker);
            }
        }
        old
    }

    /// Everything begins again: the names have to be asked for.
    pub(super) fn probe(&mut self, at: Instant) {
        self.stage = Stage::Probing { sent: 0, at };
        self.entries.iter_mut().for_each(|entry| (entry.due, entry.asker) = (None, None));
    }

    /// What is known is told again; the names are ours already.
    pub(super) fn announce(&mut self, at: Instant) {
        if !self.is_probing() {
            self.stage = Stage::Announcing { sent: 0, at };
        }
    }

    /// Has a record multicast after a delay, but not more often than is allowed.
    pub(super) fn tell(&mut self, i: usize, now: Instant, delay: Duration, asker: Option<IpAddr>) {
        // What can wait a little goes with what waits already.
        let waiting = self.entries.iter().filter_map(|entry| entry.due).min();
        let due = match waiting {
            Some(due) if !delay.is_zero() && due > now && due < now + delay => due,
            _ => now + delay,
        };
        self.schedule(i, due, SECOND, asker);
    }

    /// Has a record multicast at once: somebody is about to take its name.
    pub(super) fn defend(&mut self, i: usize, now: Instant) {
        self.schedule(i, now, DEFEND_EVERY, None);
    }

    fn schedule(&mut self, i: usize, due: Instant, pause: Duration, asker: Option<IpAddr>) {
        let Some(entry) = self.entries.get_mut(i) else { return };
        let due = entry.sent.map_or(due, |sent| due.max(sent + pause));
        entry.asker = if entry.due.is_none() { asker } else { None };
        entry.due = Some(entry.due.map_or(due, |old| old.min(due)));
    }

    /// When there is something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let dues = self.entries.iter().filter_map(|entry| entry.due).min();
        match self.stage {
            // Nothing is told meanwhile, whatever was due before.
            Stage::Probing { at, .. } => Some(at),
            Stage::Announcing { at, .. } => Some(dues.map_or(at, |due| due.min(at))),
            Stage::Settled => dues,
        }
    }

    /// What is to be multicast now.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Vec<u8>> {
        if let Stage::Probing { sent, at } = self.stage {
            if at > now {
                return Vec::new();
            }
            if sent < PROBES {
                self.stage = Stage::Probing { sent: sent + 1, at: now + PROBE_EVERY };
                return self.probes();
            }
            self.stage = Stage::Announcing { sent: 0, at: now };
        }
        if let Stage::Announcing { sent, at } = self.stage {
            if at <= now {
                let more = sent + 1 < ANNOUNCEMENTS;
                let next = Stage::Announcing { sent: sent + 1, at: now + SECOND };
                self.stage = if more { next } else { Stage::Settled };
                self.told = true;
                return self.send(now, |entry| !entry.part.is_negative());
            }
        }
        self.send(now, |entry| entry.due.is_some_and(|due| due <= now))
    }

    fn probes(&self) -> Vec<Vec<u8>> {
        let mut groups: Vec<(Question<'static>, Vec<&Entry>)> = Vec::new();
        for entry in &self.entries {
            if entry.part.is_shared() || entry.part.is_negative() {
                continue;
            }
            let name = &entry.record.name;
            match groups.iter_mut().find(|(question, _)| question.qname == *name) {
                Some((_, entries)) => entries.push(entry),
                None => {
                    let question = Question::new(name.clone(), QTYPE::ANY, CLASS::IN.into(), false);
                    groups.push((question, vec![entry]));
                }
            }
        }
        probe_packets(&groups)
    }

    /// Multicasts entries, and what belongs to them unless it was told a moment ago.
    fn send(&mut self, now: Instant, wanted: impl Fn(&Entry) -> bool) -> Vec<Vec<u8>> {
        let chosen: Vec<usize> = self.numbers(wanted);
        let is_fresh =
            |entry: &Entry| entry.sent.is_some_and(|sent| now.duration_since(sent) < SECOND);
        let mut additional = self.additional(&chosen);
        additional.retain(|i| !is_fresh(&self.entries[*i]));
        let (packets, left_out) = answer_packets(&self.pick(&chosen), &self.pick(&additional));
        // What found no room has not been told, and may be due all the same.
        for number in left_out.into_iter().rev() {
            additional.remove(number);
        }
        for i in chosen.into_iter().chain(additional) {
            let entry = &mut self.entries[i];
            (entry.sent, entry.due, entry.asker) = (Some(now), None, None);
        }
        packets
    }

    /// What should be told beside the chosen entries. That there is nothing more is said of a host
    /// only where a family of addresses is missing.
    pub(super) fn additional(&self, chosen: &[usize]) -> Vec<usize> {
        let complete = self.addresses.has_family(false) && self.addresses.has_family(true);
        let brought = |i: &usize| {
            let part = self.entries[*i].part;
            let is_needless = complete && part == Part::NoMoreAddress || chosen.contains(i);
            !is_needless && chosen.iter().any(|c| self.entries[*c].part.brings(part))
        };
        (0..self.entries.len()).filter(brought).collect()
    }

    pub(super) fn numbers(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<usize> {
        (0..self.entries.len()).filter(|i| wanted(&self.entries[*i])).collect()
    }

    pub(super) fn pick(&self, numbers: &[usize]) -> Vec<&Entry> {
        numbers.iter().filter_map(|i| self.entries.get(*i)).collect()
    }

    /// Everything that others may remember of us is no more.
    pub(super) fn goodbye(&self) -> Vec<Vec<u8>> {
        self.goodbye_to(|part| !part.is_negative())
    }

    /// The name was lost to somebody else. What that one tells, too, is taken back; the rest, which
    /// nobody will ask for, is forgotten by itself.
    pub(super) fn forsake(&mut self) -> Vec<Vec<u8>> {
        let packets = self.goodbye_to(|part| matches!(part, Part::Pointer(_)));
        self.told = false;
        packets
    }

    fn goodbye_to(&self, wanted: impl Fn(Part) -> bool) -> Vec<Vec<u8>> {
        let told = self.entries.iter().filter(|entry| self.told && wanted(entry.part));
        goodbye_packets(&told.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_and_renewed() {
        let (mut budget, start) = (Budget::new(2), Instant::now());
        assert_eq!([(); 4].map(|()| budget.take(start)), [true, true, false, false]);
        assert_eq!(budget.exhausted_until(start), Some(start + SECOND));
        assert_eq!(budget.exhausted_until(start + SECOND), None);
        assert!(budget.take(start + SECOND));
    }
}
