//! The envelope of every message.

use crate::protocol::fields::{string, Fields};
use crate::protocol::{json, limits, ErrorCode, Payload, WireError};
use serde::Serialize;
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;

/// The text of a request. `params` is JSON text; what is not JSON becomes `{}`.
pub(crate) fn request(id: u64, method: &str, params: &str) -> String {
    #[derive(Serialize)]
    struct Request<'a> {
        r#type: &'a str,
        id: String,
        method: &'a str,
        params: &'a RawValue,
    }
    let empty = RawValue::NULL;
    let params = serde_json::from_str::<&RawValue>(params).unwrap_or(empty);
    let request = Request { r#type: "req", id: id.to_string(), method, params };
    json::text(&request)
}

#[derive(Debug, PartialEq)]
pub(crate) enum GatewayMessage {
    Response {
        id: u64,
        result: Result<Option<Payload>, Box<Refusal>>,
    },
    /// `numbered` is the copy of a broadcast that has a `seq`: a node that subscribed to anything
    /// gets `tick` and `health` twice.
    Event {
        event: Arc<str>,
        payload: Option<Payload>,
        numbered: bool,
    },
    /// Nothing that this program knows. That is no mistake.
    Unknown,
}

impl GatewayMessage {
    /// Reads a message; what is not one is [`GatewayMessage::Unknown`].
    pub(crate) fn read(text: &str) -> Self {
        let text = json::mend_surrogates(text);
        let Ok(fields) = Fields::read(&text) else { return Self::Unknown };
        let payload = || fields.json("payload").filter(|raw| *raw != "null").map(Payload::from);
        match fields.text("type").as_deref() {
            Some("res") => {
                let id = fields.text("id").and_then(|id| id.parse().ok());
                let Some(id) = id else { return Self::Unknown };
                let result = match fields.is_true("ok") {
                    true => Ok(payload()),
                    false => Err(Box::new(Refusal::read(fields.json("error").unwrap_or("{}")))),
                };
                Self::Response { id, result }
            }
            Some("event") => match fields.short_text("event") {
                Some(event) => {
                    let numbered = fields.has("seq");
                    Self::Event { event: event.into(), payload: payload(), numbered }
                }
                None => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }
}

/// The id of a request as people paste it into a shell: nothing in it means anything there.
pub(crate) fn shell_word(id: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    id.chars().filter(is_plain).take(limits::NODE_ID_CHARS).collect()
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) is_retryable: bool,
    /// A JSON object.
    details: Option<Payload>,
}

impl Refusal {
    fn read(json: &str) -> Self {
        let fields = Fields::read(json).unwrap_or_default();
        let details = fields.json("details").filter(|raw| raw.starts_with('{'));
        Self {
            code: fields.short_text("code").unwrap_or_default(),
            message: fields.text_up_to("message", limits::ERROR_CHARS).unwrap_or_default(),
            is_retryable: fields.is_true("retryable"),
            details: details.map(Payload::from),
        }
    }

    /// A field of its details, as text.
    pub(crate) fn detail(&self, name: &str) -> Option<String> {
        let fields = Fields::read(self.details.as_deref()?).ok()?;
        let raw = fields.json(name)?;
        let text = string(raw).unwrap_or_else(|| raw.into());
        (!text.is_empty()).then(|| text.chars().take(limits::SHORT_TEXT_CHARS).collect())
    }

    /// What it is about, as precisely as it says.
    pub(crate) fn kind(&self) -> String {
        self.detail("code").unwrap_or_else(|| self.code.clone())
    }

    /// Its request of an approval, if that is what is missing: the request's id.
    pub(crate) fn pairing_required(&self) -> Option<Option<String>> {
        let id = || self.detail("requestId").map(|id| shell_word(&id));
        (self.kind() == "PAIRING_REQUIRED").then(id)
    }

    /// The approval of the node's commands has changed, or is missing, at this moment.
    pub(crate) fn is_pairing_changed(&self) -> bool {
        self.kind() == "PAIRING_CHANGED"
    }

    /// Whether the token is not the gateway's, or one is missing.
    pub(crate) fn is_about_token(&self) -> bool {
        let kind = self.kind();
        kind.starts_with("AUTH_")
    }

    /// A setup code serves once, and for some minutes.
    pub(crate) fn is_about_setup_code(&self) -> bool {
        self.kind() == "AUTH_BOOTSTRAP_TOKEN_INVALID"
    }

    /// Whether a connection without an identity of its own is refused here.
    pub(crate) fn wants_device(&self) -> bool {
        self.kind().contains("DEVICE_IDENTITY")
    }

    pub(crate) fn is_starting(&self) -> bool {
        self.detail("reason").as_deref() == Some("startup-sidecars")
    }

    /// As an error for a node or an operator.
    pub(crate) fn into_wire_error(self) -> WireError {
        let code = if self.code.is_empty() { ErrorCode::Unavailable } else { (&*self.code).into() };
        let mut error = WireError::new(code, self.message);
        error.details = self.details;
        error
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_and_messages_are_no_mistake() {
        let text = r#"{"type":"event","event":"tick","payload":{"ts":1},"seq":4,"new":[{}]}"#;
        let expected = GatewayMessage::Event {
            event: "tick".into(),
            payload: Some(r#"{"ts":1}"#.into()),
            numbered: true,
        };
        assert_eq!(GatewayMessage::read(text), expected);
        for odd in ["", "[]", "{}", r#"{"type":"hint"}"#, r#"{"type":"res","id":"x"}"#, "nonsense"]
        {
            assert_eq!(GatewayMessage::read(odd), GatewayMessage::Unknown, "{odd}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_missing() {
        let text = r#"{"type":"res","id":"1","ok":false,"error":{"code":"NOT_PAIRED","message":"pairing required: device is not approved yet","details":{"code":"PAIRING_REQUIRED","reason":"not-paired","requestId":"c5211c05-1"}}}"#;
        let GatewayMessage::Response { id: 1, result: Err(refusal) } = GatewayMessage::read(text)
        else {
            panic!("{text}")
        };
        assert_eq!(refusal.pairing_required(), Some(Some("c5211c05-1".into())));
        assert_eq!(
            refusal.to_string(),
            "PAIRING_REQUIRED: pairing required: device is not approved yet"
        );
        assert_eq!(refusal.into_wire_error().code, ErrorCode::NotPaired);
    }

    #[test]
    fn what_people_paste_into_a_shell_is_one_word() {
        assert_eq!(shell_word("c5211c05-1; rm -rf ~ $(x)\n"), "c5211c05-1rm-rfx");
        assert_eq!(shell_word(&"x".repeat(1000)).len(), limits::NODE_ID_CHARS);
    }

    #[test]
    fn a_request_is_one_closed_object() {
        assert_eq!(
            request(7, "health", "{}"),
            r#"{"type":"req","id":"7","method":"health","params":{}}"#
        );
    }
}
