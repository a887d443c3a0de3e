//! The gateway side of the OpenClaw Bridge protocol: nodes (phones, tablets, Macs, headless boxes)
//! over TCP, one JSON object per line; operators over a Unix socket; a backend behind it. Threads
//! and blocking calls; no async runtime.
//!
//! # A bridge in a program
//!
//! A [`Daemon`] is a running bridge: [`Daemon::builder`] takes a directory for its state, a
//! [`Backend`], which answers what nodes ask, and a [`Config`]. An [`Operator`]
//! approves nodes, invokes their commands and follows events.
//!
//! ```
//! use openclaw_bridge::backend::embedded::Embedded;
//! use openclaw_bridge::{Config, Daemon};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let state_dir = scratch.path().join("state");
//! let mut config = Config::default();
//! config.bridge.port = 0; // any free one
//! // Conversations in files; the `backend` module also has one that is an OpenClaw gateway.
//! let backend = Arc::new(Embedded::new(&state_dir, &config));
//! let bridge = Daemon::builder(state_dir, backend).config(config).start()?;
//! assert!(bridge.addresses()[0].ip().is_loopback());
//!
//! let mut operator = bridge.operator()?;
//! assert!(operator.pending()?.is_empty(), "no node has asked to be paired yet");
//! bridge.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! Three whole programs are in `tests/examples`: `embed.rs` is a bridge with a backend of its own,
//! `operator.rs` approves nodes and prints events, `node.rs` is a node. For nodes, see [`client`].
//!
//! # The loop
//!
//! Threads carry, the [`router`] decides, and nothing the router decides is done by the router:
//!
//! ```text
//!  phone ◀──▶ node-17 ─┐                                      ┌─▶ node-17's outbox
//!  operator ──▶ op-3  ─┼─▶ inbox ─▶ [ router thread ]          ├─▶ op-3's outbox
//!  workers   rpc-1..4 ─┘  Input     Router::handle ─▶ Outputs ─┼─▶ rpc-1..4
//!                                   pure, no I/O               └─▶ pairing files
//! ```
//!
//! One queue brings everything that happens to one thread, which gives it to
//! [`Router::handle`](router::Router::handle) together with the time, and carries out what comes
//! back, in order, before it takes the next. Frames wait in their connection's outbox until nothing
//! more is in the queue, or for 64 inputs. See [`router`] for that loop in a few lines.
//!
//! # Threads
//!
//! | name | how many | does |
//! |---|---|---|
//! | `router` | 1 | decides, writes the pairing files |
//! | `accept-N` | one for each address | accepts nodes |
//! | `node-N` | one for each connection | both directions, TLS included; answers pings; sleeps in `poll`, and meanwhile the router writes short frames for it |
//! | `control`, `op-N` | 1, one for each operator | the Unix socket |
//! | `rpc-1`…`rpc-4` | 4 | call the backend; nodes take turns |
//! | `ticker` | 1 | the `tick` and `health` events, wake-ups by system events |
//! | `run-N` | as many as the agent has runs | of [`backend::embedded`] |
//! | `network` | 1 | adapts listeners, announcements and the wide-area zone to the machine's addresses |
//! | `gateway-N` | one for each connected node and one more, with [`backend::openclaw`] | a connection to an OpenClaw gateway |
//! | `approvals`, `invokes` | 1 each, with [`backend::openclaw`] | look at what the gateway has approved; take nodes' results to it |
//! | `canvas-accept-N`, `canvas-N` | one for each address and connection of the canvas host, if there is one | serve pages over HTTP |
//! | `mdns` | 1, if it is announced | answers on the local network |
//! | `supervisor` | 1 | reloads, changes the log level, stops |
//! | `reload` | 1, during a reload | reads the configuration |
//!
//! # What is guaranteed
//!
//! * **Durable before visible**: nobody is told of a pairing, a token or a message before it is on
//!   disk, synced.
//! * Frames of a connection are handled in order (a ping may be answered before them); each request is answered exactly once.
//! * A node has at most one admitted connection; an answer counts only from the connection that
//!   was asked.
//! * Every queue, buffer and wait has a limit ([`protocol::limits`]); a slow or hostile node costs
//!   itself only.
//! * Nothing is global: there can be several bridges in one process. Only the program installs signal
//!   handlers or a logger; the library logs through `log`, and never a secret.
//! * No `unsafe` (forbidden in this crate), and no panic that the wire, a file or the network can
//!   cause.
//!
//! # Where things are
//!
//! | floor | parts |
//! |---|---|
//! | 0 | [`protocol`]: frames, lines, tokens, limits. `files`: atomic writes. `addresses`, `log_limit`, `wait`, `process` and other small things |
//! | 1 | [`router`]: decisions, without I/O or clock. `tls`: certificates and fingerprints. [`config`]: the JSON5 file. `link`: inbox, outbox, both directions in one thread |
//! | 2 | `pairing_store`: the pairing files. `transport`: nodes' sockets. `canvas_host`: pages over HTTP. `discovery`: how nodes find the bridge. [`backend`]: who answers calls. `control`: operators' socket. [`client`]: the node's side, for writing nodes. `gateway`: a connection to a current OpenClaw gateway |
//! | 3 | `daemon`: the whole. `import`: the state of an old gateway. `node_host`: what a node without an app does for its gateway |
//! | 4 | `cli`: the program's command line |
//!
//! A part imports only from parts before it, and neighbours in a folder never import each other in a
//! circle; `tests/tidy.rs` checks both.
//!
//! | to change… | look at |
//! |---|---|
//! | a method | `protocol/method.rs`, `protocol/rpc/`, `backend/embedded/`, one scenario |
//! | an operator command | `protocol/operator/`, `router/operators.rs`, `cli/` |
//! | an error text | the file in `router/` that decides; the scenario diff shows who is affected |
//! | a limit or timeout | `protocol/limits/` |
//! | what old nodes and a current gateway say to each other | `backend/openclaw/translate/`, `protocol/gateway/` |
//! | a configuration key | `config/schema.rs` |
//! | a command of the `node` program | `protocol/command/`, `node_host/` |
//!
//! # The public interface
//!
//! The names at the root, [`backend`], [`client`], [`config`] and [`protocol`] are for programs that
//! embed a bridge or are a node. [`router`] is public as the pure core: it can be run without I/O, as
//! the scenario tests do. Everything else is private.

