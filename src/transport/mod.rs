//! Nodes' connections: addresses, listeners, one thread for each connection. Floor 2. Turns bytes
//! into frames and back; decides nothing. The listeners are also those of the canvas host.

pub(crate) mod bind;
mod connection;
mod linger;
mod listener;
mod watch;

pub(crate) use connection::Reception;
pub(crate) use linger::Linger;
pub(crate) use listener::Entrance;
pub(crate) use watch::{Bound, Listeners, Listening};
