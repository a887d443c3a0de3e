//! Nodes' connections: addresses, listeners, one thread for each connection.
//!
//! Floor 2. Turns bytes into frames and back; decides nothing.

pub mod bind;
mod connection;
mod listener;
mod watch;

pub use listener::{Listener, Reception};
pub use watch::{Bound, Listeners, Listening};
