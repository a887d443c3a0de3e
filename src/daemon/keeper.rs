//! Thread `keeper`: waits for what the whole bridge shall do (reload, log more, stop), and takes
//! everything down in the end.

use crate::backend::Backend;
use crate::daemon::expiry::{self, Expiry};
use crate::daemon::watch::Changed;
use crate::daemon::{Error, Host, Lock, Task};
use crate::link::{Gate, Inbox, Waker};
use crate::protocol::operator::Answer;
use crate::protocol::{limits, WireError};
use crate::router::{Asker, Input, Policy};
use crate::tls::Acceptor;
use crossbeam_channel::Receiver;
use log::LevelFilter;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// Everything that has to end when the bridge does.
pub(super) struct Keeper {
    pub(super) inbox: Inbox,
    pub(super) gate: Arc<Gate>,
    pub(super) stop: Arc<Waker>,
    pub(super) tasks: Receiver<Task>,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) host: Arc<dyn Host>,
    pub(super) accepting: Vec<JoinHandle<()>>,
    pub(super) router: JoinHandle<()>,
    pub(super) changed: Arc<Changed>,
    pub(super) tls: Option<Arc<Acceptor>>,
    pub(super) _lock: Lock,
}

impl Keeper {
    pub(super) fn start(self) -> io::Result<JoinHandle<Result<(), Error>>> {
        Builder::new().name("keeper".into()).spawn(move || self.run())
    }

    fn run(self) -> Result<(), Error> {
        // A file system that hangs must keep nobody from stopping the bridge, hence the thread.
        let mut reloading: Option<JoinHandle<()>> = None;
        let mut expiry = Expiry::new(self.tls.clone());
        loop {
            match expiry.next_task(&self.tasks) {
                Ok(Task::Reload(asker)) if reloading.as_ref().is_some_and(|r| !r.is_finished()) => {
                    let error = WireError::unavailable("the configuration is being read already");
                    answer(&self.inbox, asker, None, Err(error));
                }
                Ok(Task::Reload(asker)) => {
                    let (inbox, host) = (self.inbox.clone(), self.host.clone());
                    let (changed, tls) = (self.changed.clone(), self.tls.clone());
                    let thread = Builder::new().name("reload".into());
                    let thread = thread
                        .spawn(move || read_again(&inbox, &changed, tls.as_deref(), asker, &*host));
                    reloading = thread.map_err(|e| log::error!("daemon: cannot reload: {e}")).ok();
                }
                Ok(Task::Log(asker, level)) => {
                    answer(&self.inbox, Some(asker), None, self.log(level));
                }
                Ok(Task::Stop) => {
                    self.shut_down();
                    return Ok(());
                }
                Ok(Task::RouterGone) | Err(_) => return Err(Error::RouterFailed),
            }
        }
    }

    fn log(&self, level: LevelFilter) -> Result<Answer, WireError> {
        self.host.log(level).map_err(WireError::unavailable)?;
        Ok(Answer::Level { level: level.as_str().to_lowercase() })
    }

    fn shut_down(self) {
        let began = Instant::now();
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

fn read_again(
    inbox: &Inbox,
    changed: &Changed,
    tls: Option<&Acceptor>,
    asker: Option<Asker>,
    host: &dyn Host,
) {
    match host.reload(tls) {
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
            let done = Answer::Reloaded {
                path,
                restart_needed: reloaded.restart_needed,
                new_fingerprint_sha256: fingerprint,
            };
            answer(inbox, asker, Some(reloaded.policy), Ok(done));
        }
        Err(error) => {
            log::error!("daemon: keeping the old configuration: {error}");
            let text = format!("the old configuration stays in force: {error}");
            answer(inbox, asker, None, Err(WireError::invalid(text)));
        }
    }
    if let Some(tls) = tls {
        expiry::warn(&tls.facts());
    }
}

fn answer(
    inbox: &Inbox,
    asker: Option<Asker>,
    policy: Option<Policy>,
    answer: Result<Answer, WireError>,
) {
    let reply = asker.map(|asker| (asker, answer));
    // If the router is gone, the next task says so.
    let _ = inbox.post(Input::Configured { policy: policy.map(Box::new), reply });
}
