//! Nodes' connections: addresses, listeners, one thread for each connection.
//!
//! Floor 2. Turns bytes into frames and back; decides nothing.

pub mod bind;
mod listener;
mod session;
mod watch;

pub use listener::{Listener, Reception};
pub use watch::{Bound, Listeners, Listening};
