//! The frames as a node sees them: what the gateway sends, decoded forgivingly, and what a node
//! sends, encoded strictly (protocol sections 1.1 and 3).

use crate::protocol::json::{self, Fields};
use crate::protocol::{wire, BadFrame, NodeId, NodeProfile, Payload, Token, WireError};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// What the gateway sends, decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum IncomingFrame {
    /// The node is admitted.
    HelloOk {
        /// The gateway's name.
        server_name: String,
        /// Where the canvas host is, if there is one.
        canvas_host_url: Option<String>,
        /// The session key for the main chat, if the gateway has an opinion.
        main_session_key: Option<String>,
    },
    /// The operator approved.
    PairOk {
        /// The node's token from now on; `None` if the gateway forgot to send one.
        token: Option<Token>,
    },
    /// The connection, or its last frame, is refused.
    Error(Refusal),
    /// The answer to a `req`.
    Res {
        /// The request's id.
        id: String,
        /// The result as text, if any, or why there is none.
        result: Result<Option<Payload>, Refusal>,
    },
    /// News.
    Event {
        /// The event's name.
        event: String,
        /// Its content as text.
        payload: Option<Payload>,
    },
    /// The node shall carry out a command.
    Invoke {
        /// Goes back in the answer.
        id: String,
        /// The command, trimmed.
        command: String,
        /// Its parameters as text.
        params: Option<Payload>,
    },
    /// "Are you there?"
    Ping {
        /// Goes back in the pong.
        id: String,
    },
    /// "I am here."
    Pong {
        /// The ping's id.
        id: String,
    },
    /// A frame without a type, or of a type that this program does not know.
    Other,
}

/// A gateway's "no": its code and its sentence, as it sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of the protocol's words, or a newer one.
    pub code: String,
    /// For a person; may be empty.
    pub message: String,
}

impl Refusal {
    /// Whether asking for a pairing is the way on.
    pub fn asks_for_pairing(&self) -> bool {
        self.code == "NOT_PAIRED" || self.code == "UNAUTHORIZED"
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

const FIELDS: &[&str] = &[
    "type",
    "id",
    "ok",
    "code",
    "message",
    "error",
    "token",
    "event",
    "command",
    "payloadJSON",
    "paramsJSON",
    "serverName",
    "canvasHostUrl",
    "mainSessionKey",
];

impl IncomingFrame {
    /// Decodes one line without its line feed. `None` for a blank line.
    ///
    /// # Errors
    /// [`BadFrame::NotJson`].
    pub fn decode(line: &[u8]) -> Option<Result<Self, BadFrame>> {
        let text = String::from_utf8_lossy(line.trim_ascii());
        if text.is_empty() {
            return None;
        }
        let text = json::mend_surrogates(&text);
        Some(match Fields::read(&text, FIELDS) {
            Ok(fields) => Ok(Self::read(&fields)),
            Err(error) => Err(BadFrame::NotJson(error.to_string())),
        })
    }

    fn read(fields: &Fields<'_>) -> Self {
        match &*fields.text("type").unwrap_or_default() {
            "hello-ok" => Self::HelloOk {
                server_name: word(fields, "serverName"),
                canvas_host_url: fields.text("canvasHostUrl").map(Cow::into_owned),
                main_session_key: fields.text("mainSessionKey").map(Cow::into_owned),
            },
            "pair-ok" => Self::PairOk {
                token: fields.text("token").and_then(|text| Token::presented(&text)),
            },
            "error" => Self::Error(refusal(fields)),
            "res" => Self::Res { id: word(fields, "id"), result: result(fields) },
            "event" => Self::Event {
                event: word(fields, "event"),
                payload: payload(fields, "payloadJSON"),
            },
            "invoke" => Self::Invoke {
                id: word(fields, "id"),
                command: word(fields, "command").trim().to_owned(),
                params: payload(fields, "paramsJSON"),
            },
            "ping" => Self::Ping { id: word(fields, "id") },
            "pong" => Self::Pong { id: word(fields, "id") },
            _ => Self::Other,
        }
    }
}

fn word(fields: &Fields<'_>, name: &str) -> String {
    fields.word(name).unwrap_or_default().into_owned()
}

fn payload(fields: &Fields<'_>, name: &str) -> Option<Payload> {
    fields.text(name).filter(|text| !text.trim().is_empty()).map(Payload::from)
}

fn refusal(fields: &Fields<'_>) -> Refusal {
    Refusal { code: word(fields, "code"), message: word(fields, "message") }
}

fn result(fields: &Fields<'_>) -> Result<Option<Payload>, Refusal> {
    if fields.is_true("ok") {
        return Ok(payload(fields, "payloadJSON"));
    }
    let error = fields.json("error").and_then(|text| Fields::read(text, FIELDS).ok());
    Err(refusal(&error.unwrap_or_default()))
}

/// What a node sends. Absent parameters and payloads of `req` and `event` are written as null,
/// as the old nodes do; other absent fields are left out.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum OutgoingFrame<'a> {
    /// "This is me, here is my token."
    Hello {
        /// Who it is.
        node_id: &'a NodeId,
        /// Its proof. In no other frame.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "revealed")]
        token: Option<&'a Token>,
        /// What it says about itself.
        #[serde(flatten)]
        profile: &'a NodeProfile,
    },
    /// "Ask your operator to let me in."
    PairRequest {
        /// Who it is.
        node_id: &'a NodeId,
        /// What it says about itself; the operator sees this.
        #[serde(flatten)]
        profile: &'a NodeProfile,
    },
    /// A call of one of the gateway's methods.
    Req {
        /// Comes back in the answer.
        id: &'a str,
        /// The method.
        method: &'a str,
        /// Its parameters as JSON text.
        #[serde(rename = "paramsJSON")]
        params: Option<&'a str>,
    },
    /// News for the gateway.
    Event {
        /// The event's name.
        event: &'a str,
        /// Its content as JSON text.
        #[serde(rename = "payloadJSON")]
        payload: Option<&'a str>,
    },
    /// The answer to an invoke; see [`OutgoingFrame::invoke_res`].
    InvokeRes {
        /// The invoke's id.
        id: &'a str,
        /// Whether it was carried out.
        ok: bool,
        /// The result as JSON text.
        #[serde(rename = "payloadJSON", skip_serializing_if = "Option::is_none")]
        payload: Option<&'a str>,
        /// Why it was not carried out.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a WireError>,
    },
    /// "Are you there?"
    Ping {
        /// Comes back in the pong.
        id: &'a str,
    },
    /// "I am here."
    Pong {
        /// The ping's id.
        id: &'a str,
    },
}

impl<'a> OutgoingFrame<'a> {
    /// The answer to an invoke.
    pub fn invoke_res(id: &'a str, result: &'a Result<Option<Payload>, WireError>) -> Self {
        Self::InvokeRes {
            id,
            ok: result.is_ok(),
            payload: result.as_ref().ok().and_then(Option::as_deref),
            error: result.as_ref().err(),
        }
    }

