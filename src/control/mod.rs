//! The control socket: a Unix socket for operators, with one JSON object per line.
//!
//! Floor 2. The daemon runs the server, the command line the client.

#[cfg(feature = "cli")]
mod client;
#[cfg(feature = "cli")]
mod media_extractor;
mod server;

#[cfg(feature = "cli")]
pub(crate) use client::{Client, Error as ClientError, Reply};
#[cfg(fuzzing)]
pub use media_extractor::fuzz as fuzz_media;
#[cfg(feature = "cli")]
pub(crate) use media_extractor::MediaError;
pub(crate) use server::{Error, Server};
