//! What a node without an app does for its gateway: run programs, find them, show notifications
//! (protocol section 8), within what its owner allows. By default it runs nothing. A [`Host`]
//! answers the invokes of a [`client`](crate::client) connection from threads of its own; it prints
//! nothing and reads no frames. May import: protocol, client, process, files.

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

#[cfg(fuzzing)]
pub use approvals::fuzz::approvals as fuzz_approvals;
#[cfg(feature = "cli")]
pub(crate) use approvals::read_foreign as read_foreign_approvals;
pub(crate) use environment::is_possible as is_possible_variable;
pub(crate) use host::{Host, HostOptions};
pub(crate) use pattern::Pattern;
pub(crate) use policy::{OwnerPolicy, Security};
