//! What a bridge needs from the program around it.

use crate::config::{Config, Loaded};
use log::LevelFilter;
use std::error::Error;

/// Why a [`Host`] refuses something; its text is sent to the operator who asked.
pub type HostError = Box<dyn Error + Send + Sync>;

/// The program that runs the bridge, and the requests of operators that it handles.
pub trait Host: Send + Sync + 'static {
    /// Reads the configuration again. It takes effect when it and the certificate it names are
    /// valid; after an error the old one stays in force. Called on its own thread, so it may block.
    /// A [`Config`] converts into [`Loaded`].
    fn reload(&self) -> Result<Loaded, HostError> {
        Err("this program has no configuration to read again".into())
    }

    /// Is called after a reload has taken effect.
    fn reloaded(&self, config: &Config) {
        let _ = config;
    }

    /// Changes how much is logged; an error says why that is not possible.
    fn set_log_level(&self, level: LevelFilter) -> Result<(), HostError> {
        let _ = level;
        Err("this program decides by itself how much is logged".into())
    }
}
