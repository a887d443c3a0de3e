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
pub mod command;
pub mod error;
pub mod event;
pub mod gateway_frame;
pub mod json;
pub mod label;
pub mod limits;
pub mod method;
mod names;
pub mod node;
pub mod node_frame;
pub mod operator;
pub mod payload;
pub mod rpc;
pub mod session;
pub mod text;
pub mod token;
pub mod wire;

pub use allow::{Allow, CommandPattern, NodeAllow, NotAPattern};
pub use command::NodeCommand;
pub use error::{ErrorCode, WireError};
pub use event::{GatewayEvent, NodeEvent};
pub use gateway_frame::GatewayFrame;
pub use method::Method;
pub use node::{NodeId, NodeProfile};
pub use node_frame::{FrameType, Hello, InvokeFailure, NodeFrame, PairRequest};
pub use payload::Payload;
pub use token::{Token, TokenHash};
pub use wire::BadFrame;
