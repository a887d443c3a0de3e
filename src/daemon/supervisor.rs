//! Thread `supervisor`: carries out what concerns the whole bridge (reload, log level, stop), and
//! shuts everything down in the end.

use crate::backend::Backend;
use crate::daemon::reload::{warn_of_certificate, Reload};
use crate::daemon::tasks::{Task, TaskQueue};
use crate::daemon::{Error, Lock};
use crate::discovery::Advertiser;
use crate::link::{ConnectionLimiter, Inbox, Waker};
use crate::protocol::{limits, WireError};
use crate::router::{Input, Requester};
use std::io;
use std::sync::{Arc, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// Everything that has to end when the bridge does, which is when this is dropped: on request, after
/// a failure, or in the middle of a start.
pub(super) struct Supervisor {
    pub(super) inbox: Inbox,
    pub(super) limiter: Arc<ConnectionLimiter>,
    /// Its alarm ends the accepting threads.
    pub(super) stop: Arc<Waker>,
    pub(super) tasks: TaskQueue,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) reload: Arc<Reload>,
    pub(super) accepting: Vec<JoinHandle<()>>,
    pub(super) router: Option<JoinHandle<()>>,
    pub(super) advertiser: Option<Arc<Advertiser>>,
    pub(super) _lock: Lock,
}

impl Supervisor {
    pub(super) fn start(self) -> io::Result<JoinHandle<Result<(), Error>>> {
        Builder::new().name("supervisor".into()).spawn(move || self.run())
    }

    fn run(self) -> Result<(), Error> {
        // On its own thread, because a file system that hangs must not keep the bridge from stopping.
        let mut reloading: Weak<()> = Weak::new();
        let mut next_check = Instant::now() + limits::EXPIRY_CHECK;
        loop {
            match self.tasks.next(next_check) {
                Err(end) => return end,
                Ok(None) => {
                    next_check = Instant::now() + limits::EXPIRY_CHECK;
                    warn_of_certificate(self.reload.tls.as_deref());
                }
                Ok(Some(Task::Log(requester, level))) => {
                    let result = self.reload.set_log_level(level);
                    self.reload.reply(Some(requester), None, result);
                }
                Ok(Some(Task::Reload(requester))) => {
                    if reloading.strong_count() == 0 {
                        let running = Arc::new(());
                        reloading = Arc::downgrade(&running);
                        self.start_reload(requester, running);
                        continue;
                    }
                    // A reload by signal has no requester: its answer is the log.
                    let text = "the configuration is being read already";
                    log::warn!("daemon: not reloading, {text}");
                    self.reload.reply(requester, None, Err(WireError::unavailable(text)));
                }
            }
        }
    }

    fn start_reload(&self, requester: Option<Requester>, running: Arc<()>) {
        let (reload, who) = (self.reload.clone(), requester.clone());
        let thread = Builder::new().name("reload".into()).spawn(move || reload.run(who, running));
        if let Err(error) = thread {
            log::error!("daemon: could not reload error={error}");
            let text = format!("the configuration was not read: {error}");
            self.reload.reply(requester, None, Err(WireError::unavailable(text)));
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let began = Instant::now();
        if let Some(advertiser) = &self.advertiser {
            // First, so that no node finds a bridge that is about to stop.
            advertiser.stop();
        }
        self.stop.alarm();
        for thread in self.accepting.drain(..) {
            if thread.join().is_err() {
                log::error!("daemon: an accepting thread panicked");
            }
        }
        if let Some(canvas) = &self.reload.canvas {
            canvas.close();
        }
        // The first `Stop` closes every connection, the second one ends the router.
        let _ = self.inbox.post(Input::Stop);
        let left = self.limiter.wait_until_empty(limits::STOP_DEADLINE);
        if left > 0 {
            log::warn!(
                "daemon: stopping although connections did not end in time connections={left}"
            );
        }
        if let Some(canvas) = &self.reload.canvas {
            canvas.wait(limits::STOP_DEADLINE.saturating_sub(began.elapsed()));
        }
        self.backend.stop(limits::STOP_BACKEND);
        let _ = self.inbox.post(Input::Stop);
        if self.router.take().is_some_and(|router| router.join().is_err()) {
            log::error!("daemon: the router panicked");
        }
        log::info!("daemon: stopped took={}ms", began.elapsed().as_millis());
    }
}
