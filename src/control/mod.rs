//! The operator's door: a Unix socket that speaks one JSON object per line.
//!
//! Floor 2. The server side belongs to the daemon, the client side to the commands.

mod client;
mod media_extractor;
mod server;

pub use client::{Client, Error as ClientError, Message, Refusal, Reply};
pub use media_extractor::MediaError;
pub use server::{Error, Server};
