//! Thread `mdns`: carries packets between the links and the responder, and follows the interfaces
//! as they come, go and change. Whatever fails is logged and tried again; nothing ends it but
//! [`super::Advertiser::stop`].

use super::changes::Changes;
use super::interfaces::{Interface, InterfaceSelection};
use super::responder::{Budget, LinkId, Received, Responder, Transmit};
use super::{sockets, Announced, Shared};
use crate::addresses::{self, InterfaceAddress};
use crate::log_limit::LogLimit;
use crate::protocol::limits;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Packets read from one socket before the others have their turn.
const TURN: usize = 32;

/// Between two looks at the interfaces: when a container starts, much changes at once.
const RESCAN_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Mdns {
    shared: Arc<Shared>,
    responder: Responder,
    selection: InterfaceSelection,
    interfaces: Vec<Interface>,
    paths: BTreeMap<LinkId, Path>,
    /// Without it, changes are found a little later.
    changes: Option<Changes>,
    scanned: Option<Instant>,
    own: Own,
    log_limit: LogLimit,
    buffer: Vec<u8>,
}

/// What has happened.
struct Ready {
    /// Links on which packets may be read.
    links: Vec<LinkId>,
    /// Whether the interfaces may have changed.
    changed: bool,
}

/// The way to one link.
struct Path {
    socket: UdpSocket,
    budget: Budget,
}

impl Mdns {
    pub(super) fn new(
        shared: Arc<Shared>,
        responder: Responder,
        selection: InterfaceSelection,
    ) -> Self {
        Self {
            shared,
            responder,
            selection,
            interfaces: Vec::new(),
            paths: BTreeMap::new(),
            changes: Changes::listen()
                .map_err(|error| log::debug!("discovery: no news of interfaces: {error}"))
                .ok(),
            scanned: None,
            own: Own::default(),
            log_limit: LogLimit::default(),
            buffer: vec![0; limits::MDNS_PACKET],
        }
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        let mut rescan_at = Instant::now();
        loop {
            let now = Instant::now();
            let orders = self.shared.take_orders();
            if let Some(facts) = orders.facts {
                let packets = self.responder.update(now, facts);
                self.send(packets);
            }
            if orders.stop {
                let packets = self.responder.goodbye();
                self.send(packets);
                return;
            }
            if now >= rescan_at {
                self.rescan(now);
                rescan_at = now + limits::MDNS_RESCAN;
            }
            let due = self.responder.tick(now);
            self.send(due);
            self.show();
            let next = self.responder.next_deadline().map_or(rescan_at, |at| at.min(rescan_at));
            let ready = self.wait(now, next);
            if ready.changed {
                // Before any packet: what another responder here says follows from it.
                let now = Instant::now();
                rescan_at = rescan_at.min(self.scanned.map_or(now, |at| at + RESCAN_PAUSE));
                if now >= rescan_at {
                    self.rescan(now);
                    rescan_at = now + limits::MDNS_RESCAN;
                }
            }
            for link in ready.links {
                self.read(link);
            }
        }
    }

    /// Puts on the board what is announced now.
    fn show(&self) {
        let told = self.interfaces.iter().filter(|i| self.responder.is_announced_on(i.index));
        let interfaces = told.map(|interface| interface.name.clone()).collect();
        self.shared.announced.set(Announced {
            instance: self.responder.instance(),
            host: format!("{}.local", self.responder.host()),
            types: self.responder.types().to_vec(),
            interfaces,
        });
    }

    /// Waits until something happens.
    fn wait(&self, now: Instant, mut deadline: Instant) -> Ready {
        let mut links = Vec::new();
        let mut fds = vec![PollFd::new(&self.shared.waker, PollFlags::IN)];
        fds.extend(self.changes.iter().map(|changes| PollFd::new(changes, PollFlags::IN)));
        let first = fds.len();
        for (id, path) in &self.paths {
            match path.budget.exhausted_until(now) {
                // What comes in too fast stays with the kernel, which throws it away cheaply.
                Some(until) => deadline = deadline.min(until),
                None => {
                    links.push(*id);
                    fds.push(PollFd::new(&path.socket, PollFlags::IN));
                }
            }
        }
        let waker = &self.shared.waker;
        waker.fall_asleep();
        let ready =
            if self.shared.has_orders() { Ok(false) } else { poll_until(&mut fds, Some(deadline)) };
        waker.woke_up(!fds[0].revents().is_empty());
        if let Err(error) = ready {
            self.complain("poll", || format!("could not wait for packets: {error}"));
            // The system is short of memory; asking it all the time does not help.
            std::thread::sleep(RESCAN_PAUSE);
            return Ready { links, changed: true };
        }
        let changed = first > 1 && !fds[1].revents().is_empty();
        if let Some(changes) = self.changes.as_ref().filter(|_| changed) {
            changes.drain();
        }
        let ready = links.into_iter().zip(&fds[first..]).filter(|(_, fd)| !fd.revents().is_empty());
        Ready { links: ready.map(|(id, _)| id).collect(), changed }
    }

