//! One invoke, from typed parameters to the node's typed result.

use super::progress::ProgressLine;
use super::*;
use crate::control::MediaError;
use crate::protocol::operator::InvokeNode;
use crate::protocol::{json, limits};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::marker::PhantomData;

/// Where the old gateway's answer had what the node sent, as text.
const TEXT: &str = "payloadJSON";

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
    let number = line.number(flag).and_then(|number| number.as_f64());
    if number.is_none_or(|number| (least..=most).contains(&number)) {
        return Ok(());
    }
    Err(usage(line, &format!("--{flag} must be from {least} to {most}")))
}

/// A usage error, with where to read more.
pub(super) fn usage(line: &CommandLine, what: &str) -> Failure {
    Failure::usage(format!("{what}; see `openclaw-bridge {} --help`", line.path()))
}

/// `nodes camera snap failed: …`
pub(super) fn failed(line: &CommandLine, why: &str) -> Failure {
    command_failed(line.path(), why)
}

/// As [`failed`], with the name of the command.
pub(super) fn command_failed(label: &str, why: &str) -> Failure {
    Failure::failed(format!("{label} failed: {why}"))
}

/// The output file, not the node, is the cause.
pub(super) fn could_not_write(label: &str, error: &io::Error) -> Failure {
    let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    let help = match full {
        true => "; free some space, or choose another place with --out or TMPDIR",
        false => "",
    };
    command_failed(label, &format!("could not write the file: {error}{help}"))
}

/// The failure of a command that a node was to run.
pub(crate) fn refused(label: &str, error: ClientError) -> Failure {
    match error {
        ClientError::Refused(error) => error_hints::failure(label, &error),
        ClientError::NotRunning(_) => error.into(),
        ClientError::Media(MediaError::NotBase64) => {
            command_failed(label, "the node sent invalid Base64")
        }
        ClientError::Media(MediaError::Write(error)) => could_not_write(label, &error),
        error => command_failed(label, &chain(&error)),
    }
}

/// What the node sent, in the JSON text of the bridge's answer; null if nothing.
pub(crate) fn payload(label: &str, answer: &str) -> Result<Value, Failure> {
    #[derive(Deserialize)]
    struct Invoked {
        #[serde(default)]
        payload: Value,
    }
    if json::values(answer) > limits::ANSWER_VALUES {
        let why = "the node's answer is too complex; `nodes invoke` prints it as it is";
        return Err(command_failed(label, why));
    }
    // Numbers like 1e400 are valid JSON, but do not fit a double.
    let invoked: Invoked = serde_json::from_str(answer).map_err(|_| {
        let why = "the node's answer cannot be read; a number in it is too large, or it is nested \
                   too deeply";
        command_failed(label, why)
    })?;
    Ok(invoked.payload)
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

    pub(super) fn taking(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    pub(super) fn send(self) -> Result<NodeAnswer<'a, C>, Failure> {
        self.send_for(None).map(|(answer, _)| answer)
    }

    /// As [`Invoke::send`], with the decoded Base64 of the result going to `media`. Returns whether
    /// there was any.
    pub(super) fn send_for(
        self,
        media: Option<&mut dyn Write>,
    ) -> Result<(NodeAnswer<'a, C>, bool), Failure> {
        let (request, timeout) = self.request();
        let mut client = connect(self.line)?;
        let progress = ProgressLine::start(&format!("{} on {}", C::COMMAND, request.node_id));
        let reply = match media {
            Some(media) => client.ask_for_media(&request, timeout, &mut progress.counting(media)),
            None => client.ask(&request, timeout).map(|reply| (reply, false)),
        };
        drop(progress);
        let (reply, was_found) = reply.map_err(|error| refused(self.line.path(), error))?;
        Ok((NodeAnswer { line: self.line, text: reply.json, call: PhantomData }, was_found))
    }

    /// The request, and how long the answer may take.
    fn request(&self) -> (InvokeNode, Duration) {
        let mut timeout = self.line.duration("invoke-timeout").unwrap_or_default();
        if !self.line.is_set("invoke-timeout") && !self.duration.is_zero() {
            timeout = timeout.max(self.duration + limits::NODE_MARGIN);
        }
        let request = InvokeNode {
            node_id: self.line.required("node"),
            command: C::COMMAND.to_string(),
            params: self.call.encode().map(Into::into),
            timeout_ms: Some(in_milliseconds(timeout)),
            idempotency_key: None,
        };
        (request, operator::timeout(self.line).max(timeout + limits::ANSWER_MARGIN))
    }
}

/// Prints the answer to `node.invoke`. In the old shape it holds what the node sent twice, as JSON and
/// as the text that came.
pub(crate) fn print_invoked(line: &CommandLine, answer: &str) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Invoked<'a> {
        #[serde(borrow)]
        payload: Option<&'a RawValue>,
    }
    let invoked = serde_json::from_str(answer).ok().filter(|_| line.is_legacy());
    let (Some(Invoked { payload }), Some(open)) = (invoked, answer.trim_end().strip_suffix('}'))
    else {
        return print_json(answer);
    };
    // What was no JSON is a text in an object already.
    let text = payload.map(|payload| {
        let only: Option<BTreeMap<String, String>> = serde_json::from_str(payload.get()).ok();
        let only = only.filter(|only| only.len() == 1).and_then(|mut only| only.remove(TEXT));
        only.unwrap_or_else(|| payload.get().to_owned())
    });
    print_json(&format!("{open},\"{TEXT}\":{}}}", json!(text)))
}

pub(super) struct NodeAnswer<'a, C> {
    line: &'a CommandLine,
    text: String,
    call: PhantomData<C>,
}

impl<C: NodeCall> NodeAnswer<'_, C> {
    /// What the node sent; null if nothing.
    pub(super) fn payload(&self) -> Result<Value, Failure> {
        payload(self.line.path(), &self.text)
    }

    pub(super) fn result(&self) -> Result<C::Result, Failure> {
        Ok(C::decode(&self.payload()?))
    }

    /// Prints the whole answer with `--json`, else the text.
    pub(super) fn show(
        &self,
        text: impl FnOnce() -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        match self.line.wants_json() {
            true => print_invoked(self.line, &self.text),
            false => print(&text()?),
        }
    }

    /// For a command without a result: prints that it was carried out.
    pub(super) fn confirm(&self) -> Result<(), Failure> {
        let command = self.line.path().trim_start_matches("nodes ");
        self.show(|| Ok(format!("{command} ok\n")))
    }
}
