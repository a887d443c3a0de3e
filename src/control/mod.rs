//! The operator's door: a Unix socket that speaks one JSON object per line.
//!
//! Floor 2. The server side belongs to the daemon, the client side to the commands.

mod client;
mod server;
mod strainer;

pub use client::{Client, Error as ClientError, Message, Refusal, Reply};
pub use server::{Error, Server};
pub use strainer::Unstrained;
