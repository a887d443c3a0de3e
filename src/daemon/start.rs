//! The start, in the order in which things may be refused: what is on disk, what nodes connect to,
//! what operators connect to, and then the threads.

use crate::backend::Workers;
use crate::config::paths::CONTROL_SOCKET;
use crate::config::Mdns;
use crate::control::Server;
use crate::daemon::canvas::{Canvas, CanvasState};
use crate::daemon::clock::Clock;
use crate::daemon::heartbeat::Heartbeat;
use crate::daemon::journal::Journal;
use crate::daemon::network::{NetworkThread, ProfileUpdate, TailnetName};
use crate::daemon::node_handle::ConnectionLog;
use crate::daemon::reload::{warn_of_certificate, Reload};
use crate::daemon::router_thread::{Handles, RouterThread};
use crate::daemon::supervisor::Supervisor;
use crate::daemon::{ids, settings, tasks};
use crate::daemon::{BackendOutlet, Daemon, DaemonBuilder, DaemonHandle, Error, Lock};
use crate::discovery::AnnouncementState;
use crate::link::{ConnectionLimiter, Inbox, Waker};
use crate::log_limit::LogLimit;
use crate::pairing_store::PairingStore;
use crate::router::Router;
use crate::tls::Acceptor;
use crate::transport::{Bound, Reception};
use std::collections::BTreeMap;
use std::io;
use std::path::{self, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::Arc;

impl DaemonBuilder {
    /// Starts everything; nodes can connect when this returns. After an error nothing is left
    /// running.
    pub fn start(mut self) -> Result<Daemon, Error> {
        let lock = self.lock.take().map_or_else(|| Lock::take(&self.state_dir), Ok)?;
        let (config, state_dir, backend) = (&self.config, &self.state_dir, &self.backend);
        let clock = Clock::start();
        let (connections, unauthenticated) =
            settings::connections(config, self.open_canvas.is_some())?;
        // What another program, a file or the network may refuse.
        let (store, book) = PairingStore::open(state_dir, clock.now().wall)?;
        let tls = config.bridge.tls.enabled.then(|| self.open_tls()).transpose()?;
        let bound = Bound::open(&settings::listen(config))?;
        let control = Server::bind(&self.socket())?;
        let ((inbox, inputs), (task_sender, tasks)) = (Inbox::new(), tasks::channel());
        let (log_limit, announced) = (Arc::<LogLimit>::default(), AnnouncementState::default());
        let (canvas, canvas_state) = self.canvas(&bound, &log_limit);
        let policy = settings::policy(config, canvas.as_ref().map(|canvas| canvas.host.port));
        let router = RouterThread {
            router: Router::new(clock.now(), policy, book, Box::<ids::Random>::default()),
            inputs,
            store,
            workers: Workers::start(backend, &inbox)?,
            tasks: task_sender.clone(),
            log: ConnectionLog::new(log_limit.clone()),
            listening: bound.listening().clone(),
            canvas: canvas_state,
            tls: tls.clone(),
            state_dir: state_dir.clone(),
            clock,
            announced: announced.clone(),
            handles: Handles::default(),
            journal: Journal::default(),
            heartbeat: self.heartbeat.clone().map(Heartbeat::new),
        };
        // From here on, dropping the supervisor shuts down whatever runs.
        let mut supervisor = Supervisor {
            inbox: inbox.clone(),
            limiter: ConnectionLimiter::new(connections, unauthenticated),
            stop: Arc::new(Waker::new()?),
            tasks,
            backend: backend.clone(),
            reload: Arc::new(self.reload(&inbox, &tls, &canvas)?),
            accepting: Vec::new(),
            router: Some(router.start()?),
            advertiser: None,
            _lock: lock,
        };
        let control_socket = path::absolute(self.socket())?;
        let (operators, listening) = (Arc::<AtomicU64>::default(), bound.listening().clone());
        backend.start(Arc::new(BackendOutlet::new(&inbox, &control_socket, &operators)));
        self.start_network(bound, canvas, &announced, &log_limit, &mut supervisor)?;
        let (last, stop) = (operators.clone(), supervisor.stop.clone());
        supervisor.accepting.push(control.start(inbox.clone(), last, stop, log_limit)?);
        Ok(Daemon {
            inbox,
            handle: DaemonHandle { tasks: task_sender },
            operators,
            listening,
            tls,
            control_socket,
            supervisor: Some(supervisor.start()?),
        })
    }

    fn socket(&self) -> PathBuf {
        self.control_socket.clone().unwrap_or_else(|| self.state_dir.join(CONTROL_SOCKET))
    }

    fn canvas(&self, bridge: &Bound, log_limit: &Arc<LogLimit>) -> (Option<Canvas>, CanvasState) {
        match self.open_canvas {
            Some(open) => open(&self.config, &self.state_dir, bridge, log_limit),
            None => (None, CanvasState::Off),
        }
    }

    fn reload(
        &self,
        inbox: &Inbox,
        tls: &Option<Arc<Acceptor>>,
        canvas: &Option<Canvas>,
    ) -> io::Result<Reload> {
        Ok(Reload {
            inbox: inbox.clone(),
            host: self.host.clone(),
            tls: tls.clone(),
            profile: Arc::new(ProfileUpdate::new()?),
            state_dir: self.state_dir.clone(),
            canvas: canvas.as_ref().map(|canvas| canvas.host.clone()),
            started_with: self.config.clone(),
        })
    }

    /// Reads the certificate, or generates one. The state directory is locked by now.
    fn open_tls(&self) -> Result<Arc<Acceptor>, Error> {
        let files = settings::tls_files(&self.config, &self.state_dir);
        let acceptor = Acceptor::new(files.load()?, self.config.bridge.tls.allow_plaintext)?;
        warn_of_certificate(Some(&acceptor));
        Ok(Arc::new(acceptor))
    }

    /// Starts the threads that accept nodes and announce where to connect.
    fn start_network(
        &self,
        bound: Bound,
        canvas: Option<Canvas>,
        state: &AnnouncementState,
        log_limit: &Arc<LogLimit>,
        supervisor: &mut Supervisor,
    ) -> Result<(), Error> {
        let config = &self.config;
        let listening = bound.listening().clone();
        let tls = supervisor.reload.tls.clone();
        let mut profile = settings::profile(config, canvas.as_ref().map(|canvas| canvas.host.port));
        profile.service.fingerprint = tls.as_deref().map(Acceptor::fingerprint);
        let reception = Reception {
            inbox: supervisor.inbox.clone(),
            limiter: supervisor.limiter.clone(),
            tls,
            log_limit: log_limit.clone(),
            last: Arc::new(AtomicU64::new(0)),
        };
        let listeners = bound.start(reception.entrance())?;
        let canvas = canvas.map(|canvas| canvas.bound.start(canvas.entrance)).transpose()?;
        let announce = self.announce.filter(|_| config.discovery.mdns != Mdns::Off);
        let announced = announce.and_then(|announce| {
            let service = profile.service(listeners.port(), None);
            let (bind, bound) = (config.bridge.bind, listening.now().addresses);
            announce(&config.discovery, bind, &bound, service, state)
        });
        supervisor.advertiser = announced.as_ref().map(|(advertiser, _)| advertiser.clone());
        let network = NetworkThread {
            listeners,
            canvas,
            profile,
            announced,
            state: state.clone(),
            state_dir: self.state_dir.clone(),
            updates: supervisor.reload.profile.clone(),
            stop: supervisor.stop.clone(),
            tailnet_name: TailnetName::default(),
            logged: BTreeMap::new(),
        };
        supervisor.accepting.push(network.start()?);
        Ok(())
    }
}
