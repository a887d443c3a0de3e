//! Waiting for descriptors, with a deadline.

use rustix::event::{poll, PollFd, Timespec};
use rustix::io::Errno;
use std::io;
use std::time::{Duration, Instant};

/// A timeout so long that it never expires, and that the clock can still represent.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The moment `timeout` from now; `timeout` may be `Duration::MAX`.
pub(crate) fn after(timeout: Duration) -> Instant {
    later(Instant::now(), timeout)
}

/// The moment `timeout` after `start`; `timeout` may be `Duration::MAX`.
pub(crate) fn later(start: Instant, timeout: Duration) -> Instant {
    start + timeout.min(FAR)
}

/// `poll(2)` that goes on after signals; returns whether anything is ready before the deadline.
pub(crate) fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(fds, left.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_timeout_is_no_reason_to_panic() {
        let endless = after(Duration::MAX);
        assert!(endless > Instant::now() + FAR / 2);
        assert!(later(endless, Duration::MAX) > endless);
        assert!(after(Duration::ZERO) <= Instant::now());
    }
}
