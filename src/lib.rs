//! The gateway side of the OpenClaw Bridge protocol.

pub mod backend;
pub mod cli;
pub mod client;
pub mod config;
pub mod control;
pub mod daemon;
pub mod files;
pub mod link;
pub mod log_limit;
pub mod pairing_store;
pub mod protocol;
pub mod router;
pub mod suggest;
pub mod transport;
