//! What a node without an app does for its gateway: run programs, find them, show notifications
//! (protocol section 8), within what its owner allows. By default it runs nothing.
//!
//! A [`Host`] takes the invokes of a [`client`](crate::client) connection and answers them from
//! threads of its own; it prints nothing and reads no frames. May import: protocol, client,
//! process, files.
//!
//! ```no_run
//! use openclaw_bridge::client::Session;
//! use openclaw_bridge::node_host::{Host, HostOptions, OwnerPolicy, Pattern, Security};
//! use openclaw_bridge::protocol::GatewayFrame;
//! use std::time::{Duration, Instant};
//!
//! # fn serve(mut session: Session) -> Result<(), Box<dyn std::error::Error>> {
//! let allow = Pattern::new("/usr/bin/vcgencmd", None).into_iter().collect();
//! let mut host = Host::new(HostOptions {
//!     handles: vec![("lamp.on".into(), "/opt/lamp/on".into())],
//!     handle_time: Duration::from_secs(60),
//!     owner: OwnerPolicy { security: Some(Security::Allowlist), allow },
//!     approvals: "exec-approvals.json".into(),
//!     remote_approvals: false,
//! })?;
//! host.connected(session.writer());
//! loop {
//!     match session.next(Instant::now() + Duration::from_secs(60))? {
//!         Some(GatewayFrame::Invoke { id, command, params }) => {
//!             host.answer(id, command, params, session.writer())?;
//!         }
//!         Some(GatewayFrame::Res { id, result }) => {
//!             host.take_answer(&id, &result);
//!         }
//!         _ => {}
//!     }
//! }
//! # }
//! ```

mod approvals;
mod environment;
mod events;
mod handler;
mod host;
mod notify;
mod pattern;
mod policy;
mod run;
mod skills;
mod system_run;
mod which;

pub use host::{Host, HostOptions};
pub use pattern::Pattern;
pub use policy::{OwnerPolicy, Security};
