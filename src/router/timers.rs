//! Everything the router has to look at again at some time, in order of time.

use crate::protocol::NodeId;
use crate::router::{CallId, ConnId, Mono, RequestId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What has to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The connection must be admitted or wait for an approval by now.
    Greeting(ConnId),
    /// The connection may have been silent for too long.
    Silence(ConnId),
    /// The cool-down that holds back this connection's pairing request is over.
    CoolDown(ConnId),
    /// The request, or its approval that nobody has collected, expires.
    Pairing(RequestId),
    /// What nodes said about themselves is saved.
    Profiles,
    /// The backend must have answered the call by now.
    Call(CallId),
    /// The node must have answered the invoke by now.
    Invoke(Arc<str>),
    /// The outcome of the invoke with this idempotency key is forgotten.
    Outcome(NodeId, Arc<str>),
    /// The node's absence is announced.
    Absence(NodeId),
    /// The absent node's subscriptions are dropped.
    Subscriptions(NodeId),
}

/// The timers that are running. Each has one time; setting it again moves it.
#[derive(Debug, Default)]
pub(super) struct Timers {
    in_order: BTreeSet<(Mono, Timer)>,
    /// When those go off that may be moved.
    times: BTreeMap<Timer, Mono>,
}

impl Timers {
    /// Starts the timer, or moves it if it is running.
    pub(super) fn set(&mut self, at: Mono, timer: Timer) {
        if let Some(before) = self.times.insert(timer.clone(), at) {
            self.in_order.remove(&(before, timer.clone()));
        }
        self.in_order.insert((at, timer));
    }

    /// Starts a timer that never moves and that its owner, who knows its time, stops.
    pub(super) fn start(&mut self, at: Mono, timer: Timer) {
        self.in_order.insert((at, timer));
    }

    /// Stops a timer that was started for this time.
    pub(super) fn stop(&mut self, at: Mono, timer: Timer) {
        self.in_order.remove(&(at, timer));
    }

    pub(super) fn set_if_unset(&mut self, at: Mono, timer: Timer) {
        if !self.times.contains_key(&timer) {
            self.set(at, timer);
        }
    }

    pub(super) fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, at)) = self.times.remove_entry(timer) {
            self.in_order.remove(&(at, timer));
        }
    }

    /// Removes and returns the first timer whose time has come.
    pub(super) fn pop_due(&mut self, now: Mono) -> Option<Timer> {
        self.in_order.first().filter(|(at, _)| *at <= now)?;
        let (_, timer) = self.in_order.pop_first()?;
        self.times.remove(&timer);
        Some(timer)
    }

    /// The time of the first timer.
    pub(super) fn next(&self) -> Option<Mono> {
        self.in_order.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_timer_that_is_set_again_goes_off_once_at_its_new_time() {
        let at = |seconds| Mono(Duration::from_secs(seconds));
        let mut timers = Timers::default();
        timers.set(at(5), Timer::Call(CallId(1)));
        timers.set(at(9), Timer::Silence(ConnId(1)));
        timers.set(at(7), Timer::Call(CallId(1)));
        assert_eq!((timers.next(), timers.pop_due(at(6))), (Some(at(7)), None));
        assert_eq!(timers.pop_due(at(9)), Some(Timer::Call(CallId(1))));
        timers.cancel(&Timer::Silence(ConnId(1)));
        assert_eq!((timers.next(), timers.pop_due(at(9))), (None, None));
    }

    #[test]
    fn a_timer_that_its_owner_stops_goes_off_unless_it_is_stopped() {
        let at = |seconds| Mono(Duration::from_secs(seconds));
        let invoke = |id: &str| Timer::Invoke(id.into());
        let mut timers = Timers::default();
        for (seconds, id) in [(3, "a"), (2, "b"), (2, "c")] {
            timers.start(at(seconds), invoke(id));
        }
        timers.stop(at(2), invoke("b"));
        assert_eq!((timers.next(), timers.pop_due(at(1))), (Some(at(2)), None));
        assert_eq!(timers.pop_due(at(2)), Some(invoke("c")));
        assert_eq!((timers.pop_due(at(2)), timers.pop_due(at(3))), (None, Some(invoke("a"))));
        assert_eq!(timers.next(), None);
    }
}
