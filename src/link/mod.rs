//! Connections: into the router, out to a connection, and one thread that serves both directions
//! of a socket. The gateway, a node and operators use the same parts.
//!
//! Floor 1. The queues made here are the router's inbox and the outbox of each connection. Others
//! have their own: the backend for calls, notices and runs, the daemon for signals and reloads.

mod accept;
mod duplex;
mod gate;
mod inbox;
mod lines;
mod outbox;
mod pieces;
mod stop;
mod stream;
mod waker;

pub use accept::accept_until;
pub use duplex::{Duplex, Ending, Stream};
pub use gate::{connections_for, Gate, Ticket};
pub use inbox::{Closed, Door, Inbox, Inputs, Posted};
pub use lines::{read_line, Line};
pub use outbox::{Inlet, Outbox, Outgoing, TooSlow};
pub use pieces::Pieces;
pub use stop::Stop;
pub use stream::{NetStream, TlsError, TLS_HANDSHAKE};
pub use waker::Waker;
