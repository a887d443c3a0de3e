//! The start, in the order in which things may be refused: what is on disk, what nodes connect to,
//! what operators connect to, and then the threads.

use crate::backend::{Backend, Workers};
use crate::control::Server;
use crate::daemon::announcing::Announcing;
use crate::daemon::clock::Clock;
use crate::daemon::keeper::Keeper;
use crate::daemon::router_thread::{Facts, RouterThread, World};
use crate::daemon::watch::{Changed, Watch};
use crate::daemon::{expiry, ids, BackendOutlet, Daemon, Error, Handle, Host, Lock, Settings, Tls};
use crate::discovery::{Advertiser, Board};
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
use std::thread::JoinHandle;

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

/// What several threads share.
struct Common {
    inbox: Inbox,
    gate: Arc<Gate>,
    stop: Arc<Waker>,
    log_limit: Arc<LogLimit>,
    tls: Option<Arc<Acceptor>>,
    board: Board,
    operators: Arc<AtomicU64>,
}

/// The threads that let others in, or tell them where to come.
struct Doors {
    accepting: Vec<JoinHandle<()>>,
    changed: Arc<Changed>,
    advertiser: Option<Arc<Advertiser>>,
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
    let common = Common {
        inbox: inbox.clone(),
        gate: Gate::new(settings.connections, settings.strangers),
        stop: Arc::new(Waker::new().map_err(Error::System)?),
        log_limit: Arc::new(LogLimit::default()),
        tls: tls.clone(),
        board: Board::default(),
        operators: Arc::new(AtomicU64::new(0)),
    };

    let (task_sender, tasks) = unbounded();
    let workers = Workers::start(&backend, &inbox).map_err(Error::System)?;
    backend.start(Arc::new(BackendOutlet(inbox.clone())));
    let policy = settings.policy.clone();
    let router = Router::new(clock.now(), policy, book, Box::new(ids::Random));
    let (state_dir, log_limit) = (settings.state_dir.clone(), common.log_limit.clone());
    let (listening_now, board) = (listening.clone(), common.board.clone());
    let facts = Facts { listening: listening_now, tls: tls.clone(), board, state_dir, clock };
    let world = World { store, workers, tasks: task_sender.clone(), log_limit, facts };
    let router = RouterThread::new(router, inputs, world).start().map_err(Error::System)?;

    let Doors { accepting, changed, advertiser } =
        open_doors(&common, bound, control, settings).map_err(Error::System)?;
    let keeper = Keeper {
        inbox: inbox.clone(),
        gate: common.gate,
        stop: common.stop,
        tasks,
        backend,
        host,
        accepting,
        router,
        changed,
        tls: tls.clone(),
        advertiser,
        _lock: lock,
    };
    let keeper = Some(keeper.start().map_err(Error::System)?);
    let (handle, operators) = (Handle { tasks: task_sender }, common.operators);
    Ok(Daemon { inbox, handle, operators, listening, tls, control_socket, keeper })
}

fn open_doors(
    common: &Common,
    bound: Bound,
    control: Server,
    settings: Settings,
) -> io::Result<Doors> {
    let listening = bound.listening().clone();
    let listeners = bound.start(Reception {
        inbox: common.inbox.clone(),
        gate: common.gate.clone(),
        stop: common.stop.clone(),
        tls: common.tls.clone(),
        log_limit: common.log_limit.clone(),
        last: Arc::new(AtomicU64::new(0)),
    })?;
    let mut profile = settings.profile;
    profile.fingerprint = common.tls.as_deref().map(Acceptor::fingerprint);
    let (plan, service) = (&settings.listen, profile.service(listeners.port(), None));
    let announcing = settings.discovery.and_then(|discovery| {
        Announcing::start(discovery, plan, &listening.now().addresses, service, &common.board)
    });
    let advertiser = announcing.as_ref().map(Announcing::advertiser);
    let (watch, changed) =
        Watch::start(listeners, profile, announcing, settings.state_dir, &common.stop)?;
    let (inbox, operators) = (common.inbox.clone(), common.operators.clone());
    let control = control.start(inbox, operators, common.stop.clone(), common.log_limit.clone())?;
    Ok(Doors { accepting: vec![watch, control], changed, advertiser })
}
