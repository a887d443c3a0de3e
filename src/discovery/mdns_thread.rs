//! Thread `mdns`: carries packets between the sockets and the responder, and follows the interfaces
//! as they come, go and change. Failures are logged and tried again; only an order to stop ends it.

use super::datagram::{InterfaceId, Transmit};
use super::interfaces::{Interface, InterfaceSelection};
use super::netlink;
use super::rate_limit::PacketBudget;
use super::responder::Responder;
use super::service::Announcement;
use super::sockets;
use crate::addresses::{self, InterfaceAddress};
use crate::link::Waker;
use crate::lock::lock;
use crate::log_limit::LogLimit;
use crate::protocol::limits;
use crate::protocol::operator::{DiscoveryView, MdnsView, ZoneView};
use crate::wait::poll_until;
use crossbeam_channel::Receiver;
use rustix::event::{PollFd, PollFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Packets read from one socket before the others are read.
const BATCH: usize = 32;
/// The shortest time between two scans of the interfaces: a starting container changes many.
const SCAN_PAUSE: Duration = Duration::from_millis(100);

/// How nodes find the bridge, for those who ask.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnnouncementState(Arc<Mutex<DiscoveryView>>);

impl AnnouncementState {
    /// What is announced, on the interfaces where that is complete.
    pub(crate) fn read(&self) -> DiscoveryView {
        lock(&self.0).clone()
    }

    /// `None` if no advertiser runs.
    pub(super) fn set(&self, announced: Option<MdnsView>) {
        lock(&self.0).mdns = announced;
    }

    /// `None` if there is to be no zone.
    pub(crate) fn set_zone(&self, zone: Option<ZoneView>) {
        lock(&self.0).zone = zone;
    }
}

#[derive(Debug)]
pub(super) enum Order {
    Announce(Announcement),
    Stop,
}

pub(super) struct MdnsThread {
    orders: Receiver<Order>,
    /// Wakes the thread for new orders.
    waker: Arc<Waker>,
    state: AnnouncementState,
    responder: Responder,
    selection: InterfaceSelection,
    interfaces: Vec<Interface>,
    sockets: BTreeMap<InterfaceId, (UdpSocket, PacketBudget)>,
    /// If `None`, changes are found by the next regular scan.
    changes: Option<OwnedFd>,
    scan_at: Instant,
    last_scan: Option<Instant>,
    own: OwnAddresses,
    log_limit: LogLimit,
    buffer: Vec<u8>,
}

impl MdnsThread {
    pub(super) fn new(
        orders: Receiver<Order>,
        waker: Arc<Waker>,
        state: AnnouncementState,
        responder: Responder,
        selection: InterfaceSelection,
    ) -> Self {
        Self {
            orders,
            waker,
            state,
            responder,
            selection,
            interfaces: Vec::new(),
            sockets: BTreeMap::new(),
            changes: netlink::subscribe()
                .map_err(|error| log::debug!("discovery: no notifications of changes: {error}"))
                .ok(),
            scan_at: Instant::now(),
            last_scan: None,
            own: OwnAddresses::default(),
            log_limit: LogLimit::default(),
            buffer: vec![0; limits::MDNS_PACKET],
        }
    }

    pub(super) fn run(mut self) {
        loop {
            let now = Instant::now();
            while let Ok(order) = self.orders.try_recv() {
                let Order::Announce(announcement) = order else {
                    return self.send(self.responder.goodbye());
                };
                let packets = self.responder.update(now, announcement);
                self.send(packets);
            }
            self.scan_if_due(now);
            let due = self.responder.tick(now);
            self.send(due);
            self.state.set(Some(self.responder.view(&self.interfaces)));
            let next = self.responder.next_deadline();
            let (readable, has_changed) =
                self.wait(now, next.map_or(self.scan_at, |at| at.min(self.scan_at)));
            if has_changed {
                // Before any packet is read: those of other responders here depend on the change.
                let now = Instant::now();
                let earliest = self.last_scan.map_or(now, |at| at + SCAN_PAUSE);
                self.scan_at = self.scan_at.min(earliest);
                self.scan_if_due(now);
            }
            readable.into_iter().for_each(|id| self.read(id));
        }
    }

    /// Waits for orders, packets, changes or the deadline. Returns where packets can be read, and
    /// whether the interfaces may have changed.
    fn wait(&self, now: Instant, mut deadline: Instant) -> (Vec<InterfaceId>, bool) {
        let mut ids = Vec::new();
        let mut fds = vec![PollFd::new(&*self.waker, PollFlags::IN)];
        fds.extend(self.changes.iter().map(|changes| PollFd::new(changes, PollFlags::IN)));
        let first = fds.len();
        for (id, (socket, budget)) in &self.sockets {
            match budget.exhausted_until(now) {
                // Packets beyond the limit stay in the kernel, which drops them cheaply.
                Some(until) => deadline = deadline.min(until),
                None => {
                    ids.push(*id);
                    fds.push(PollFd::new(socket, PollFlags::IN));
                }
            }
        }
        self.waker.fall_asleep();
        let ready =
            if self.orders.is_empty() { poll_until(&mut fds, Some(deadline)) } else { Ok(false) };
        self.waker.woke_up(!fds[0].revents().is_empty());
        if let Err(error) = ready {
            self.warn("poll", || format!("could not wait for packets: {error}"));
            // The system is out of memory; do not try again at once.
            std::thread::sleep(SCAN_PAUSE);
            return (ids, true);
        }
        let changed = first > 1 && !fds[1].revents().is_empty();
        if let Some(changes) = self.changes.as_ref().filter(|_| changed) {
            netlink::drain(changes);
        }
        let ready = ids.into_iter().zip(&fds[first..]).filter(|(_, fd)| !fd.revents().is_empty());
        (ready.map(|(id, _)| id).collect(), changed)
    }

    fn read(&mut self, id: InterfaceId) {
        for _ in 0..BATCH {
            let now = Instant::now();
            let Some((socket, budget)) = self.sockets.get_mut(&id) else { return };
            if budget.exhausted_until(now).is_some() {
                return;
            }
            let (length, from) = match socket.recv_from(&mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    // The interface is gone; if it comes back, it is a new one.
                    self.warn("receive", || format!("could not receive: {error}"));
                    return self.close(id);
                }
            };
            if !budget.take(now, from.ip(), length) {
                continue;
            }
            let (bytes, own) = (&self.buffer[..length], &mut self.own);
            let out = self.responder.receive(now, id, from, bytes, &mut |ip| own.contains(ip, now));
            self.send(out);
        }
    }

    fn send(&self, packets: Vec<Transmit>) {
        for Transmit { interface, to, bytes } in packets {
            let Some((socket, _)) = self.sockets.get(&interface) else { continue };
            let to = to.unwrap_or_else(|| sockets::group(interface));
            if let Err(error) = socket.send_to(&bytes, to) {
                let name = self.name(interface.index);
                self.warn("send", || format!("could not send to {to} on {name}: {error}"));
            }
        }
    }

    fn scan_if_due(&mut self, now: Instant) {
        if now >= self.scan_at {
            self.scan(now);
            self.scan_at = now + limits::MDNS_RESCAN;
        }
    }

    fn scan(&mut self, now: Instant) {
        let is_first = self.last_scan.replace(now).is_none();
        let own = match addresses::list() {
            Ok(own) => own,
            Err(error) => {
                return self
                    .warn("interfaces", || format!("could not list the interfaces: {error}"));
            }
        };
        self.own.update(&own, now);
        let interfaces = self.selection.choose(&own);
        log_changes(&self.interfaces, &interfaces);
        if is_first && interfaces.is_empty() {
            log::info!("discovery: waiting for a local network to announce the bridge on");
        }
        let wanted: BTreeSet<InterfaceId> = interfaces.iter().flat_map(Interface::ids).collect();
        let is_gone = |id: &InterfaceId| !wanted.contains(id);
        let gone: Vec<_> = self.sockets.keys().copied().filter(is_gone).collect();
        gone.into_iter().for_each(|id| self.close(id));
        self.interfaces = interfaces;
        for interface in self.interfaces.clone() {
            for id in interface.ids().filter(|id| self.open(*id)).collect::<Vec<_>>() {
                let addresses = interface.addresses.clone();
                let packets = self.responder.set_interface(now, id, addresses);
                self.send(packets);
            }
        }
    }

    /// Opens the socket unless it is open; whether it is.
    fn open(&mut self, id: InterfaceId) -> bool {
        if self.sockets.contains_key(&id) {
            return true;
        }
        match sockets::open(id) {
            Ok(socket) => {
                self.sockets.insert(id, (socket, PacketBudget::new()));
                true
            }
            Err(error) => {
                let (name, family) = (self.name(id.index), if id.v6 { "IPv6" } else { "IPv4" });
                self.warn("open", || format!("no mDNS on {name} with {family}: {error}"));
                false
            }
        }
    }

    fn close(&mut self, id: InterfaceId) {
        self.sockets.remove(&id);
        self.responder.remove_interface(id);
    }

    fn name(&self, index: u32) -> &str {
        self.interfaces.iter().find(|i| i.index == index).map_or("?", |i| &i.name)
    }

    fn warn(&self, kind: &'static str, text: impl FnOnce() -> String) {
        if let Some(more) = self.log_limit.admit(kind) {
            log::warn!("discovery: {}{more}", text());
        }
    }
}

