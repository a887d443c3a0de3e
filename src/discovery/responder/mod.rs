//! The mDNS responder (RFC 6762, RFC 6763): datagrams in, datagrams out. Pure: the time, a random
//! seed and this machine's addresses come from the caller; `mdns_thread.rs` has the sockets. The
//! names are the same on every interface. Each interface, in each address family, has its own
//! records and probes, announces and answers independently. One that goes down and comes up again
//! starts anew.

mod conflicts;
mod interface_responder;
mod jitter;
pub(super) mod names;
pub(super) mod packets;
mod queries;
mod records;
#[cfg(test)]
mod tests;

use super::datagram::{InterfaceId, Transmit, MDNS_PORT};
use super::interfaces::{AnnouncedAddresses, Interface};
use super::service::Announcement;
use crate::protocol::limits;
use crate::protocol::operator::MdnsView;
use interface_responder::{InterfaceResponder, Phase};
use jitter::Jitter;
use names::{Announced, NameKind};
use simple_dns::PacketFlag;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

pub(super) struct Responder {
    announced: Announced,
    interfaces: BTreeMap<InterfaceId, InterfaceResponder>,
    recent_conflicts: VecDeque<Instant>,
    jitter: Jitter,
}

impl Responder {
    pub(super) fn new(announcement: Announcement, seed: u64) -> Self {
        Self {
            announced: Announced::new(announcement),
            interfaces: BTreeMap::new(),
            recent_conflicts: VecDeque::new(),
            jitter: Jitter::new(seed),
        }
    }

    /// What is announced now, and on which of the interfaces completely.
    pub(super) fn view(&self, interfaces: &[Interface]) -> MdnsView {
        let is_complete = |interface: &&Interface| {
            let mut families = self.interfaces.iter().filter(|(id, _)| id.index == interface.index);
            families.any(|(_, responder)| responder.is_announced && !responder.is_probing())
        };
        let complete = interfaces.iter().filter(is_complete);
        MdnsView {
            instance: self.announced.instance(),
            host: format!("{}.local", self.announced.host()),
            types: self.announced.announcement.types.clone(),
            interfaces: complete.map(|interface| interface.name.clone()).collect(),
        }
    }

    pub(super) fn set_interface(
        &mut self,
        now: Instant,
        id: InterfaceId,
        addresses: AnnouncedAddresses,
    ) -> Vec<Transmit> {
        if let Some(interface) = self.interfaces.get_mut(&id) {
            return interface.set_addresses(now, addresses, &self.announced);
        }
        let jitter = Jitter::new(self.jitter.next());
        let mut interface = InterfaceResponder::new(id, addresses, jitter);
        interface.start_probing(now, &self.announced);
        self.interfaces.insert(id, interface);
        Vec::new()
    }

    pub(super) fn remove_interface(&mut self, id: InterfaceId) {
        self.interfaces.remove(&id);
    }

    pub(super) fn update(&mut self, now: Instant, announcement: Announcement) -> Vec<Transmit> {
        if announcement == self.announced.announcement {
            return Vec::new();
        }
        if self.announced.has_names_of(&announcement) {
            self.announced.announcement = announcement;
            for interface in self.interfaces.values_mut() {
                interface.rebuild(&self.announced);
                interface.announce(now);
            }
            return Vec::new();
        }
        // For the records under the old names.
        let goodbye = self.goodbye();
        self.announced = Announced::new(announcement);
        self.interfaces.values_mut().for_each(|interface| interface.is_announced = false);
        self.probe_all(now);
        goodbye
    }

    pub(super) fn goodbye(&self) -> Vec<Transmit> {
        self.interfaces.values().flat_map(InterfaceResponder::goodbye).collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.interfaces.values().filter_map(InterfaceResponder::next_deadline).min()
    }

    pub(super) fn tick(&mut self, now: Instant) -> Vec<Transmit> {
        self.interfaces.values_mut().flat_map(|interface| interface.tick(now)).collect()
    }

    /// Handles a datagram and returns what is due after it. `is_own` says whether an address
    /// belongs to this machine.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        id: InterfaceId,
        from: SocketAddr,
        bytes: &[u8],
        is_own: &mut dyn FnMut(IpAddr) -> bool,
    ) -> Vec<Transmit> {
        let Some(packet) = packets::parse(bytes) else { return Vec::new() };
        let Some(interface) = self.interfaces.get_mut(&id) else { return Vec::new() };
        let mut out = Vec::new();
        if !packet.has_flags(PacketFlag::RESPONSE) {
            out = interface.handle_query(now, from, &packet, is_own);
        } else if from.port() == MDNS_PORT {
            // Responses from other ports are ignored (RFC 6762, section 6).
            if let Some(kind) = interface.handle_response(now, &packet, is_own) {
                out = self.resolve_conflict(now, id, kind);
            }
        }
        out.extend(self.interfaces.get_mut(&id).into_iter().flat_map(|i| i.tick(now)));
        out
    }

    fn resolve_conflict(&mut self, now: Instant, id: InterfaceId, kind: NameKind) -> Vec<Transmit> {
        let is_settled = |interface: &InterfaceResponder| interface.phase == Phase::Settled;
        if self.interfaces.values().all(is_settled) {
            self.recent_conflicts.clear();
        }
        let mut out = Vec::new();
        match self.interfaces.get(&id).map(|interface| interface.phase) {
            // No probe was sent yet; if the name is taken, its owner will answer the first.
            None | Some(Phase::Probing { sent: 0, .. }) => return out,
            Some(Phase::Probing { .. }) => {
                out.extend(self.interfaces.values_mut().flat_map(InterfaceResponder::withdraw));
                self.announced.rename(kind);
            }
            // The record may be stale; if the name is taken, its owner will answer our probes.
            Some(_) => log::debug!("discovery: another host uses the same name, probing again"),
        }
        if self.recent_conflicts.len() < limits::MDNS_CONFLICTS {
            let window = limits::MDNS_CONFLICT_WINDOW;
            self.recent_conflicts.retain(|at| now.duration_since(*at) < window);
            self.recent_conflicts.push_back(now);
        } // Else every attempt is delayed until one succeeds.
        let is_limited = self.recent_conflicts.len() >= limits::MDNS_CONFLICTS;
        self.probe_all(now + if is_limited { limits::MDNS_CONFLICT_PAUSE } else { Duration::ZERO });
        out
    }

    fn probe_all(&mut self, from: Instant) {
        for interface in self.interfaces.values_mut() {
            interface.start_probing(from, &self.announced);
        }
    }
}
