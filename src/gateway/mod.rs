//! A client of a current OpenClaw gateway: one WebSocket connection, one thread, blocking. What is
//! said over it is in `protocol::gateway`; what it is for, in `backend::openclaw`.

mod connection;
mod dial_limiter;
mod error;
mod identity;
mod introduction;
mod session;
mod traffic;
#[cfg(test)]
mod traffic_tests;
mod upgrade;
mod websocket;
#[cfg(test)]
mod websocket_tests;

pub(crate) use connection::Gateway;
pub(crate) use dial_limiter::DialLimiter;
#[cfg(feature = "cli")]
pub(crate) use error::Error;
pub(crate) use identity::Seed;
pub(crate) use introduction::{platform, Platform};
pub(crate) use session::{Access, Handler, Principal, Session, State};
