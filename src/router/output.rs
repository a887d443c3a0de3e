//! What the router wants done, as data. The router thread carries the outputs of one input out,
//! in order, before it takes the next input.
//!
//! Durable before visible: a decision that must survive a power cut becomes one
//! [`Output::Save`], always the last output of its input. Whether it worked comes back as the
//! very next input, `Saved` or `SaveFailed`, and only then does the router believe its own
//! decision and produce the outputs that make it visible. So there is no state to undo when the
//! disk is full, and no way to tell anybody too early.

use crate::protocol::operator::{Answer, OperatorEvent, Status};
use crate::protocol::{GatewayFrame, Method, NodeId, NodeProfile, Payload, WireError};
use crate::router::{CallId, ConnId, OperatorId, PairingBook, Requester};
use std::sync::Arc;

/// Something the router wants done.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the variants describe their fields")]
pub enum Output {
    /// Send a frame to a connection.
    Send { to: ConnId, frame: GatewayFrame },
    /// The connection is admitted as this node: lift the limits of unauthenticated connections.
    Admit { conn: ConnId, node: NodeId },
    /// The connection, which claims to be this node, waits for an operator's decision: it may be
    /// silent meanwhile.
    Wait { conn: ConnId, node: NodeId },
    /// Lines on this connection may have this many bytes.
    LineLimit { conn: ConnId, bytes: usize },
    /// Send what is queued, then close. The connection's number is forgotten.
    Close { conn: ConnId, why: CloseReason },
    /// Write this into the pairing files, then say how that went.
    Save { book: PairingBook },
    /// Call the backend; the answer comes back in [`Input::Answered`](super::Input::Answered).
    Call { call: CallId, caller: Caller, method: Method, params: Option<Payload> },
    /// Notify the backend.
    Notify(NodeNotice),
    /// An event from this connection was dropped. Nodes expect no answer to an event, so only the
    /// log can say so.
    DroppedEvent { conn: ConnId, event: Arc<str>, why: &'static str },
    /// Answer an operator.
    Reply { to: Requester, result: Result<Answer, WireError> },
    /// Send an event to the operators who subscribed to it.
    Publish { to: Vec<OperatorId>, event: Arc<OperatorEvent> },
    /// Something that only the daemon around the router can do.
    Daemon { requester: Requester, task: DaemonTask },
}

/// What the daemon does for an operator.
#[derive(Clone, Debug, PartialEq)]
pub enum DaemonTask {
    /// Complete this status with what the router does not know, and send it.
    Status(Box<Status>),
    /// Read the configuration again; the answer comes back as `Configured`.
    Reload,
    /// Change the log level.
    Log(String),
    /// End the program.
    Stop,
}

/// Who calls the backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    /// A node.
    Node(NodeId),
    /// An operator.
    Operator,
}

impl Caller {
    /// The node, if it is one.
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Node(node) => Some(node),
            Self::Operator => None,
        }
    }
}

/// What happened to a node, for the backend.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the variants describe their fields")]
pub enum NodeNotice {
    /// A node was admitted, and this is what it says about itself.
    Online { node: NodeId, profile: Arc<NodeProfile> },
    /// A node that is online says something else about itself now.
    Changed { node: NodeId, profile: Arc<NodeProfile> },
    /// A node is gone, and did not come back within the grace period.
    Offline(NodeId),
    /// A node sent an event that the router does not handle itself.
    Event { node: NodeId, event: Arc<str>, payload: Payload },
    /// A node wants the events of a session, which it spells like this, or wants them no more. What
    /// it wants outlives a short absence.
    Subscription { node: NodeId, session_key: Arc<str>, is_wanted: bool },
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their texts say what they mean")]
#[non_exhaustive]
pub enum CloseReason {
    /// It sent something that cannot be answered otherwise.
    BadFrame,
    /// Its hello or pairing request was refused for good.
    Refused,
    /// The operator rejected its pairing request, or nobody answered in time.
    NotApproved,
    NoGreeting,
    TakenOver,
    Silent,
    Revoked,
    Stopping,
}

impl CloseReason {
    /// The reason as text, for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "bad frame",
            Self::Refused => "refused",
            Self::NotApproved => "not approved",
            Self::NoGreeting => "no hello in time",
            Self::TakenOver => "taken over by a newer connection",
            Self::Silent => "silent for too long",
            Self::Revoked => "pairing revoked",
            Self::Stopping => "stopping",
        }
    }
}
