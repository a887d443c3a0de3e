//! The frames that a node sends, one variant for each type (protocol section 3): what they hold,
//! and how they are written and read.

use crate::protocol::fields::{Fields, LongName};
use crate::protocol::json::InvokePayload;
use crate::protocol::line::Line;
use crate::protocol::names::names;
use crate::protocol::wire::{self, BadFrame, Decode};
use crate::protocol::{limits, NodeId, NodeProfile, Payload, Token, WireError};
use serde::Serialize;
use std::borrow::Cow;
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
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the variants describe their fields")]
pub enum NodeFrame {
    /// The node introduces itself and proves who it is.
    Hello(Box<Hello>),
    /// The node has no token and asks the operator for one.
    PairRequest(Box<PairRequest>),
    /// A call of an allowlisted method. `id` or `method` may be missing; the answer says so.
    Req { id: Option<Arc<str>>, method: Option<Arc<str>>, params: Option<Payload> },
    /// A signal from the node; never answered.
    Event { event: Arc<str>, payload: Option<Payload> },
    /// The answer to an invoke: the result, or what went wrong.
    InvokeRes { id: Arc<str>, result: Result<Option<Payload>, InvokeFailure> },
    /// Asks the gateway for a sign of life.
    Ping { id: Arc<str> },
    /// The answer to a ping.
    Pong { id: Arc<str> },
    /// A frame of a type that only the gateway may send.
    NotForNodes(FrameType),
    /// A frame without a type, or of an unknown type.
    Unknown,
}

/// The content of `hello`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// Who the node says it is, or what is wrong with that.
    pub node: Result<NodeId, &'static str>,
    /// Its proof; absent before it was paired. In no other frame.
    pub token: Option<Token>,
    /// The protocol version it speaks, as JSON text; absent means 1.
    pub protocol: Option<String>,
    /// What it says about itself.
    pub profile: NodeProfile,
}

/// The content of `pair-request`.
#[derive(Clone, Debug, PartialEq)]
pub struct PairRequest {
    /// Who the node says it is, or what is wrong with that.
    pub node: Result<NodeId, &'static str>,
    /// What it says about itself; the operator sees this.
    pub profile: NodeProfile,
    /// The node asks for an approval without a notification. A hint for a desktop, never a reason
    /// to approve.
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

    /// Its payload or parameters, which may be long; everything else in it is short.
    pub(crate) fn payload(&self) -> Option<&Payload> {
        match self {
            Self::Req { params: payload, .. }
            | Self::Event { payload, .. }
            | Self::InvokeRes { result: Ok(payload), .. } => payload.as_ref(),
            _ => None,
        }
    }

    /// Appends the frame's line, line feed included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let line = Line::of(self.kind(), out);
        let line = match self {
            Self::Hello(hello) => {
                let Hello { node, token, protocol, profile } = &**hello;
                let line = line
                    .nullable("nodeId", node.as_ref().ok().map(NodeId::as_str))
                    .optional("token", token.as_ref().map(Token::reveal));
                let line = match protocol {
                    Some(json) => line.value("protocol", &InvokePayload(json.as_str().into())),
                    None => line,
                };
                line.fields(profile)
            }
            Self::PairRequest(request) => {
                let PairRequest { node, profile, silent } = &**request;
                let line = line.nullable("nodeId", node.as_ref().ok().map(NodeId::as_str));
                let line = line.fields(profile);
                if *silent {
                    line.value("silent", silent)
                } else {
                    line
                }
            }
            Self::Req { id, method, params } => line
                .nullable("id", id.as_deref())
                .nullable("method", method.as_deref())
                .nullable("paramsJSON", params.as_deref()),
            Self::Event { event, payload } => {
                line.text("event", event).nullable("payloadJSON", payload.as_deref())
            }
            Self::InvokeRes { id, result } => line.text("id", id).outcome(result),
            Self::Ping { id } | Self::Pong { id } => line.text("id", id),
            Self::NotForNodes(_) | Self::Unknown => line,
        };
        line.end();
    }

    /// Decodes one line without its line feed. `None` for a blank line.
    ///
    /// # Errors
    /// [`BadFrame::NotJson`], [`BadFrame::LongName`].
    pub fn decode(line: &[u8]) -> Option<Result<Self, BadFrame>> {
        wire::decode(line)
    }

    /// As [`NodeFrame::decode`], but takes the buffer of a long line: the payload stays in it, so
    /// that a recording is not copied.
    ///
    /// # Errors
    /// As [`NodeFrame::decode`].
    pub fn decode_line(line: &mut Vec<u8>) -> Option<Result<Self, BadFrame>> {
        wire::decode_line(line)
    }
}

