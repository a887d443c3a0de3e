//! TLS for both sides of a connection (floor 1). The crypto provider (ring) is passed explicitly
//! everywhere; no process-wide default is installed.

mod certificate;
mod client;
mod error;
mod fingerprint;
mod generate;
mod pem;
mod server;
#[cfg(test)]
mod tests;
mod validity;

pub(crate) use certificate::CertificateFiles;
#[cfg(feature = "cli")]
pub(crate) use certificate::CertificateInfo;
pub use client::Trust;
pub(crate) use client::{client_config, server_name, system_config, PinMismatch};
pub(crate) use error::Error;
pub use fingerprint::{Fingerprint, NotAFingerprint};
pub(crate) use server::Acceptor;
