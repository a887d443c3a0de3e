//! Why the bridge does not run.

use crate::transport::bind;
use crate::{control, pairing_store, tls};
use std::path::PathBuf;
use std::{error, fmt, io};

/// The error of the part that failed.
type Cause = Box<dyn error::Error + Send + Sync>;

/// Why the bridge could not be started, or ended by itself.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Another bridge uses the state directory.
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The other process, if it said so.
        pid: Option<u32>,
    },
    /// The state directory cannot be used.
    StateDir {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The pairing files cannot be used.
    Pairings(Cause),
    /// There is no address to listen on, or one cannot be listened on.
    Bind(Cause),
    /// TLS is enabled, but there is no usable certificate. The bridge never falls back to plain
    /// text.
    Tls(Cause),
    /// The limit on open files leaves no room for nodes.
    TooFewFiles {
        /// The limit.
        open_files: u64,
    },
    /// The control socket cannot be made.
    Control(Cause),
    /// The system is out of threads or descriptors.
    System(io::Error),
    /// The router ended, which is a bug.
    RouterFailed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { dir, pid } => {
                let who = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                let dir = dir.display();
                write!(
                    f,
                    "another bridge{who} uses `{dir}`; stop it with `openclaw-bridge stop \
                     --state-dir {dir}`, or choose another --state-dir"
                )
            }
            Self::StateDir { dir, .. } => {
                write!(f, "could not use the state directory `{}`", dir.display())
            }
            Self::Pairings(error) | Self::Bind(error) | Self::Tls(error) | Self::Control(error) => {
                error.fmt(f)
            }
            Self::TooFewFiles { open_files } => write!(
                f,
                "the limit of {open_files} open files leaves no room for nodes; raise it to 256 or \
                 more (`ulimit -n`, or LimitNOFILE in the unit)"
            ),
            Self::System(_) => f.write_str("the system is out of threads or descriptors"),
            Self::RouterFailed => {
                f.write_str("the router failed; this is a bug, and the log above shows where")
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::StateDir { source, .. } | Self::System(source) => Some(source),
            Self::Pairings(error) | Self::Bind(error) | Self::Control(error) => error.source(),
            // The text already contains the cause.
            Self::Tls(_) => None,
            Self::InUse { .. } | Self::TooFewFiles { .. } | Self::RouterFailed => None,
        }
    }
}

impl From<pairing_store::Error> for Error {
    fn from(error: pairing_store::Error) -> Self {
        Self::Pairings(error.into())
    }
}

impl From<control::Error> for Error {
    fn from(error: control::Error) -> Self {
        Self::Control(error.into())
    }
}

impl From<tls::Error> for Error {
    fn from(error: tls::Error) -> Self {
        Self::Tls(error.into())
    }
}

impl From<bind::Error> for Error {
    fn from(error: bind::Error) -> Self {
        Self::Bind(error.into())
    }
}
