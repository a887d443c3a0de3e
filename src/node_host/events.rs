//! The events about programs: `exec.started`, `exec.finished`, `exec.denied` (protocol section 6).
//! Nothing is acknowledged.

use crate::client::{Error, Writer};
use crate::lock::lock;
use crate::protocol::command::system::{ExecEvent, RunResult};
use crate::protocol::{limits, rpc, NodeEvent, NodeFrame, Payload};
use std::collections::VecDeque;
use std::sync::Mutex;

/// The session key of runs that come without one.
const SESSION_KEY: &str = "node";

#[derive(Clone, Debug)]
pub(super) struct ExecEvents(ExecEvent);

impl ExecEvents {
    pub(super) fn new(session_key: Option<&str>, run_id: &str, command: &str) -> Self {
        let key = session_key.map(str::trim).filter(|key| !key.is_empty()).unwrap_or(SESSION_KEY);
        Self(ExecEvent {
            session_key: key.chars().take(limits::SESSION_KEY_CHARS).collect(),
            run_id: run_id.chars().take(limits::SHORT_TEXT_CHARS).collect(),
            host: "node".to_owned(),
            command: command.to_owned(),
            ..ExecEvent::default()
        })
    }

    /// The command line, as people read it.
    pub(super) fn command(&self) -> &str {
        &self.0.command
    }

    pub(super) fn started(&self) -> Payload {
        rpc::encode(&self.0)
    }

    pub(super) fn denied(&self, reason: &str) -> Payload {
        rpc::encode(&ExecEvent { reason: Some(reason.to_owned()), ..self.0.clone() })
    }

    pub(super) fn finished(&self, result: &RunResult) -> Payload {
        let RunResult { stdout, stderr, error, .. } = result;
        let parts = [Some(stdout), Some(stderr), error.as_ref()].into_iter().flatten();
        let parts = parts.filter(|part| !part.is_empty()).map(String::as_str);
        let output = parts.collect::<Vec<_>>().join("\n");
        rpc::encode(&ExecEvent {
            exit_code: result.exit_code,
            timed_out: Some(result.timed_out),
            success: result.success,
            output: (!output.is_empty()).then(|| tail(&output)),
            ..self.0.clone()
        })
    }
}

fn tail(output: &str) -> String {
    let count = output.chars().count();
    if count <= limits::RUN_EVENT_CHARS {
        return output.to_owned();
    }
    let end: String = output.chars().skip(count - limits::RUN_EVENT_CHARS).collect();
    format!("... (truncated) {end}")
}

/// Arguments as a person would read them; cut if there are many. What a shell would make of the
/// text is not what was run.
pub(super) fn command_line(argv: &[String]) -> String {
    let mut line = String::new();
    for argument in argv {
        if !line.is_empty() {
            line.push(' ');
        }
        if argument.is_empty() || argument.contains(|c: char| c.is_whitespace() || c == '"') {
            line.push('"');
            line.push_str(&argument.replace('"', "\\\""));
            line.push('"');
        } else {
            line.push_str(argument);
        }
        if line.chars().nth(limits::RUN_COMMAND_CHARS).is_some() {
            line = line.chars().take(limits::RUN_COMMAND_CHARS).collect();
            line.push('…');
            break;
        }
    }
    line
}

/// The current connection, and the events that wait for the next one.
#[derive(Debug, Default)]
pub(super) struct LateEvents(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    writer: Option<Writer>,
    /// At most [`limits::REPORTS_KEPT`], the oldest first.
    waiting: VecDeque<NodeFrame>,
}

impl LateEvents {
    pub(super) fn connected(&self, writer: &Writer) {
        lock(&self.0).writer = Some(writer.clone());
        self.flush();
    }

    /// The connection has ended, and these events have not been sent. They came before those that
    /// wait already.
    pub(super) fn disconnected(&self, unsent: Vec<NodeFrame>) {
        lock(&self.0).writer = None;
        self.put_back(unsent);
    }

    fn put_back(&self, unsent: Vec<NodeFrame>) {
        let mut inner = lock(&self.0);
        let room = limits::REPORTS_KEPT.saturating_sub(inner.waiting.len());
        unsent.into_iter().rev().take(room).for_each(|event| inner.waiting.push_front(event));
    }

    /// Sends an `exec.finished` on the connection that requested the run, else on the next one: a
    /// gateway that was restarted meanwhile still wants to know.
    pub(super) fn send(&self, requester: &Writer, payload: Payload) {
        let event = NodeFrame::event(NodeEvent::ExecFinished.as_str(), payload);
        if requester.send(&event).is_ok() {
            return;
        }
        let mut inner = lock(&self.0);
        if inner.waiting.len() == limits::REPORTS_KEPT {
            inner.waiting.pop_front();
        }
        inner.waiting.push_back(event);
        drop(inner);
        self.flush();
    }

    /// The lock is not held while an event is sent. What waits fits into a line: it has been
    /// queued, or it is short.
    fn flush(&self) {
        loop {
            let mut inner = lock(&self.0);
            let Some(writer) = inner.writer.clone().filter(Writer::is_open) else { return };
            let Some(event) = inner.waiting.pop_front() else { return };
            drop(inner);
            if writer.send(&event).is_err() {
                self.put_back(vec![event]);
            }
        }
    }
}

pub(super) fn send(writer: &Writer, event: NodeEvent, payload: &str) -> Result<(), Error> {
    writer.send(&NodeFrame::event(event.as_str(), payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    #[test]
    fn command_lines_are_readable_and_short() {
        let line =
            |argv: &[&str]| command_line(&argv.iter().map(|a| (*a).into()).collect::<Vec<_>>());
        assert_eq!(line(&["sh", "-c", "echo \"a b\"", ""]), r#"sh -c "echo \"a b\"" """#);
        let long = line(&["x", &"é".repeat(5000), "y"]);
        assert_eq!(long.chars().count(), limits::RUN_COMMAND_CHARS + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn the_worst_report_is_one_that_the_gateway_takes() {
        let nasty = "\u{1}".repeat(400_000);
        let line = command_line(std::slice::from_ref(&nasty));
        let events = ExecEvents::new(Some(&nasty), &nasty, &line);
        let finished = events.finished(&RunResult {
            exit_code: Some(i64::MIN),
            timed_out: true,
            success: Some(false),
            stdout: nasty,
            ..RunResult::default()
        });
        assert!(finished.len() <= limits::EVENT_BYTES_EXEC_FINISHED, "{}", finished.len());
        assert!(events.denied("approval-required").len() <= limits::EVENT_BYTES);
    }

    #[test]
    fn reports_have_the_fields_of_the_protocol() {
        let events = ExecEvents::new(None, "r1", "ls");
        let value = |text: Payload| serde_json::from_str::<Value>(&text).unwrap();
        let base = json!({ "sessionKey": "node", "runId": "r1", "host": "node", "command": "ls" });
        assert_eq!(value(events.started()), base);
        let mut denied = base;
        denied["reason"] = "security=deny".into();
        assert_eq!(value(events.denied("security=deny")), denied);
        let finished = value(events.finished(&RunResult {
            timed_out: true,
            stdout: "x".repeat(20_001),
            ..RunResult::default()
        }));
        assert_eq!((&finished["timedOut"], finished.get("exitCode")), (&json!(true), None));
        assert_eq!(finished["output"], format!("... (truncated) {}", "x".repeat(20_000)));
        let quiet = value(events.finished(&RunResult {
            exit_code: Some(0),
            success: Some(true),
            ..RunResult::default()
        }));
        assert_eq!((&quiet["exitCode"], quiet.get("output")), (&json!(0), None));
    }
}