    fn read(&mut self, link: LinkId) {
        for _ in 0..TURN {
            let now = Instant::now();
            let Some(path) = self.paths.get_mut(&link) else { return };
            if path.budget.exhausted_until(now).is_some() {
                return;
            }
            let received = path.socket.recv_from(&mut self.buffer);
            let (length, from) = match received {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    // The interface has gone; if it comes back, it is a new one.
                    self.complain("receive", || format!("could not receive: {error}"));
                    self.close(link);
                    return;
                }
            };
            path.budget.take(now);
            let received = Received { link, from, bytes: &self.buffer[..length] };
            let own = &mut self.own;
            let out = self.responder.receive(now, &received, &mut |ip| own.has(ip, now));
            self.send(out);
        }
    }

    fn send(&self, packets: Vec<Transmit>) {
        for packet in packets {
            let Some(path) = self.paths.get(&packet.link) else { continue };
            let to = packet.to.unwrap_or_else(|| sockets::group(packet.link));
            if let Err(error) = path.socket.send_to(&packet.bytes, to) {
                let name = self.name(packet.link.index);
                self.complain("send", || format!("could not send to {to} on {name}: {error}"));
            }
        }
    }

    /// Looks at the interfaces and follows what has changed.
    fn rescan(&mut self, now: Instant) {
        let is_first = self.scanned.replace(now).is_none();
        let own = match addresses::list() {
            Ok(own) => own,
            Err(error) => {
                return self.complain("interfaces", || format!("no list of interfaces: {error}"));
            }
        };
        self.own.learn(&own, now);
        let interfaces = self.selection.choose(&own);
        log_changes(&self.interfaces, &interfaces);
        if is_first && interfaces.is_empty() {
            log::info!("discovery: no local network to announce the bridge in; waiting for one");
        }
        let wanted = |id: &LinkId| {
            interfaces.iter().any(|interface| {
                interface.index == id.index && interface.addresses.has_family(id.v6)
            })
        };
        let gone: Vec<LinkId> = self.paths.keys().filter(|id| !wanted(id)).copied().collect();
        gone.into_iter().for_each(|link| self.close(link));
        self.interfaces = interfaces;
        for interface in self.interfaces.clone() {
            for v6 in [false, true] {
                let link = LinkId { index: interface.index, v6 };
                if interface.addresses.has_family(v6) && self.open(link) {
                    let packets = self.responder.set_link(now, link, interface.addresses.clone());
                    self.send(packets);
                }
            }
        }
    }

    /// Opens the way to a link unless it is open; whether it is.
    fn open(&mut self, link: LinkId) -> bool {
        if self.paths.contains_key(&link) {
            return true;
        }
        match sockets::open(link) {
            Ok(socket) => {
                let budget = Budget::new(limits::MDNS_PACKETS);
                self.paths.insert(link, Path { socket, budget });
                true
            }
            Err(error) => {
                let (name, family) = (self.name(link.index), if link.v6 { "IPv6" } else { "IPv4" });
                self.complain("open", || format!("no mDNS on {name} with {family}: {error}"));
                false
            }
        }
    }

    fn close(&mut self, link: LinkId) {
        self.paths.remove(&link);
        self.responder.drop_link(link);
    }

    fn name(&self, index: u32) -> &str {
        let interface = self.interfaces.iter().find(|interface| interface.index == index);
        interface.map_or("?", |interface| &interface.name)
    }

    fn complain(&self, kind: &'static str, text: impl FnOnce() -> String) {
        if let Some(more) = self.log_limit.admit(kind) {
            log::warn!("discovery: {}{more}", text());
        }
    }
}

fn log_changes(old: &[Interface], new: &[Interface]) {
    for interface in new.iter().filter(|interface| !old.contains(interface)) {
        let ips: Vec<String> =
            interface.addresses.announced.iter().map(IpAddr::to_string).collect();
        log::info!("discovery: announcing on {} with {}", interface.name, ips.join(", "));
    }
    let stays = |gone: &&Interface| new.iter().any(|interface| interface.index == gone.index);
    for gone in old.iter().filter(|gone| !stays(gone)) {
        log::info!("discovery: no longer announcing on {}", gone.name);
    }
}

/// The addresses of this machine, now and a moment ago.
#[derive(Default)]
struct Own {
    now: BTreeSet<IpAddr>,
    before: BTreeMap<IpAddr, Instant>,
    looked: Option<Instant>,
}

impl Own {
    fn learn(&mut self, own: &[InterfaceAddress], now: Instant) {
        let addresses: BTreeSet<IpAddr> = own.iter().map(|own| own.ip).collect();
        for gone in self.now.difference(&addresses) {
            self.before.insert(*gone, now);
        }
        self.before.retain(|_, at| now.duration_since(*at) < limits::MDNS_OWN_ADDRESS_KEPT);
        (self.now, self.looked) = (addresses, Some(now));
    }

    /// Another responder on this machine may know of a new address before us, so a stranger's is
    /// looked up once more before it counts as one.
    fn has(&mut self, ip: IpAddr, now: Instant) -> bool {
        if self.now.contains(&ip) || self.before.contains_key(&ip) {
            return true;
        }
        let recent = |at: Instant| now.duration_since(at) < limits::MDNS_RESCAN_MIN;
        if self.looked.is_some_and(recent) {
            return false;
        }
        self.looked = Some(now);
        if let Ok(own) = addresses::list() {
            self.learn(&own, now);
        }
        self.now.contains(&ip)
    }
}
