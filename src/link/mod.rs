//! Between threads: into the router, out to a connection, and one thread that does both
//! directions of a socket.
//!
//! Floor 1. Nodes, operators and tests use the same parts; this is the only folder that makes
//! queues.

mod accept;
mod duplex;
mod gate;
mod inbox;
mod lines;
mod outbox;
mod pieces;
mod waker;

pub use accept::accept_until;
pub use duplex::{Duplex, Ending, Stream};
pub use gate::{connections_for, Gate, Ticket};
pub use inbox::{Closed, Door, Inbox, Inputs, Posted};
pub use lines::{read_line, Line};
pub use outbox::{Inlet, Outbox, Outgoing, TooSlow};
pub use pieces::Pieces;
pub use waker::Waker;
