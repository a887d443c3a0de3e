//! Wakes a thread out of `poll`, and costs a system call only if it sleeps.

use rustix::event::{eventfd, EventfdFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// A descriptor to poll, and the flag that says whether anybody does.
#[derive(Debug)]
pub(crate) struct Waker {
    descriptor: OwnedFd,
    asleep: AtomicBool,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let descriptor = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { descriptor, asleep: AtomicBool::new(false) })
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
            // It fails only when 2^64 wakes are unread, and then the thread is awake.
            let _ = rustix::io::write(&self.descriptor, &1u64.to_ne_bytes());
        }
    }

    /// Wakes the thread, asleep or not, for as long as nobody calls [`Waker::woke_up`].
    pub(crate) fn alarm(&self) {
        let _ = rustix::io::write(&self.descriptor, &1u64.to_ne_bytes());
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
