//! Threads `rpc-N` and `notices`: where the backend runs, so that neither the router nor a node
//! ever waits for its files.

use crate::backend::node_queue::{ordered_by, Enqueued, Job, NodeQueues};
use crate::backend::{Backend, NodeNotice};
use crate::link::{Closed, Inbox};
use crate::protocol::{limits, WireError};
use crate::router::Input;
use crossbeam_channel::{bounded, Receiver, Sender};
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::Builder;

/// The sending ends of the two queues. When they are dropped, the threads end.
#[derive(Debug)]
pub(crate) struct Workers {
    jobs: Sender<Job>,
    notices: Sender<NodeNotice>,
    queued: Arc<Queued>,
}

/// The calls that wait.
#[derive(Debug, Default)]
struct Queued {
    bytes: AtomicUsize,
    nodes: NodeQueues,
}

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    /// No thread is left.
    pub(crate) fn start(backend: &Arc<dyn Backend>, inbox: &Inbox) -> io::Result<Self> {
        let (jobs, job_queue) = bounded(limits::CALL_QUEUE);
        let (notices, notice_queue) = bounded(limits::NOTICE_QUEUE);
        let queued = Arc::new(Queued::default());
        for number in 1..=limits::CALL_WORKERS {
            let worker = Worker {
                backend: backend.clone(),
                inbox: inbox.clone(),
                queue: job_queue.clone(),
                queued: queued.clone(),
            };
            Builder::new().name(format!("rpc-{number}")).spawn(move || worker.run())?;
        }
        let backend = backend.clone();
        Builder::new()
            .name("notices".into())
            .spawn(move || pass_notices(&*backend, &notice_queue))?;
        Ok(Self { jobs, notices, queued })
    }

    /// Queues a call without waiting.
    ///
    /// # Errors
    /// Too many calls are waiting; what the caller gets instead of a result.
    pub(crate) fn call(&self, job: Job) -> Result<(), WireError> {
        let bytes = weight(&job);
        let waiting = self.queued.bytes.fetch_add(bytes, Ordering::Relaxed);
        let too_much = waiting > 0 && waiting + bytes > limits::CALL_QUEUE_BYTES;
        if !too_much && self.enqueue(job) {
            return Ok(());
        }
        self.queued.bytes.fetch_sub(bytes, Ordering::Relaxed);
        Err(WireError::unavailable("the gateway is busy; try again"))
    }

    /// Whether there was room.
    fn enqueue(&self, job: Job) -> bool {
        match self.queued.nodes.admit(job) {
            Enqueued::Queued => true,
            Enqueued::Full => false,
            Enqueued::Run(job) => match self.jobs.try_send(job) {
                Ok(()) => true,
                Err(refused) => {
                    // Nothing can be queued behind it yet: calls come from one thread.
                    let _ = self.queued.nodes.next(ordered_by(&refused.into_inner()).as_ref());
                    false
                }
            },
        }
    }

    /// Queues a notice without waiting; whether there was room for it.
    pub(crate) fn notice(&self, notice: NodeNotice) -> bool {
        self.notices.try_send(notice).is_ok()
    }
}

fn weight(job: &Job) -> usize {
    job.params.as_ref().map_or(0, |params| params.len())
}

/// One of the threads that answer calls.
struct Worker {
    backend: Arc<dyn Backend>,
    inbox: Inbox,
    queue: Receiver<Job>,
    queued: Arc<Queued>,
}

impl Worker {
    fn run(&self) {
        for job in &self.queue {
            let mut next = Some(job);
            while let Some(job) = next {
                let node = ordered_by(&job);
                if self.answer(job).is_err() {
                    return;
                }
                next = self.queued.nodes.next(node.as_ref());
            }
        }
    }

    fn answer(&self, job: Job) -> Result<(), Closed> {
        self.queued.bytes.fetch_sub(weight(&job), Ordering::Relaxed);
        // A backend that panics costs this call, not the worker.
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.backend.call(&job.caller, job.method, job.params.as_deref())
        }));
        let result = result.unwrap_or_else(|_| {
            log::error!("backend: panicked method={}", job.method);
            Err(WireError::unavailable("the gateway failed to answer"))
        });
        self.inbox.post(Input::Answered { call: job.call, result })
    }
}

fn pass_notices(backend: &dyn Backend, queue: &Receiver<NodeNotice>) {
    for notice in queue {
        if catch_unwind(AssertUnwindSafe(|| backend.notice(notice))).is_err() {
            log::error!("backend: panicked at a notice");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Caller, Method, NodeId, Payload};
    use crate::link::Inputs;
    use crate::router::CallId;
    use crossbeam_channel::{unbounded, RecvTimeoutError};
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(20);

    /// Reports its calls, and answers those that change something when it may.
    struct Slow {
        asked: Sender<String>,
        go: Receiver<()>,
    }

    impl Backend for Slow {
        fn call(
            &self,
            _: &Caller,
            method: Method,
            params: Option<&str>,
        ) -> Result<Payload, WireError> {
            self.asked.send(params.unwrap_or_default().to_owned()).unwrap();
            if method.changes_something() {
                self.go.recv().unwrap();
            }
            Ok("{}".into())
        }
    }

    fn job(call: u64, node: &str, method: Method, name: &str) -> Job {
        let caller = Caller::Node(NodeId::new(node).unwrap());
        Job { call: CallId(call), caller, method, params: Some(name.into()) }
    }

    fn answered(inputs: &Inputs) -> CallId {
        match inputs.next(Some(SOON)).unwrap().input {
            Input::Answered { call, .. } => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_node_changes_is_changed_in_its_order_and_holds_up_nothing_else() {
        let ((asked, begun), (let_go, go)) = (unbounded(), unbounded());
        let backend: Arc<dyn Backend> = Arc::new(Slow { asked, go });
        let (inbox, inputs) = Inbox::new();
        let workers = Workers::start(&backend, &inbox).unwrap();
        for (call, node, method, name) in [
            (1, "a", Method::ChatSend, "a first"),
            (2, "a", Method::ChatSend, "a second"),
            (3, "a", Method::Health, "a health"),
            (4, "b", Method::ChatSend, "b first"),
        ] {
            workers.call(job(call, node, method, name)).unwrap();
        }
        let mut first: Vec<String> = (0..3).map(|_| begun.recv_timeout(SOON).unwrap()).collect();
        first.sort();
        assert_eq!(first, ["a first", "a health", "b first"]);
        assert_eq!(answered(&inputs), CallId(3));
        let quiet = begun.recv_timeout(Duration::from_millis(50));
        assert_eq!(quiet, Err(RecvTimeoutError::Timeout), "the second waits");
        let_go.send(()).unwrap();
        let_go.send(()).unwrap();
        assert_eq!(begun.recv_timeout(SOON).unwrap(), "a second");
        let_go.send(()).unwrap();
        let mut rest = [answered(&inputs), answered(&inputs), answered(&inputs)];
        rest.sort();
        assert_eq!(rest, [CallId(1), CallId(2), CallId(4)]);
        assert!(workers.queued.nodes.next(NodeId::new("a").as_ref().ok()).is_none());
    }
}
