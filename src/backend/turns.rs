//! Calls of one node that change something, one at a time and in the order in which it made them:
//! the worker that has carried one out takes the next. Everything else needs no order, because
//! nobody who waits for an answer can tell.

use crate::backend::Job;
use crate::protocol::{limits, NodeId};
use crate::router::Caller;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Who has a call under way, and which of theirs wait for it.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    by_node: BTreeMap<NodeId, VecDeque<Job>>,
    jobs: usize,
}

/// What is to be done with a call.
pub(super) enum Turn {
    /// Carry it out, and ask for the [`Turns::next`] then.
    Now(Job),
    /// It waits for an earlier one.
    Later,
    /// Too many wait.
    Full,
}

impl Turns {
    /// Lines a call up, if it has to wait.
    pub(super) fn enter(&self, job: Job) -> Turn {
        let Some(node) = line(&job) else { return Turn::Now(job) };
        let mut waiting = self.lock();
        if waiting.jobs >= limits::CALL_QUEUE {
            return Turn::Full;
        }
        match waiting.by_node.get_mut(node) {
            Some(queue) => {
                queue.push_back(job);
                waiting.jobs += 1;
                Turn::Later
            }
            None => {
                waiting.by_node.insert(node.clone(), VecDeque::new());
                Turn::Now(job)
            }
        }
    }

    /// The call whose turn it is when this one is done, or was not begun.
    pub(super) fn next(&self, done: &Line) -> Option<Job> {
        let node = done.0.as_ref()?;
        let mut waiting = self.lock();
        let next = waiting.by_node.get_mut(node).and_then(VecDeque::pop_front);
        match next {
            Some(_) => waiting.jobs -= 1,
            None => drop(waiting.by_node.remove(node)),
        }
        next
    }

    /// A thread that panics with the lock held leaves the lines in a usable state.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In whose line a call stands, if it stands in one.
pub(super) struct Line(Option<NodeId>);

impl Line {
    pub(super) fn of(job: &Job) -> Self {
        Self(line(job).cloned())
    }
}

/// Operators make one call at a time.
fn line(job: &Job) -> Option<&NodeId> {
    match &job.caller {
        Caller::Node(node) if job.method.changes_something() => Some(node),
        _ => None,
    }
}
