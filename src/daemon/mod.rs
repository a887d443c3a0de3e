//! The bridge as a running whole: the only place that knows every part.
//!
//! Born in this order: lock, pairing files, listeners, control socket, workers, router, accepting,
//! mDNS. Dies in reverse: a goodbye, no more newcomers, every connection is told and closed, the
//! router ends, the socket and the lock go.

mod clock;
mod error;
mod ids;
mod journal;
mod lock;
pub mod notify;
mod router_thread;
mod settings;

pub use error::Error;
pub(crate) use lock::Lock;
pub use settings::{facts, policy, Discovery, Settings};

use crate::backend::{Backend, Outlet, Workers};
use crate::control::Server;
use crate::discovery::{Advertiser, Announcement, Board, Facts as Announced};
use crate::link::{Gate, Inbox, Waker};
use crate::log_limit::LogLimit;
use crate::pairing_store::PairingStore;
use crate::protocol::operator::{Answer, ListenerView};
use crate::protocol::{limits, WireError};
use crate::router::{Asker, Input, News, Policy, Router};
use crate::transport::{Listener, Reception};
use clock::Clock;
use crossbeam_channel::{unbounded, Receiver, Sender};
use router_thread::{Facts, RouterThread, World};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// A running bridge.
pub struct Daemon {
    inbox: Inbox,
    gate: Arc<Gate>,
    stop: Arc<Waker>,
    tasks: Receiver<Task>,
    handle: Handle,
    backend: Arc<dyn Backend>,
    accepting: Vec<JoinHandle<()>>,
    advertiser: Option<Arc<Advertiser>>,
    router: JoinHandle<()>,
    addresses: Vec<SocketAddr>,
    control_socket: PathBuf,
    _lock: Lock,
}

/// What the thread that runs the daemon is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    Stop,
    Reload(Option<Asker>),
    /// The router is gone, which is a bug; nothing can be decided any more.
    RouterGone,
}

/// A way to tell a running bridge something, from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    tasks: Sender<Task>,
}

impl Handle {
    /// The bridge shall end.
    pub fn stop(&self) {
        // If it has ended, that is what was wanted.
        let _ = self.tasks.send(Task::Stop);
    }

    /// The configuration shall be read again.
    pub fn reload(&self) {
        let _ = self.tasks.send(Task::Reload(None));
    }
}

/// What came of reading the configuration again.
#[derive(Debug)]
pub struct Reloaded {
    /// The rules from now on.
    pub policy: Policy,
    /// What is announced from now on, if anything is.
    pub facts: Option<Announced>,
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    /// Keys that differ, but need a new start.
    pub restart_needed: Vec<String>,
}

impl Daemon {
    /// Starts everything; nodes can connect when this returns.
    ///
    /// # Errors
    /// What could not be started and why; nothing is left running.
    pub fn start(settings: Settings, backend: &Arc<dyn Backend>) -> Result<Self, Error> {
        let clock = Clock::start();
        let lock = Lock::take(&settings.state_dir)?;
        let (store, book) = PairingStore::open(&settings.state_dir, clock.now().wall)?;
        let listeners = Listener::bind_all(&settings.endpoints)
            .map_err(|(address, source)| Error::Bind { address, source })?;
        let addresses: Vec<SocketAddr> = listeners.iter().map(Listener::address).collect();
        let control = Server::bind(&settings.control_socket)?;
        let control_socket = control.path().to_owned();

        let (inbox, inputs) = Inbox::new();
        let gate = Gate::new(settings.connections, settings.strangers);
        let stop = Arc::new(Waker::new().map_err(Error::System)?);
        let log_limit = Arc::new(LogLimit::default());
        let (task_sender, tasks) = unbounded();
        let workers = Workers::start(backend, &inbox).map_err(Error::System)?;
        backend.start(Arc::new(BackendOutlet(inbox.clone())));
        let policy = settings.policy.clone();
        let router = Router::new(clock.now(), policy, book, Box::new(ids::Random));
        let board = Board::default();
        let facts = Facts {
            listeners: views(&addresses),
            state_dir: settings.state_dir,
            clock,
            board: board.clone(),
        };
        let world = World {
            store,
            workers,
            tasks: task_sender.clone(),
            log_limit: log_limit.clone(),
            facts,
        };
        let router = RouterThread::new(router, inputs, world).start().map_err(Error::System)?;

        let reception = Reception {
            inbox: inbox.clone(),
            gate: gate.clone(),
            stop: stop.clone(),
            log_limit,
            last: Arc::new(AtomicU64::new(0)),
        };
        let accepting = accept(listeners, control, &reception).map_err(Error::System)?;
        let advertiser = settings.discovery.and_then(|d| advertise(d, &addresses, &board));
        let handle = Handle { tasks: task_sender };
        Ok(Self {
            inbox,
            gate,
            stop,
            tasks,
            handle,
            backend: backend.clone(),
            accepting,
            advertiser: advertiser.map(Arc::new),
            router,
            addresses,
            control_socket,
            _lock: lock,
        })
    }

    /// Where nodes can connect.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where operators can connect.
    pub fn control_socket(&self) -> &Path {
        &self.control_socket
    }

