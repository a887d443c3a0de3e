//! Thread `keeper`: waits for what the whole bridge shall do (reload, log more, stop), and takes
//! everything down in the end.

use crate::backend::Backend;
use crate::daemon::expiry::{self, Expiry};
use crate::daemon::watch::Changed;
use crate::daemon::{Error, Host, Lock, Task};
use crate::discovery::{Advertiser, Board};
use crate::link::{Gate, Inbox, Waker};
use crate::log_limit::LogLimit;
use crate::protocol::operator::{self, Answer, LogLevel};
use crate::protocol::{limits, WireError};
use crate::router::{Input, Policy, Requester};
use crate::tls::Acceptor;
use crossbeam_channel::Receiver;
use log::LevelFilter;
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::AtomicU64;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// What an operator is told of a host that has panicked; the log tells where.
const FAILED: &str = "the program around the bridge failed";

/// What several threads share.
pub(super) struct Shared {
    pub(super) inbox: Inbox,
    pub(super) gate: Arc<Gate>,
    pub(super) stop: Arc<Waker>,
    pub(super) changed: Arc<Changed>,
    pub(super) log_limit: Arc<LogLimit>,
    pub(super) tls: Option<Arc<Acceptor>>,
    pub(super) board: Board,
    pub(super) operators: Arc<AtomicU64>,
}

/// Everything that has to end when the bridge does, which is when this is dropped: asked to, after
/// a failure, or in the middle of a start.
pub(super) struct Keeper {
    pub(super) shared: Shared,
    pub(super) tasks: Receiver<Task>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) host: Arc<dyn Host>,
    pub(super) accepting: Vec<JoinHandle<()>>,
    pub(super) router: Option<JoinHandle<()>>,
    pub(super) advertiser: Option<Arc<Advertiser>>,
    pub(super) _lock: Lock,
}

impl Keeper {
    pub(super) fn start(self) -> io::Result<JoinHandle<Result<(), Error>>> {
        Builder::new().name("keeper".into()).spawn(move || self.run())
    }

    fn run(self) -> Result<(), Error> {
        // A file system that hangs must keep nobody from stopping the bridge, hence the thread.
        let mut reloading: Option<JoinHandle<()>> = None;
        let mut expiry = Expiry::new(self.shared.tls.clone());
        loop {
            match expiry.next_task(&self.tasks) {
                Ok(None) => {}
                Ok(Some(Task::Reload(requester)))
                    if reloading.as_ref().is_some_and(|thread| !thread.is_finished()) =>
                {
                    // For whoever asked by a signal, the log is the answer.
                    log::warn!("daemon: not reloading, the configuration is being read already");
                    let error = WireError::unavailable("the configuration is being read already");
                    answer(&self.shared.inbox, requester, None, Err(error));
                }
                Ok(Some(Task::Reload(requester))) => reloading = self.reload(requester),
                Ok(Some(Task::Log(requester, level))) => {
                    answer(&self.shared.inbox, Some(requester), None, self.log(level));
                }
                Ok(Some(Task::Stop)) => return Ok(()),
                Ok(Some(Task::RouterGone)) | Err(_) => return Err(Error::RouterFailed),
            }
        }
    }

    fn reload(&self, requester: Option<Requester>) -> Option<JoinHandle<()>> {
        let (inbox, host) = (self.shared.inbox.clone(), self.host.clone());
        let (changed, tls) = (self.shared.changed.clone(), self.shared.tls.clone());
        let who = requester.clone();
        let thread = Builder::new()
            .name("reload".into())
            .spawn(move || read_again(&inbox, &changed, tls.as_deref(), who, &*host));
        let refuse = |error: io::Error| {
            log::error!("daemon: cannot reload: {error}");
            let error = WireError::unavailable(format!("the configuration was not read: {error}"));
            answer(&self.shared.inbox, requester, None, Err(error));
        };
        thread.map_err(refuse).ok()
    }

    /// A host that panics costs an answer, not the keeper.
    fn log(&self, level: LevelFilter) -> Result<Answer, WireError> {
        let done = catch_unwind(AssertUnwindSafe(|| self.host.log(level)));
        done.unwrap_or_else(|_| Err(FAILED.to_owned())).map_err(WireError::unavailable)?;
        Ok(Answer::Level(LogLevel { level: level.as_str().to_lowercase() }))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let began = Instant::now();
        let Shared { inbox, gate, .. } = &self.shared;
        if let Some(advertiser) = &self.advertiser {
            // First, so that no node finds a bridge that is about to leave.
            advertiser.stop();
        }
        self.shared.stop.alarm();
        for thread in self.accepting.drain(..) {
            if thread.join().is_err() {
                log::error!("daemon: an accepting thread had panicked");
            }
        }
        // Once to close every connection, and once more to end.
        let _ = inbox.post(Input::Stop);
        let left = gate.wait_until_empty(limits::STOP_DEADLINE);
        if left > 0 {
            log::warn!("daemon: leaving without {left} connections that did not end in time");
        }
        self.backend.stop(limits::STOP_BACKEND);
        let _ = inbox.post(Input::Stop);
        if self.router.take().is_some_and(|router| router.join().is_err()) {
            log::error!("daemon: the router had panicked");
        }
        log::info!("daemon: stopped took={}ms", began.elapsed().as_millis());
    }
}

fn read_again(
    inbox: &Inbox,
    changed: &Changed,
    tls: Option<&Acceptor>,
    requester: Option<Requester>,
    host: &dyn Host,
) {
    let reloaded = catch_unwind(AssertUnwindSafe(|| host.reload(tls)));
    match reloaded.unwrap_or_else(|_| Err(FAILED.to_owned())) {
        Ok(mut reloaded) => {
            let path = reloaded.path.map(|path| path.display().to_string());
            let file = path.as_deref().unwrap_or("none");
            log::info!("daemon: configuration read again file={file}");
            for key in &reloaded.restart_needed {
                log::warn!("daemon: {key} was changed; it takes effect at the next start");
            }
            let fingerprint = reloaded.new_fingerprint.map(|fingerprint| fingerprint.to_string());
            if let Some(fingerprint) = &fingerprint {
                log::warn!("daemon: new TLS certificate sha256={fingerprint}; nodes must pin it");
            }
            reloaded.profile.fingerprint = tls.map(Acceptor::fingerprint);
            changed.tell(reloaded.profile);
            let done = operator::Reloaded {
                path,
                restart_needed: reloaded.restart_needed,
                new_fingerprint_sha256: fingerprint,
            };
            answer(inbox, requester, Some(reloaded.policy), Ok(Answer::Reloaded(done)));
        }
        Err(error) => {
            log::error!("daemon: keeping the old configuration: {error}");
            let text = format!("the old configuration stays in force: {error}");
            answer(inbox, requester, None, Err(WireError::invalid(text)));
        }
    }
    if let Some(tls) = tls {
        expiry::warn(&tls.info());
    }
}

fn answer(
    inbox: &Inbox,
    requester: Option<Requester>,
    policy: Option<Policy>,
    answer: Result<Answer, WireError>,
) {
    let reply = requester.map(|requester| (requester, answer));
    // If the router is gone, the next task says so.
    let _ = inbox.post(Input::Configured { policy: policy.map(Box::new), reply });
}
