//! The start, in the order in which things may be refused: what is on disk, what nodes connect to,
//! what operators connect to, and then the threads.

use crate::backend::Workers;
use crate::control::Server;
use crate::daemon::announcements::Announcements;
use crate::daemon::clock::Clock;
use crate::daemon::network::{NetworkThread, ProfileUpdate};
use crate::daemon::reload::{warn_of_certificate, Reload};
use crate::daemon::router_thread::{Facts, RouterThread, World};
use crate::daemon::supervisor::Supervisor;
use crate::daemon::{ids, settings, tasks};
use crate::daemon::{BackendOutlet, Daemon, DaemonBuilder, DaemonHandle, Error, Lock};
use crate::discovery::AnnouncementState;
use crate::link::{ConnectionLimiter, Inbox, Waker};
use crate::log_limit::LogLimit;
use crate::pairing_store::PairingStore;
use crate::router::{PairingBook, Router};
use crate::tls::Acceptor;
use crate::transport::{Bound, Reception};
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
    fn new(builder: &DaemonBuilder, clock: Clock) -> Result<Self, Error> {
        let (config, state_dir) = (&builder.config, &builder.state_dir);
        let lock = Lock::take(state_dir)?;
        let (store, book) = PairingStore::open(state_dir, clock.now().wall)?;
        let tls = config.bridge.tls.enabled.then(|| open_tls(builder)).transpose()?;
        let bound = Bound::open(&settings::listen(config))?;
        let control = Server::bind(&builder.socket_path())?;
        Ok(Self { lock, store, book, tls, bound, control })
    }
}

/// Reads the certificate, or generates one. The state directory is locked by now.
fn open_tls(builder: &DaemonBuilder) -> Result<Arc<Acceptor>, Error> {
    let files = settings::tls_files(&builder.config, &builder.state_dir);
    let acceptor = Acceptor::new(files.load()?, builder.config.bridge.tls.allow_plaintext)?;
    warn_of_certificate(Some(&acceptor));
    Ok(Arc::new(acceptor))
}

impl DaemonBuilder {
    /// Starts everything; nodes can connect when this returns.
    ///
    /// # Errors
    /// What could not be started and why; nothing is left running.
    pub fn start(self) -> Result<Daemon, Error> {
        start(self)
    }
}

fn start(builder: DaemonBuilder) -> Result<Daemon, Error> {
    let clock = Clock::start();
    let (connections, unauthenticated) = settings::connections(&builder.config)?;
    let backend = builder.backend_or_embedded();
    let Opened { lock, store, book, tls, bound, control } = Opened::new(&builder, clock)?;
    let (listening, control_socket) = (bound.listening().clone(), control.path().to_owned());
    let (inbox, inputs) = Inbox::new();
    let (task_sender, tasks) = tasks::channel();
    let log_limit = Arc::new(LogLimit::default());
    let announced = AnnouncementState::default();
    let reload = Arc::new(Reload {
        inbox: inbox.clone(),
        host: builder.host.clone(),
        tls: tls.clone(),
        profile: Arc::new(ProfileUpdate::new().map_err(Error::System)?),
        state_dir: builder.state_dir.clone(),
        started_with: builder.config.clone(),
    });
    let stop = Arc::new(Waker::new().map_err(Error::System)?);

    let workers = Workers::start(&backend, &inbox).map_err(Error::System)?;
    let policy = settings::policy(&builder.config);
    let router = Router::new(clock.now(), policy, book, Box::new(ids::Random));
    let facts = Facts {
        listening: listening.clone(),
        tls: tls.clone(),
        announced: announced.clone(),
        state_dir: builder.state_dir.clone(),
        clock,
    };
    let (tasks_of_router, limit) = (task_sender.clone(), log_limit.clone());
    let world = World { store, workers, tasks: tasks_of_router, log_limit: limit, facts };
    let router = RouterThread::new(router, inputs, world).start().map_err(Error::System)?;
    // From here on, dropping the supervisor shuts down whatever runs.
    let mut supervisor = Supervisor {
        inbox: inbox.clone(),
        limiter: ConnectionLimiter::new(connections, unauthenticated),
        stop,
        tasks,
        backend: backend.clone(),
        reload,
        accepting: Vec::new(),
        router: Some(router),
        advertiser: None,
        _lock: lock,
    };
    backend.start(Arc::new(BackendOutlet(inbox.clone())));
    let operators = Arc::new(AtomicU64::new(0));
    let endpoints =
        Endpoints { bound, control, announced, log_limit, operators: operators.clone() };
    endpoints.open(&mut supervisor, &builder).map_err(Error::System)?;
    let supervisor = Some(supervisor.start().map_err(Error::System)?);
    let handle = DaemonHandle { tasks: task_sender };
    Ok(Daemon { inbox, handle, operators, listening, tls, control_socket, supervisor })
}

/// What nodes and operators connect to, before its threads are started.
struct Endpoints {
    bound: Bound,
    control: Server,
    announced: AnnouncementState,
    log_limit: Arc<LogLimit>,
    operators: Arc<AtomicU64>,
}

impl Endpoints {
    /// Starts the threads that accept connections or announce where to connect.
    fn open(self, supervisor: &mut Supervisor, builder: &DaemonBuilder) -> std::io::Result<()> {
        let (config, reload) = (&builder.config, &supervisor.reload);
        let listening = self.bound.listening().clone();
        let listeners = self.bound.start(Reception {
            inbox: supervisor.inbox.clone(),
            limiter: supervisor.limiter.clone(),
            tls: reload.tls.clone(),
            log_limit: self.log_limit.clone(),
            last: Arc::new(AtomicU64::new(0)),
        })?;
        let mut profile = settings::profile(config);
        profile.service.fingerprint = reload.tls.as_deref().map(Acceptor::fingerprint);
        let announcements = builder.is_announced().then(|| {
            let service = profile.service(listeners.port(), None);
            let bound = listening.now().addresses;
            let bind = config.bridge.bind;
            Announcements::start(&config.discovery, bind, &bound, service, &self.announced)
        });
        let announcements = announcements.flatten();
        supervisor.advertiser = announcements.as_ref().map(Announcements::advertiser);
        let (updates, stop) = (reload.profile.clone(), supervisor.stop.clone());
        let state_dir = builder.state_dir.clone();
        let network =
            NetworkThread::new(listeners, profile, announcements, state_dir, updates, stop);
        supervisor.accepting.push(network.start()?);
        let (inbox, stop) = (supervisor.inbox.clone(), supervisor.stop.clone());
        supervisor.accepting.push(self.control.start(
            inbox,
            self.operators,
            stop,
            self.log_limit,
        )?);
        Ok(())
    }
}
