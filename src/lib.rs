//! The gateway side of the OpenClaw Bridge protocol: nodes (phones, tablets, Macs, headless boxes)
//! over TCP, one JSON object per line; operators over a Unix socket; a backend behind it.
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
//! | floor | parts |
//! |---|---|
//! | 0 | [`protocol`]: frames, lines, tokens, limits. [`files`]: atomic writes. [`suggest`], [`duration`], [`log_limit`], `wait`, `process` |
//! | 1 | [`router`]: decisions, without I/O or clock. [`config`]: the JSON5 file. [`link`]: inbox, outbox, both directions in one thread. [`tls`]: certificates and fingerprints |
//! | 2 | [`pairing_store`]: the pairing files. [`transport`]: nodes' sockets. [`discovery`]: how nodes find the bridge. [`backend`]: who answers calls. [`control`]: operators' socket. [`client`]: the node's side, for writing nodes |
//! | 3 | [`daemon`]: the whole. [`import`]: what an old gateway left. [`node_host`]: what a node without an app does for its gateway |
//! | 4 | [`cli`]: the program's command line |
//!
//! A part imports only from lower floors. A program embeds the bridge with
//! [`daemon::Daemon::start`] and a [`backend::Backend`]; nothing but the log level is global, so there
//! can be two in one process. Only [`cli`] installs signal handlers or a logger.

pub mod backend;
pub mod calendar;
pub mod cli;
pub mod client;
pub mod config;
pub mod control;
pub mod daemon;
pub mod discovery;
pub mod duration;
pub mod files;
pub mod import;
pub mod json5_text;
pub mod link;
pub mod log_limit;
pub mod node_host;
pub mod pairing_store;
mod process;
pub mod protocol;
pub mod random;
pub mod router;
pub mod suggest;
pub mod tls;
pub mod transport;
mod wait;
