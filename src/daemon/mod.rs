//! The bridge as a running whole: the only module that knows every part.
//!
//! Start order: lock, pairing files, certificate, listeners, control socket, canvas host, workers,
//! router, backend, accepting, mDNS. Stop order: mDNS, accepting, connections, backend, router, lock.

mod announcements;
mod builder;
mod canvas;
mod clock;
mod error;
mod heartbeat;
mod host;
mod ids;
mod invoker;
mod journal;
mod lock;
mod network;
mod node_handle;
mod operator;
mod reload;
mod router_thread;
mod settings;
mod start;
mod supervisor;
mod tasks;

pub use builder::DaemonBuilder;
pub use error::Error;
pub use host::{Host, HostError};
pub(crate) use lock::Lock;
pub use operator::{OpenRequest, Operator};
#[cfg(feature = "cli")]
pub(crate) use settings::{profile, tls_files};

use crate::backend::{Backend, InvokeAnswer, InvokeNumber, Outlet};
use crate::link::Inbox;
use crate::lock::lock;
use crate::protocol::operator::{DescribeNode, InvokeNode};
use crate::protocol::{NodeId, WireError};
use crate::router::{BackendEvent, Document, Input};
use crate::tls::{Acceptor, Fingerprint};
use crate::transport::Listening;
use invoker::Invoker;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::{fmt, io};
use tasks::{Task, TaskSender};

/// A running bridge. Dropping it stops it.
pub struct Daemon {
    inbox: Inbox,
    handle: DaemonHandle,
    operators: Arc<AtomicU64>,
    listening: Listening,
    tls: Option<Arc<Acceptor>>,
    control_socket: PathBuf,
    supervisor: Option<JoinHandle<Result<(), Error>>>,
}

/// Stops or reloads a running bridge, from any thread.
#[derive(Clone, Debug)]
pub struct DaemonHandle {
    tasks: TaskSender,
}

impl DaemonHandle {
    /// Stops the bridge; returns at once. Does nothing if it has ended.
    pub fn stop(&self) {
        self.tasks.end(Ok(()));
    }

    /// Makes the host reload the configuration; returns at once. Does nothing if many reloads are
    /// waiting already.
    pub fn reload(&self) {
        let _ = self.tasks.request(Task::Reload(None));
    }
}

impl Daemon {
    /// A bridge that keeps its state in this directory, which is created if it is missing; one that
    /// others can look into is refused. There is at most one bridge for each state directory. The
    /// backend answers the calls of nodes.
    pub fn builder(state_dir: impl Into<PathBuf>, backend: Arc<dyn Backend>) -> DaemonBuilder {
        DaemonBuilder::new(state_dir.into(), backend)
    }

    /// Where nodes can connect at this moment.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening.now().addresses
    }

    /// The fingerprint that nodes have to pin now; `None` without TLS.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.tls.as_deref().map(Acceptor::fingerprint)
    }

    #[cfg(feature = "cli")]
    pub(crate) fn tls(&self) -> Option<&Acceptor> {
        self.tls.as_deref()
    }

    /// Where operators can connect.
    pub fn control_socket(&self) -> &Path {
        &self.control_socket
    }

    /// A handle with which another thread can stop or reload the bridge.
    pub fn handle(&self) -> DaemonHandle {
        self.handle.clone()
    }

    /// An operator within this program: approves, invokes, follows events, as the commands do.
    pub fn operator(&self) -> io::Result<Operator> {
        Operator::join(&self.inbox, &self.operators)
    }

    /// Sends events to nodes and operators, for a part of the program that is not the backend.
    pub fn outlet(&self) -> Arc<dyn Outlet> {
        Arc::new(BackendOutlet::new(&self.inbox, &self.control_socket, &self.operators))
    }

    /// Waits until a [`DaemonHandle`] or an operator stops the bridge. Fails if the router failed,
    /// which is a bug.
    pub fn wait(mut self) -> Result<(), Error> {
        self.join()
    }

    /// Stops the bridge and waits for its end: connections are closed, agent runs end, and everything
    /// that was acknowledged is on disk. Fails as [`Daemon::wait`].
    pub fn stop(mut self) -> Result<(), Error> {
        self.handle.stop();
        self.join()
    }

    fn join(&mut self) -> Result<(), Error> {
        let joined = self.supervisor.take().map(JoinHandle::join);
        joined.unwrap_or(Ok(Ok(()))).unwrap_or(Err(Error::RouterFailed))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.handle.stop();
        // `stop` and `wait` report a failure.
        let _ = self.join();
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Daemon")
            .field("addresses", &self.addresses())
            .field("control_socket", &self.control_socket)
            .finish_non_exhaustive()
    }
}

struct BackendOutlet {
    inbox: Inbox,
    control_socket: PathBuf,
    /// The number of the last operator.
    operators: Arc<AtomicU64>,
    invoker: Mutex<Option<Arc<Invoker>>>,
}

impl BackendOutlet {
    fn new(inbox: &Inbox, control_socket: &Path, operators: &Arc<AtomicU64>) -> Self {
        let (inbox, operators) = (inbox.clone(), operators.clone());
        Self {
            inbox,
            control_socket: control_socket.to_owned(),
            operators,
            invoker: Mutex::default(),
        }
    }

    /// The one that carries out invokes, which is started when it is needed.
    fn invoker(&self) -> io::Result<Arc<Invoker>> {
        let mut invoker = lock(&self.invoker);
        if let Some(running) = invoker.as_ref().filter(|running| running.is_open()) {
            return Ok(running.clone());
        }
        let started = Arc::new(Invoker::start(&self.inbox, &self.operators)?);
        *invoker = Some(started.clone());
        Ok(started)
    }
}

impl Outlet for BackendOutlet {
    fn send(&self, event: BackendEvent) {
        // After the end nobody receives it.
        let _ = self.inbox.post(Input::BackendEvent(event));
    }

    fn set_document(&self, document: Document) {
        let _ = self.inbox.post(Input::Document(document));
    }

    fn invoke(&self, invoke: InvokeNode, answer: InvokeAnswer) -> InvokeNumber {
        match self.invoker() {
            Ok(invoker) => invoker.invoke(invoke, answer),
            Err(error) => {
                answer(Err(WireError::unavailable(format!("no invoke is possible: {error}"))));
                InvokeNumber::default()
            }
        }
    }

    fn cancel(&self, invoke: InvokeNumber) {
        if let Some(invoker) = &*lock(&self.invoker) {
            invoker.cancel(invoke);
        }
    }

    fn control_socket(&self) -> Option<&Path> {
        Some(&self.control_socket)
    }

    fn node_name(&self, node: &NodeId) -> Option<String> {
        let mut operator = Operator::join(&self.inbox, &self.operators).ok()?;
        let details = operator.ask(DescribeNode { node_id: node.to_string() }).ok()?;
        details.node.profile.display_name
    }
}
