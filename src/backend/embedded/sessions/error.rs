//! Why the store or a transcript could not be read or written.

use crate::protocol::{limits, WireError};
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Why the sessions could not be read or changed. The log names the file; nodes never see paths.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The file system refused.
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    /// The store cannot be parsed. It stays as it is until it is repaired.
    Damaged { path: PathBuf, what: String },
    /// The store has as many sessions, or bytes, as it may hold.
    Full,
    /// Blank, or longer than a session key may be.
    BadKey,
    /// A message too long for a transcript line.
    TooLong,
    /// The system has no random numbers.
    NoRandom,
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
            other => other.sentence().to_owned(),
        }
    }

    fn sentence(&self) -> &'static str {
        match self {
            Self::Io { .. } => "the gateway could not read or write its sessions; its log says why",
            Self::Damaged { .. } => "the gateway's session store is damaged; its log says how",
            Self::Full => "the gateway keeps as many sessions as it can; delete some",
            Self::BadKey => "the session key is blank or too long",
            Self::TooLong => "the message is too long to be kept",
            Self::NoRandom => "the gateway has no random numbers",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, .. } => write!(f, "could not {doing} `{}`", path.display()),
            Self::Damaged { path, what } => write!(
                f,
                "`{}` is damaged: {what}. Nothing was changed. Repair it, or move it away to start \
                 with no sessions",
                path.display()
            ),
            Self::Full => {
                write!(f, "more than {} sessions, or too many bytes of them", limits::SESSIONS)
            }
            other => f.write_str(other.sentence()),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
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
