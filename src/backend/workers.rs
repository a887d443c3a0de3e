//! Threads `rpc-N`: where the backend runs, so that neither the router nor a node ever waits for its
//! files.
//!
//! What one node changes and reports is handled one piece at a time, as the node sent it. Other
//! calls need no order, because their answers may come in any.

use crate::backend::queue::{Full, TaskQueue};
use crate::backend::task::{Job, Task};
use crate::backend::{Backend, NodeNotice};
use crate::link::{Closed, Inbox};
use crate::protocol::{limits, WireError};
use crate::router::Input;
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::thread::Builder;

/// The sending end of the queue. When it is dropped, the threads end.
#[derive(Debug)]
pub(crate) struct Workers(Arc<TaskQueue>);

impl Workers {
    pub(crate) fn start(backend: &Arc<dyn Backend>, inbox: &Inbox) -> io::Result<Self> {
        let workers = Self(Arc::new(TaskQueue::new()));
        for number in 1..=limits::WORKERS {
            let (backend, inbox) = (backend.clone(), inbox.clone());
            let worker = Worker { backend, inbox, queue: workers.0.clone() };
            Builder::new().name(format!("rpc-{number}")).spawn(move || worker.run())?;
        }
        Ok(workers)
    }

    /// Queues a call without waiting. The error, if too many are waiting, is for the caller.
    pub(crate) fn call(&self, job: Job) -> Result<(), WireError> {
        let busy = |Full| {
            WireError::unavailable("the gateway is busy with earlier requests; try again later")
        };
        self.0.push(Task::Call(job)).map_err(busy)
    }

