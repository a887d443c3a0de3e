//! The program's limits, each with its reason: sizes, counts and times that bound what others can
//! cause. Details of one algorithm or screen, such as the size of a read, stay beside their user.
//!
//! Those an operator may want to change are the defaults of `bridge.limits.*` in the
//! configuration; the others follow from the protocol or from what the old clients support.

mod agent;
mod canvas;
mod discovery;
mod gateway;
mod host;
mod operator;
mod sessions;
mod tls;
mod wire;

pub use operator::*;
pub use wire::*;
#[doc(hidden)] // For the tests that compare documents with them; no concern of other programs.
pub use {agent::*, canvas::*, discovery::*, gateway::*, host::*, sessions::*, tls::*};
