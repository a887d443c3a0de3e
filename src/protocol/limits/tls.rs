//! Limits of certificates.

use std::time::Duration;

/// Bytes of a certificate or key file. A chain of four certificates has 10 KB.
pub const CERTIFICATE_BYTES: u64 = 1024 * 1024;
/// For how long a certificate that the bridge makes is valid. Nodes pin it, so renewing it means
/// visiting every phone.
pub const CERTIFICATE_LIFE: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
/// Names and addresses in a certificate that the bridge makes; a machine with many containers has
/// more addresses than anybody connects to.
pub const CERTIFICATE_NAMES: usize = 64;
/// The log and `status` warn so many days before a certificate ends.
pub const EXPIRY_WARNING_DAYS: i64 = 30;
/// How often a running bridge checks whether its certificate expires soon.
pub const EXPIRY_CHECK: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of plaintext encrypted at once: one TLS record. What the socket does not take of it is
/// all that waits outside the outbox.
pub const TLS_SLICE: usize = 16 * 1024;
