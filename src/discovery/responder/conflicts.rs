//! Records of others under our names (RFC 6762, sections 8 to 10). A name is lost only to a host
//! that answers our probe, or whose simultaneous probe has later data. The host name with another
//! address of this machine is no conflict: avahi here announces the same host name, and both are
//! right.

use super::interface_responder::{InterfaceResponder, Phase};
use super::names::NameKind;
use super::packets::{address, answered};
use super::records::{rdata, RecordKind};
use simple_dns::rdata::RData;
use simple_dns::{Packet, ResourceRecord, CLASS};
use std::net::IpAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How long the loser of two simultaneous probes waits (RFC 6762, section 8.2).
const LOSER_WAITS: Duration = Duration::from_secs(1);
/// Milliseconds before a record is multicast that another responder has withdrawn.
const BEFORE_RESCUE: Range<u64> = 20..120;

type IsOwn<'f> = &'f mut dyn FnMut(IpAddr) -> bool;

impl InterfaceResponder {
    /// Handles the response or announcement of any host, which may be our own. Returns the name
    /// that is in conflict with it.
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        is_own: IsOwn<'_>,
    ) -> Option<NameKind> {
        for record in answered(packet) {
            if let Some(i) = self.records.iter().position(|own| own.record == *record) {
                if record.ttl < self.records[i].record.ttl / 2 && self.is_announced {
                    // Another responder withdraws, or will soon forget, what is still true.
                    let delay = self.jitter.within(BEFORE_RESCUE);
                    self.schedule(i, now, delay, None);
                }
                continue;
            }
            let conflict = self.conflicting_name(record, is_own).filter(|_| record.ttl > 0);
            if conflict.is_some() {
                return conflict;
            }
        }
        None
    }

    /// Which of our names a record is for that is not one of ours.
    fn conflicting_name(&self, record: &ResourceRecord<'_>, is_own: IsOwn<'_>) -> Option<NameKind> {
        let mut same_name = self.records.iter().filter(|own| own.record.name == record.name);
        match (same_name.find(|own| own.kind.is_probed())?.kind, &record.rdata) {
            (RecordKind::Address, rdata) => {
                address(rdata).filter(|ip| !is_own(*ip)).map(|_| NameKind::Host)
            }
            (_, RData::SRV(_) | RData::TXT(_)) => Some(NameKind::Instance),
            _ => None,
        }
    }

    /// Handles another host's probe while we probe ourselves. If it is for one of our names, the
    /// host with the lexicographically later data wins (RFC 6762, section 8.2).
    pub(super) fn compare_probes(&mut self, now: Instant, packet: &Packet<'_>, is_own: IsOwn<'_>) {
        if !matches!(self.phase, Phase::Probing { sent: 1.., .. }) {
            return;
        }
        let is_lost = self.records.iter().filter(|own| own.kind.is_probed()).any(|own| {
            let is_same = |other: &&ResourceRecord<'_>| other.name == own.record.name;
            let theirs = packet.name_servers.iter().filter(is_same);
            let theirs: Vec<_> = theirs.filter(|record| record.class == CLASS::IN).collect();
            let is_ours = own.kind == RecordKind::Address
                && theirs.iter().all(|record| address(&record.rdata).is_some_and(&mut *is_own));
            let ours = self.records.iter().filter(|own| !own.kind.is_negative());
            let ours = ours.map(|own| &own.record).filter(is_same);
            !theirs.is_empty() && !is_ours && sorted(theirs.into_iter()) > sorted(ours)
        });
        if is_lost {
            log::debug!("discovery: another host probes for the same name, waiting for it");
            self.probe_at(now + LOSER_WAITS);
        }
    }
}

/// The keys by which records are compared: class, type and data.
fn sorted<'r>(records: impl Iterator<Item = &'r ResourceRecord<'r>>) -> Vec<(u16, u16, Vec<u8>)> {
    let key = |record: &ResourceRecord<'_>| {
        (u16::from(record.class), u16::from(record.rdata.type_code()), rdata(record))
    };
    let mut keys: Vec<_> = records.map(key).collect();
    keys.sort_unstable();
    keys
}
