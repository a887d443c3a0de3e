//! Accepting connections until told to stop, whatever the system runs out of.

use crate::link::Waker;
use crate::log_limit::LogLimit;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// How long accepting pauses when descriptors or memory are short.
const PAUSE: Duration = Duration::from_millis(200);

/// Calls `accept_one` whenever a connection waits at `socket`, which must not block, until
/// somebody raises the alarm at `stop`.
pub fn accept_until(
    stop: &Waker,
    socket: &impl AsFd,
    log_limit: &LogLimit,
    mut accept_one: impl FnMut() -> io::Result<()>,
) {
    while !alarmed(stop, Some(socket), None) {
        match accept_one() {
            Ok(()) => {}
            Err(error) if is_passing(&error) => {}
            Err(error) => {
                if let Some(more) = log_limit.admit("accept") {
                    log::warn!("could not accept a connection, pausing: {error}{more}");
                }
                if alarmed(stop, None::<&Waker>, Some(PAUSE)) {
                    return;
                }
            }
        }
    }
}

/// The newcomer left before it was accepted, or there was none.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
}

/// Waits for a connection, for the alarm, or for the time to pass; whether it was the alarm.
fn alarmed(stop: &Waker, socket: Option<&impl AsFd>, patience: Option<Duration>) -> bool {
    let timeout = patience.and_then(|wait| Timespec::try_from(wait).ok());
    let mut wait = vec![PollFd::new(stop, PollFlags::IN)];
    wait.extend(socket.map(|socket| PollFd::new(socket, PollFlags::IN)));
    match poll(&mut wait, timeout.as_ref()) {
        Ok(_) => wait[0].revents().contains(PollFlags::IN),
        Err(rustix::io::Errno::INTR) => false,
        // Nothing sensible can be waited for any more.
        Err(_) => true,
    }
}