pub use backend::{Backend, BackendEvent, Outlet};
pub use config::Config;
pub use daemon::{
    Daemon, DaemonBuilder, DaemonHandle, Error, Host, HostError, OpenRequest, Operator,
};
pub use protocol::{ErrorCode, Method, NodeId, Payload, WireError};
pub use tls::Fingerprint;

mod addresses;
pub mod backend;
mod calendar;
mod canvas_host;
mod causes;
#[cfg(feature = "cli")]
#[doc(hidden)] // For src/main.rs and the tests that read the description of the command line.
pub mod cli;
pub mod client;
pub mod config;
mod control;
mod daemon;
mod discovery;
mod duration;
mod files;
mod gateway;
#[cfg(fuzzing)]
#[doc(hidden)] // For tests/fuzz: what is private and takes bytes from others.
pub mod fuzz {
    pub use crate::backend::embedded::sessions::fuzz::transcript;
    pub use crate::canvas_host::fuzz_canvas as canvas;
    pub use crate::control::fuzz_media as media;
    pub use crate::discovery::fuzz_mdns as mdns;
    pub use crate::node_host::fuzz_approvals as approvals;
}
#[cfg(feature = "cli")]
mod import;
mod json5_text;
mod link;
mod lock;
mod log_limit;
#[cfg(feature = "cli")]
mod node_host;
mod origin;
#[cfg(feature = "cli")]
mod ownership;
#[doc(hidden)] // For the scenarios, which check that what the router saves can be read again.
pub mod pairing_store;
mod process;
pub mod protocol;
mod random;
pub mod router;
mod shares;
mod suggest;
mod tls;
mod transport;
mod wait;
