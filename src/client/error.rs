//! Errors of a node, with messages for the person who started it.

use crate::protocol::WireError;
use crate::tls::Fingerprint;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a node could not go on. Never contains its token.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The identity file is not what it should be; it was left as it is.
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and the way out.
        problem: String,
    },
    /// The identity file could not be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What was tried: `read` or `write`.
        verb: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The gateway could not be reached.
    Connect {
        /// Host and port as they were given.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke.
    Broken(io::Error),
    /// The gateway closed the connection.
    Closed,
    /// A line of more than this many bytes, from the gateway or for it.
    LineTooLong(usize),
    /// The gateway did not answer in time.
    NoAnswer {
        /// What had been asked: `hello`, `pair-request`, …
        to: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The gateway presented a certificate other than the trusted one. Nothing was sent.
    PinMismatch {
        /// The trusted one.
        expected: Fingerprint,
        /// The one it has.
        presented: Fingerprint,
    },
    /// The identity file requires TLS, and the connection is not encrypted. Nothing was sent.
    TlsRequired,
    /// TLS was requested, and the server does not use it.
    NotTls,
    /// TLS was not requested, and the server uses it.
    SpeaksTls,
    /// The TLS handshake failed; nothing was sent but the handshake.
    Handshake(io::Error),
    /// The gateway closed a plain connection without an answer to `hello`, as one that requires TLS
    /// does.
    HungUp,
    /// The gateway refused, with this error.
    Refused(WireError),
    /// The server does not follow the protocol.
    NotAGateway(&'static str),
    /// The caller asked to stop.
    Stopped,
    /// The system has no random numbers or descriptors left.
    System(&'static str),
}

impl Error {
    /// Whether nothing listens at the gateway's address.
    pub fn is_not_listening(&self) -> bool {
        matches!(self, Self::Connect { source, .. }
            if source.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// Whether another attempt may succeed without a change on this machine.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Identity { .. } | Self::File { .. } | Self::Stopped => false,
            // Only a person can decide whether a new certificate is genuine.
            Self::PinMismatch { .. } | Self::TlsRequired => false,
            _ => true,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity { path, problem } => {
                write!(f, "the identity file `{}` {problem}", path.display())
            }
            Self::File { path, verb, .. } => write!(f, "could not {verb} `{}`", path.display()),
            Self::Connect { address, .. } => write!(f, "could not connect to {address}"),
            Self::Broken(_) => f.write_str("the connection to the gateway failed"),
            Self::Closed => f.write_str("the gateway closed the connection"),
            Self::LineTooLong(bytes) => write!(f, "a line is longer than {bytes} bytes"),
            Self::NoAnswer { to, after } => {
                write!(f, "the gateway did not answer {to} within {} s", after.as_secs())
            }
            Self::PinMismatch { expected, presented } => write!(
                f,
                "the gateway presented a different certificate than the trusted one; nothing was \
                 sent (expected {expected}, presented {presented})"
            ),
            Self::TlsRequired => f.write_str(
                "this gateway requires TLS, but the connection is not encrypted; nothing was sent",
            ),
            Self::NotTls => f.write_str("the server does not use TLS"),
            Self::SpeaksTls => f.write_str("the server uses TLS"),
            Self::Handshake(_) => f.write_str("the TLS handshake failed"),
            Self::HungUp => {
                f.write_str("the gateway closed the connection without an answer to hello")
            }
            Self::Refused(refusal) => write!(f, "the gateway refused: {refusal}"),
            Self::NotAGateway(why) => write!(f, "the server is not a bridge: {why}"),
            Self::Stopped => f.write_str("stopped"),
            Self::System(what) => write!(f, "the system has run out of {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } | Self::Connect { source, .. } => Some(source),
            Self::Broken(source) | Self::Handshake(source) => Some(source),
            _ => None,
        }
    }
}
