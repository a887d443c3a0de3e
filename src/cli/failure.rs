//! Why a command failed: a message for people, and an exit code for scripts.

pub(super) use crate::causes::chain;

use crate::config;
use crate::control::ClientError;
use crate::protocol::rpc::settings::Issue;
use crate::protocol::WireError;
use crate::{cli::text::safe, daemon, tls};
use serde::Deserialize;
use std::error::Error;
use std::fmt::Display;
use std::io;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
/// As `EX_UNAVAILABLE`.
const NOT_RUNNING: u8 = 69;
/// As `EX_CONFIG`.
const BAD_CONFIG: u8 = 78;

/// What `main` prints, and the exit code.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) code: u8,
    /// Whether the reader of standard output closed it.
    pub(super) is_closed_pipe: bool,
}

impl Failure {
    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { message: message.into(), code, is_closed_pipe: false }
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(FAILED, message)
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }

    pub(super) fn not_running(message: impl Into<String>) -> Self {
        Self::new(NOT_RUNNING, message)
    }

    pub(super) fn is_not_running(&self) -> bool {
        self.code == NOT_RUNNING
    }

    pub(super) fn output(error: io::Error) -> Self {
        let is_closed_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        Self { is_closed_pipe, ..Self::new(FAILED, format!("could not print: {error}")) }
    }

    /// The bridge refused the request. Its message may contain text from a node.
    fn refused(error: &WireError) -> Self {
        let issues = error.details.as_deref().map(issues).unwrap_or_default();
        Self::new(FAILED, safe(&error.to_string()) + &issues)
    }
}

/// The problems with settings that the details list, if any.
fn issues(details: &str) -> String {
    #[derive(Deserialize)]
    struct Details {
        issues: Vec<Issue>,
    }
    let Ok(Details { issues }) = serde_json::from_str(details) else { return String::new() };
    let issues = issues.iter().map(|issue| format!("{} {}", issue.path, issue.message));
    let issues: Vec<String> = issues.map(|issue| safe(issue.trim())).collect();
    match issues.is_empty() {
        true => String::new(),
        false => format!(" ({})", issues.join("; ")),
    }
}

/// Makes an error into the failure of what was attempted, such as `read the file`.
pub(super) fn could_not<E: Error + 'static>(attempt: impl Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure::failed(format!("could not {attempt}: {}", safe(&chain(&error))))
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let text = chain(&error);
        match error {
            ClientError::NotRunning(_) => Self::not_running(text),
            ClientError::Refused(error) => Self::refused(&error),
            _ => Self::failed(text),
        }
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        // The text already contains the cause.
        let code = if error.is_usage() { USAGE } else { BAD_CONFIG };
        Self::new(code, error.to_string())
    }
}

impl From<daemon::Error> for Failure {
    fn from(error: daemon::Error) -> Self {
        let tls = match &error {
            daemon::Error::Tls(cause) => cause.downcast_ref(),
            _ => None,
        };
        let code = if tls.is_some_and(tls::Error::is_permanent) { BAD_CONFIG } else { FAILED };
        Self::new(code, chain(&error))
    }
}

impl From<tls::Error> for Failure {
    fn from(error: tls::Error) -> Self {
        let code = if error.is_permanent() { BAD_CONFIG } else { FAILED };
        Self::new(code, error.to_string())
    }
}
