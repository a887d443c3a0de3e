//! Threads `rpc-N` and `notices`: where the backend runs, so that neither the router nor a node
//! ever waits for its files.
//!
//! Calls of one node that change something run one at a time, as the node made them: the worker
//! that has finished one takes the next. Other calls need no order, because their answers may come
//! in any.

use crate::backend::{Backend, Caller, Method, NodeId, NodeNotice, Payload};
use crate::link::{Closed, Inbox};
use crate::lock::lock;
use crate::protocol::{limits, WireError};
use crate::router::{CallId, Input};
use crossbeam_channel::{bounded, Receiver, Sender};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::thread::Builder;

/// A call on its way to the backend.
#[derive(Debug)]
pub(crate) struct Job {
    /// Returned with the answer.
    pub(crate) call: CallId,
    pub(crate) caller: Caller,
    pub(crate) method: Method,
    pub(crate) params: Option<Payload>,
}

impl Job {
    fn bytes(&self) -> usize {
        self.params.as_ref().map_or(0, |params| params.len())
    }

    /// The node in whose order the call runs, if it has to. Operators make one call at a time.
    fn ordered_by(&self) -> Option<NodeId> {
        match &self.caller {
            Caller::Node(node) if self.method.changes_something() => Some(node.clone()),
            _ => None,
        }
    }
}

/// The sending ends of the two queues. When they are dropped, the threads end.
#[derive(Debug)]
pub(crate) struct Workers {
    jobs: Sender<Job>,
    notices: Sender<NodeNotice>,
    waiting: Arc<Mutex<Waiting>>,
}

/// The calls that wait.
#[derive(Debug, Default)]
struct Waiting {
    /// In the parameters of all that wait.
    bytes: usize,
    /// How many wait in `by_node`.
    jobs: usize,
    /// The nodes with a call that was given to a worker, and their calls behind it.
    by_node: BTreeMap<NodeId, VecDeque<Job>>,
}

impl Workers {
    /// Starts the threads.
    pub(crate) fn start(backend: &Arc<dyn Backend>, inbox: &Inbox) -> io::Result<Self> {
        let (jobs, job_queue) = bounded(limits::CALL_QUEUE);
        let (notices, notice_queue) = bounded(limits::NOTICE_QUEUE);
        let waiting = Arc::<Mutex<Waiting>>::default();
        for number in 1..=limits::CALL_WORKERS {
            let worker = Worker {
                backend: backend.clone(),
                inbox: inbox.clone(),
                queue: job_queue.clone(),
                waiting: waiting.clone(),
            };
            Builder::new().name(format!("rpc-{number}")).spawn(move || worker.run())?;
        }
        let backend = backend.clone();
        Builder::new()
            .name("notices".into())
            .spawn(move || pass_notices(&*backend, &notice_queue))?;
        Ok(Self { jobs, notices, waiting })
    }

    /// Queues a call without waiting. The error, if too many are waiting, is for the caller.
    pub(crate) fn call(&self, job: Job) -> Result<(), WireError> {
        let busy = || WireError::unavailable("the gateway is busy; try again");
        let (bytes, node) = (job.bytes(), job.ordered_by());
        let mut waiting = lock(&self.waiting);
        let too_many = node.is_some() && waiting.jobs >= limits::CALL_QUEUE;
        if too_many || (waiting.bytes > 0 && waiting.bytes + bytes > limits::CALL_QUEUE_BYTES) {
            return Err(busy());
        }
        if let Some(queue) = node.as_ref().and_then(|node| waiting.by_node.get_mut(node)) {
            queue.push_back(job);
            waiting.jobs += 1;
        } else {
            self.jobs.try_send(job).map_err(|_| busy())?;
            waiting.by_node.extend(node.map(|node| (node, VecDeque::new())));
        }
        waiting.bytes += bytes;
        Ok(())
    }

    /// Queues a notice without waiting; whether there was room for it.
    pub(crate) fn notice(&self, notice: NodeNotice) -> bool {
        self.notices.try_send(notice).is_ok()
    }
}

/// One of the threads that answer calls.
struct Worker {
    backend: Arc<dyn Backend>,
    inbox: Inbox,
    queue: Receiver<Job>,
    waiting: Arc<Mutex<Waiting>>,
}

impl Worker {
    fn run(&self) {
        for job in &self.queue {
            let mut next = Some(job);
            while let Some(job) = next {
                let node = job.ordered_by();
                if self.answer(job).is_err() {
                    return;
                }
                next = node.and_then(|node| self.next(&node));
            }
        }
    }

    /// The call that follows one of this node that is done.
    fn next(&self, node: &NodeId) -> Option<Job> {
        let mut waiting = lock(&self.waiting);
        let next = waiting.by_node.get_mut(node).and_then(VecDeque::pop_front);
        match next {
            Some(_) => waiting.jobs -= 1,
            None => drop(waiting.by_node.remove(node)),
        }
        next
    }

    fn answer(&self, job: Job) -> Result<(), Closed> {
        lock(&self.waiting).bytes -= job.bytes();
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
    use crate::link::Inputs;
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
        let waiting = lock(&workers.waiting);
        assert_eq!((waiting.bytes, waiting.jobs), (0, 0));
        assert!(waiting.by_node.values().all(VecDeque::is_empty));
    }
}
