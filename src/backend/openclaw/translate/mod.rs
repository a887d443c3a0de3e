//! Between what old nodes speak and what a current gateway speaks: pure functions, and the little
//! state they need for each node. No I/O, no clock: the time comes in.
//!
//! A session keeps a [`Conversations`] and an [`ExecRuns`] for its node. What the node sends goes
//! through [`outgoing`], what the gateway sends through [`Conversations::incoming`] and
//! [`Conversations::due`]; calls of nodes and operators through [`request`] and [`answer`] or
//! [`refused`]. A program to be run is made known to [`ExecRuns::issued`].

mod config;
mod events;
mod exec;
mod keys;
mod messages;
mod methods;
mod missing;
mod node_events;
mod object;
mod runs;
mod sessions;

pub(in crate::backend::openclaw) use events::{Conversations, Incoming};
pub(crate) use exec::prepare;
pub(in crate::backend::openclaw) use exec::ExecRuns;
pub(in crate::backend::openclaw) use keys::SessionDefaults;
pub(in crate::backend::openclaw) use methods::{answer, refused, request, Over, Request};
pub(in crate::backend::openclaw) use missing::{allow_line, missing};
pub(in crate::backend::openclaw) use node_events::{outgoing, Outgoing};

#[cfg(test)]
mod tests;
