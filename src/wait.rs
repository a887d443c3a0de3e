//! Waiting for descriptors, with a deadline.

use rustix::event::{poll, PollFd, Timespec};
use rustix::io::Errno;
use std::io;
use std::time::{Duration, Instant};

/// A deadline beyond anybody's patience that the clock can still tell.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The moment when this much time is over. Callers may be endlessly patient.
pub(crate) fn after(patience: Duration) -> Instant {
    later(Instant::now(), patience)
}

/// The moment this much later.
pub(crate) fn later(start: Instant, patience: Duration) -> Instant {
    start + patience.min(FAR)
}

/// `poll(2)` that outlives signals; tells whether anything is ready before the deadline.
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
    fn endless_patience_is_no_reason_to_panic() {
        let endless = after(Duration::MAX);
        assert!(endless > Instant::now() + FAR / 2);
        assert!(later(endless, Duration::MAX) > endless);
        assert!(after(Duration::ZERO) <= Instant::now());
    }
}
