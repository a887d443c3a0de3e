//! The control socket: a Unix socket for operators, with one JSON object per line.
//!
//! Floor 2. The daemon runs the server, the command line the client.

mod client;
mod media_extractor;
mod server;

pub use client::{Client, Error as ClientError, Reply};
pub use media_extractor::MediaError;
pub use server::{Error, Server};
