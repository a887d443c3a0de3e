//! How nodes find the bridge: announced by mDNS in the local network, or in a DNS zone beyond it
//! (protocol section 10).
//!
//! Floor 2. The advertiser is ours because the responder of the mDNS crate takes unicast away from
//! an avahi on the same machine, speaks on one interface only, and dies of a failed send.

pub mod browse;
mod changes;
mod finds;
mod interfaces;
pub mod profile;
mod responder;
pub mod service;
mod sockets;
pub mod tailscale;
mod thread;
pub mod zone;
pub mod zone_file;

pub use finds::Found;
pub use profile::Profile;
pub use service::Service;

use crate::link::Waker;
use crate::protocol::limits;
use crate::random;
use interfaces::InterfaceSelection;
use responder::Responder;
use std::io;
use std::net::IpAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// What is announced in the local network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The bridge.
    pub service: Service,
    /// The types of service it is announced as, such as [`service::SERVICE_TYPE`].
    pub types: Vec<String>,
    /// Whether strangers are spared what only operators need: `sshPort` and `cliPath`.
    pub is_minimal: bool,
}

impl Facts {
    /// The TXT strings; `host` is the machine's name as it is announced now.
    fn local_txt(&self, host: &str) -> Vec<String> {
        let service = Service { host: host.to_owned(), ..self.service.clone() };
        let mut strings = service.local_txt();
        let for_operators =
            |string: &String| matches!(string.split_once('='), Some(("sshPort" | "cliPath", _)));
        strings.retain(|string| !(self.is_minimal && for_operators(string)));
        strings
    }
}

/// What to announce, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// What.
    pub facts: Facts,
    /// The addresses that are listened on; an unspecified one stands for all of its family.
    pub listening: Vec<IpAddr>,
    /// Only on these interfaces; empty is every one that leads to a local network.
    pub interfaces: Vec<String>,
}

/// What is announced now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// The name of the service, which may have got a number.
    pub instance: String,
    /// The name of the machine with its domain, which may have got a number.
    pub host: String,
    /// The types of service.
    pub types: Vec<String>,
    /// The names of the interfaces on which that has been told.
    pub interfaces: Vec<String>,
}

/// A place where anybody can see what is announced now.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<Option<Announced>>>);

impl Board {
    /// What is announced; `None` if nothing is.
    pub fn read(&self) -> Option<Announced> {
        lock(&self.0).clone()
    }

    fn set(&self, announced: Announced) {
        *lock(&self.0) = Some(announced);
    }
}

/// Announces the bridge until it is stopped.
#[derive(Debug)]
pub struct Advertiser {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Between the thread and everybody else.
#[derive(Debug)]
struct Shared {
    waker: Waker,
    orders: Mutex<Orders>,
    ended: Mutex<bool>,
    end: Condvar,
    announced: Board,
}

/// What the thread is told.
#[derive(Debug, Default)]
struct Orders {
    facts: Option<Facts>,
    stop: bool,
}

impl Advertiser {
    /// Starts to announce; what is announced can be seen on the board. That there is no interface
    /// yet, or no route, is no reason to fail.
    ///
    /// # Errors
    /// No thread or descriptor left.
    pub fn start(announcement: Announcement, board: &Board) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            waker: Waker::new()?,
            orders: Mutex::default(),
            ended: Mutex::new(false),
            end: Condvar::new(),
            announced: board.clone(),
        });
        let Announcement { facts, listening, interfaces } = announcement;
        let seed = random::bits().map_err(|_| io::Error::other("no random source"))?;
        // The lower half is as random as the whole.
        let responder = Responder::new(facts, seed as u64);
        let selection = InterfaceSelection { listening, names: interfaces };
        let mdns = thread::Mdns::new(shared.clone(), responder, selection);
        let ending = shared.clone();
        let thread = Builder::new().name("mdns".into()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| mdns.run())).is_err() {
                log::error!("discovery: panicked; the bridge is no longer announced");
            }
            *lock(&ending.announced.0) = None;
            *lock(&ending.ended) = true;
            ending.end.notify_all();
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Announces something else from now on.
    pub fn update(&self, facts: Facts) {
        lock(&self.shared.orders).facts = Some(facts);
        self.shared.waker.wake();
    }

    /// Says goodbye and ends. Returns when that is done, or at the latest after
    /// [`limits::MDNS_STOP`].
    pub fn stop(&self) {
        lock(&self.shared.orders).stop = true;
        self.shared.waker.wake();
        let Some(thread) = lock(&self.thread).take() else { return };
        let deadline = Instant::now() + limits::MDNS_STOP;
        let mut ended = lock(&self.shared.ended);
        while !*ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                log::warn!("discovery: the goodbye takes too long, leaving without it");
                return;
            }
            let waited = self.shared.end.wait_timeout(ended, left);
            ended = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(ended);
        // It has caught its panic, if any.
        let _ = thread.join();
    }
}

impl Drop for Advertiser {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn take_orders(&self) -> Orders {
        let mut orders = lock(&self.orders);
        Orders { facts: orders.facts.take(), stop: orders.stop }
    }

    fn has_orders(&self) -> bool {
        let orders = lock(&self.orders);
        orders.facts.is_some() || orders.stop
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is replaced as a whole, so a panic leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
