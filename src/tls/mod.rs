//! TLS for both sides of a connection: certificates, fingerprints, what is negotiated.
//!
//! Floor 1. The crypto provider is passed explicitly everywhere, so that nothing is installed for
//! the whole process.

mod fingerprint;

pub use fingerprint::{Fingerprint, NotAFingerprint};
