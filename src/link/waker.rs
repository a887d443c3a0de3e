//! Wakes a thread out of `poll`, and costs a system call only if it sleeps.

use crate::lock::lock;
use rustix::event::{eventfd, EventfdFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::thread::{self, Thread};
use std::time::Instant;

/// A descriptor to poll, and the flag that says whether anybody does.
#[derive(Debug)]
pub(crate) struct Waker {
    descriptor: OwnedFd,
    asleep: AtomicBool,
    /// The last thread that slept without polling, if one ever did: waking that costs less.
    parked: Mutex<Option<Thread>>,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let descriptor = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { descriptor, asleep: AtomicBool::new(false), parked: Mutex::default() })
    }

    /// The thread is about to poll. It has to look for work once more after this: what was left
    /// before is not announced.
    pub(crate) fn fall_asleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
    }

    /// The thread is back from polling, or did not go.
    pub(crate) fn woke_up(&self, was_woken: bool) {
        self.asleep.store(false, Ordering::SeqCst);
        if was_woken {
            let mut count = [0; 8];
            // Nothing to read is fine: then somebody else's wake was read before.
            let _ = rustix::io::read(&self.descriptor, &mut count);
        }
    }

    /// Whether the thread polls, or is about to.
    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::SeqCst)
    }

    /// Wakes the thread if it sleeps. Call after leaving the work where it will look.
    pub(crate) fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst) {
            // Not under the lock, for which the thread would then have to wait.
            let parked = lock(&self.parked).clone();
            match parked {
                Some(thread) => thread.unpark(),
                None => self.alarm(),
            }
        }
    }

    /// For a thread that waits for nothing but this: sleeps until it is woken or `deadline`, unless
    /// `has_work` says that there is something to do already.
    pub(crate) fn park(&self, deadline: Option<Instant>, has_work: impl FnOnce() -> bool) {
        *lock(&self.parked) = Some(thread::current());
        self.fall_asleep();
        // What came between the last look and the flag was not announced.
        if !has_work() {
            while self.is_asleep() {
                let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                match left {
                    None => thread::park(),
                    Some(left) if left.is_zero() => break,
                    Some(left) => thread::park_timeout(left),
                }
            }
        }
        self.woke_up(false);
    }

    /// Wakes the thread, asleep or not, for as long as nobody calls [`Waker::woke_up`].
    pub(crate) fn alarm(&self) {
        // It fails only when 2^64 wakes are unread, and then the thread is awake.
        let _ = rustix::io::write(&self.descriptor, &1u64.to_ne_bytes());
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use crate::link::Outbox;
    use std::sync::Arc;
    use std::thread;
    use std::time::{Duration, Instant};

    #[test]
    fn who_waits_without_a_connection_wakes_for_a_frame_the_deadline_and_the_end() {
        let outbox = Arc::new(Outbox::<Vec<u8>>::new(0).unwrap());
        let wait = |deadline| {
            let outbox = outbox.clone();
            thread::spawn(move || outbox.wait(deadline))
        };
        let wait_until_asleep = || {
            while !outbox.waker().is_asleep() {
                thread::yield_now();
            }
        };
        // The first one leaves nothing behind that would keep the next one awake.
        for n in 1..=3 {
            let waiting = wait(None);
            wait_until_asleep();
            outbox.push(vec![n]).unwrap();
            assert_eq!(waiting.join().unwrap(), Some(vec![n]));
        }
        let deadline = Instant::now() + Duration::from_millis(5);
        assert_eq!(wait(Some(deadline)).join().unwrap(), None);
        assert!(Instant::now() >= deadline && outbox.is_open());
        let waiting = wait(None);
        wait_until_asleep();
        outbox.finish();
        assert_eq!(waiting.join().unwrap(), None);
    }
}
