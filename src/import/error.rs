//! Why nothing could be imported.

use crate::daemon;
use std::path::{Path, PathBuf};
use std::{error, io};

/// Why an import was not completed. What it had written by then is valid, and another import
/// continues from there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "could not read `{}`; give the state directory of the old gateway, usually ~/.clawdbot",
        dir.display()
    )]
    Unreadable { dir: PathBuf, source: io::Error },
    #[error(
        "there is nothing to import in `{}`: neither nodes/paired.json nor \
         bridge/paired-nodes.json, bridge/tls/, agents/, sessions/, settings/voicewake.json or \
         exec-approvals.json; give the state directory of the old gateway, usually ~/.clawdbot",
        .0.display()
    )]
    NothingThere(PathBuf),
    #[error(
        "`{}` is the bridge's state directory itself; choose another --state-dir, or start the \
         bridge, which can read what is there",
        .0.display()
    )]
    SameDirectory(PathBuf),
    #[error(
        "a bridge{} uses `{}`; stop it (a service with `sudo systemctl stop openclaw-bridge`), import, \
         and start it again",
        pid.map_or_else(String::new, |pid| format!(" (pid {pid})")),
        dir.display()
    )]
    InUse { dir: PathBuf, pid: Option<u32> },
    /// The state directory, or a file in it, cannot be used.
    #[error(transparent)]
    State(Box<dyn error::Error + Send + Sync>),
    #[error(
        "could not write `{}`; fix that and import again: nothing is imported twice",
        path.display()
    )]
    Write { path: PathBuf, source: io::Error },
    #[error("could not act as the owner of `{}`", dir.display())]
    Ownership { dir: PathBuf, source: io::Error },
    /// Root was acting for somebody else, from inside the state directory.
    #[error("in `{}`", dir.display())]
    Inside { dir: PathBuf, source: Box<Self> },
}

impl Error {
    pub(super) fn lock(error: daemon::Error) -> Self {
        match error {
            daemon::Error::InUse { dir, pid } => Self::InUse { dir, pid },
            error => Self::state(error),
        }
    }

    pub(super) fn state(error: impl error::Error + Send + Sync + 'static) -> Self {
        Self::State(Box::new(error))
    }

    /// The error with the name of the directory that `.` is in it.
    pub(super) fn seen_from(self, dir: &Path) -> Self {
        let dir = dir.to_owned();
        match self {
            Self::InUse { pid, .. } => Self::InUse { dir, pid },
            error => Self::Inside { dir, source: Box::new(error) },
        }
    }

    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }
}
