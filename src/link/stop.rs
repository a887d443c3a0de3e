//! A request to stop that many waits can watch: a socket pair. A byte in it means stop, and is
//! never taken out, so nobody can miss it; a signal handler only has to write one.

use crate::wait::{self, poll_until};
use rustix::event::{PollFd, PollFlags};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// A request to stop; clones are the same request.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    watched: UnixStream,
    trigger: UnixStream,
}

impl Stop {
    /// A request that has not been made yet.
    pub fn new() -> io::Result<Self> {
        let (watched, trigger) = UnixStream::pair()?;
        trigger.set_nonblocking(true)?;
        Ok(Self(Arc::new(Ends { watched, trigger })))
    }

    /// Makes the request. It cannot be taken back.
    pub fn request(&self) {
        // It fails only when the buffer is full, and then the request has been made.
        let _ = (&self.0.trigger).write(&[1]);
    }

    /// The descriptor into which a signal handler may write a byte to make the request.
    pub fn trigger(&self) -> io::Result<UnixStream> {
        self.0.trigger.try_clone()
    }

    /// Whether the request was made.
    pub fn is_requested(&self) -> bool {
        self.wait(Duration::ZERO)
    }

    /// Waits for the request, at most this long; returns whether it was made.
    pub fn wait(&self, at_most: Duration) -> bool {
        let mut watched = [self.watched()];
        // A wait that fails is over; the next one reports why.
        poll_until(&mut watched, Some(wait::after(at_most))).unwrap_or(false)
    }

    /// What a wait for several descriptors includes in order to notice the request.
    pub(crate) fn watched(&self) -> PollFd<'_> {
        PollFd::from_borrowed_fd(self.as_fd(), PollFlags::IN)
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.watched.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_seen_by_every_wait_from_then_on() {
        let stop = Stop::new().unwrap();
        assert!(!stop.is_requested());
        stop.request();
        assert!(stop.wait(Duration::MAX) && stop.is_requested());
    }

    #[test]
    fn a_byte_from_a_signal_handler_ends_a_wait() {
        let stop = Stop::new().unwrap();
        let mut trigger = stop.trigger().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| stop.wait(Duration::from_secs(60)));
            trigger.write_all(b"x").unwrap();
            assert!(waiting.join().unwrap());
        });
    }
}
