//! What can happen to the gateway, as data. One input at a time, in one order: a list of these is
//! a test, and a log of these is a replay.

use crate::protocol::operator::{
    Answer, GatewayView, NodeInGateway, OperatorCommand, OperatorRequest,
};
use crate::protocol::rpc::system::HealthView;
use crate::protocol::{BadFrame, Method, NodeFrame, NodeId, Payload, WireError};
use crate::router::Policy;
use serde::Serialize;
use std::fmt;
use std::net::IpAddr;
use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

/// Time since the program started, for deadlines. Never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(pub Duration);

impl Mono {
    /// How long ago `earlier` was; zero if it is not in the past.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

/// Milliseconds since 1970, for what is written into files and shown to people. May jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Wall(pub u64);

/// The time, both kinds. Comes in with every call; the router has no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For deadlines.
    pub mono: Mono,
    /// For files and people.
    pub wall: Wall,
}

macro_rules! ids {
    ($( $(#[$doc:meta])* $name:ident; )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// One accepted socket. A node may have had many.
    ConnId;
    /// One operator's connection to the control socket.
    OperatorId;
    /// One call of the backend.
    CallId;
}

/// Something that happened. The number of a connection is never used twice.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the variants describe their fields")]
pub enum Input {
    /// A connection from this address was accepted, at that address of ours.
    Connected { conn: ConnId, peer: IpAddr, local: IpAddr },
    /// A node sent a frame.
    Frame { conn: ConnId, frame: NodeFrame },
    /// A connection sent something that is not a frame.
    BadFrame { conn: ConnId, bad: BadFrame },
    /// The node is alive: a long line is arriving, or a ping was answered by the connection.
    Activity { conn: ConnId },
    /// A connection ended.
    Disconnected { conn: ConnId },
    /// An operator sent a request.
    Operator { op: OperatorId, request: OperatorRequest },
    /// An operator disconnected.
    OperatorGone { op: OperatorId },
    /// Whoever requested an invoke does not want it any more.
    Cancelled(Requester),
    /// The backend finished a call, with a result as JSON text or an error for the caller.
    Answered { call: CallId, result: Result<Payload, WireError> },
    /// The backend published a document.
    Document(Document),
    /// The backend sent an event.
    BackendEvent(BackendEvent),
    /// The pairing files hold the book of the last [`Output::Save`](super::Output::Save).
    Saved,
    /// They do not, for this reason, and hold what they held before.
    SaveFailed { reason: String },
    /// The configuration was read again. The old policy stays if it could not be read. `reply` is
    /// the operator's request that caused it, and its answer.
    Configured {
        policy: Option<Box<Policy>>,
        reply: Option<(Requester, Result<Answer, WireError>)>,
    },
    /// A deadline may have passed.
    Tick,
    /// The program is to end.
    Stop,
}

impl Input {
    /// Bytes of the text in it that somebody else made as long as it is.
    pub(crate) fn weight(&self) -> usize {
        let length = |text: Option<&Payload>| text.map_or(0, |text| text.len());
        match self {
            Self::Frame { frame, .. } => length(frame.payload()),
            Self::Operator { request, .. } => length(match &request.command {
                Ok(OperatorCommand::Call(_, params)) => params.as_ref(),
                Ok(OperatorCommand::InvokeNode(invoke)) => invoke.params.as_ref(),
                _ => None,
            }),
            Self::Answered { result, .. } => length(result.as_ref().ok()),
            _ => 0,
        }
    }
}

/// The result of a method, published by the backend whenever it changes. Nodes that call the method
/// without parameters get it without a call of the backend.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Document {
    /// What `health` says. The router adds the times and the numbers of nodes when it is asked for,
    /// and keeps from nodes why the agent fails.
    Health(Box<HealthView>),
    /// How the backend's connection to a gateway is, for operators.
    Gateway(Box<GatewayView>),
    /// What that gateway makes of a node, for operators; nothing if the node is away.
    NodeInGateway {
        /// The node.
        node: NodeId,
        /// What the gateway makes of it.
        view: Option<Box<NodeInGateway>>,
    },
    /// The result of another method.
    Result {
        /// The method.
        method: Method,
        /// Its result as JSON text.
        text: Payload,
    },
}

/// An event from the backend, to be sent out.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendEvent {
    /// Who receives it.
    pub to: Audience,
    /// The event's name.
    pub event: Arc<str>,
    /// Its content as text.
    pub payload: Option<Payload>,
}

/// Who receives an event (protocol section 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every admitted node and every operator.
    Everyone,
    /// One node.
    Node(NodeId),
    /// The nodes that subscribed to a session, and every operator. The payload is a JSON object
    /// without a `sessionKey`; everybody gets their own spelling of it.
    Session(Arc<str>),
    /// The nodes that subscribed to anything.
    Subscribers,
    /// Operators only.
    Operators,
}

/// The operator's request that an answer belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The operator's connection.
    pub op: OperatorId,
    /// The id of the request, as JSON text.
    pub id: Arc<str>,
}
