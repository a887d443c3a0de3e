//! The frames, one variant for each `type` (protocol section 3).

use crate::protocol::{Body, GatewayEvent, NodeId, NodeProfile, Payload, Token, WireError};
use std::sync::Arc;

/// What a node sends, decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeFrame {
    /// "This is me, here is my token."
    Hello(Hello),
    /// "I have no token; ask your operator for one."
    PairRequest(PairRequest),
    /// A call of an allowlisted method. `id` or `method` may be missing; the answer says so.
    Req {
        /// Chosen by the node; comes back in the answer.
        id: Option<Arc<str>>,
        /// Trimmed.
        method: Option<Arc<str>>,
        /// Parameters as text, not yet looked at.
        params: Option<Payload>,
    },
    /// News from the node; never answered.
    Event {
        /// The event's name.
        event: Arc<str>,
        /// The event's content as text, not yet looked at.
        payload: Option<Payload>,
    },
    /// The answer to an invoke.
    InvokeRes {
        /// The id that the invoke carried.
        id: Arc<str>,
        /// The result as text, or what went wrong.
        result: Result<Option<Body>, InvokeFailure>,
    },
    /// "Are you there?"
    Ping {
        /// Comes back in the pong.
        id: Arc<str>,
    },
    /// "I am here."
    Pong,
    /// A frame of a type that only the gateway may send.
    NotForNodes(&'static str),
    /// A frame without a type, or of a type that nobody knows.
    Unknown,
}

impl NodeFrame {
    /// The word for log lines.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::PairRequest(_) => "pair-request",
            Self::Req { .. } => "req",
            Self::Event { .. } => "event",
            Self::InvokeRes { .. } => "invoke-res",
            Self::Ping { .. } => "ping",
            Self::Pong => "pong",
            Self::NotForNodes(kind) => kind,
            Self::Unknown => "unknown",
        }
    }
}

/// The content of `hello`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// Who the node says it is, or what is wrong with that.
    pub node: Result<NodeId, &'static str>,
    /// Its proof; absent before it was paired.
    pub token: Option<Token>,
    /// The protocol version it speaks, as written; absent means 1.
    pub protocol: Option<String>,
    /// What it says about itself.
    pub profile: NodeProfile,
}

/// The content of `pair-request`.
#[derive(Clone, Debug, PartialEq)]
pub struct PairRequest {
    /// Who the node says it is, or what is wrong with that.
    pub node: Result<NodeId, &'static str>,
    /// What it says about itself.
    pub profile: NodeProfile,
    /// The node asks for an approval without disturbing anybody. A hint for a desktop, never a
    /// reason to approve.
    pub silent: bool,
}

/// Why a node did not carry out an invoke.
#[derive(Clone, Debug, PartialEq)]
pub struct InvokeFailure {
    /// The node's word for it; generic on iOS, macOS and the headless node (protocol section 8.1).
    pub code: Option<String>,
    /// The node's sentence; may begin with a more specific word and a colon.
    pub message: Option<String>,
}

/// What the gateway sends.
#[derive(Clone, Debug, PartialEq)]
pub enum GatewayFrame {
    /// The node is admitted.
    HelloOk {
        /// The gateway's name; iOS refuses a `hello-ok` without it.
        server_name: Arc<str>,
        /// Where the canvas host is, if there is one.
        canvas_host_url: Option<Arc<str>>,
        /// The session key that the apps use for their main chat.
        main_session_key: Arc<str>,
    },
    /// The operator approved; this is the node's token.
    PairOk(Token),
    /// The connection, or its last frame, is refused.
    Error(WireError),
    /// The answer to a `req`.
    Res {
        /// The request's id.
        id: Arc<str>,
        /// The result as text, or why there is none.
        result: Result<Payload, WireError>,
    },
    /// News for the node.
    Event {
        /// The event's name.
        event: Arc<str>,
        /// The event's content as text.
        payload: Option<Payload>,
    },
    /// News of a conversation. Every node is told under the name it uses for it.
    SessionEvent {
        /// The event's name.
        event: Arc<str>,
        /// The conversation, in the node's own spelling.
        session_key: Arc<str>,
        /// The event's content as the text of a JSON object, without its `sessionKey`.
        payload: Payload,
    },
    /// The node shall carry out a command.
    Invoke {
        /// Comes back in the answer.
        id: Arc<str>,
        /// The command.
        command: Arc<str>,
        /// Its parameters as text.
        params: Option<Payload>,
    },
    /// "Are you there?"
    Ping {
        /// Comes back in the pong.
        id: Arc<str>,
    },
    /// "I am here."
    Pong {
        /// The ping's id.
        id: Arc<str>,
    },
}

impl GatewayFrame {
    /// The word for log lines.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::HelloOk { .. } => "hello-ok",
            Self::PairOk(_) => "pair-ok",
            Self::Error(_) => "error",
            Self::Res { .. } => "res",
            Self::Event { .. } | Self::SessionEvent { .. } => "event",
            Self::Invoke { .. } => "invoke",
            Self::Ping { .. } => "ping",
            Self::Pong { .. } => "pong",
        }
    }

    /// About how many bytes it will take on the wire.
    pub fn weight(&self) -> usize {
        const ENVELOPE: usize = 64;
        let payload = match self {
            Self::Res { result: Ok(payload), .. } => payload.len(),
            Self::Event { payload, .. } => payload.as_deref().map_or(0, str::len),
            Self::SessionEvent { payload, .. } => payload.len(),
            Self::Invoke { params, .. } => params.as_deref().map_or(0, str::len),
            _ => 0,
        };
        ENVELOPE + payload
    }

    /// Whether it answers something that the node sent and counts against what it is owed.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::HelloOk { .. } | Self::Error(_) | Self::Res { .. } | Self::Pong { .. })
    }

    /// Whether it may be dropped for a node that does not keep up, because a later one will say
    /// the same or more (protocol section 1.5).
    pub fn is_superseded_later(&self) -> bool {
        match self {
            Self::Event { event, .. } => {
                matches!(
                    GatewayEvent::parse(event),
                    Some(GatewayEvent::Tick | GatewayEvent::Health)
                )
            }
            Self::SessionEvent { event, payload, .. } => match GatewayEvent::parse(event) {
                Some(GatewayEvent::Agent) => true,
                Some(GatewayEvent::Chat) => payload.contains("\"state\":\"delta\""),
                _ => false,
            },
            _ => false,
        }
    }
}
