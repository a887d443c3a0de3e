//! TLS for both sides of a connection: certificates, fingerprints, what is negotiated.
//!
//! Floor 1. The crypto provider is passed explicitly everywhere, so that nothing is installed for
//! the whole process.

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

pub use certificate::{Certificate, Facts, Files};
pub use client::{client_config, server_name, PinMismatch, Trust};
pub use error::Error;
pub use fingerprint::{Fingerprint, NotAFingerprint};
pub use server::Acceptor;
pub use validity::Validity;