    /// A way to stop it, or have it reload, from another thread.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until somebody wants it to stop, then stops it. `reload` reads the configuration
    /// again; it has a thread of its own, so that a file system that hangs keeps nobody from
    /// stopping the bridge.
    ///
    /// # Errors
    /// The router failed, which is a bug.
    pub fn run(
        self,
        reload: impl Fn() -> Result<Reloaded, String> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let reload: Arc<Reload> = Arc::new(reload);
        let mut reloading: Option<JoinHandle<()>> = None;
        loop {
            match self.tasks.recv() {
                Ok(Task::Reload(asker)) if reloading.as_ref().is_some_and(|r| !r.is_finished()) => {
                    let error = WireError::unavailable("the configuration is being read already");
                    answer_reload(&self.inbox, asker, None, Err(error));
                }
                Ok(Task::Reload(asker)) => {
                    let (inbox, reload) = (self.inbox.clone(), reload.clone());
                    let announcing = self.announcing();
                    let thread = Builder::new().name("reload".into());
                    let thread =
                        thread.spawn(move || read_again(&inbox, &announcing, asker, &*reload));
                    reloading = thread.map_err(|e| log::error!("daemon: cannot reload: {e}")).ok();
                }
                Ok(Task::Stop) => {
                    self.shut_down();
                    return Ok(());
                }
                Ok(Task::RouterGone) | Err(_) => return Err(Error::RouterFailed),
            }
        }
    }

    fn announcing(&self) -> Announcing {
        let port = self.addresses.first().map(SocketAddr::port);
        Announcing { advertiser: self.advertiser.clone(), port }
    }

    fn shut_down(self) {
        let began = Instant::now();
        if let Some(advertiser) = &self.advertiser {
            // First, so that no node finds a bridge that is about to leave.
            advertiser.stop();
        }
        self.stop.alarm();
        for thread in self.accepting {
            if thread.join().is_err() {
                log::error!("daemon: an accepting thread had panicked");
            }
        }
        // Once to close every connection, and once more to end.
        let _ = self.inbox.post(Input::Stop);
        let left = self.gate.wait_until_empty(limits::STOP_DEADLINE);
        if left > 0 {
            log::warn!("daemon: leaving without {left} connections that did not end in time");
        }
        self.backend.stop(limits::STOP_BACKEND);
        let _ = self.inbox.post(Input::Stop);
        if self.router.join().is_err() {
            log::error!("daemon: the router had panicked");
        }
        log::info!("daemon: stopped took={}ms", began.elapsed().as_millis());
    }
}

type Reload = dyn Fn() -> Result<Reloaded, String> + Send + Sync;

/// Starts the threads at the doors of nodes and operators.
fn accept(
    listeners: Vec<Listener>,
    control: Server,
    reception: &Reception,
) -> io::Result<Vec<JoinHandle<()>>> {
    let mut accepting = Vec::new();
    for (number, listener) in listeners.into_iter().enumerate() {
        accepting.push(listener.start(number + 1, reception.clone())?);
    }
    let Reception { inbox, stop, log_limit, .. } = reception;
    accepting.push(control.start(inbox.clone(), stop.clone(), log_limit.clone())?);
    Ok(accepting)
}

/// Tells the network what has changed.
struct Announcing {
    advertiser: Option<Arc<Advertiser>>,
    port: Option<u16>,
}

impl Announcing {
    fn update(&self, facts: Option<Announced>) {
        if let (Some(advertiser), Some(mut facts), Some(port)) =
            (&self.advertiser, facts, self.port)
        {
            // The configuration may say 0.
            facts.service.port = port;
            advertiser.update(facts);
        }
    }
}

/// Announces the bridge, unless only this machine can connect. That it cannot be announced is no
/// reason not to serve the nodes that know it.
fn advertise(discovery: Discovery, addresses: &[SocketAddr], board: &Board) -> Option<Advertiser> {
    let listening: Vec<_> = addresses.iter().map(SocketAddr::ip).collect();
    if listening.iter().all(|ip| ip.is_loopback()) {
        return None;
    }
    let Discovery { mut facts, interfaces } = discovery;
    facts.service.port = addresses.first()?.port();
    let announcement = Announcement { facts, listening, interfaces };
    let advertiser = Advertiser::start(announcement, board);
    advertiser.map_err(|error| log::error!("daemon: cannot announce the bridge: {error}")).ok()
}

fn read_again(inbox: &Inbox, announcing: &Announcing, asker: Option<Asker>, reload: &Reload) {
    match reload() {
        Ok(reloaded) => {
            announcing.update(reloaded.facts);
            let path = reloaded.path.map(|path| path.display().to_string());
            let file = path.as_deref().unwrap_or("none");
            log::info!("daemon: configuration read again file={file}");
            for key in &reloaded.restart_needed {
                log::warn!("daemon: {key} was changed; it takes effect at the next start");
            }
            let answer = Answer::Reloaded { path, restart_needed: reloaded.restart_needed };
            answer_reload(inbox, asker, Some(reloaded.policy), Ok(answer));
        }
        Err(error) => {
            log::error!("daemon: keeping the old configuration: {error}");
            let text = format!("the old configuration stays in force: {error}");
            answer_reload(inbox, asker, None, Err(WireError::invalid(text)));
        }
    }
}

fn answer_reload(
    inbox: &Inbox,
    asker: Option<Asker>,
    policy: Option<Policy>,
    answer: Result<Answer, WireError>,
) {
    let reply = asker.map(|asker| (asker, answer));
    // If the router is gone, the next task says so.
    let _ = inbox.post(Input::Configured { policy: policy.map(Box::new), reply });
}

fn views(addresses: &[SocketAddr]) -> Vec<ListenerView> {
    let view = |address: &SocketAddr| ListenerView { address: address.to_string(), tls: "off" };
    addresses.iter().map(view).collect()
}

struct BackendOutlet(Inbox);

impl Outlet for BackendOutlet {
    fn tell(&self, news: News) {
        // After the end there is nobody to tell.
        let _ = self.0.post(Input::News(news));
    }
}
