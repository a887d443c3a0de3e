//! The gateway side of the OpenClaw Bridge protocol.

pub mod cli;
pub mod client;
pub mod config;
pub mod files;
pub mod pairing_store;
pub mod protocol;
pub mod router;
pub mod suggest;
