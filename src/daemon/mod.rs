//! The bridge as a running whole: the only place that knows every part.
//!
//! Born in this order: lock, pairing files, listeners, control socket, workers, router, accepting.
//! Dies in reverse: no more newcomers, every connection is told and closed, the router ends, the
//! socket and the lock go.

mod clock;
mod error;
mod host;
mod ids;
mod journal;
mod keeper;
mod lock;
pub mod notify;
mod operator;
mod router_thread;
mod settings;

pub use error::Error;
pub use host::{Host, Reloaded};
pub(crate) use lock::Lock;
pub use operator::Operator;
pub use settings::{policy, raise_open_files, Settings};

use crate::backend::{Backend, Outlet, Workers};
use crate::control::Server;
use crate::link::{Gate, Inbox, Waker};
use crate::log_limit::LogLimit;
use crate::pairing_store::PairingStore;
use crate::protocol::operator::ListenerView;
use crate::router::{Asker, Input, News, OperatorId, Router};
use crate::transport::{Listener, Reception};
use clock::Clock;
use crossbeam_channel::{unbounded, Sender};
use keeper::Keeper;
use log::LevelFilter;
use router_thread::{Facts, RouterThread, World};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;

/// A running bridge. Dropping it stops it.
pub struct Daemon {
    inbox: Inbox,
    handle: Handle,
    operators: Arc<AtomicU64>,
    addresses: Vec<SocketAddr>,
    control_socket: PathBuf,
    keeper: Option<JoinHandle<Result<(), Error>>>,
}

/// What thread `keeper` is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    Stop,
    Reload(Option<Asker>),
    Log(Asker, LevelFilter),
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

impl Daemon {
    /// Starts everything; nodes can connect when this returns. `backend` answers them.
    ///
    /// # Errors
    /// What could not be started and why; nothing is left running.
    pub fn start(settings: Settings, backend: Arc<dyn Backend>) -> Result<Self, Error> {
        Self::start_in(settings, backend, Arc::new(()))
    }

    /// The same, in a program that lets operators reload its configuration or change its log.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub fn start_in(
        settings: Settings,
        backend: Arc<dyn Backend>,
        host: Arc<dyn Host>,
    ) -> Result<Self, Error> {
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
        let workers = Workers::start(&backend, &inbox).map_err(Error::System)?;
        backend.start(Arc::new(BackendOutlet(inbox.clone())));
        let policy = settings.policy.clone();
        let router = Router::new(clock.now(), policy, book, Box::new(ids::Random));
        let facts = Facts { listeners: views(&addresses), state_dir: settings.state_dir, clock };
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
            log_limit: log_limit.clone(),
            last: Arc::new(AtomicU64::new(0)),
        };
        let mut accepting = accept_nodes(listeners, &reception).map_err(Error::System)?;
        let operators = Arc::new(AtomicU64::new(0));
        let control = control.start(inbox.clone(), operators.clone(), stop.clone(), log_limit);
        accepting.push(control.map_err(Error::System)?);
        let handle = Handle { tasks: task_sender };
        let keeper = Keeper {
            inbox: inbox.clone(),
            gate,
            stop,
            tasks,
            backend,
            host,
            accepting,
            router,
            _lock: lock,
        };
        let keeper = Some(keeper.start().map_err(Error::System)?);
        Ok(Self { inbox, handle, operators, addresses, control_socket, keeper })
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

    /// An operator within this program: approves, invokes, follows events, as the commands do.
    ///
    /// # Errors
    /// No descriptor left.
    pub fn operator(&self) -> io::Result<Operator> {
        let op = OperatorId(self.operators.fetch_add(1, Ordering::Relaxed) + 1);
        Operator::new(op, self.inbox.clone())
    }

    /// A way to tell nodes and operators something, for who is not the backend.
    pub fn outlet(&self) -> Arc<dyn Outlet> {
        Arc::new(BackendOutlet(self.inbox.clone()))
    }

    /// Waits until somebody stops the bridge: a [`Handle`], or an operator.
    ///
    /// # Errors
    /// The router failed, which is a bug.
    pub fn wait(mut self) -> Result<(), Error> {
        self.join()
    }

    /// Stops the bridge: nodes are told, runs end, what was acknowledged is on disk.
    ///
    /// # Errors
    /// The router failed, which is a bug.
    pub fn stop(mut self) -> Result<(), Error> {
        self.handle.stop();
        self.join()
    }

    fn join(&mut self) -> Result<(), Error> {
        let joined = self.keeper.take().map(JoinHandle::join);
        joined.unwrap_or(Ok(Ok(()))).unwrap_or(Err(Error::RouterFailed))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.handle.stop();
        // Whoever wants to know uses `stop` or `wait`.
        let _ = self.join();
    }
}

fn accept_nodes(
    listeners: Vec<Listener>,
    reception: &Reception,
) -> io::Result<Vec<JoinHandle<()>>> {
    let start =
        |(number, listener): (usize, Listener)| listener.start(number + 1, reception.clone());
    listeners.into_iter().enumerate().map(start).collect()
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
