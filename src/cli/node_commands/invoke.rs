//! One invoke, from typed parameters to the node's typed result.

use crate::cli::args::CommandLine;
use crate::cli::failure::{chain, Failure};
use crate::cli::node_commands::error_hints;
use crate::cli::node_commands::progress::ProgressLine;
use crate::cli::operator::{self, connect};
use crate::cli::{print, print_json};
use crate::control::{ClientError, MediaError};
use crate::protocol::command::NodeCall;
use crate::protocol::limits;
use crate::protocol::operator::InvokeNode;
use serde::Deserialize;
use serde_json::{Number, Value};
use std::io::{ErrorKind, Write};
use std::marker::PhantomData;
use std::time::Duration;

/// The value of a flag that is text, if it was given.
pub(super) fn text(line: &CommandLine, flag: &str) -> Option<String> {
    line.value(flag).map(str::to_owned)
}

/// The value of a flag that is a number, if it was given, as it was written.
pub(super) fn number(line: &CommandLine, flag: &str) -> Option<Number> {
    let text = line.value(flag)?;
    let whole = text.parse::<i64>().ok().map(Number::from);
    whole.or_else(|| Number::from_f64(text.parse().ok()?))
}

/// The value of a flag that is a duration, if it was given.
pub(super) fn milliseconds(line: &CommandLine, flag: &str) -> Option<u64> {
    line.duration(flag).map(in_milliseconds)
}

pub(super) fn in_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A duration in the range that the apps accept.
pub(super) fn duration_within(
    line: &CommandLine,
    flag: &str,
    shortest: Duration,
    longest: Duration,
) -> Result<Duration, Failure> {
    let wanted = line.duration(flag).unwrap_or(shortest);
    if (shortest..=longest).contains(&wanted) {
        return Ok(wanted);
    }
    let [shortest, longest] = [shortest, longest].map(crate::duration::show);
    Err(usage(line, &format!("--{flag} must be from {shortest} to {longest}")))
}

/// Checks the range of a number, if it was given.
pub(super) fn check_range(
    line: &CommandLine,
    flag: &str,
    least: f64,
    most: f64,
) -> Result<(), Failure> {
    match line.value(flag).and_then(|text| text.parse::<f64>().ok()) {
        Some(number) if !(least..=most).contains(&number) => {
            Err(usage(line, &format!("--{flag} must be from {least} to {most}")))
        }
        _ => Ok(()),
    }
}

/// A usage error, with where to read more.
pub(super) fn usage(line: &CommandLine, what: &str) -> Failure {
    Failure::usage(format!("{what}; see `openclaw-bridge {} --help`", line.path()))
}

/// `nodes camera snap failed: …`
pub(super) fn failed(line: &CommandLine, why: &str) -> Failure {
    Failure::failed(format!("{} failed: {why}", line.path()))
}

/// The output file, not the node, is the cause.
pub(super) fn could_not_write(line: &CommandLine, error: &std::io::Error) -> Failure {
    let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    let help =
        if full { "; free some space, or choose another place with --out or TMPDIR" } else { "" };
    failed(line, &format!("could not write the file: {error}{help}"))
}

/// A command for a node.
pub(super) struct Invoke<'a, C> {
    line: &'a CommandLine,
    call: C,
    /// How long the command itself takes.
    duration: Duration,
}

impl<'a, C: NodeCall> Invoke<'a, C> {
    pub(super) fn new(line: &'a CommandLine, call: C) -> Self {
        Self { line, call, duration: Duration::ZERO }
    }

    /// The command itself takes this long.
    pub(super) fn taking(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// Runs the command on the node.
    pub(super) fn send(self) -> Result<NodeAnswer<C>, Failure> {
        let (request, timeout) = self.request();
        let mut client = connect(self.line)?;
        let progress = self.progress();
        let reply = client.ask(&request, timeout);
        drop(progress);
        match reply {
            Ok(reply) => Ok(NodeAnswer { text: reply.json, call: PhantomData }),
            Err(error) => Err(self.failure(error)),
        }
    }

    /// As [`Invoke::send`], with the decoded Base64 of the result going to `media`. Returns whether
    /// there was any.
    pub(super) fn send_for_media(
        self,
        media: &mut impl Write,
    ) -> Result<(NodeAnswer<C>, bool), Failure> {
        let (request, timeout) = self.request();
        let mut client = connect(self.line)?;
        let progress = self.progress();
        let mut media = progress.counting(media);
        let reply = client.ask_for_media(&request, timeout, &mut media);
        drop(progress);
        match reply {
            Ok((reply, was_found)) => {
                Ok((NodeAnswer { text: reply.json, call: PhantomData }, was_found))
            }
            Err(error) => Err(self.failure(error)),
        }
    }

    fn progress(&self) -> ProgressLine {
        let node = self.line.value("node").unwrap_or_default();
        ProgressLine::start(&format!("{} on {node}", C::COMMAND))
    }

    fn failure(&self, error: ClientError) -> Failure {
        match error {
            ClientError::Refused(error) => error_hints::failure(self.line.path(), &error),
            ClientError::Media(MediaError::NotBase64) => {
                failed(self.line, "the node sent invalid Base64")
            }
            ClientError::Media(MediaError::Write(error)) => could_not_write(self.line, &error),
            error => failed(self.line, &chain(&error)),
        }
    }

    /// The request, and how long the answer may take.
    fn request(&self) -> (InvokeNode, Duration) {
        let mut timeout = self.line.duration("invoke-timeout").unwrap_or_default();
        if !self.line.is_set("invoke-timeout") && !self.duration.is_zero() {
            timeout = timeout.max(self.duration + limits::NODE_MARGIN);
        }
        let request = InvokeNode {
            node_id: self.line.value("node").unwrap_or_default().to_owned(),
            command: C::COMMAND.to_string(),
            params: self.call.encode().map(Into::into),
            timeout_ms: Some(in_milliseconds(timeout)),
            idempotency_key: None,
        };
        (request, operator::timeout(self.line).max(timeout + limits::ANSWER_MARGIN))
    }
}

/// What `node.invoke` returned.
pub(super) struct NodeAnswer<C> {
    text: String,
    call: PhantomData<C>,
}

impl<C: NodeCall> NodeAnswer<C> {
    /// What the node sent; null if nothing.
    pub(super) fn payload(&self, line: &CommandLine) -> Result<Value, Failure> {
        #[derive(Deserialize)]
        struct Invoked {
            #[serde(default)]
            payload: Value,
        }
        // Numbers like 1e400 are valid JSON, but do not fit a double.
        let invoked: Invoked = serde_json::from_str(&self.text).map_err(|_| {
            let why = "the node's answer cannot be read; a number in it is too large, or it is \
                       nested too deeply";
            failed(line, why)
        })?;
        Ok(invoked.payload)
    }

    /// The result in it.
    pub(super) fn result(&self, line: &CommandLine) -> Result<C::Result, Failure> {
        Ok(C::decode(&self.payload(line)?))
    }

    /// Prints the whole answer with `--json`, else the text.
    pub(super) fn show(
        &self,
        line: &CommandLine,
        text: impl FnOnce() -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        if line.is_set("json") {
            return print_json(&self.text);
        }
        print(&text()?)
    }

    /// For a command without a result: prints that it was carried out.
    pub(super) fn confirm(&self, line: &CommandLine) -> Result<(), Failure> {
        let command = line.path().trim_start_matches("nodes ");
        self.show(line, || Ok(format!("{command} ok\n")))
    }
}
