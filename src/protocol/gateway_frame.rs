//! The frames that the gateway sends, one variant for each type (protocol section 3): what they
//! hold, and how they are written and read.

use crate::protocol::fields::{Fields, LongName};
use crate::protocol::json;
use crate::protocol::line::Line;
use crate::protocol::node_frame::FrameType;
use crate::protocol::wire::{self, BadFrame, Decode};
use crate::protocol::{limits, GatewayEvent, Payload, Token, WireError};
use std::sync::{Arc, OnceLock};

/// A frame from the gateway to a node. A missing `payloadJSON` or `paramsJSON` is written as an
/// explicit null, other missing fields are left out, as the old gateway did (protocol section 2.7).
/// For ids, payloads and parameters see [`NodeFrame`](crate::protocol::NodeFrame).
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the variants describe their fields")]
#[non_exhaustive]
pub enum GatewayFrame {
    /// The node is admitted. iOS refuses a `hello-ok` without a server name. The main session key
    /// is that of the apps' main chat; this gateway always sends it.
    HelloOk {
        server_name: Arc<str>,
        canvas_host_url: Option<Arc<str>>,
        main_session_key: Option<Arc<str>>,
    },
    /// The operator approved: the node's token from now on; `None` only if another gateway did not
    /// send one.
    PairOk { token: Option<Token> },
    /// The connection, or its last frame, is refused.
    Error(WireError),
    /// The answer to a `req`: the result, or why there is none.
    Res { id: Arc<str>, result: Result<Option<Payload>, WireError> },
    /// An event for the node.
    Event { event: Arc<str>, payload: Option<Payload> },
    /// An event for several nodes, sent as `event`.
    SharedEvent(Arc<SharedEvent>),
    /// The node is asked to carry out a command.
    Invoke { id: Arc<str>, command: Arc<str>, params: Option<Payload> },
    /// Asks the node for a sign of life.
    Ping { id: Arc<str> },
    /// The answer to a ping.
    Pong { id: Arc<str> },
    /// A frame without a type, or of a type that only nodes send or that is not known here.
    Unknown,
}

/// An event that several nodes get: the first one to send it encodes it, and its line is in memory
/// once.
#[derive(Debug)]
pub struct SharedEvent {
    event: Arc<str>,
    session_key: Option<Arc<str>>,
    payload: Option<Payload>,
    line: OnceLock<Payload>,
}

impl SharedEvent {
    /// Of a conversation, it has the session key as these nodes spell it, and the payload is a JSON
    /// object without it.
    pub fn new(
        event: Arc<str>,
        session_key: Option<Arc<str>>,
        payload: Option<Payload>,
    ) -> Arc<Self> {
        Arc::new(Self { event, session_key, payload, line: OnceLock::new() })
    }
}

/// The line says nothing that the rest does not.
impl PartialEq for SharedEvent {
    fn eq(&self, other: &Self) -> bool {
        self.event == other.event
            && self.session_key == other.session_key
            && self.payload == other.payload
    }
}

