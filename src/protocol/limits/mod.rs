//! Every number in the program, each with its reason. Nothing elsewhere may be unbounded.
//!
//! Those an operator may want to change are the defaults of `bridge.limits.*` in the
//! configuration; the others follow from the protocol or from what the old clients can bear.

mod addresses;
mod agent;
mod host;
mod sessions;
mod tls;
mod wire;

pub use addresses::*;
pub use agent::*;
pub use host::*;
pub use sessions::*;
pub use tls::*;
pub use wire::*;
