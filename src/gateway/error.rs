//! Why a connection to a gateway ended or did not come about.

use crate::causes::chain;
use crate::client;
use crate::gateway::websocket::{shown, Violation};
use crate::protocol::gateway::Refusal;
use std::io;
use std::time::Duration;

/// Never contains a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The gateway could not be reached, or is not the trusted one.
    #[error(transparent)]
    Dial(client::Error),
    /// It answered the request for a WebSocket with this status.
    #[error("the gateway answered HTTP {0} {1}")]
    Http(u16, String),
    #[error("this is not an OpenClaw gateway: {0}")]
    NotAGateway(&'static str),
    /// There is no token where it should be.
    #[error("{0}")]
    Token(String),
    /// It refuses what comes over the connection although it admitted it.
    #[error("the gateway did not take anything any more")]
    Forgotten,
    /// It refused to admit the connection.
    #[error("the gateway refused: {0}")]
    Refused(Box<Refusal>),
    #[error("the gateway closed the connection{}", closing(*.code, .reason))]
    Closed { code: Option<u16>, reason: String },
    #[error("the gateway sent {}", .0.what)]
    Violation(Violation),
    #[error("the gateway did not answer {to} within {} s", .after.as_secs())]
    NoAnswer { to: &'static str, after: Duration },
    #[error("nothing was heard from the gateway for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the connection to the gateway failed: {0}")]
    Broken(io::Error),
    #[error("the system has run out of {0}")]
    System(&'static str),
    #[error("stopped")]
    Stopped,
}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::Stopped => Self::Stopped,
            other => Self::Dial(other),
        }
    }
}

impl Error {
    /// What somebody has to do about it, if it is not only to wait. `token` and `pin` are where the
    /// gateway's token and the SHA-256 of its certificate are put.
    pub(crate) fn remedy(&self, token: &str, pin: &str) -> Option<String> {
        match self {
            Self::Refused(refusal) if refusal.is_about_setup_code() => {
                Some("the setup code has been used or has expired: make another one".to_owned())
            }
            Self::Refused(refusal) if refusal.is_about_token() => {
                Some(format!("put the gateway's token (gateway.auth.token) into {token}"))
            }
            Self::Dial(client::Error::PinMismatch { .. }) => {
                Some(format!("if the gateway has a new certificate, put its SHA-256 into {pin}"))
            }
            Self::Dial(client::Error::Handshake(_)) => Some(format!(
                "if the gateway signed its certificate itself, put the SHA-256 of it into {pin}"
            )),
            _ => None,
        }
    }

    /// Whether there is no token, or none that the gateway accepts.
    pub(crate) fn is_about_token(&self) -> bool {
        match self {
            Self::Token(_) => true,
            Self::Refused(refusal) => refusal.is_about_token(),
            _ => false,
        }
    }

    /// Whether there is no gateway for now, or only a proxy that has none.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::Dial(_) | Self::Http(..))
    }

    /// Whether the gateway said that it restarts.
    pub(super) fn is_restart(&self) -> bool {
        matches!(self, Self::Closed { code: Some(1012), .. })
    }

    /// With its causes, for logs and operators.
    pub(crate) fn text(&self) -> String {
        chain(self)
    }
}

fn closing(code: Option<u16>, reason: &str) -> String {
    match (code, reason) {
        (None, _) => String::new(),
        (Some(code), "") => format!(" ({code})"),
        (Some(code), reason) => format!(" ({code} {})", shown(reason)),
    }
}
