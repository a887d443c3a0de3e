//! The start, in the order in which things may be refused: what is on disk, what nodes connect to,
//! what operators connect to, and then the threads.

use crate::backend::{Backend, Workers};
use crate::control::Server;
use crate::daemon::announcing::Announcing;
use crate::daemon::clock::Clock;
use crate::daemon::keeper::{Keeper, Shared};
use crate::daemon::router_thread::{Facts, RouterThread, World};
use crate::daemon::watch::{Changed, Watch};
use crate::daemon::{expiry, ids, BackendOutlet, Daemon, Error, Handle, Host, Lock, Settings, Tls};
use crate::discovery::Board;
use crate::link::{Gate, Inbox, Waker};
use crate::log_limit::LogLimit;
use crate::pairing_store::PairingStore;
use crate::router::{PairingBook, Router};
use crate::tls::Acceptor;
use crate::transport::{Bound, Reception};
use crossbeam_channel::unbounded;
use std::io;
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
    expiry::warn(&acceptor.info());
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
    let (task_sender, tasks) = unbounded();
    let shared = Shared {
        inbox: inbox.clone(),
        gate: Gate::new(settings.connections, settings.strangers),
        stop: Arc::new(Waker::new().map_err(Error::System)?),
        changed: Arc::new(Changed::new().map_err(Error::System)?),
        log_limit: Arc::new(LogLimit::default()),
        tls: tls.clone(),
        board: Board::default(),
        operators: Arc::new(AtomicU64::new(0)),
    };

    let workers = Workers::start(&backend, &inbox).map_err(Error::System)?;
    let router = Router::new(clock.now(), settings.policy.clone(), book, Box::new(ids::Random));
    let facts = Facts {
        listening: listening.clone(),
        tls: tls.clone(),
        board: shared.board.clone(),
        state_dir: settings.state_dir.clone(),
        clock,
    };
    let log_limit = shared.log_limit.clone();
    let world = World { store, workers, tasks: task_sender.clone(), log_limit, facts };
    let router = RouterThread::new(router, inputs, world).start().map_err(Error::System)?;
    // From here on, dropping the keeper takes down whatever runs.
    let mut keeper = Keeper {
        shared,
        tasks,
        backend: backend.clone(),
        host,
        accepting: Vec::new(),
        router: Some(router),
        advertiser: None,
        _lock: lock,
    };
    backend.start(Arc::new(BackendOutlet(inbox.clone())));
    open_doors(&mut keeper, bound, control, settings).map_err(Error::System)?;
    let operators = keeper.shared.operators.clone();
    let keeper = Some(keeper.start().map_err(Error::System)?);
    let handle = Handle { tasks: task_sender };
    Ok(Daemon { inbox, handle, operators, listening, tls, control_socket, keeper })
}

/// Starts the threads that let others in, or tell them where to come.
fn open_doors(
    keeper: &mut Keeper,
    bound: Bound,
    control: Server,
    settings: Settings,
) -> io::Result<()> {
    let shared = &keeper.shared;
    let listening = bound.listening().clone();
    let listeners = bound.start(Reception {
        inbox: shared.inbox.clone(),
        gate: shared.gate.clone(),
        tls: shared.tls.clone(),
        log_limit: shared.log_limit.clone(),
        last: Arc::new(AtomicU64::new(0)),
    })?;
    let mut profile = settings.profile;
    profile.fingerprint = shared.tls.as_deref().map(Acceptor::fingerprint);
    let (plan, service) = (&settings.listen, profile.service(listeners.port(), None));
    let announcing = settings.discovery.and_then(|discovery| {
        Announcing::start(discovery, plan, &listening.now().addresses, service, &shared.board)
    });
    keeper.advertiser = announcing.as_ref().map(Announcing::advertiser);
    let (state_dir, changed) = (settings.state_dir, &shared.changed);
    keeper.accepting.push(Watch::start(
        listeners,
        profile,
        announcing,
        state_dir,
        changed,
        &shared.stop,
    )?);
    let (inbox, operators) = (shared.inbox.clone(), shared.operators.clone());
    let (stop, log_limit) = (shared.stop.clone(), shared.log_limit.clone());
    keeper.accepting.push(control.start(inbox, operators, stop, log_limit)?);
    Ok(())
}
