//! Connections: into the router, out to a connection, and one thread that serves both directions of
//! a socket. The gateway, a node and operators use the same parts. Floor 1. The queues made here
//! are the router's inbox and the outbox of each connection. Others have their own: the backend for
//! calls, notices and runs, the daemon for signals and reloads.

mod accept;
mod duplex;
mod endpoint;
mod inbox;
mod limiter;
mod lines;
mod outbox;
mod outgoing;
mod read_buffer;
mod stop;
mod stream;
mod waker;
mod write_buffer;

pub(crate) use accept::{accept_until, no_thread};
pub(crate) use duplex::{Duplex, Ending};
pub(crate) use endpoint::Stream;
pub(crate) use inbox::{Closed, Inbox, Inputs, ReplyHandle};
pub(crate) use limiter::{connections_for, ConnectionLimiter, Permit};
pub(crate) use lines::{read_line, Line};
pub(crate) use outbox::{Outbox, OutboxSender, TooSlow};
pub(crate) use outgoing::Outgoing;
pub(crate) use read_buffer::ReadBuffer;
pub use stop::Stop;
pub(crate) use stream::{NetStream, TlsError, TLS_HANDSHAKE};
pub(crate) use waker::Waker;
pub(crate) use write_buffer::WriteBuffer;
