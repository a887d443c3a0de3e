//! A client of a current OpenClaw gateway: one WebSocket connection, one thread, blocking. What is
//! said over it is in `protocol::gateway`; what it is for, in `backend::openclaw`.

mod connection;
mod error;
mod identity;
mod upgrade;
mod websocket;
#[cfg(test)]
mod websocket_tests;

pub(crate) use connection::{Connection, Gateway, Incoming, Login, Sender};
pub(crate) use error::Error;
pub(crate) use identity::{Identity, Seed};
