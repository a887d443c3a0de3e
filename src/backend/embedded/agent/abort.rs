//! The request to abort a run: made by any thread, noticed by the run's own.

use crate::link::Waker;
use crate::lock::lock;
use crate::protocol::limits;
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::sync::Mutex;
use std::time::Instant;

/// Whether a run is to end, and when its program is killed.
pub(super) struct AbortSignal {
    request: Mutex<AbortRequest>,
    waker: Waker,
}

#[derive(Default)]
struct AbortRequest {
    reason: Option<&'static str>,
    /// How the run ends is decided; a later request changes nothing.
    settled: bool,
    kill_at: Option<Instant>,
}

impl AbortSignal {
    /// Fails if no descriptor is left for the waker.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { request: Mutex::default(), waker: Waker::new()? })
    }

    /// Requests that the run ends; false if it is ending already.
    pub(super) fn request(&self, reason: &'static str) -> bool {
        let mut request = lock(&self.request);
        if request.settled || request.reason.is_some() {
            return false;
        }
        request.reason = Some(reason);
        request.kill_at.get_or_insert_with(|| Instant::now() + limits::AGENT_KILL_AFTER);
        drop(request);
        self.waker.alarm();
        true
    }

    /// Kills the program at this time, unless an earlier one is set.
    pub(super) fn kill_by(&self, time: Instant) {
        let mut request = lock(&self.request);
        request.kill_at = Some(request.kill_at.map_or(time, |earlier| earlier.min(time)));
        drop(request);
        self.waker.alarm();
    }

    /// When the program is killed. Called only after the program was asked to terminate.
    pub(super) fn kill_at(&self) -> Instant {
        *lock(&self.request)
            .kill_at
            .get_or_insert_with(|| Instant::now() + limits::AGENT_KILL_AFTER)
    }

    pub(super) fn is_requested(&self) -> bool {
        lock(&self.request).reason.is_some()
    }

    /// An error if the run is to end. Its text is not shown: the reason of the request counts.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.is_requested() {
            true => Err("aborted".to_owned()),
            false => Ok(()),
        }
    }

    /// Decides how the run ends: for the reason of a request, or, with `None`, by itself.
    pub(super) fn settle(&self) -> Option<&'static str> {
        let mut request = lock(&self.request);
        request.settled = true;
        request.reason
    }

    /// What a poll includes in order to notice a request.
    pub(super) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::new(&self.waker, PollFlags::IN)
    }

    /// Resets the descriptor after a poll has reported it.
    pub(super) fn reset(&self) {
        self.waker.woke_up(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_counts_and_none_after_the_decision() {
        let abort = AbortSignal::new().unwrap();
        assert!(abort.request("rpc") && !abort.request("stop"));
        assert_eq!(abort.settle(), Some("rpc"));
        let done = AbortSignal::new().unwrap();
        assert_eq!(done.settle(), None);
        assert!(!done.request("rpc") && !done.is_requested());
    }

    #[test]
    fn the_earliest_time_to_kill_counts() {
        let abort = AbortSignal::new().unwrap();
        abort.request("rpc");
        let now = Instant::now();
        abort.kill_by(now);
        abort.kill_by(now + limits::AGENT_KILL_AFTER);
        assert_eq!(abort.kill_at(), now);
    }
}
