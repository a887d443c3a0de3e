//! The program's limits, each with its reason: sizes, counts and times that bound what others can
//! cause. Details of one algorithm or screen, such as the size of a read, stay beside their user.
//!
//! Those an operator may want to change are the defaults of `bridge.limits.*` in the
//! configuration; the others follow from the protocol or from what the old clients can bear.

mod addresses;
mod agent;
mod discovery;
mod host;
mod operator;
mod sessions;
mod tls;
mod wire;

pub use wire::*;

// For the tests that compare documents with them; no concern of other programs.
#[doc(hidden)]
pub use addresses::*;
#[doc(hidden)]
pub use agent::*;
#[doc(hidden)]
pub use discovery::*;
#[doc(hidden)]
pub use host::*;
pub use operator::*;
#[doc(hidden)]
pub use sessions::*;
#[doc(hidden)]
pub use tls::*;
