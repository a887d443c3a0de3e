//! Why the store or a transcript could not be read or written.

use crate::protocol::{limits, WireError};
use std::io;
use std::path::{Path, PathBuf};

/// Why the sessions could not be read or changed. The log names the file; nodes never see paths.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("could not {doing} `{}`", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    /// The store cannot be parsed. It stays as it is until it is repaired.
    #[error(
        "`{}` is damaged: {what}. Nothing was changed. Repair it, or move it away to start with no \
         sessions",
        path.display()
    )]
    Damaged { path: PathBuf, what: String },
    /// The store has as many sessions, of this node or in all, or bytes, as it may hold.
    #[error("too many sessions of this node, or {} in all, or too many bytes", limits::SESSIONS)]
    Full,
    /// The conversations, or those of one node, have as many bytes as they may.
    #[error(
        "the conversations have {} MiB on disk, and bridge.limits.conversationBytes leaves no more \
         to this sender. Raise it, or remove old transcripts (*.deleted.*, *.bak.*)",
        used >> 20
    )]
    Quota { used: u64 },
    #[error("the disk has only {} MiB left. Make room on it", free >> 20)]
    DiskFull { free: u64 },
    #[error("the session key is blank or too long")]
    BadKey,
    #[error("the message is too long to be kept")]
    TooLong,
}

impl StoreError {
    /// An error of the file system; logged here, once.
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        log::error!("backend: could not {doing} path={} error={source}", path.display());
        Self::Io { doing, path: path.to_owned(), source }
    }

    /// The reason without any path.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Io { source, .. } => source.to_string(),
            other => other.sentence(),
        }
    }

    /// What a node is shown.
    fn sentence(&self) -> String {
        let sentence = match self {
            Self::Io { .. } => "the gateway could not read or write its sessions; its log says why",
            Self::Damaged { .. } => "the gateway's session store is damaged; its log says how",
            Self::Full => "the gateway keeps no more sessions for this sender; delete some",
            Self::Quota { .. } => {
                "the gateway keeps no more on disk for this sender; its owner can remove old \
                 transcripts or raise bridge.limits.conversationBytes"
            }
            Self::DiskFull { .. } => {
                "the gateway's disk is almost full; its owner has to make room on it"
            }
            other => return other.to_string(),
        };
        sentence.to_owned()
    }
}

impl From<StoreError> for WireError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::BadKey | StoreError::TooLong => Self::invalid(error.sentence()),
            _ => Self::unavailable(error.sentence()),
        }
    }
}
