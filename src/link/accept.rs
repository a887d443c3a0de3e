//! Accepts connections until stopped, even while the system is short of resources.

use crate::link::Waker;
use crate::log_limit::LogLimit;
use crate::protocol::limits;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::Instant;

/// Calls `accept_one` whenever a connection waits at `socket`, which must not block, until
/// somebody raises the alarm at `stop`.
pub(crate) fn accept_until(
    stop: &Waker,
    socket: &impl AsFd,
    log_limit: &LogLimit,
    mut accept_one: impl FnMut() -> io::Result<()>,
) {
    loop {
        let accepted = match alarmed(stop, Some(socket), None) {
            Ok(true) => return,
            Ok(false) => accept_one(),
            Err(error) => Err(error),
        };
        match accepted {
            Ok(()) => {}
            Err(error) if is_transient(&error) => {}
            Err(error) => {
                if let Some(more) = log_limit.admit("accept") {
                    log::warn!("could not accept a connection; pausing error={error}{more}");
                }
                match alarmed(stop, None::<&Waker>, Some(Instant::now() + limits::ACCEPT_PAUSE)) {
                    Ok(true) => return,
                    Ok(false) => {}
                    // So little memory that even waiting fails.
                    Err(_) => thread::sleep(limits::ACCEPT_PAUSE),
                }
            }
        }
    }
}

/// The error of a connection for which no thread could be started. The system's own would look as if
/// no connection had been waiting.
pub(crate) fn no_thread(error: io::Error) -> io::Error {
    io::Error::other(format!("no thread for it: {error}"))
}

/// Whether the client left before it was accepted, or there was none.
fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
}

/// Waits for a connection, for the alarm, or for the deadline; whether it was the alarm.
fn alarmed(
    stop: &Waker,
    socket: Option<&impl AsFd>,
    deadline: Option<Instant>,
) -> io::Result<bool> {
    let mut wait = vec![PollFd::new(stop, PollFlags::IN)];
    wait.extend(socket.map(|socket| PollFd::new(socket, PollFlags::IN)));
    poll_until(&mut wait, deadline)?;
    Ok(!wait[0].revents().is_empty())
}
