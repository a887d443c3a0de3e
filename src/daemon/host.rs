//! The program around a bridge: what only it can do.

use crate::discovery::Profile;
use crate::router::Policy;
use crate::tls::{Acceptor, Fingerprint};
use log::LevelFilter;
use std::path::PathBuf;

/// What a bridge asks of the program it lives in, on behalf of its operators. Every answer is
/// shown to the operator who asked.
pub trait Host: Send + Sync + 'static {
    /// Reads the configuration again, and the certificate into `tls` if connections are encrypted.
    /// Has a thread of its own, so it may block.
    ///
    /// # Errors
    /// What is wrong with the configuration; the old one stays in force.
    fn reload(&self, tls: Option<&Acceptor>) -> Result<Reloaded, String> {
        let _ = tls;
        Err("this program has no configuration to read again".to_owned())
    }

    /// Changes how much is logged.
    ///
    /// # Errors
    /// Why that is not possible.
    fn log(&self, level: LevelFilter) -> Result<(), String> {
        let _ = level;
        Err("this program decides by itself how much is logged".to_owned())
    }
}

/// A program that leaves its bridge alone.
impl Host for () {}

/// What came of reading the configuration again.
#[derive(Debug)]
pub struct Reloaded {
    /// The rules from now on.
    pub policy: Policy,
    /// What is announced from now on.
    pub profile: Profile,
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    /// Keys that differ, but need a new start.
    pub restart_needed: Vec<String>,
    /// What nodes have to pin from now on, if the certificate is another one than before.
    pub new_fingerprint: Option<Fingerprint>,
}
