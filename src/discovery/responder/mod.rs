//! The mDNS responder (RFC 6762, RFC 6763): packets in, packets out. Pure: time, chance and what
//! this machine's addresses are come in with the calls; `thread.rs` has the sockets.
//!
//! Names are the same on every link. Each link, in each family of addresses, has its own records
//! and goes its own way: probing, announcing, answering. Nothing is announced again without need:
//! a link that was down for a moment is a new link, and whoever is interested asks.

mod conflict;
mod link;
pub(crate) mod names;
pub(crate) mod packets;
mod question;
mod records;
#[cfg(test)]
mod tests;

pub(super) use link::Budget;

use crate::discovery::interfaces::AnnouncedAddresses;
use crate::discovery::Facts;
use crate::protocol::limits;
use link::{Link, Stage};
use names::Names;
use records::Part;
use simple_dns::PacketFlag;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

/// The port of mDNS. Who asks from another one is an old-fashioned resolver.
pub(super) const PORT: u16 = 5353;

/// Milliseconds before the first probe, so that machines that are switched on together do not all
/// speak at once (RFC 6762, section 8.1).
const BEFORE_PROBING: Range<u64> = 0..250;

/// One link in one family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkId {
    /// The index of the interface.
    pub(super) index: u32,
    /// Whether it is IPv6.
    pub(super) v6: bool,
}

/// A packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transmit {
    pub(super) link: LinkId,
    /// `None` is the group.
    pub(super) to: Option<SocketAddr>,
    pub(super) bytes: Vec<u8>,
}

/// A packet that came in.
pub(super) struct Received<'p> {
    pub(super) link: LinkId,
    pub(super) from: SocketAddr,
    pub(super) bytes: &'p [u8],
}

/// See the module.
pub(super) struct Responder {
    facts: Facts,
    names: Names,
    links: BTreeMap<LinkId, Link>,
    conflicts: VecDeque<Instant>,
    chance: Chance,
}

impl Responder {
    pub(super) fn new(facts: Facts, seed: u64) -> Self {
        let names = Names::new(&facts);
        let (links, conflicts) = (BTreeMap::new(), VecDeque::new());
        Self { facts, names, links, conflicts, chance: Chance(seed | 1) }
    }

    /// The name of the service, as it is now.
    pub(super) fn instance(&self) -> String {
        self.names.instance()
    }

    /// The name of the machine, as it is now.
    pub(super) fn host(&self) -> String {
        self.names.host()
    }

    /// The types of service that are announced.
    pub(super) fn types(&self) -> &[String] {
        &self.facts.types
    }

    /// Whether everybody on this interface has been told.
    pub(super) fn is_announced_on(&self, index: u32) -> bool {
        let mut links = self.links.iter().filter(|(id, _)| id.index == index);
        links.any(|(_, link)| link.told && !link.is_probing())
    }

    /// There is a link, whose interface has this; or what it has is another now.
    pub(super) fn set_link(
        &mut self,
        now: Instant,
        id: LinkId,
        addresses: AnnouncedAddresses,
    ) -> Vec<Transmit> {
        let Some(link) = self.links.get_mut(&id) else {
            let at = now + self.chance.within(BEFORE_PROBING);
            let entries = records::records(&self.facts, &self.names, &addresses);
            let stage = Stage::Probing { sent: 0, at };
            let unicast = Budget::new(limits::MDNS_UNICAST);
            self.links.insert(id, Link { addresses, entries, stage, told: false, unicast });
            return Vec::new();
        };
        if link.addresses == addresses {
            return Vec::new();
        }
        link.addresses = addresses;
        let told = link.told;
        let mut gone = link.rebuild(&self.facts, &self.names);
        gone.retain(|entry| entry.part == Part::Address && told);
        link.announce(now);
        let gone: Vec<_> = gone.iter().collect();
        transmits(id, None, packets::goodbye_packets(&gone)).collect()
    }

    /// A link is no more.
    pub(super) fn drop_link(&mut self, id: LinkId) {
        self.links.remove(&id);
    }

    /// The bridge is called, or does, something else from now on.
    pub(super) fn update(&mut self, now: Instant, facts: Facts) -> Vec<Transmit> {
        if facts == self.facts {
            return Vec::new();
        }
        let renamed = !self.names.are_wanted_by(&facts);
        // In the words of the old names and types.
        let goodbye = if renamed { self.goodbye() } else { Vec::new() };
        self.facts = facts;
        if !renamed {
            for link in self.links.values_mut() {
                link.rebuild(&self.facts, &self.names);
                link.announce(now);
            }
            return Vec::new();
        }
        self.names = Names::new(&self.facts);
        self.links.values_mut().for_each(|link| link.told = false);
        self.probe_all(now);
        goodbye
    }

    /// What tells everybody that the bridge is no more.
    pub(super) fn goodbye(&self) -> Vec<Transmit> {
        let packets = |(id, link): (&LinkId, &Link)| transmits(*id, None, link.goodbye());
        self.links.iter().flat_map(packets).collect()
    }

    /// When [`Responder::tick`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.links.values().filter_map(Link::next_deadline).min()
    }

    /// What is due.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Transmit> {
        let due = |(id, link): (&LinkId, &mut Link)| transmits(*id, None, link.tick(now));
        self.links.iter_mut().flat_map(due).collect()
    }

    /// What a packet leads to at once. `is_own` tells whether an address is one of this machine's.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        received: &Received<'_>,
        is_own: &mut dyn FnMut(IpAddr) -> bool,
    ) -> Vec<Transmit> {
        let id = received.link;
        let Some(packet) = packets::parse(received.bytes) else { return Vec::new() };
        if !self.links.contains_key(&id) {
            return Vec::new();
        }
        let mut out = if !packet.has_flags(PacketFlag::RESPONSE) {
            self.asked(now, received, &packet, is_own)
        } else if received.from.port() == PORT {
            self.heard(now, id, &packet, is_own)
        } else {
            // Nobody answers us from another port (RFC 6762, section 6).
            Vec::new()
        };
        let Some(link) = self.links.get_mut(&id) else { return out };
        out.extend(transmits(id, None, link.tick(now)));
        out
    }

    /// Every link asks for the names again.
    fn probe_all(&mut self, from: Instant) {
        for link in self.links.values_mut() {
            link.rebuild(&self.facts, &self.names);
            link.probe(from + self.chance.within(BEFORE_PROBING));
        }
    }
}

fn transmits(
    link: LinkId,
    to: Option<SocketAddr>,
    packets: Vec<Vec<u8>>,
) -> impl Iterator<Item = Transmit> {
    packets.into_iter().map(move |bytes| Transmit { link, to, bytes })
}

/// Numbers that spread delays; nothing is kept secret with them (xorshift).
struct Chance(u64);

impl Chance {
    /// A time in milliseconds.
    fn within(&mut self, range: Range<u64>) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let width = (range.end - range.start).max(1);
        Duration::from_millis(range.start + self.0 % width)
    }
}
