//! The frames that a node sends, one variant for each type (protocol section 3): what they hold,
//! and how they are written and read.

use crate::protocol::json::{self, Fields};
use crate::protocol::names::names;
use crate::protocol::wire::{self, BadFrame};
use crate::protocol::{limits, NodeId, NodeProfile, Payload, Token, WireError};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

names! {
    /// The `type` of a frame (protocol section 3).
    FrameType {
        Hello = "hello",
        HelloOk = "hello-ok",
        PairRequest = "pair-request",
        PairOk = "pair-ok",
        Error = "error",
        Req = "req",
        Res = "res",
        Event = "event",
        Invoke = "invoke",
        InvokeRes = "invoke-res",
        Ping = "ping",
        Pong = "pong",
    }
}

/// A frame from a node to the gateway. The sender of a `req`, `invoke` or `ping` chooses its id, and
/// the answer carries the same. Payloads and parameters are JSON text that is not parsed yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the variants describe their fields")]
pub enum NodeFrame {
    /// The node introduces itself and proves who it is.
    Hello(Box<Hello>),
    /// The node has no token and asks the operator for one.
    PairRequest(Box<PairRequest>),
    /// A call of an allowlisted method. `id` or `method` may be missing; the answer says so.
    Req {
        id: Option<Arc<str>>,
        method: Option<Arc<str>>,
        #[serde(rename = "paramsJSON")]
        params: Option<Payload>,
    },
    /// A signal from the node; never answered.
    Event {
        event: Arc<str>,
        #[serde(rename = "payloadJSON")]
        payload: Option<Payload>,
    },
    /// The answer to an invoke: the result, or what went wrong.
    InvokeRes {
        id: Arc<str>,
        #[serde(flatten, serialize_with = "wire::outcome")]
        result: Result<Option<Payload>, InvokeFailure>,
    },
    /// Asks the gateway for a sign of life.
    Ping { id: Arc<str> },
    /// The answer to a ping.
    Pong { id: Arc<str> },
    /// A frame of a type that only the gateway may send.
    #[serde(skip)]
    NotForNodes(FrameType),
    /// A frame without a type, or of an unknown type.
    #[serde(skip)]
    Unknown,
}

/// The content of `hello`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hello {
    /// Who the node says it is, or what is wrong with that.
    #[serde(rename = "nodeId", serialize_with = "node_id_or_null")]
    pub node: Result<NodeId, &'static str>,
    /// Its proof; absent before it was paired. In no other frame.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "wire::revealed")]
    pub token: Option<Token>,
    /// The protocol version it speaks, as JSON text; absent means 1.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "json::write")]
    pub protocol: Option<String>,
    /// What it says about itself.
    #[serde(flatten)]
    pub profile: NodeProfile,
}

/// The content of `pair-request`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairRequest {
    /// Who the node says it is, or what is wrong with that.
    #[serde(rename = "nodeId", serialize_with = "node_id_or_null")]
    pub node: Result<NodeId, &'static str>,
    /// What it says about itself; the operator sees this.
    #[serde(flatten)]
    pub profile: NodeProfile,
    /// The node asks for an approval without a notification. A hint for a desktop, never a reason
    /// to approve.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
}

/// Why a node did not carry out an invoke.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InvokeFailure {
    /// The node's error code; generic on iOS, macOS and the headless node (protocol section 8.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The node's sentence; may begin with a more specific code and a colon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl From<WireError> for InvokeFailure {
    fn from(error: WireError) -> Self {
        let WireError { code, message, .. } = error;
        Self { code: Some(code.as_str().to_owned()), message: Some(message.into_owned()) }
    }
}