impl GatewayFrame {
    /// The frame's type for log lines; `unknown` if it has none.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::HelloOk { .. } => FrameType::HelloOk.as_str(),
            Self::PairOk { .. } => FrameType::PairOk.as_str(),
            Self::Error(_) => FrameType::Error.as_str(),
            Self::Res { .. } => FrameType::Res.as_str(),
            Self::Event { .. } | Self::SharedEvent(_) => FrameType::Event.as_str(),
            Self::Invoke { .. } => FrameType::Invoke.as_str(),
            Self::Ping { .. } => FrameType::Ping.as_str(),
            Self::Pong { .. } => FrameType::Pong.as_str(),
            Self::Unknown => "unknown",
        }
    }

    /// About how many bytes it will take on the wire.
    pub fn weight(&self) -> usize {
        const ENVELOPE: usize = 64;
        let length = |payload: &Option<Payload>| payload.as_deref().map_or(0, str::len);
        ENVELOPE
            + match self {
                Self::Res { id, result: Ok(payload) } => id.len() + length(payload),
                Self::Res { id, result: Err(error) } => id.len() + error.weight(),
                Self::Event { event, payload } => event.len() + length(payload),
                Self::SharedEvent(shared) => shared.event.len() + length(&shared.payload),
                Self::Invoke { command, params, .. } => command.len() + length(params),
                Self::Error(error) => error.weight(),
                Self::Ping { id } | Self::Pong { id } => id.len(),
                _ => 0,
            }
    }

    /// Whether it answers a request of the node, and so counts against the unanswered ones.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::HelloOk { .. } | Self::Error(_) | Self::Res { .. } | Self::Pong { .. })
    }

    /// Whether it may be dropped for a node that does not keep up, because a later one will say
    /// the same or more (protocol section 1.5).
    pub fn is_superseded_later(&self) -> bool {
        let (event, payload) = match self {
            Self::Event { event, payload } => (event, payload),
            Self::SharedEvent(shared) => (&shared.event, &shared.payload),
            _ => return false,
        };
        let is_delta = |payload: &Payload| payload.contains("\"state\":\"delta\"");
        match GatewayEvent::parse(event) {
            Some(GatewayEvent::Tick | GatewayEvent::Health | GatewayEvent::Agent) => true,
            Some(GatewayEvent::Chat) => payload.as_ref().is_some_and(is_delta),
            _ => false,
        }
    }

    /// Appends the frame's line, line feed included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let line = Line::of(self.kind(), out);
        let line = match self {
            Self::HelloOk { server_name, canvas_host_url, main_session_key } => line
                .text("serverName", server_name)
                .optional("canvasHostUrl", canvas_host_url.as_deref())
                .optional("mainSessionKey", main_session_key.as_deref()),
            Self::PairOk { token } => line.nullable("token", token.as_ref().map(Token::reveal)),
            Self::Error(error) => line.fields(error),
            Self::Res { id, result } => line.text("id", id).outcome(result),
            Self::Event { event, payload } => {
                line.text("event", event).nullable("payloadJSON", payload.as_deref())
            }
            Self::SharedEvent(shared) => {
                let line = line.text("event", &shared.event);
                match (&shared.session_key, &shared.payload) {
                    (Some(key), Some(payload)) => {
                        line.text("payloadJSON", &json::with_session_key(payload, key))
                    }
                    (_, payload) => line.nullable("payloadJSON", payload.as_deref()),
                }
            }
            Self::Invoke { id, command, params } => line
                .text("id", id)
                .text("command", command)
                .nullable("paramsJSON", params.as_deref()),
            Self::Ping { id } | Self::Pong { id } => line.text("id", id),
            Self::Unknown => line,
        };
        line.end();
    }

    /// The frame's line if several nodes share it, line feed included.
    pub(crate) fn shared_line(&self) -> Option<&Payload> {
        let Self::SharedEvent(shared) = self else { return None };
        Some(shared.line.get_or_init(|| {
            let mut bytes = Vec::new();
            self.encode(&mut bytes);
            // JSON is UTF-8; should that be wrong, the damage is shown.
            let text = String::from_utf8(bytes);
            text.unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()).into()
        }))
    }

    /// Decodes one line without its line feed. `None` for a blank line.
    ///
    /// # Errors
    /// [`BadFrame::NotJson`], [`BadFrame::LongName`].
    pub fn decode(line: &[u8]) -> Option<Result<Self, BadFrame>> {
        wire::decode(line)
    }

    /// As [`GatewayFrame::decode`], but takes the buffer of a long line: the payload stays in it.
    ///
    /// # Errors
    /// As [`GatewayFrame::decode`].
    pub fn decode_line(line: &mut Vec<u8>) -> Option<Result<Self, BadFrame>> {
        wire::decode_line(line)
    }
}

impl Decode for GatewayFrame {
    fn read(fields: &Fields<'_>) -> Result<Self, LongName> {
        Ok(match fields.name("type")?.and_then(|kind| FrameType::parse(&kind)) {
            Some(FrameType::HelloOk) => Self::HelloOk {
                server_name: fields.short_text("serverName").unwrap_or_default().into(),
                canvas_host_url: fields.text_up_to("canvasHostUrl", URL_CHARS).map(Arc::from),
                main_session_key: fields.short_text("mainSessionKey").map(Arc::from),
            },
            Some(FrameType::PairOk) => {
                let token = fields.name("token")?.and_then(|text| Token::presented(&text));
                Self::PairOk { token }
            }
            Some(FrameType::Error) => Self::Error(error(fields)),
            Some(FrameType::Res) => {
                let is_ok = fields.is_true("ok");
                let error = || {
                    let fields = fields.json("error").and_then(|text| Fields::read(text).ok());
                    error(&fields.unwrap_or_default())
                };
                let result = if is_ok { Ok(None) } else { Err(error()) };
                Self::Res { id: fields.shared("id")?, result }
            }
            Some(FrameType::Event) => Self::Event { event: fields.shared("event")?, payload: None },
            Some(FrameType::Invoke) => Self::Invoke {
                id: fields.shared("id")?,
                command: fields.name("command")?.unwrap_or_default().trim().into(),
                params: None,
            },
            Some(FrameType::Ping) => Self::Ping { id: fields.shared("id")? },
            Some(FrameType::Pong) => Self::Pong { id: fields.shared("id")? },
            _ => Self::Unknown,
        })
    }

    fn payload_mut(&mut self) -> Option<(&'static str, &mut Option<Payload>)> {
        match self {
            Self::Res { result: Ok(payload), .. } | Self::Event { payload, .. } => {
                Some(("payloadJSON", payload))
            }
            Self::Invoke { params, .. } => Some(("paramsJSON", params)),
            _ => None,
        }
    }
}

/// Characters of a URL that is kept.
const URL_CHARS: usize = 8 * limits::SHORT_TEXT_CHARS;

fn error(fields: &Fields<'_>) -> WireError {
    let text = |name, most| fields.text_up_to(name, most).unwrap_or_default();
    let details = fields.json("details").filter(|json| json.len() <= limits::ERROR_CHARS);
    WireError {
        details: details.map(Payload::from),
        ..WireError::new(
            text("code", limits::SHORT_TEXT_CHARS).as_str().into(),
            text("message", limits::ERROR_CHARS),
        )
    }
}
