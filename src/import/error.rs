//! Why nothing could be imported.

use crate::backend::embedded::sessions::StoreError;
use crate::{daemon, pairing_store};
use std::path::{Path, PathBuf};
use std::{error, fmt, io};

/// Why an import did not come to its end. What it had written by then is whole, and another
/// import goes on from there.
#[derive(Debug)]
pub enum Error {
    /// The directory of the old gateway cannot be read.
    Unreadable {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing of an old gateway in the directory.
    NothingThere(PathBuf),
    /// It is the state directory itself.
    SameDirectory(PathBuf),
    /// The state directory cannot be used, or a bridge uses it.
    StateDir(daemon::Error),
    /// The pairing files of the state directory cannot be used.
    Pairings(pairing_store::Error),
    /// The sessions of the state directory cannot be used; the text names the file.
    Sessions(String, Option<io::Error>),
    /// A file of the state directory cannot be written.
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The imported files could not be given to the owner of the state directory.
    Ownership {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { dir, .. } => write!(
                f,
                "could not read `{}`; give the state directory of the old gateway, usually \
                 ~/.clawdbot",
                dir.display()
            ),
            Self::NothingThere(dir) => write!(
                f,
                "there is nothing to import in `{}`: neither nodes/paired.json nor \
                 bridge/paired-nodes.json, agents/, sessions/ or settings/voicewake.json; give the \
                 state directory of the old gateway, usually ~/.clawdbot",
                dir.display()
            ),
            Self::SameDirectory(dir) => write!(
                f,
                "`{}` is the bridge's state directory itself; choose another --state-dir, or start \
                 the bridge, which understands what is there",
                dir.display()
            ),
            Self::StateDir(error) => error.fmt(f),
            Self::Pairings(error) => error.fmt(f),
            Self::Sessions(text, _) => f.write_str(text),
            Self::Write { path, .. } => write!(
                f,
                "could not write `{}`; import again when that is mended, nothing is taken twice",
                path.display()
            ),
            Self::Ownership { dir, .. } => write!(
                f,
                "everything is imported, but could not be given to the owner of `{}`; run `chown \
                 -R --reference={0} {0}` before the bridge starts",
                dir.display()
            ),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. }
            | Self::Write { source, .. }
            | Self::Ownership { source, .. } => Some(source),
            Self::StateDir(error) => error.source(),
            Self::Pairings(error) => error.source(),
            Self::Sessions(_, source) => source.as_ref().map(|source| source as _),
            Self::NothingThere(_) | Self::SameDirectory(_) => None,
        }
    }
}

impl From<daemon::Error> for Error {
    fn from(error: daemon::Error) -> Self {
        Self::StateDir(error)
    }
}

impl From<pairing_store::Error> for Error {
    fn from(error: pairing_store::Error) -> Self {
        Self::Pairings(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        let source = match error {
            StoreError::Io { source, .. } => Some(source),
            _ => None,
        };
        Self::Sessions(text, source)
    }
}
