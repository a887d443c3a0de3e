//! The words on the wire: frames, methods, names, tokens, errors and limits.
//!
//! Floor 0: std, serde and the hash. Nothing here knows of sockets, files, threads or time.
//!
//! One connection's life, node on the left:
//!
//! ```text
//! hello ──────────▶            no token, or an unknown one
//!       ◀────────── error      NOT_PAIRED | UNAUTHORIZED; the connection stays open
//! pair-request ───▶            the operator is told, and decides
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

pub mod allow;
pub mod base64;
pub mod body;
pub mod command;
pub mod error;
pub mod event;
pub mod frame;
pub mod json;
pub mod label;
pub mod limits;
pub mod method;
mod names;
pub mod node;
pub mod operator;
pub mod rpc;
pub mod session;
pub mod text;
pub mod token;
pub mod wire;

pub use allow::{Allow, CommandPattern, NodeAllow, NotAPattern};
pub use body::Body;
pub use command::NodeCommand;
pub use error::{ErrorCode, WireError};
pub use event::{GatewayEvent, NodeEvent};
pub use frame::{GatewayFrame, Hello, InvokeFailure, NodeFrame, PairRequest};
pub use method::Method;
pub use node::{NodeId, NodeProfile};
pub use token::{Token, TokenHash};
pub use wire::BadFrame;

use std::sync::Arc;

/// A JSON document as text, shared by everybody who has to send it.
///
/// On the wire it travels as a string inside the frame (`payloadJSON`, `paramsJSON`); the router
/// passes it on without looking inside.
pub type Payload = Arc<str>;
