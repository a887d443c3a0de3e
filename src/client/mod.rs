//! The node's side of the protocol, blocking, over plain TCP.
//!
//! For programs that are nodes: the `node` command, tests, and whoever wants a lamp that the
//! gateway can switch. Prints nothing and installs no signal handlers; the caller's thread does
//! all the reading, any thread may write through a [`Writer`]. May import: protocol.
//!
//! ```no_run
//! use openclaw_bridge::client::{connect, join, ConnectOptions, IdentityFile, IncomingFrame};
//! use openclaw_bridge::client::{OutgoingFrame, Stop};
//! use openclaw_bridge::protocol::NodeProfile;
//! use std::time::{Duration, Instant};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stop = Stop::new()?;
//! let mut identity = IdentityFile::open("node.json".as_ref(), None)?;
//! let profile = NodeProfile { platform: Some("linux".into()), ..NodeProfile::default() };
//! let connection = connect("127.0.0.1", 18790, ConnectOptions::default(), &stop)?;
//! let mut session = join(connection, &mut identity, &profile, &mut |_| ())?;
//! loop {
//!     let frame = session.next(Instant::now() + Duration::from_secs(60))?;
//!     if let Some(IncomingFrame::Invoke { id, .. }) = frame {
//!         session.writer().send(&OutgoingFrame::invoke_res(&id, &Ok(None)))?;
//!     }
//! }
//! # }
//! ```

mod backoff;
mod channel;
mod connection;
mod error;
#[cfg(test)]
pub(crate) mod fake_gateway;
mod frame;
mod handshake;
mod identity;
mod lines;
mod session;
mod stop;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;

pub use backoff::Backoff;
pub use connection::{connect, ConnectOptions, Connection};
pub use error::Error;
pub use frame::{IncomingFrame, OutgoingFrame, Refusal};
pub use identity::{random_bits, IdentityFile};
pub use lines::{Direction, LineReader, Received, Trace, Writer};
pub use session::{join, Admission, Keepalive, Progress, Session};
pub use stop::Stop;

pub use crate::tls::{Fingerprint, NotAFingerprint, Trust};
