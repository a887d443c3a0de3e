//! How nodes find the bridge: announced by mDNS in the local network, or in a DNS zone beyond it
//! (protocol section 10).
//!
//! Floor 2.

pub mod facts;
pub mod service;
pub mod tailscale;
pub mod zone;
pub mod zone_file;

pub use facts::Facts;
pub use service::Service;