    /// Appends the frame's line, line feed included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        wire::append_line(self, out);
    }
}

fn revealed<S: Serializer>(token: &Option<&Token>, serializer: S) -> Result<S::Ok, S::Error> {
    token.map(Token::reveal).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::NodeFrame;

    fn decoded(line: &str) -> IncomingFrame {
        IncomingFrame::decode(line.as_bytes()).unwrap().unwrap()
    }

    fn understood(frame: &OutgoingFrame<'_>) -> NodeFrame {
        let mut line = Vec::new();
        frame.encode(&mut line);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        wire::decode(&line).unwrap().unwrap()
    }

    #[test]
    fn what_the_gateway_sends_is_read_forgivingly() {
        let hello = r#"{"type":"hello-ok","serverName":"studio","canvasHostUrl":null,"x":[1]}"#;
        assert_eq!(
            decoded(hello),
            IncomingFrame::HelloOk {
                server_name: "studio".into(),
                canvas_host_url: None,
                main_session_key: None
            }
        );
        assert_eq!(
            decoded(
                r#"{"type":"invoke","id":7,"command":" a.b ","paramsJSON":"{\"s\":\"\ude00\"}"}"#
            ),
            IncomingFrame::Invoke {
                id: "7".into(),
                command: "a.b".into(),
                params: Some("{\"s\":\"\u{fffd}\"}".into())
            }
        );
        for line in ["null", "[]", "{}", r#"{"type":"hi"}"#, r#"{"type":5}"#] {
            assert_eq!(decoded(line), IncomingFrame::Other, "{line}");
        }
        assert!(IncomingFrame::decode(b" \r").is_none());
        assert!(IncomingFrame::decode(b"{no").unwrap().is_err());
    }

    #[test]
    fn answers_carry_a_result_or_the_gateways_words() {
        let ok = decoded(r#"{"type":"res","id":"a","ok":true,"payloadJSON":"{}"}"#);
        assert_eq!(ok, IncomingFrame::Res { id: "a".into(), result: Ok(Some("{}".into())) });
        let refused =
            decoded(r#"{"type":"res","id":"a","ok":false,"error":{"code":"X","message":"y"}}"#);
        let refusal = Refusal { code: "X".into(), message: "y".into() };
        assert_eq!(refused, IncomingFrame::Res { id: "a".into(), result: Err(refusal) });
        assert_eq!(
            decoded(r#"{"type":"pair-ok","token":" "}"#),
            IncomingFrame::PairOk { token: None }
        );
    }

    #[test]
    fn the_gateway_understands_what_a_node_sends() {
        let node_id = NodeId::new("n1").unwrap();
        let token = Token::from_bits(1);
        let profile = NodeProfile { caps: Some(Vec::new()), ..NodeProfile::default() };
        let hello =
            OutgoingFrame::Hello { node_id: &node_id, token: Some(&token), profile: &profile };
        assert!(!format!("{hello:?}").contains(token.reveal()));
        let NodeFrame::Hello(hello) = understood(&hello) else { panic!("not a hello") };
        assert_eq!(
            (hello.node.unwrap(), hello.token, hello.profile),
            (node_id, Some(token), profile)
        );

        let failed = Err(WireError::unavailable("busy"));
        let NodeFrame::InvokeRes { result, .. } =
            understood(&OutgoingFrame::invoke_res("i", &failed))
        else {
            panic!("not an invoke-res")
        };
        assert_eq!(result.unwrap_err().message.as_deref(), Some("busy"));
        let req = OutgoingFrame::Req { id: "1", method: "health", params: None };
        assert!(matches!(understood(&req), NodeFrame::Req { params: None, .. }));
    }
}
