//! One bridge for each state directory.

use crate::daemon::Error;
use crate::files;
use rustix::fs::{flock, FlockOperation};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Held as long as the bridge runs. The kernel gives it back, however the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Makes the state directory and takes its lock.
    pub(crate) fn take(state_dir: &Path) -> Result<Self, Error> {
        let fail = |source| Error::StateDir { dir: state_dir.to_owned(), source };
        files::create_private_dir(state_dir).map_err(fail)?;
        files::check_private(state_dir).map_err(fail)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(state_dir.join("lock")).map_err(fail)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let pid = file.take(16).read_to_string(&mut text).ok();
                let pid = pid.and_then(|_| text.trim().parse().ok());
                return Err(Error::InUse { dir: state_dir.to_owned(), pid });
            }
            Err(errno) => return Err(fail(errno.into())),
        }
        // For the message above; a full disk is no reason not to start.
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = written {
            log::warn!("daemon: could not write the pid into the lock file: {error}");
        }
        Ok(Self { _file: file })
    }
}
