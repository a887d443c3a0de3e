//! How nodes find the bridge: announced by mDNS in the local network, or in a DNS zone beyond it
//! (protocol section 10).
//!
//! Floor 2.

pub mod profile;
pub mod service;
pub mod tailscale;
pub mod zone;
pub mod zone_file;

pub use profile::Profile;
pub use service::Service;
