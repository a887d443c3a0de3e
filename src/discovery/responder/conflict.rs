//! What others say about our names (RFC 6762, sections 8 to 10).
//!
//! A name is lost only by a probe that somebody else answers, or whose data is later than ours.
//! What this machine's other responders say about its addresses is no conflict: avahi announces the
//! same host name with the same addresses, and both are right.

use super::link::{Link, Stage};
use super::names::Which;
use super::records::{data, Entry, Part};
use super::{transmits, LinkId, Responder, Transmit};
use crate::protocol::limits;
use simple_dns::rdata::RData;
use simple_dns::{Packet, ResourceRecord, CLASS};
use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How long the loser of two simultaneous probes waits (RFC 6762, section 8.2).
const LOSER_WAITS: Duration = Duration::from_secs(1);

/// Before a record is told again that somebody else has let go of.
const BEFORE_RESCUE: std::ops::Range<u64> = 20..120;

type IsOwn<'f> = &'f mut dyn FnMut(IpAddr) -> bool;

impl Responder {
    /// Somebody's answer or announcement; or our own, which comes back to us.
    pub(super) fn heard(
        &mut self,
        now: Instant,
        id: LinkId,
        packet: &Packet<'_>,
        is_own: IsOwn<'_>,
    ) -> Vec<Transmit> {
        for record in packet.answers.iter().chain(&packet.additional_records) {
            if record.class != CLASS::IN {
                continue;
            }
            let Some(link) = self.links.get_mut(&id) else { break };
            if let Some(i) = link.entries.iter().position(|entry| entry.record == *record) {
                let ttl = link.entries[i].record.ttl;
                if record.ttl < ttl / 2 && link.told {
                    // Another responder says goodbye to what is still true.
                    link.tell(i, now, self.chance.within(BEFORE_RESCUE), None);
                }
                continue;
            }
            let lost = claimed(&link.entries, record, is_own).filter(|_| record.ttl > 0);
            if let Some(which) = lost {
                return self.conflict(now, id, which);
            }
        }
        Vec::new()
    }

    /// Somebody asks whether one of our names is free, while we do: who has the later data wins.
    pub(super) fn compare(
        &mut self,
        now: Instant,
        id: LinkId,
        packet: &Packet<'_>,
        is_own: IsOwn<'_>,
    ) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if !matches!(link.stage, Stage::Probing { sent: 1.., .. }) {
            return;
        }
        let theirs = packet.name_servers.iter().filter(|record| record.class == CLASS::IN);
        let theirs: Vec<&ResourceRecord<'_>> = theirs.collect();
        let lost = link.entries.iter().any(|entry| {
            let name = &entry.record.name;
            if entry.part.is_shared() || entry.part.is_negative() {
                return false;
            }
            let of_name = theirs.iter().copied().filter(|record| record.name == *name);
            let theirs: Vec<&ResourceRecord<'_>> = of_name.collect();
            let agreed = entry.part == Part::Address
                && theirs.iter().all(|record| address(&record.rdata).is_some_and(&mut *is_own));
            if theirs.is_empty() || agreed {
                return false;
            }
            let ours = link.entries.iter().filter(|e| !e.part.is_negative());
            let ours = ours.map(|e| &e.record).filter(|record| record.name == *name);
            sorted(theirs.into_iter()).cmp(&sorted(ours)) == Ordering::Greater
        });
        if lost {
            log::debug!("discovery: somebody else is taking the same name, waiting for them");
            link.probe(now + LOSER_WAITS);
        }
    }

    fn conflict(&mut self, now: Instant, id: LinkId, which: Which) -> Vec<Transmit> {
        if self.links.values().all(Link::is_settled) {
            self.conflicts.clear();
        }
        let Some(link) = self.links.get(&id) else { return Vec::new() };
        let mut out = Vec::new();
        match link.stage {
            // Not asked yet; if somebody has the name, the answer will say so.
            Stage::Probing { sent: 0, .. } => return out,
            Stage::Probing { .. } => {
                for (id, link) in &mut self.links {
                    out.extend(transmits(*id, None, link.forsake()));
                }
                let old = (self.names.instance(), self.names.host());
                self.names.lose(which);
                log_loss(which, &old, &(self.names.instance(), self.names.host()));
            }
            // Perhaps a leftover; whoever really has the name will defend it.
            _ => log::debug!("discovery: somebody else uses the same name, asking who has it"),
        }
        if self.conflicts.len() < limits::MDNS_CONFLICTS {
            let window = limits::MDNS_CONFLICT_WINDOW;
            self.conflicts.retain(|at| now.duration_since(*at) < window);
            self.conflicts.push_back(now);
        } // Else every further attempt waits, until one succeeds.
        let pause = if self.conflicts.len() >= limits::MDNS_CONFLICTS {
            limits::MDNS_CONFLICT_PAUSE
        } else {
            Duration::ZERO
        };
        self.probe_all(now + pause);
        out
    }
}

fn log_loss(which: Which, old: &(String, String), new: &(String, String)) {
    match which {
        Which::Instance => log::warn!(
            "discovery: the name {:?} is taken in this network, using {:?}",
            old.0,
            new.0
        ),
        Which::Host => log::warn!(
            "discovery: the host name {}.local is taken in this network, using {}.local",
            old.1,
            new.1
        ),
    }
}

/// Which of our names a record, which is none of ours, is about.
fn claimed(entries: &[Entry], record: &ResourceRecord<'_>, is_own: IsOwn<'_>) -> Option<Which> {
    let about = |entry: &&Entry| {
        !entry.part.is_shared() && !entry.part.is_negative() && entry.record.name == record.name
    };
    match (entries.iter().find(about)?.part, &record.rdata) {
        (Part::Address, rdata) => address(rdata).filter(|ip| !is_own(*ip)).map(|_| Which::Host),
        (_, RData::SRV(_) | RData::TXT(_)) => Some(Which::Instance),
        _ => None,
    }
}

fn address(rdata: &RData<'_>) -> Option<IpAddr> {
    match rdata {
        RData::A(a) => Some(Ipv4Addr::from(a.address).into()),
        RData::AAAA(aaaa) => Some(Ipv6Addr::from(aaaa.address).into()),
        _ => None,
    }
}

/// In the order in which data is compared: class, type, and the bytes of the data.
fn sorted<'r>(records: impl Iterator<Item = &'r ResourceRecord<'r>>) -> Vec<(u16, u16, Vec<u8>)> {
    let key = |record: &ResourceRecord<'_>| {
        (u16::from(record.class), u16::from(record.rdata.type_code()), data(record))
    };
    let mut keys: Vec<_> = records.map(key).collect();
    keys.sort_unstable();
    keys
}
