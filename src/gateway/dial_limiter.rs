//! Lets connections to a gateway begin one after another, and only when the gateway is there: it
//! takes 32 connections of one address that it has not admitted, and a house full of nodes finds
//! out at the same moment that it is back.

use crate::link::Stop;
use crate::lock::lock;
use std::sync::{Condvar, Mutex, PoisonError};

/// One connection at a time.
#[derive(Debug, Default)]
pub(crate) struct DialLimiter {
    state: Mutex<LimiterState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LimiterState {
    is_reachable: bool,
    is_taken: bool,
}

/// The right to connect, until it is dropped.
#[derive(Debug)]
pub(crate) struct DialPermit<'l>(&'l DialLimiter);

impl DialLimiter {
    /// Waits for the turn; `None` if `stop` was requested, and [`DialLimiter::wake`] called after it.
    /// Whoever finds out whether the gateway is there does not wait for that.
    pub(super) fn acquire(&self, finds_out: bool, stop: &Stop) -> Option<DialPermit<'_>> {
        let mut state = lock(&self.state);
        while !stop.is_requested() {
            if !state.is_taken && (state.is_reachable || finds_out) {
                state.is_taken = true;
                return Some(DialPermit(self));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Whether the gateway is there.
    pub(crate) fn set_reachable(&self, is_reachable: bool) {
        lock(&self.state).is_reachable = is_reachable;
        self.changed.notify_all();
    }

    /// Has everybody who waits check whether to stop.
    pub(crate) fn wake(&self) {
        // Whoever checks holds the lock until it waits.
        drop(lock(&self.state));
        self.changed.notify_all();
    }
}

impl Drop for DialPermit<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).is_taken = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn one_at_a_time_connects_and_nobody_while_the_gateway_is_away() {
        let (limiter, stop) = (DialLimiter::default(), Stop::new().unwrap());
        let (inside, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let permit = limiter.acquire(false, &stop).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    passed.fetch_add(1, Ordering::SeqCst);
                    drop(permit);
                });
            }
            drop(limiter.acquire(true, &stop).unwrap());
            assert_eq!(passed.load(Ordering::SeqCst), 0, "the gateway is away");
            limiter.set_reachable(true);
        });
        assert_eq!(passed.load(Ordering::SeqCst), 8);
    }

    #[test]
    fn who_is_stopped_does_not_wait() {
        let (limiter, stop) = (DialLimiter::default(), Stop::new().unwrap());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| limiter.acquire(false, &stop).is_none());
            stop.request();
            limiter.wake();
            assert!(waiting.join().unwrap());
        });
    }
}
