//! The supervisor's queue of tasks.

use crate::daemon::Error;
use crate::protocol::limits;
use crate::router::Requester;
use crossbeam_channel::{bounded, select, Receiver, Sender};
use log::LevelFilter;
use std::time::Instant;

/// What the supervisor is asked to do; the answer goes to the requester.
#[derive(Debug)]
pub(crate) enum Task {
    /// Without a requester, the log is the answer.
    Reload(Option<Requester>),
    Log(Requester, LevelFilter),
}

/// Where tasks come from. The end of the bridge has its own channel, so that no number of other
/// tasks can delay it.
#[derive(Clone, Debug)]
pub(crate) struct TaskSender {
    tasks: Sender<Task>,
    end: Sender<Result<(), Error>>,
}

#[derive(Debug)]
pub(super) struct TaskQueue {
    tasks: Receiver<Task>,
    end: Receiver<Result<(), Error>>,
}

pub(super) fn channel() -> (TaskSender, TaskQueue) {
    let (task_sender, tasks) = bounded(limits::SUPERVISOR_TASKS);
    let (end_sender, end) = bounded(1);
    (TaskSender { tasks: task_sender, end: end_sender }, TaskQueue { tasks, end })
}

impl TaskSender {
    /// Queues a task; never blocks. Gives it back if too many are waiting or the bridge has ended.
    pub(crate) fn request(&self, task: Task) -> Result<(), Task> {
        self.tasks.try_send(task).map_err(|refused| refused.into_inner())
    }

    /// Ends the bridge. The first reason counts.
    pub(crate) fn end(&self, reason: Result<(), Error>) {
        let _ = self.end.try_send(reason);
    }
}

impl TaskQueue {
    /// Waits for the next task, at most until the deadline; an error is why the bridge ends.
    pub(super) fn next(&self, deadline: Instant) -> Result<Option<Task>, Result<(), Error>> {
        let timeout = deadline.saturating_duration_since(Instant::now());
        // The router thread holds a sender until it fails or the bridge ends.
        select! {
            recv(self.end) -> end => Err(end.unwrap_or(Err(Error::RouterFailed))),
            recv(self.tasks) -> task => task.map(Some).map_err(|_| Err(Error::RouterFailed)),
            default(timeout) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_queue_is_bounded_and_the_end_is_never_refused() {
        let (sender, queue) = channel();
        let accepted = (0..1000).filter(|_| sender.request(Task::Reload(None)).is_ok()).count();
        assert_eq!(accepted, limits::SUPERVISOR_TASKS);
        sender.end(Ok(()));
        sender.end(Err(Error::RouterFailed));
        let deadline = Instant::now() + Duration::from_secs(20);
        let end = loop {
            match queue.next(deadline) {
                Err(end) => break end,
                Ok(Some(Task::Reload(None))) => {}
                other => panic!("{other:?}"),
            }
        };
        assert!(end.is_ok(), "the first reason counts");
    }

    #[test]
    fn a_deadline_passes_and_the_loss_of_every_sender_is_a_failure() {
        let (sender, queue) = channel();
        assert!(matches!(queue.next(Instant::now()), Ok(None)));
        drop(sender);
        let end = queue.next(Instant::now() + Duration::from_secs(20));
        assert!(matches!(end, Err(Err(Error::RouterFailed))));
    }
}
