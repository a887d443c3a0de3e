//! Waiting for descriptors, with a deadline.

use rustix::event::{poll, PollFd, Timespec};
use rustix::io::Errno;
use std::io;
use std::time::Instant;

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
