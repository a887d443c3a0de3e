//! The node's side of the protocol, blocking, over TCP or TLS.
//!
//! For any program that is a node. Prints nothing and installs no signal handlers. The caller's
//! thread reads and writes in [`Session::next`]; any thread may send through a [`Writer`].
//!
//! Over TLS, the gateway is identified by its certificate's fingerprint. [`connect`] verifies it
//! before anything is sent; [`join`] stores it in the [`IdentityFile`].
//!
//! ```no_run
//! use openclaw_bridge::client::{connect, join, ConnectOptions, IdentityFile};
//! use openclaw_bridge::client::{Progress, Stop, Trust};
//! use openclaw_bridge::protocol::{GatewayFrame, NodeFrame, NodeProfile};
//! use std::time::{Duration, Instant};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stop = Stop::new()?;
//! let mut identity = IdentityFile::open("node.json".as_ref(), None)?;
//! let profile = NodeProfile { platform: Some("linux".into()), ..NodeProfile::default() };
//! // What was pinned before is demanded; a new gateway's certificate is trusted at first use.
//! let tls = identity.trust_for(("studio.local", 18790), Some(Trust::FirstUse));
//! let options = ConnectOptions { tls, ..ConnectOptions::default() };
//! let connection = connect("studio.local", 18790, options, &stop)?;
//! let mut session = join(connection, &mut identity, &profile, &mut |step| {
//!     if let Progress::Trusted(fingerprint) = step {
//!         println!("please compare: {fingerprint}");
//!     }
//! })?;
//! loop {
//!     let frame = session.next(Instant::now() + Duration::from_secs(60))?;
//!     if let Some(GatewayFrame::Invoke { id, .. }) = frame {
//!         session.writer().send(&NodeFrame::invoke_res(id, Ok(None)))?;
//!     }
//! }
//! # }
//! ```

mod backoff;
mod connection;
mod error;
#[cfg(test)]
pub(crate) mod fake_gateway;
mod identity;
mod session;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
mod writer;

pub use backoff::Backoff;
pub(crate) use connection::dial;
pub use connection::{connect, ConnectOptions, Connection};
pub use error::Error;
pub use identity::IdentityFile;
pub use session::{join, Admission, Progress, Session};
pub use writer::{Direction, Trace, Writer};

pub use crate::link::Stop;
pub use crate::tls::{Fingerprint, NotAFingerprint, Trust};
