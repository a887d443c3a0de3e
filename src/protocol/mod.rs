//! The words on the wire: frames, methods, names, tokens, errors and limits.
//!
//! Floor 0: std, serde and the hash. Nothing here knows of sockets, files, threads or time.
//!
//! One connection's life, node on the left:
//!
//! ```text
//! hello ──────────▶            no token, or an unknown one
//!       ◀────────── error      NOT_PAIRED | UNAUTHORIZED; the connection stays open
//! pair-request ───▶            the operator decides
//!       ◀────────── pair-ok    the token, once; then hello-ok
//! req ────────────▶            an allowlisted method
//!       ◀────────── res        exactly one for each req
//!       ◀────────── invoke     the gateway asks the node to do something
//! invoke-res ─────▶
//! event, ping ◀───▶ event, pong
//! ```
//!
//! The whole description, with the sections that comments refer to, follows.
#![doc = include_str!("PROTOCOL.md")]
#![deny(clippy::disallowed_methods)]

pub(crate) mod allow;
pub(crate) mod base64;
pub mod command;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod fields;
pub(crate) mod gateway;
pub(crate) mod gateway_frame;
pub(crate) mod hash;
pub(crate) mod json;
pub(crate) mod label;
pub mod limits;
mod line;
pub(crate) mod method;
mod names;
pub(crate) mod node;
pub(crate) mod node_frame;
pub mod operator;
pub(crate) mod payload;
mod records;
pub mod rpc;
pub(crate) mod session;
pub(crate) mod text;
pub(crate) mod token;
pub(crate) mod wire;

pub use allow::{Allow, CommandPattern, NodeAllow, NotAPattern};
pub use command::NodeCommand;
pub use error::{ErrorCode, WireError};
pub use event::{GatewayEvent, NodeEvent};
pub use gateway_frame::{GatewayFrame, SharedEvent};
pub(crate) use hash::Digest;
pub use method::Method;
pub use node::{NodeId, NodeProfile};
pub use node_frame::{FrameType, Hello, InvokeFailure, NodeFrame, PairRequest};
pub use payload::Payload;
pub use token::{Token, TokenHash};
pub use wire::BadFrame;
