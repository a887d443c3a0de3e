//! TLS for both sides of a connection: certificates, fingerprints, what is negotiated.
//!
//! Floor 1. The crypto provider is passed explicitly everywhere, so that nothing is installed for
//! the whole process.

mod client;
mod fingerprint;

pub use client::{client_config, server_name, PinMismatch, Trust};
pub use fingerprint::{Fingerprint, NotAFingerprint};