impl Decode for NodeFrame {
    fn read(fields: &Fields<'_>) -> Result<Self, LongName> {
        let kind = fields.name("type")?.and_then(|kind| FrameType::parse(&kind));
        Ok(match kind {
            Some(FrameType::Hello) => Self::Hello(Box::new(Hello {
                node: node_id(fields)?,
                token: fields.name("token")?.and_then(|text| Token::presented(&text)),
                protocol: protocol(fields)?,
                profile: NodeProfile::read(fields),
            })),
            Some(FrameType::PairRequest) => Self::PairRequest(Box::new(PairRequest {
                node: node_id(fields)?,
                profile: NodeProfile::read(fields),
                silent: fields.is_true("silent"),
            })),
            Some(FrameType::Req) => Self::Req {
                id: fields.name("id")?.filter(|id| !id.is_empty()).map(Arc::from),
                method: fields.name("method")?.and_then(trimmed),
                params: None,
            },
            Some(FrameType::Event) => {
                let event = fields.name("event")?.and_then(trimmed).unwrap_or_default();
                Self::Event { event, payload: None }
            }
            Some(FrameType::InvokeRes) => {
                Self::InvokeRes { id: fields.shared("id")?, result: invoke_result(fields) }
            }
            Some(FrameType::Ping) => Self::Ping { id: fields.shared("id")? },
            Some(FrameType::Pong) => Self::Pong { id: fields.shared("id")? },
            Some(kind @ (FrameType::Invoke | FrameType::Res)) => Self::NotForNodes(kind),
            _ => Self::Unknown,
        })
    }

    fn payload_mut(&mut self) -> Option<(&'static str, &mut Option<Payload>)> {
        match self {
            Self::Req { params, .. } => Some(("paramsJSON", params)),
            // An event without a name is ignored, as an unknown one is.
            Self::Event { event, payload } if !event.is_empty() => Some(("payloadJSON", payload)),
            Self::InvokeRes { result: Ok(payload), .. } => Some(("payloadJSON", payload)),
            _ => None,
        }
    }
}

fn node_id(fields: &Fields<'_>) -> Result<Result<NodeId, &'static str>, LongName> {
    Ok(NodeId::new(&fields.name("nodeId")?.unwrap_or_default()))
}

fn protocol(fields: &Fields<'_>) -> Result<Option<String>, LongName> {
    match fields.json("protocol").filter(|raw| *raw != "null") {
        Some(raw) if raw.len() > limits::SHORT_TEXT_CHARS => Err(LongName("protocol")),
        raw => Ok(raw.map(str::to_owned)),
    }
}

fn trimmed(text: Cow<'_, str>) -> Option<Arc<str>> {
    let text = text.trim();
    (!text.is_empty()).then(|| Arc::from(text))
}

fn invoke_result(fields: &Fields<'_>) -> Result<Option<Payload>, InvokeFailure> {
    if fields.is_true("ok") {
        return Ok(None);
    }
    let error = fields.json("error").and_then(|text| Fields::read(text).ok());
    let error = error.unwrap_or_default();
    let text = |name, most| error.text_up_to(name, most).filter(|text| !text.is_empty());
    Err(InvokeFailure {
        code: text("code", limits::SHORT_TEXT_CHARS),
        message: text("message", limits::ERROR_CHARS),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::limits;

    #[test]
    fn a_long_line_with_space_around_it_is_read_like_a_short_one() {
        for length in [1, limits::LINE_BUFFER_KEPT] {
            let payload = "x".repeat(length);
            let line = format!(
                "\x0c {{\"type\":\"event\",\"event\":\"e\",\"payloadJSON\":\"{payload}\"}}\r\x0c"
            );
            let event = NodeFrame::Event { event: "e".into(), payload: Some(payload.into()) };
            assert_eq!(NodeFrame::decode_line(&mut line.into_bytes()), Some(Ok(event)));
        }
    }
}
