//! How nodes find the bridge: announced by mDNS in the local network, or in a DNS zone beyond it
//! (protocol section 10).
//!
//! Floor 2.

pub mod service;

pub use service::Service;
