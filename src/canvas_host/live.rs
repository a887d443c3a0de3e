//! Tells a page that a file has changed (server-sent events). The system tells the thread that
//! waits for this page (inotify), so nothing runs while nothing changes, or nobody waits.

use super::files::contents;
use crate::protocol::limits;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

const RELOAD: &[u8] = b"data: reload\n\n";
/// Changes nothing.
const HEARTBEAT: &[u8] = b":\n\n";

/// Sends a notice whenever the files are not those that the page was made from. Ends with the
/// connection.
pub(super) fn notify(
    root: &Path,
    mut seen: Option<u64>,
    stream: &TcpStream,
    mut send: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    send(HEARTBEAT)?;
    loop {
        // Watched before they are looked at, so that no change is missed.
        let watch = watch(&contents(root).folders);
        let now = contents(root).stamp;
        if seen.replace(now).is_some_and(|seen| seen != now) {
            send(RELOAD)?;
        }
        let until = Instant::now() + limits::CANVAS_HEARTBEAT;
        let mut fds = vec![PollFd::new(stream, PollFlags::IN)];
        fds.extend(watch.iter().map(|watch| PollFd::new(watch, PollFlags::IN)));
        let is_news = poll_until(&mut fds, Some(until))?;
        if !fds[0].revents().is_empty() {
            // The page has nothing to say, so it is gone.
            return Ok(());
        }
        drop(fds);
        match is_news {
            false => send(HEARTBEAT)?,
            true => {
                let settled = Instant::now() + limits::CANVAS_SETTLE;
                poll_until(&mut [PollFd::new(stream, PollFlags::IN)], Some(settled))?;
            }
        }
    }
}

/// Has the system tell of changes in these folders. Without it, the files are looked at with every
/// heartbeat.
fn watch(folders: &[PathBuf]) -> Option<OwnedFd> {
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
    let changes = WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MODIFY
        | WatchFlags::MOVE
        | WatchFlags::CLOSE_WRITE
        | WatchFlags::ONLYDIR;
    for folder in folders {
        // One that is gone meanwhile has changed the folder above it.
        let _ = inotify::add_watch(&watch, folder, changes);
    }
    Some(watch)
}
