//! Why nothing could be imported.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

/// Why an import was not completed. What it had written by then is valid, and another import
/// continues from there.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The directory of the old gateway cannot be read.
    Unreadable {
        /// The directory.
        dir: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is nothing of an old gateway in the directory.
    NothingThere(PathBuf),
    /// The directory is the state directory itself.
    SameDirectory(PathBuf),
    /// The state directory, or a file in it, cannot be used, or a bridge is using it.
    State(Box<dyn error::Error + Send + Sync>),
    /// A file of the state directory cannot be written.
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The imported files could not be given to the owner of the state directory.
    Ownership {
        /// The directory.
        dir: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn state(error: impl error::Error + Send + Sync + 'static) -> Self {
        Self::State(Box::new(error))
    }

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
                 the bridge, which can read what is there",
                dir.display()
            ),
            Self::State(error) => error.fmt(f),
            Self::Write { path, .. } => write!(
                f,
                "could not write `{}`; fix that and import again: nothing is imported twice",
                path.display()
            ),
            Self::Ownership { dir, .. } => write!(
                f,
                "everything was imported, but could not be given to the owner of `{}`; run `chown \
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
            Self::State(error) => error.source(),
            Self::NothingThere(_) | Self::SameDirectory(_) => None,
        }
    }
}
