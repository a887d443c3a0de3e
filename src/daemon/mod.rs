//! The bridge as a running whole: the only place that knows every part.
//!
//! Born in this order: lock, pairing files, certificate, listeners, control socket, workers, router,
//! backend, accepting, mDNS. Dies in this: a goodbye, no more newcomers and no sockets for them,
//! every connection is told and closed, the backend and the router end, the lock goes.

mod announcing;
mod clock;
mod error;
mod expiry;
mod host;
mod ids;
mod journal;
mod keeper;
mod lock;
pub mod notify;
mod operator;
mod router_thread;
mod settings;
mod start;
mod watch;

pub use error::Error;
pub use host::{Host, Reloaded};
pub(crate) use lock::Lock;
pub use operator::Operator;
pub use settings::{policy, profile, raise_open_files, tls_files, Discovery, Settings, Tls};

use crate::backend::{Backend, Outlet};
use crate::link::Inbox;
use crate::router::{BackendEvent, Input, OperatorId, Requester};
use crate::tls::Acceptor;
use crate::transport::Listening;
use crossbeam_channel::Sender;
use log::LevelFilter;
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
    listening: Listening,
    tls: Option<Arc<Acceptor>>,
    control_socket: PathBuf,
    keeper: Option<JoinHandle<Result<(), Error>>>,
}

/// What thread `keeper` is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    Stop,
    Reload(Option<Requester>),
    Log(Requester, LevelFilter),
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
        start::start(settings, backend, host)
    }

    /// Where nodes can connect at this moment.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening.now().addresses
    }

    /// What connections are encrypted with, if they are: the fingerprint that nodes have to pin,
    /// always the current one, and the way to replace the certificate.
    pub fn tls(&self) -> Option<&Arc<Acceptor>> {
        self.tls.as_ref()
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

struct BackendOutlet(Inbox);

impl Outlet for BackendOutlet {
    fn send(&self, event: BackendEvent) {
        // After the end nobody receives it.
        let _ = self.0.post(Input::BackendEvent(event));
    }
}
