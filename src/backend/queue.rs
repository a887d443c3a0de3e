//! What waits for the backend, by who wants it. The nodes take turns, and none has all workers:
//! whatever one node asks for, another waits for one piece of its work at most.

use crate::backend::task::Task;
use crate::backend::{Caller, NodeId};
use crate::lock::lock;
use crate::log_limit::LogLimit;
use crate::protocol::limits;
use crate::shares::Shares;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug)]
pub(super) struct TaskQueue {
    waiting: Mutex<Waiting>,
    came: Condvar,
    /// Of the events that are dropped, the log names each node once in a while.
    log_limit: LogLimit,
}

#[derive(Debug)]
struct Waiting {
    closed: bool,
    /// Who has a task that waits or is at work.
    lines: BTreeMap<Caller, Line>,
    /// Who has a task that waits, in the order of their turns.
    turns: VecDeque<Caller>,
    /// Of tasks that wait or are at work.
    bytes: Shares,
}

#[derive(Debug, Default)]
struct Line {
    tasks: VecDeque<Task>,
    at_work: usize,
    /// One of those at work has to end before the next that has to be in order.
    in_order: bool,
}

/// A task at work, as the queue knows it.
#[derive(Debug)]
pub(super) struct AtWork {
    caller: Caller,
    bytes: u64,
    is_ordered: bool,
}

impl TaskQueue {
    pub(super) fn new() -> Self {
        let waiting = Waiting {
            closed: false,
            lines: BTreeMap::new(),
            turns: VecDeque::new(),
            bytes: Shares::new(limits::TASK_QUEUE_BYTES),
        };
        let log_limit = LogLimit::new(limits::PAIRED_NODES, 1);
        Self { waiting: Mutex::new(waiting), came: Condvar::new(), log_limit }
    }

    /// Queues a task without waiting for anything. Only a call is reported as refused: of events
    /// that find no room the log tells, and that a node came or went is never dropped.
    pub(super) fn push(&self, task: Task) -> Result<(), Full> {
        let caller = task.caller();
        let mut waiting = lock(&self.waiting);
        if !waiting.has_room(&caller, &task) {
            return match (task, &caller) {
                (Task::Call(_), _) | (_, Caller::Operator) => Err(Full),
                (Task::Notice(_), Caller::Node(node)) => {
                    drop(waiting);
                    self.log_dropped(node);
                    Ok(())
                }
            };
        }
        waiting.push(caller, task);
        drop(waiting);
        self.came.notify_one();
        Ok(())
    }

    /// Waits for the next task, after `done` if there was one; `None` when there will be no more.
    pub(super) fn next(&self, done: Option<AtWork>) -> Option<(Task, AtWork)> {
        let mut waiting = lock(&self.waiting);
        if let Some(done) = done {
            waiting.done(&done);
        }
        while !waiting.closed {
            if let Some(next) = waiting.take() {
                // What ended may have made room for more than this one.
                if !waiting.turns.is_empty() {
                    self.came.notify_one();
                }
                return Some(next);
            }
            waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn log_dropped(&self, node: &NodeId) {
        let id = node.as_str();
        if let Some(more) = self.log_limit.admit_from("dropped", id) {
            log::warn!("backend: dropped an event of a node that sends too many node={id:?}{more}");
        }
    }

    /// Ends the workers; what waits is left.
    pub(super) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.came.notify_all();
    }
}

impl Waiting {
    fn has_room(&self, caller: &Caller, task: &Task) -> bool {
        let node = caller.node();
        // A message with photos may be larger than a share; it passes if the node has nothing else.
        let is_only = node.is_some_and(|node| self.bytes.of(node) == 0);
        let fits =
            self.bytes.fits(node, task.bytes()) || (is_only && self.bytes.fits(None, task.bytes()));
        let count = self.lines.get(caller).map_or(0, |line| line.tasks.len());
        task.is_presence() || (fits && count < limits::TASKS_WAITING)
    }

    fn push(&mut self, caller: Caller, task: Task) {
        self.bytes.add(caller.node(), task.bytes());
        let line = self.lines.entry(caller.clone()).or_default();
        // Of comings and of goings only the last counts, so they need no limit.
        let older = line.tasks.iter().position(|older| older.is_superseded_by(&task));
        line.tasks.push_back(task);
        if let Some(older) = older.and_then(|older| line.tasks.remove(older)) {
            self.bytes.remove(caller.node(), older.bytes());
        } else if line.tasks.len() == 1 {
            self.turns.push_back(caller);
        }
    }

    /// A task of the first caller in turn who may have one more at work.
    fn take(&mut self) -> Option<(Task, AtWork)> {
        let startable = |caller: &Caller| self.lines.get(caller).and_then(Line::startable);
        let mut turns = self.turns.iter().enumerate();
        let (turn, task) = turns.find_map(|(turn, caller)| Some((turn, startable(caller)?)))?;
        let caller = self.turns.remove(turn)?;
        let line = self.lines.get_mut(&caller)?;
        let task = line.tasks.remove(task)?;
        let (bytes, is_ordered) = (task.bytes(), task.is_ordered());
        line.at_work += 1;
        line.in_order |= is_ordered;
        if !line.tasks.is_empty() {
            self.turns.push_back(caller.clone());
        }
        Some((task, AtWork { caller, bytes, is_ordered }))
    }

    fn done(&mut self, done: &AtWork) {
        self.bytes.remove(done.caller.node(), done.bytes);
        let Some(line) = self.lines.get_mut(&done.caller) else { return };
        line.at_work -= 1;
        line.in_order &= !done.is_ordered;
        if line.at_work == 0 && line.tasks.is_empty() {
            self.lines.remove(&done.caller);
        }
    }
}

impl Line {
    /// The first task that may begin.
    fn startable(&self) -> Option<usize> {
        if self.at_work >= limits::TASKS_AT_WORK {
            return None;
        }
        self.tasks.iter().position(|task| !(self.in_order && task.is_ordered()))
    }
}
