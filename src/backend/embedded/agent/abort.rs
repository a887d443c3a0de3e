//! The wish to end a run: made by any thread, seen by the run's own.

use crate::link::Waker;
use crate::protocol::limits;
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Whether a run is to end, and by when its program must be gone.
pub(super) struct Abort {
    state: Mutex<State>,
    waker: Waker,
}

#[derive(Default)]
struct State {
    reason: Option<&'static str>,
    /// How the run ends is decided; a later wish changes nothing.
    settled: bool,
    kill_at: Option<Instant>,
}

impl Abort {
    /// No wish yet.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { state: Mutex::default(), waker: Waker::new()? })
    }

    /// Wishes that the run ends; false if it is ending already.
    pub(super) fn request(&self, reason: &'static str) -> bool {
        let mut state = self.state();
        if state.settled || state.reason.is_some() {
            return false;
        }
        state.reason = Some(reason);
        state.kill_at.get_or_insert_with(|| Instant::now() + limits::AGENT_KILL_AFTER);
        drop(state);
        self.waker.alarm();
        true
    }

    /// Whatever still runs is killed at this time, if not before.
    pub(super) fn kill_by(&self, time: Instant) {
        let mut state = self.state();
        state.kill_at = Some(state.kill_at.map_or(time, |earlier| earlier.min(time)));
        drop(state);
        self.waker.alarm();
    }

    /// When the program has to be gone. Asked first after the run was told to end.
    pub(super) fn kill_at(&self) -> Instant {
        let mut state = self.state();
        *state.kill_at.get_or_insert_with(|| Instant::now() + limits::AGENT_KILL_AFTER)
    }

    /// Whether somebody wishes that the run ends.
    pub(super) fn is_requested(&self) -> bool {
        self.state().reason.is_some()
    }

    /// Decides how the run ends: by this wish, or, with `None`, as it ended by itself.
    pub(super) fn settle(&self) -> Option<&'static str> {
        let mut state = self.state();
        state.settled = true;
        state.reason
    }

    /// What a wait includes in order to notice a wish.
    pub(super) fn watched(&self) -> PollFd<'_> {
        PollFd::new(&self.waker, PollFlags::IN)
    }

    /// A wait has noticed; the next one is to notice only what is new.
    pub(super) fn noticed(&self) {
        self.waker.woke_up(true);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wish_counts_and_none_after_the_decision() {
        let abort = Abort::new().unwrap();
        assert!(abort.request("rpc") && !abort.request("stop"));
        assert_eq!(abort.settle(), Some("rpc"));
        let done = Abort::new().unwrap();
        assert_eq!(done.settle(), None);
        assert!(!done.request("rpc") && !done.is_requested());
    }

    #[test]
    fn the_earliest_time_to_kill_counts() {
        let abort = Abort::new().unwrap();
        abort.request("rpc");
        let now = Instant::now();
        abort.kill_by(now);
        abort.kill_by(now + limits::AGENT_KILL_AFTER);
        assert_eq!(abort.kill_at(), now);
    }
}
