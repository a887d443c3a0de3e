//! Why the bridge does not run.

use crate::transport::bind;
use crate::{control, pairing_store, tls};
use std::path::PathBuf;
use std::{error, io};

/// The error of the part that failed.
type Cause = Box<dyn error::Error + Send + Sync>;

/// Why the bridge could not be started, or ended by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another bridge uses the state directory.
    #[error(
        "another bridge{} uses `{dir}`; stop it with `openclaw-bridge stop --state-dir {dir}`, or \
         choose another --state-dir",
        pid.map_or_else(String::new, |pid| format!(" (pid {pid})")),
        dir = dir.display()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The other process, if it is known.
        pid: Option<u32>,
    },
    /// The state directory cannot be used.
    #[error("could not use the state directory `{}`", dir.display())]
    StateDir {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The pairing files cannot be used.
    #[error(transparent)]
    Pairings(Cause),
    /// There is no address to listen on, or one cannot be listened on.
    #[error(transparent)]
    Bind(Cause),
    /// TLS is enabled, but there is no usable certificate. The bridge never falls back to plain
    /// text. The text already contains the cause.
    #[error("{0}")]
    Tls(Cause),
    /// The limit on open files leaves no room for nodes.
    #[error(
        "the limit of {open_files} open files leaves no room for nodes; raise it to 256 or more \
         (`ulimit -n`, or LimitNOFILE in the unit)"
    )]
    TooFewFiles {
        /// The limit.
        open_files: u64,
    },
    /// The control socket cannot be made.
    #[error(transparent)]
    Control(Cause),
    /// The system is out of threads or descriptors.
    #[error("the system is out of threads or descriptors")]
    System(#[from] io::Error),
    /// The router ended, which is a bug.
    #[error("the router failed; this is a bug, and the log above shows where")]
    RouterFailed,
}

/// Makes the error of a part into that of the bridge.
macro_rules! from_parts {
    ($($part:ty => $variant:ident),*) => {$(
        impl From<$part> for Error {
            fn from(error: $part) -> Self {
                Self::$variant(error.into())
            }
        }
    )*};
}

from_parts!(
    pairing_store::Error => Pairings, control::Error => Control, tls::Error => Tls,
    bind::Error => Bind
);
