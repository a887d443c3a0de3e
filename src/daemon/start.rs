//! The start, in the order in which things may be refused: what is on disk, what nodes connect to,
//! what operators connect to, and then the threads.

use crate::backend::{Backend, Workers};
use crate::control::Server;
use crate::daemon::clock::Clock;
use crate::daemon::keeper::Keeper;
use crate::daemon::router_thread::{Facts, RouterThread, World};
use crate::daemon::watch::Watch;
use crate::daemon::{expiry, ids, BackendOutlet, Daemon, Error, Handle, Host, Lock, Settings, Tls};
use crate::link::{Gate, Inbox, Waker};
use crate::log_limit::LogLimit;
use crate::pairing_store::PairingStore;
use crate::router::{PairingBook, Router};
use crate::tls::Acceptor;
use crate::transport::{Bound, Reception};
use crossbeam_channel::unbounded;
use std::sync::atomic::AtomicU64;
use std::sync::Arc;

/// Everything that another program, a file or the network may refuse.
struct Opened {
    lock: Lock,
    store: PairingStore,
    book: PairingBook,
    tls: Option<Arc<Acceptor>>,
    bound: Bound,
    control: Server,
}

impl Opened {
    fn new(settings: &Settings, clock: Clock) -> Result<Self, Error> {
        let lock = Lock::take(&settings.state_dir)?;
        let (store, book) = PairingStore::open(&settings.state_dir, clock.now().wall)?;
        let tls = settings.tls.as_ref().map(open_tls).transpose()?;
        let bound = Bound::open(&settings.listen).map_err(Error::Bind)?;
        let control = Server::bind(&settings.control_socket)?;
        Ok(Self { lock, store, book, tls, bound, control })
    }
}

/// Reads the certificate, or makes one. The state directory is ours by now.
fn open_tls(settings: &Tls) -> Result<Arc<Acceptor>, Error> {
    let acceptor = Acceptor::new(settings.files.load()?, settings.allows_plaintext)?;
    expiry::warn(&acceptor.facts());
    Ok(Arc::new(acceptor))
}

pub(super) fn start(
    settings: Settings,
    backend: Arc<dyn Backend>,
    host: Arc<dyn Host>,
) -> Result<Daemon, Error> {
    let clock = Clock::start();
    let Opened { lock, store, book, tls, bound, control } = Opened::new(&settings, clock)?;
    let listening = bound.listening().clone();
    let control_socket = control.path().to_owned();

    let (inbox, inputs) = Inbox::new();
    let gate = Gate::new(settings.connections, settings.strangers);
    let stop = Arc::new(Waker::new().map_err(Error::System)?);
    let log_limit = Arc::new(LogLimit::default());
    let (task_sender, tasks) = unbounded();
    let workers = Workers::start(&backend, &inbox).map_err(Error::System)?;
    backend.start(Arc::new(BackendOutlet(inbox.clone())));
    let router = Router::new(clock.now(), settings.policy, book, Box::new(ids::Random));
    let state_dir = settings.state_dir.clone();
    let facts = Facts { listening: listening.clone(), tls: tls.clone(), state_dir, clock };
    let tasks_of_router = task_sender.clone();
    let world =
        World { store, workers, tasks: tasks_of_router, log_limit: log_limit.clone(), facts };
    let router = RouterThread::new(router, inputs, world).start().map_err(Error::System)?;

    let reception = Reception {
        inbox: inbox.clone(),
        gate: gate.clone(),
        stop: stop.clone(),
        tls: tls.clone(),
        log_limit: log_limit.clone(),
        last: Arc::new(AtomicU64::new(0)),
    };
    let listeners = bound.start(reception).map_err(Error::System)?;
    let mut profile = settings.profile;
    profile.fingerprint = tls.as_deref().map(Acceptor::fingerprint);
    let watch = Watch::start(listeners, profile, settings.state_dir, &stop);
    let (watch, changed) = watch.map_err(Error::System)?;
    let operators = Arc::new(AtomicU64::new(0));
    let control = control.start(inbox.clone(), operators.clone(), stop.clone(), log_limit);
    let accepting = vec![watch, control.map_err(Error::System)?];
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
        changed,
        tls: tls.clone(),
        _lock: lock,
    };
    let keeper = Some(keeper.start().map_err(Error::System)?);
    Ok(Daemon { inbox, handle, operators, listening, tls, control_socket, keeper })
}
