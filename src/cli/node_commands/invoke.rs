//! One invoke, from the words of a command to what the node answered.

use crate::cli::args::CommandLine;
use crate::cli::failure::{chain, Failure};
use crate::cli::node_commands::error_hints;
use crate::cli::node_commands::progress::Progress;
use crate::cli::operator::{connect, patience};
use crate::cli::{print, print_json};
use crate::control::{ClientError, MediaError, Reply};
use crate::protocol::NodeCommand;
use serde_json::{Map, Value};
use std::io::{ErrorKind, Write};
use std::time::Duration;

/// How long the bridge may take beyond what the node may.
const MARGIN: Duration = Duration::from_secs(5);

/// How much longer than what it was asked for a node may take: to ask its owner, to start a
/// camera, to send what it recorded.
const AROUND: Duration = Duration::from_secs(15);

/// The parameters of an invoke. What was not asked for is left out: some nodes only search the
/// text (protocol section 1.1).
#[derive(Debug, Default)]
pub(super) struct Params(Map<String, Value>);

impl Params {
    pub(super) fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// The value of a flag that is text, if it was given.
    pub(super) fn text(self, line: &CommandLine, flag: &str, name: &str) -> Self {
        let value = line.value(flag).map(str::to_owned);
        self.maybe(name, value)
    }

    /// The value of a flag that is a number, if it was given, as it was written.
    pub(super) fn number(self, line: &CommandLine, flag: &str, name: &str) -> Self {
        let number = line.value(flag).and_then(number);
        self.maybe(name, number)
    }

    /// The value of a flag that is a duration, if it was given.
    pub(super) fn milliseconds(self, line: &CommandLine, flag: &str, name: &str) -> Self {
        let time = line.duration(flag).map(milliseconds);
        self.maybe(name, time)
    }

    pub(super) fn object(self) -> Value {
        Value::Object(self.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    let number = text.parse::<f64>().ok()?;
    Some(number.into())
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A duration that the node keeps to, if it is one the apps accept.
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
    Err(usage(line, &format!("--{flag} has to be from {shortest} to {longest}")))
}

/// A number flag that has to be in a range.
pub(super) fn check_range(
    line: &CommandLine,
    flag: &str,
    least: f64,
    most: f64,
) -> Result<(), Failure> {
    match line.value(flag).and_then(|text| text.parse::<f64>().ok()) {
        Some(number) if !(least..=most).contains(&number) => {
            Err(usage(line, &format!("--{flag} has to be from {least} to {most}")))
        }
        _ => Ok(()),
    }
}

/// The command line makes no sense; where to read how it is meant.
pub(super) fn usage(line: &CommandLine, what: &str) -> Failure {
    Failure::usage(format!("{what}; see `openclaw-bridge {} --help`", line.verb.path))
}

/// Something a node is asked to do.
pub(super) struct Invoke<'a> {
    line: &'a CommandLine,
    command: NodeCommand,
    params: Params,
    /// How long the node is asked to be busy.
    busy: Duration,
}

impl<'a> Invoke<'a> {
    pub(super) fn new(line: &'a CommandLine, command: NodeCommand, params: Params) -> Self {
        Self { line, command, params, busy: Duration::ZERO }
    }

    /// The node is asked for something that takes this long.
    pub(super) fn busy_for(mut self, time: Duration) -> Self {
        self.busy = time;
        self
    }

    /// Asks; the whole answer as JSON text.
    pub(super) fn ask(self) -> Result<String, Failure> {
        let (request, patience) = self.request();
        let mut client = connect(self.line)?;
        let progress = Progress::start(self.title());
        let reply = client.ask_raw("node.invoke", &request, patience);
        drop(progress);
        self.answer(reply)
    }

    /// Asks; the whole answer with an empty text for the Base64, whose bytes go to `media`.
    /// Whether there was any.
    pub(super) fn ask_for_media(
        self,
        progress: &Progress,
        media: &mut dyn Write,
    ) -> Result<(String, bool), Failure> {
        let (request, patience) = self.request();
        let mut client = connect(self.line)?;
        let mut counted = Counted { progress, to: media };
        let reply = client.ask_for_media("node.invoke", &request, patience, &mut counted);
        let (reply, was_found) = match reply {
            Ok((reply, was_found)) => (Ok(reply), was_found),
            Err(error) => (Err(error), false),
        };
        Ok((self.answer(reply)?, was_found))
    }

    /// What the spinner says.
    pub(super) fn title(&self) -> String {
        format!("{} on {}", self.command, self.line.value("node").unwrap_or_default())
    }

    fn answer(self, reply: Result<Reply, ClientError>) -> Result<String, Failure> {
        match reply {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(refusal)) => Err(error_hints::failure(self.line.verb.path, &refusal)),
            Err(ClientError::Media(MediaError::NotBase64)) => {
                Err(failed(self.line, "the node sent something that is not valid Base64"))
            }
            Err(ClientError::Media(MediaError::Write(error))) => {
                Err(could_not_write(self.line, &error))
            }
            Err(error) => Err(failed(self.line, &chain(&error))),
        }
    }

    /// The request's text, and how long the answer may take.
    fn request(&self) -> (String, Duration) {
        let mut patience_of_node = self.line.duration("invoke-timeout").unwrap_or_default();
        if !self.line.is_set("invoke-timeout") && !self.busy.is_zero() {
            patience_of_node = patience_of_node.max(self.busy + AROUND);
        }
        let mut request = serde_json::json!({
            "nodeId": self.line.value("node"),
            "command": self.command,
            "timeoutMs": milliseconds(patience_of_node),
        });
        if !self.params.is_empty() {
            request["params"] = Value::Object(self.params.0.clone());
        }
        (request.to_string(), patience(self.line).max(patience_of_node + MARGIN))
    }
}

/// Counts what passes, for the spinner.
struct Counted<'a> {
    progress: &'a Progress,
    to: &'a mut dyn Write,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.progress.received(written);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// The file, not the node, is the reason.
pub(super) fn could_not_write(line: &CommandLine, error: &std::io::Error) -> Failure {
    let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    let help = if full { "; make room, or choose another place with --out or TMPDIR" } else { "" };
    failed(line, &format!("could not write the file: {error}{help}"))
}

/// `nodes camera snap failed: …`
pub(super) fn failed(line: &CommandLine, why: &str) -> Failure {
    Failure::failed(format!("{} failed: {why}", line.verb.path))
}

/// What the node answered, out of the whole answer; null if it said nothing.
pub(super) fn payload(line: &CommandLine, answer: &str) -> Result<Value, Failure> {
    said(answer).map_err(|why| failed(line, why))
}

/// As [`payload`], or why it cannot be read. Numbers like 1e400 are JSON, but none that computers
/// have.
pub(super) fn said(answer: &str) -> Result<Value, &'static str> {
    let mut answer: Value = serde_json::from_str(answer).map_err(|_| {
        "the node's answer cannot be read; a number in it is too large, or it is nested too deeply"
    })?;
    Ok(answer["payload"].take())
}

/// Prints an answer: the whole of it with `--json`, else words made of what the node said.
pub(super) fn show(
    line: &CommandLine,
    answer: &str,
    words: impl FnOnce(&Value) -> String,
) -> Result<(), Failure> {
    if line.is_set("json") {
        return print_json(answer);
    }
    print(&words(&payload(line, answer)?))
}