fn log_changes(old: &[Interface], new: &[Interface]) {
    for interface in new.iter().filter(|interface| !old.contains(interface)) {
        let ips = interface.addresses.announced.iter().map(IpAddr::to_string);
        let ips = ips.collect::<Vec<_>>().join(", ");
        log::info!("discovery: announcing on {} with {ips}", interface.name);
    }
    for gone in old.iter().filter(|gone| !new.iter().any(|stays| stays.index == gone.index)) {
        log::info!("discovery: no longer announcing on {}", gone.name);
    }
}

/// The addresses of this machine, and those it had until recently.
#[derive(Default)]
struct OwnAddresses {
    current: BTreeSet<IpAddr>,
    recent: BTreeMap<IpAddr, Instant>,
    listed_at: Option<Instant>,
}

impl OwnAddresses {
    fn update(&mut self, own: &[InterfaceAddress], now: Instant) {
        let addresses: BTreeSet<IpAddr> = own.iter().map(|own| own.ip).collect();
        self.recent.extend(self.current.difference(&addresses).map(|gone| (*gone, now)));
        self.recent.retain(|_, at| now.duration_since(*at) < limits::MDNS_OWN_ADDRESS_KEPT);
        (self.current, self.listed_at) = (addresses, Some(now));
    }

    /// Whether this is one of them. Another responder on this machine may learn of a new address
    /// before us, so the addresses are listed again before an unknown one counts as foreign.
    fn contains(&mut self, ip: IpAddr, now: Instant) -> bool {
        if self.current.contains(&ip) || self.recent.contains_key(&ip) {
            return true;
        }
        if self.listed_at.is_some_and(|at| now.duration_since(at) < limits::MDNS_RESCAN_MIN) {
            return false;
        }
        self.listed_at = Some(now);
        if let Ok(own) = addresses::list() {
            self.update(&own, now);
        }
        self.current.contains(&ip)
    }
}
