//! Lets connections to a gateway begin one after another, and only when the gateway is there: it
//! takes 32 connections of one address that it has not admitted, and a house full of nodes finds
//! out at the same moment that it is back.

use crate::link::Stop;
use crate::lock::lock;
use std::sync::{Condvar, Mutex, PoisonError};

/// The way in.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    is_open: bool,
    is_taken: bool,
}

/// The right to connect, until it is dropped.
#[derive(Debug)]
pub(crate) struct Pass<'g>(&'g Gate);

impl Gate {
    /// Waits for the turn; `None` if `stop` was requested, of which [`Gate::look`] has to tell.
    /// The one who finds out whether the gateway is there does not wait for the gate to be open.
    pub(super) fn enter(&self, finds_out: bool, stop: &Stop) -> Option<Pass<'_>> {
        let mut state = lock(&self.state);
        while !stop.is_requested() {
            if !state.is_taken && (state.is_open || finds_out) {
                state.is_taken = true;
                return Some(Pass(self));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Whether the gateway is there.
    pub(crate) fn set_open(&self, is_open: bool) {
        lock(&self.state).is_open = is_open;
        self.changed.notify_all();
    }

    /// Has everybody who waits look whether to stop.
    pub(crate) fn look(&self) {
        // Whoever looks holds the lock until it waits.
        drop(lock(&self.state));
        self.changed.notify_all();
    }
}

impl Drop for Pass<'_> {
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
    fn one_at_a_time_goes_through_and_nobody_while_it_is_closed() {
        let (gate, stop) = (Gate::default(), Stop::new().unwrap());
        let (inside, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let pass = gate.enter(false, &stop).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    passed.fetch_add(1, Ordering::SeqCst);
                    drop(pass);
                });
            }
            drop(gate.enter(true, &stop).unwrap());
            assert_eq!(passed.load(Ordering::SeqCst), 0, "the gate is closed");
            gate.set_open(true);
        });
        assert_eq!(passed.load(Ordering::SeqCst), 8);
    }

    #[test]
    fn who_is_stopped_does_not_wait() {
        let (gate, stop) = (Gate::default(), Stop::new().unwrap());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.enter(false, &stop).is_none());
            stop.request();
            gate.look();
            assert!(waiting.join().unwrap());
        });
    }
}
