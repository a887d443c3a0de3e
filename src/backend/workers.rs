//! Threads `rpc-N` and `notices`: where the backend runs, so that neither the router nor a node
//! ever waits for a file of its.

use crate::backend::Backend;
use crate::link::Inbox;
use crate::protocol::{limits, Method, Payload, WireError};
use crate::router::{CallId, Caller, Input, Notice};
use crossbeam_channel::{bounded, Receiver, Sender};
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::Builder;

/// A call on its way to the backend.
#[derive(Debug)]
pub struct Job {
    /// Comes back with the answer.
    pub call: CallId,
    /// Who calls.
    pub caller: Caller,
    /// What.
    pub method: Method,
    /// With which parameters.
    pub params: Option<Payload>,
}

/// The sending ends of the two queues. When they are dropped, the threads end.
#[derive(Debug)]
pub struct Workers {
    jobs: Sender<Job>,
    notices: Sender<Notice>,
    waiting_bytes: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    /// No thread left.
    pub fn start(backend: &Arc<dyn Backend>, inbox: &Inbox) -> io::Result<Self> {
        let (jobs, job_queue) = bounded(limits::CALL_QUEUE);
        let (notices, notice_queue) = bounded(limits::NOTICE_QUEUE);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        for number in 1..=limits::CALL_WORKERS {
            let (backend, inbox, queue) = (backend.clone(), inbox.clone(), job_queue.clone());
            let bytes = waiting_bytes.clone();
            Builder::new()
                .name(format!("rpc-{number}"))
                .spawn(move || answer_calls(&*backend, &inbox, &queue, &bytes))?;
        }
        let backend = backend.clone();
        Builder::new()
            .name("notices".into())
            .spawn(move || pass_notices(&*backend, &notice_queue))?;
        Ok(Self { jobs, notices, waiting_bytes })
    }

    /// Hands a call over without waiting.
    ///
    /// # Errors
    /// Too many calls are waiting; what the caller is told.
    pub fn call(&self, job: Job) -> Result<(), WireError> {
        let busy = || WireError::unavailable("the gateway is busy; try again");
        let bytes = job.params.as_ref().map_or(0, |params| params.len());
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let too_much = waiting > 0 && waiting + bytes > limits::CALL_QUEUE_BYTES;
        if too_much || self.jobs.try_send(job).is_err() {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(busy());
        }
        Ok(())
    }

    /// Hands a notice over without waiting; whether there was room for it.
    pub fn notice(&self, notice: Notice) -> bool {
        self.notices.try_send(notice).is_ok()
    }
}

fn answer_calls(
    backend: &dyn Backend,
    inbox: &Inbox,
    queue: &Receiver<Job>,
    waiting_bytes: &AtomicUsize,
) {
    for job in queue {
        let bytes = job.params.as_ref().map_or(0, |params| params.len());
        waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        // A backend that panics costs this call, not the worker.
        let result = catch_unwind(AssertUnwindSafe(|| {
            backend.call(&job.caller, job.method, job.params.as_deref())
        }));
        let result = result.unwrap_or_else(|_| {
            log::error!("backend: panicked method={}", job.method);
            Err(WireError::unavailable("the gateway failed to answer"))
        });
        if inbox.post(Input::Answered { call: job.call, result }).is_err() {
            return;
        }
    }
}

fn pass_notices(backend: &dyn Backend, queue: &Receiver<Notice>) {
    for notice in queue {
        if catch_unwind(AssertUnwindSafe(|| backend.notice(notice))).is_err() {
            log::error!("backend: panicked over a notice");
        }
    }
}
