//! The error that a node or an operator gets when something is refused.

use crate::protocol::{json, Payload};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// The protocol's error codes (protocol sections 2 and 3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The node has no pairing; it should ask for one.
    NotPaired,
    /// The node has a pairing but did not prove it, or its request was rejected.
    Unauthorized,
    /// The frame or its parameters are wrong; the same frame will be refused again.
    InvalidRequest,
    /// The method or command is not allowed for this node.
    Forbidden,
    /// It cannot be done now; the same request may succeed later.
    Unavailable,
    /// A code of another gateway that this program does not know.
    #[serde(untagged)]
    Other(Arc<str>),
}

impl ErrorCode {
    /// The code on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::NotPaired => "NOT_PAIRED",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::Forbidden => "FORBIDDEN",
            Self::Unavailable => "UNAVAILABLE",
            Self::Other(code) => code,
        }
    }
}

impl From<&str> for ErrorCode {
    fn from(code: &str) -> Self {
        use ErrorCode::{Forbidden, InvalidRequest, NotPaired, Other, Unauthorized, Unavailable};
        let known = [NotPaired, Unauthorized, InvalidRequest, Forbidden, Unavailable];
        let named = known.into_iter().find(|known| known.as_str() == code);
        named.unwrap_or_else(|| Other(code.into()))
    }
}

/// A code, a sentence for a person, and for some errors a JSON object with details.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct WireError {
    /// What the app looks at.
    #[serde(default = "no_code")]
    pub code: ErrorCode,
    /// What the app shows.
    #[serde(default)]
    pub message: Cow<'static, str>,
    /// A JSON object, such as `{"method":"x"}` with [`ErrorCode::Forbidden`].
    #[serde(
        default,
        serialize_with = "json::write",
        deserialize_with = "json::read",
        skip_serializing_if = "is_no_json"
    )]
    pub details: Option<Payload>,
}

fn no_code() -> ErrorCode {
    "".into()
}

/// Details that are not JSON are left out rather than breaking the line they travel in.
fn is_no_json(details: &Option<Payload>) -> bool {
    details.as_deref().is_none_or(|text| serde_json::from_str::<&RawValue>(text).is_err())
}

impl WireError {
    /// An error without details.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: None }
    }

    /// The frame or its parameters are wrong.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// It cannot be done now.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unavailable, message)
    }

    /// The sender is not who it has to be.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unauthorized, message)
    }

    /// The method is not on the list, or the configuration took it off for this node.
    pub fn method_not_allowed(method: &str) -> Self {
        Self::new(ErrorCode::Forbidden, "Method not allowed")
            .with_details(&serde_json::json!({ "method": method }))
    }

    /// TLS on a port that does not speak it. No attack: the apps try TLS first on an address that
    /// was typed in (protocol section 1.3).
    pub fn tls_on_plain_port() -> Self {
        Self::invalid("this port does not speak TLS; connect without it")
    }

    /// About how many bytes it takes on the wire.
    pub(crate) fn weight(&self) -> usize {
        self.message.len() + self.details.as_deref().map_or(0, str::len)
    }

    /// Whether a node that gets this should ask to be paired.
    pub fn asks_for_pairing(&self) -> bool {
        matches!(self.code, ErrorCode::NotPaired | ErrorCode::Unauthorized)
    }

    /// The same error with details, which must be a JSON object.
    #[must_use]
    pub fn with_details(mut self, details: &serde_json::Value) -> Self {
        self.details = Some(details.to_string().into());
        self
    }
}
