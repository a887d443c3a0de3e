//! Errors of a node, with messages for the person who started it.

use crate::protocol::WireError;
use crate::tls::Fingerprint;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a node could not go on. Never contains its token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The identity file is not what it should be; it was left as it is.
    #[error("the identity file `{}` {problem}", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and the way out.
        problem: String,
    },
    /// The identity file could not be read or written.
    #[error("could not {verb} `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried: `read` or `write`.
        verb: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The gateway could not be reached.
    #[error("could not connect to {address}")]
    Connect {
        /// Host and port as they were given.
        address: String,
        /// The cause.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the gateway failed")]
    Broken(#[source] io::Error),
    /// The gateway closed the connection.
    #[error("the gateway closed the connection")]
    Closed,
    /// A line of more than this many bytes, from the gateway or for it.
    #[error("a line is longer than {0} bytes")]
    LineTooLong(usize),
    /// The gateway did not answer in time.
    #[error("the gateway did not answer {to} within {} s", after.as_secs())]
    NoAnswer {
        /// What had been asked: `hello`, `pair-request`, …
        to: &'static str,
        /// The time limit.
        after: Duration,
    },
    /// The gateway presented a certificate other than the trusted one. Nothing was sent.
    #[error(
        "the gateway presented a different certificate than the trusted one; nothing was sent \
         (expected {expected}, presented {presented})"
    )]
    PinMismatch {
        /// The trusted one.
        expected: Fingerprint,
        /// The one it has.
        presented: Fingerprint,
    },
    /// The identity file requires TLS, and the connection is not encrypted. Nothing was sent.
    #[error("this gateway requires TLS, but the connection is not encrypted; nothing was sent")]
    TlsRequired,
    /// TLS was requested, and the server does not use it.
    #[error("the server does not use TLS")]
    NotTls,
    /// TLS was not requested, and the server uses it.
    #[error("the server uses TLS")]
    SpeaksTls,
    /// The TLS handshake failed; nothing was sent but the handshake.
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    /// The gateway closed a plain connection without an answer to `hello`, as one that requires TLS
    /// does.
    #[error("the gateway closed the connection without an answer to hello")]
    HungUp,
    /// The gateway refused, with this error.
    #[error("the gateway refused: {0}")]
    Refused(WireError),
    /// The server does not follow the protocol.
    #[error("the server is not a bridge: {0}")]
    NotAGateway(&'static str),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
    /// The system has no random numbers or descriptors left.
    #[error("the system has run out of {0}")]
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
        // Only a person can decide whether a new certificate is genuine.
        let is_final = matches!(self, Self::PinMismatch { .. } | Self::TlsRequired);
        !is_final && !matches!(self, Self::Identity { .. } | Self::File { .. } | Self::Stopped)
    }
}