    /// Queues a notice without waiting. An event for which there is no room is dropped.
    pub(crate) fn notice(&self, notice: NodeNotice) {
        let _ = self.0.push(Task::Notice(notice));
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Worker {
    backend: Arc<dyn Backend>,
    inbox: Inbox,
    queue: Arc<TaskQueue>,
}

impl Worker {
    fn run(&self) {
        let mut done = None;
        while let Some((task, at_work)) = self.queue.next(done) {
            if self.carry_out(task).is_err() {
                return;
            }
            done = Some(at_work);
        }
    }

    /// A backend that panics costs this task, not the worker.
    fn carry_out(&self, task: Task) -> Result<(), Closed> {
        let job = match task {
            Task::Call(job) => job,
            Task::Notice(notice) => {
                if catch_unwind(AssertUnwindSafe(|| self.backend.notice(notice))).is_err() {
                    log::error!("backend: panicked at a notice");
                }
                return Ok(());
            }
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Caller, Method, NodeId, Payload};
    use crate::link::Inputs;
    use crate::router::CallId;
    use crossbeam_channel::{unbounded, Receiver, RecvTimeoutError, Sender};
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(20);

    /// Reports its calls and the nodes' events, and finishes those named `slow` when it may.
    struct Slow {
        asked: Sender<String>,
        go: Receiver<()>,
    }

    impl Slow {
        fn start() -> (Arc<dyn Backend>, Receiver<String>, Sender<()>) {
            let ((asked, begun), (let_go, go)) = (unbounded(), unbounded());
            (Arc::new(Self { asked, go }), begun, let_go)
        }

        fn work(&self, name: &str) {
            self.asked.send(name.to_owned()).unwrap();
            if name.contains("slow") {
                self.go.recv().unwrap();
            }
        }
    }

    impl Backend for Slow {
        fn call(&self, _: &Caller, _: Method, params: Option<&str>) -> Result<Payload, WireError> {
            self.work(params.unwrap_or_default());
            Ok("{}".into())
        }

        fn notice(&self, notice: NodeNotice) {
            match notice {
                NodeNotice::Event { node, payload, .. } => {
                    self.work(&format!("{} {payload}", node.as_str()));
                }
                NodeNotice::Online { node, .. } => self.work(&format!("{} came", node.as_str())),
                NodeNotice::Offline(node) => self.work(&format!("{} went", node.as_str())),
                NodeNotice::Changed { .. } | NodeNotice::Subscription { .. } => {}
            }
        }
    }

    fn node(name: &str) -> NodeId {
        NodeId::new(name).unwrap()
    }

    fn job(call: u64, of: &str, method: Method, name: &str) -> Job {
        let caller = Caller::Node(node(of));
        Job { call: CallId(call), caller, method, params: Some(name.into()) }
    }

    fn event(of: &str, payload: &str) -> NodeNotice {
        NodeNotice::Event { node: node(of), event: "e".into(), payload: payload.into() }
    }

    fn answered(inputs: &Inputs) -> CallId {
        match inputs.next(Some(SOON)).unwrap().input {
            Input::Answered { call, .. } => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_node_changes_is_changed_in_its_order_and_holds_up_nothing_else() {
        let (backend, begun, let_go) = Slow::start();
        let (inbox, inputs) = Inbox::new();
        let workers = Workers::start(&backend, &inbox).unwrap();
        for (call, node, method, name) in [
            (1, "a", Method::ChatSend, "a slow first"),
            (2, "a", Method::ChatSend, "a slow second"),
            (3, "a", Method::Health, "a health"),
            (4, "b", Method::ChatSend, "b slow first"),
        ] {
            workers.call(job(call, node, method, name)).unwrap();
        }
        workers.notice(event("a", "reports"));
        let mut first: Vec<String> = (0..3).map(|_| begun.recv_timeout(SOON).unwrap()).collect();
        first.sort();
        assert_eq!(first, ["a health", "a slow first", "b slow first"]);
        assert_eq!(answered(&inputs), CallId(3));
        let quiet = begun.recv_timeout(Duration::from_millis(50));
        assert_eq!(quiet, Err(RecvTimeoutError::Timeout), "the second waits");
        let_go.send(()).unwrap();
        let_go.send(()).unwrap();
        assert_eq!(begun.recv_timeout(SOON).unwrap(), "a slow second");
        let_go.send(()).unwrap();
        assert_eq!(begun.recv_timeout(SOON).unwrap(), "a reports", "after what was sent before");
        let mut rest = [answered(&inputs), answered(&inputs), answered(&inputs)];
        rest.sort();
        assert_eq!(rest, [CallId(1), CallId(2), CallId(4)]);
    }

    #[test]
    fn the_slow_calls_of_one_node_do_not_hold_up_another() {
        let (backend, begun, let_go) = Slow::start();
        let (inbox, inputs) = Inbox::new();
        let workers = Workers::start(&backend, &inbox).unwrap();
        let mut accepted = 0;
        while workers.call(job(accepted, "a", Method::ChatHistory, "slow")).is_ok() {
            accepted += 1;
        }
        assert!(accepted >= limits::UNANSWERED as u64);
        assert!(accepted <= (limits::TASKS_WAITING + limits::TASKS_AT_WORK) as u64);
        for _ in 0..limits::TASKS_AT_WORK {
            begun.recv_timeout(SOON).unwrap();
        }
        for number in 0..100 {
            let call = 10_000 + number;
            workers.call(job(call, "b", Method::ChatHistory, "b")).unwrap();
            assert_eq!(begun.recv_timeout(SOON).unwrap(), "b");
            assert_eq!(answered(&inputs), CallId(call), "and none of the other node's has ended");
        }
        drop(let_go);
    }

    #[test]
    fn the_events_of_one_node_do_not_cost_another_its_own_and_nobody_a_coming_or_going() {
        let (backend, begun, let_go) = Slow::start();
        let (inbox, _inputs) = Inbox::new();
        let workers = Workers::start(&backend, &inbox).unwrap();
        workers.notice(event("a", "slow"));
        assert_eq!(begun.recv_timeout(SOON).unwrap(), "a slow");
        for number in 0..10_000 {
            workers.notice(event("a", "flood"));
            if number % 200 == 0 {
                workers.notice(event("b", &number.to_string()));
                assert_eq!(begun.recv_timeout(SOON).unwrap(), format!("b {number}"));
            }
            if number % 1000 == 0 {
                workers.notice(NodeNotice::Offline(node("a")));
                workers.notice(NodeNotice::Online { node: node("a"), profile: Arc::default() });
            }
        }
        let_go.send(()).unwrap();
        let mut rest: Vec<String> = Vec::new();
        while rest.last().is_none_or(|last| last != "a came") {
            rest.push(begun.recv_timeout(SOON).unwrap());
        }
        let floods = rest.iter().filter(|what| *what == "a flood").count();
        assert!(floods < limits::TASKS_WAITING, "{floods}");
        let presence: Vec<&String> = rest.iter().filter(|what| *what != "a flood").collect();
        assert_eq!(presence, ["a went", "a came"], "the last of each, in order");
    }

    #[test]
    fn the_bytes_that_wait_for_one_node_leave_room_for_others() {
        let (backend, begun, let_go) = Slow::start();
        let (inbox, _inputs) = Inbox::new();
        let workers = Workers::start(&backend, &inbox).unwrap();
        let photos = format!("slow {}", "x".repeat(limits::LINE_NODE - 100));
        for of in ["a", "b", "c"] {
            workers.call(job(1, of, Method::ChatSend, &photos)).unwrap();
            assert!(workers.call(job(2, of, Method::ChatSend, &photos)).is_err(), "{of}");
        }
        workers.call(job(3, "d", Method::ChatSend, "a word")).unwrap();
        for _ in 0..limits::WORKERS {
            begun.recv_timeout(SOON).unwrap();
        }
        drop(let_go);
    }
}
