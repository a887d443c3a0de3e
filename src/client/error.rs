//! What can go wrong for a node, in words for the person who started it.

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
    /// The gateway has another certificate than the trusted one. It was told nothing.
    PinMismatch {
        /// The trusted one.
        expected: Fingerprint,
        /// The one it has.
        presented: Fingerprint,
    },
    /// The identity file demands TLS of this gateway, and the connection is plain. Nothing was
    /// sent.
    TlsRequired,
    /// TLS was wanted, and what answers there does not speak it.
    NotTls,
    /// TLS was not wanted, and what answers there speaks it.
    SpeaksTls,
    /// The TLS handshake failed; nothing was sent but the handshake.
    Handshake(io::Error),
    /// The gateway left without a word about `hello`, over a plain connection. So does one that
    /// expects TLS.
    HungUp,
    /// The gateway refused, with its words.
    Refused(WireError),
    /// What answers there does not speak the protocol.
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
            // Whether another certificate is right only a person can find out.
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
            Self::Broken(_) => f.write_str("the connection to the gateway broke"),
            Self::Closed => f.write_str("the gateway closed the connection"),
            Self::LineTooLong(bytes) => write!(f, "a line is longer than {bytes} bytes"),
            Self::NoAnswer { to, after } => {
                write!(f, "the gateway did not answer {to} within {} s", after.as_secs())
            }
            Self::PinMismatch { expected, presented } => write!(
                f,
                "the gateway does not have the certificate that is trusted, and was told nothing \
                 (expected {expected}, presented {presented})"
            ),
            Self::TlsRequired => f.write_str(
                "this gateway is trusted over TLS only, and the connection is not encrypted; \
                 nothing was sent",
            ),
            Self::NotTls => f.write_str("what answers there does not speak TLS"),
            Self::SpeaksTls => f.write_str("what answers there speaks TLS"),
            Self::Handshake(_) => f.write_str("the TLS handshake failed"),
            Self::HungUp => {
                f.write_str("the gateway closed the connection without an answer to hello")
            }
            Self::Refused(refusal) => write!(f, "the gateway refused: {refusal}"),
            Self::NotAGateway(why) => write!(f, "what answers there is not a bridge port: {why}"),
            Self::Stopped => f.write_str("stopped"),
            Self::System(what) => write!(f, "the system has no more {what}"),
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