impl NodeFrame {
    /// The frame's type for log lines; `unknown` if it has none.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hello(_) => FrameType::Hello.as_str(),
            Self::PairRequest(_) => FrameType::PairRequest.as_str(),
            Self::Req { .. } => FrameType::Req.as_str(),
            Self::Event { .. } => FrameType::Event.as_str(),
            Self::InvokeRes { .. } => FrameType::InvokeRes.as_str(),
            Self::Ping { .. } => FrameType::Ping.as_str(),
            Self::Pong { .. } => FrameType::Pong.as_str(),
            Self::NotForNodes(kind) => kind.as_str(),
            Self::Unknown => "unknown",
        }
    }

    /// A call of one of the gateway's methods.
    pub fn req(id: &str, method: &str, params: Option<Payload>) -> Self {
        Self::Req { id: Some(id.into()), method: Some(method.into()), params }
    }

    /// A signal for the gateway.
    pub fn event(name: &str, payload: impl Into<Payload>) -> Self {
        Self::Event { event: name.into(), payload: Some(payload.into()) }
    }

    /// The answer to an invoke.
    pub fn invoke_res(id: Arc<str>, result: Result<Option<Payload>, WireError>) -> Self {
        Self::InvokeRes { id, result: result.map_err(InvokeFailure::from) }
    }

    /// Appends the frame's line, line feed included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        wire::append_line(self, out);
    }

    /// Decodes one line without its line feed. `None` for a blank line.
    ///
    /// # Errors
    /// [`BadFrame::NotJson`].
    pub fn decode(line: &[u8]) -> Option<Result<Self, BadFrame>> {
        wire::decode(line, Self::read)
    }

    /// As [`NodeFrame::decode`], but takes the buffer of a long line: what a node answered to an
    /// invoke stays in it, so that a recording is not copied.
    ///
    /// # Errors
    /// [`BadFrame::NotJson`].
    pub fn decode_line(line: &mut Vec<u8>) -> Option<Result<Self, BadFrame>> {
        if line.len() <= limits::LINE_BUFFER_KEPT {
            return Self::decode(line);
        }
        let text = String::from_utf8(std::mem::take(line));
        let text = text.unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        if text.trim().is_empty() {
            return None;
        }
        let text = json::mended(text);
        let fields = match Fields::read(&text) {
            Ok(fields) => fields,
            Err(error) => return Some(Err(BadFrame::NotJson(error.to_string()))),
        };
        let Some((id, string)) = long_result(&text, &fields) else {
            return Some(Ok(Self::read(&fields)));
        };
        let payload = Payload::unescaped(text, string);
        let result = Ok((!payload.trim().is_empty()).then_some(payload));
        Some(Ok(Self::InvokeRes { id, result }))
    }

    fn read(fields: &Fields<'_>) -> Self {
        let kind = fields.text("type").and_then(|kind| FrameType::parse(&kind));
        match kind {
            Some(FrameType::Hello) => Self::Hello(Box::new(Hello {
                node: node_id(fields),
                token: fields.text("token").and_then(|text| Token::presented(&text)),
                protocol: fields.json("protocol").filter(|raw| *raw != "null").map(str::to_owned),
                profile: NodeProfile::read(fields),
            })),
            Some(FrameType::PairRequest) => Self::PairRequest(Box::new(PairRequest {
                node: node_id(fields),
                profile: NodeProfile::read(fields),
                silent: fields.is_true("silent"),
            })),
            Some(FrameType::Req) => Self::Req {
                id: fields.word("id").filter(|id| !id.is_empty()).map(Arc::from),
                method: fields.word("method").and_then(trimmed),
                params: fields.payload("paramsJSON"),
            },
            Some(FrameType::Event) => match fields.word("event").and_then(trimmed) {
                Some(event) => Self::Event { event, payload: fields.payload("payloadJSON") },
                // An event without a name is ignored, as an unknown one is.
                None => Self::Event { event: "".into(), payload: None },
            },
            Some(FrameType::InvokeRes) => {
                Self::InvokeRes { id: fields.shared("id"), result: invoke_result(fields) }
            }
            Some(FrameType::Ping) => Self::Ping { id: fields.shared("id") },
            Some(FrameType::Pong) => Self::Pong { id: fields.shared("id") },
            Some(kind @ (FrameType::Invoke | FrameType::Res)) => Self::NotForNodes(kind),
            _ => Self::Unknown,
        }
    }
}

fn node_id(fields: &Fields<'_>) -> Result<NodeId, &'static str> {
    NodeId::new(&fields.word("nodeId").unwrap_or_default())
}

fn trimmed(text: Cow<'_, str>) -> Option<Arc<str>> {
    let text = text.trim();
    (!text.is_empty()).then(|| Arc::from(text))
}

/// For a successful answer with a payload: its id, and where in the line the payload is.
fn long_result(line: &str, fields: &Fields<'_>) -> Option<(Arc<str>, Range<usize>)> {
    let kind = FrameType::parse(&fields.text("type")?);
    if kind != Some(FrameType::InvokeRes) || !fields.is_true("ok") {
        return None;
    }
    let string = fields.json("payloadJSON")?.strip_prefix('"')?.strip_suffix('"')?;
    Some((fields.shared("id"), json::place(line, string)?))
}

fn invoke_result(fields: &Fields<'_>) -> Result<Option<Payload>, InvokeFailure> {
    if fields.is_true("ok") {
        return Ok(fields.payload("payloadJSON"));
    }
    let error = fields.json("error").and_then(|text| Fields::read(text).ok());
    let error = error.unwrap_or_default();
    let text = |name| error.text(name).map(Cow::into_owned).filter(|text| !text.is_empty());
    Err(InvokeFailure { code: text("code"), message: text("message") })
}

fn node_id_or_null<S: Serializer>(
    node: &Result<NodeId, &'static str>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    node.as_ref().ok().serialize(serializer)
}
