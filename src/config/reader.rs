//! What has been read of a configuration so far.

use super::Problem;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The value is the default.
    Default,
    /// The file.
    File(PathBuf),
    /// An environment variable.
    Env(&'static str),
    /// A command-line flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// The values read so far, where they came from, and what is wrong with them.
#[derive(Default)]
pub(super) struct Reader {
    /// The home directory, for `~`.
    pub(super) home: Option<PathBuf>,
    /// Where relative paths start; `None` leaves them to the working directory.
    pub(super) base: Option<PathBuf>,
    pub(super) problems: Vec<Problem>,
    /// The keys that were written somewhere; valid or not.
    pub(super) origins: BTreeMap<&'static str, Origin>,
    /// Top-level sections that belong to other programs.
    pub(super) ignored: Vec<String>,
    /// The valid values, as a document.
    pub(super) values: Value,
}
