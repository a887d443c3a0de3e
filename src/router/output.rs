//! What the router wants done, as data. The router thread carries the outputs of one input out,
//! in order, before it takes the next input.
//!
//! Durable before visible: a decision that must survive a power cut becomes one
//! [`Output::Save`], always the last output of its input. Whether it worked comes back as the
//! very next input, `Saved` or `SaveFailed`, and only then does the router believe its own
//! decision and produce the outputs that make it visible. So there is no state to undo when the
//! disk is full, and no way to tell anybody too early.

use crate::protocol::operator::{Answer, OperatorEvent, Status};
use crate::protocol::{GatewayFrame, Method, NodeId, Payload, WireError};
use crate::router::{CallId, ConnId, OperatorId, PairingBook, Requester};
use std::sync::Arc;

/// Something the router wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a frame to a connection.
    Send {
        /// Which.
        to: ConnId,
        /// What.
        frame: GatewayFrame,
    },
    /// The connection now speaks for this node: lift the limits for strangers.
    Admit {
        /// Which.
        conn: ConnId,
        /// Who it is.
        node: NodeId,
    },
    /// The connection waits for an operator: it is not one of the silent strangers any more.
    Wait {
        /// Which.
        conn: ConnId,
        /// Who it says it is.
        node: NodeId,
    },
    /// Lines on this connection may be this long.
    LineLimit {
        /// Which.
        conn: ConnId,
        /// Bytes.
        bytes: usize,
    },
    /// Send what is queued, then close. The connection's number is forgotten.
    Close {
        /// Which.
        conn: ConnId,
        /// For the log.
        why: CloseReason,
    },
    /// Write the pairing files, then say how that went.
    Save {
        /// What they shall hold.
        book: PairingBook,
    },
    /// Call the backend.
    Call {
        /// Comes back in `Answered`.
        call: CallId,
        /// Who calls.
        caller: Caller,
        /// The method.
        method: Method,
        /// Its parameters as text.
        params: Option<Payload>,
    },
    /// Let the backend know.
    Notify(NodeNotice),
    /// Answer an operator.
    Reply {
        /// Whom.
        to: Requester,
        /// What.
        result: Result<Answer, WireError>,
    },
    /// Tell the operators who follow events.
    Publish {
        /// Whom.
        to: Vec<OperatorId>,
        /// What.
        event: Arc<OperatorEvent>,
    },
    /// Something that only the daemon around the router can do.
    Daemon {
        /// Who asked.
        requester: Requester,
        /// What for.
        task: DaemonTask,
    },
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A node.
    Node(NodeId),
    /// Somebody at the control socket.
    Operator,
}

/// What the backend is told.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeNotice {
    /// A node was admitted; not sent for a repeated hello.
    Online(NodeId),
    /// A node is gone, and did not come back within the grace period.
    Offline(NodeId),
    /// A node sent an event that the router does not handle itself.
    Event {
        /// The node.
        node: NodeId,
        /// The event's name.
        event: Arc<str>,
        /// Its content as text.
        payload: Payload,
    },
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// It sent something that cannot be answered otherwise.
    BadFrame,
    /// Its hello or pairing request was refused for good.
    Refused,
    /// The operator rejected its pairing request, or nobody answered in time.
    NotApproved,
    /// It said nothing useful in time.
    NoGreeting,
    /// A newer connection of the same node took its place.
    TakenOver,
    /// It has been silent for too long.
    Silent,
    /// The operator took the node's pairing away.
    Revoked,
    /// The program ends.
    Stopping,
}

impl CloseReason {
    /// The words for the log.
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
