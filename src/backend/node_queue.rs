//! The order of calls that change something: those of one node run one at a time, as the node made
//! them. The worker that has finished one takes the next. Other calls need no order, because their
//! answers may come in any.

use crate::backend::{Caller, Method, NodeId, Payload};
use crate::protocol::limits;
use crate::router::CallId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A call on its way to the backend.
#[derive(Debug)]
pub(crate) struct Job {
    /// Returned with the answer.
    pub(crate) call: CallId,
    pub(crate) caller: Caller,
    pub(crate) method: Method,
    pub(crate) params: Option<Payload>,
}

/// The nodes with a call under way, and their calls that wait for it.
#[derive(Debug, Default)]
pub(super) struct NodeQueues(Mutex<Queues>);

#[derive(Debug, Default)]
struct Queues {
    by_node: BTreeMap<NodeId, VecDeque<Job>>,
    jobs: usize,
}

/// What happens to a call.
pub(super) enum Enqueued {
    /// It runs now; [`NodeQueues::next`] must follow.
    Run(Job),
    /// It waits for an earlier one.
    Queued,
    /// Too many calls wait.
    Full,
}

impl NodeQueues {
    /// Queues a call, if it has to wait.
    pub(super) fn admit(&self, job: Job) -> Enqueued {
        let Some(node) = ordered_by(&job) else { return Enqueued::Run(job) };
        let mut queues = self.lock();
        if queues.jobs >= limits::CALL_QUEUE {
            return Enqueued::Full;
        }
        match queues.by_node.get_mut(&node) {
            Some(queue) => {
                queue.push_back(job);
                queues.jobs += 1;
                Enqueued::Queued
            }
            None => {
                queues.by_node.insert(node, VecDeque::new());
                Enqueued::Run(job)
            }
        }
    }

    /// The call that follows one that is done, or was not begun, by its [`ordered_by`].
    pub(super) fn next(&self, done: Option<&NodeId>) -> Option<Job> {
        let node = done?;
        let mut queues = self.lock();
        let next = queues.by_node.get_mut(node).and_then(VecDeque::pop_front);
        match next {
            Some(_) => queues.jobs -= 1,
            None => drop(queues.by_node.remove(node)),
        }
        next
    }

    /// A thread that panics with the lock held leaves the queues in a usable state.
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The node in whose order a call runs, if it has to. Operators make one call at a time.
pub(super) fn ordered_by(job: &Job) -> Option<NodeId> {
    match &job.caller {
        Caller::Node(node) if job.method.changes_something() => Some(node.clone()),
        _ => None,
    }
}
