//! What the gateway hears of programs: `exec.started`, `exec.finished`, `exec.denied` (protocol
//! section 6). Nothing is acknowledged.

use crate::client::{Error, Writer};
use crate::protocol::{limits, NodeEvent, NodeFrame};
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The session key of runs that come without one.
const SESSION_KEY: &str = "node";

/// Which run it is about.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    session_key: String,
    run_id: String,
    command: String,
}

impl Subject {
    pub(super) fn new(session_key: Option<&str>, run_id: &str, command: &str) -> Self {
        let key = session_key.map(str::trim).filter(|key| !key.is_empty()).unwrap_or(SESSION_KEY);
        Self {
            session_key: key.chars().take(limits::SESSION_KEY_CHARS).collect(),
            run_id: run_id.chars().take(limits::SHORT_TEXT_CHARS).collect(),
            command: command.to_owned(),
        }
    }

    /// The command line, as people read it.
    pub(super) fn command(&self) -> &str {
        &self.command
    }

    pub(super) fn started(&self) -> String {
        self.payload().to_string()
    }

    pub(super) fn denied(&self, reason: &str) -> String {
        let mut payload = self.payload();
        payload["reason"] = reason.into();
        payload.to_string()
    }

    /// `output` may be of any length.
    pub(super) fn finished(
        &self,
        exit_code: Option<i32>,
        (timed_out, success): (bool, bool),
        output: &str,
    ) -> String {
        let mut payload = self.payload();
        if let Some(code) = exit_code {
            payload["exitCode"] = code.into();
        }
        payload["timedOut"] = timed_out.into();
        payload["success"] = success.into();
        if !output.is_empty() {
            payload["output"] = tail(output).into();
        }
        payload.to_string()
    }

    fn payload(&self) -> Value {
        json!({
            "sessionKey": self.session_key,
            "runId": self.run_id,
            "host": "node",
            "command": self.command,
        })
    }
}

/// The end of a long output.
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

/// The connection of the moment, and what could not be told yet.
#[derive(Debug, Default)]
pub(super) struct Outlet(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    writer: Option<Writer>,
    kept: VecDeque<String>,
}

impl Outlet {
    /// There is a new connection: it hears of what has finished meanwhile.
    pub(super) fn connected(&self, writer: &Writer) {
        self.lock().writer = Some(writer.clone());
        self.flush();
    }

    /// The connection is over.
    pub(super) fn disconnected(&self) {
        self.lock().writer = None;
    }

    /// Tells `exec.finished`: on the connection that asked for the run, else on the next one. A
    /// gateway that was restarted meanwhile still wants to know.
    pub(super) fn finished(&self, asked: &Writer, payload: String) {
        if send(asked, NodeEvent::ExecFinished, &payload).is_ok() {
            return;
        }
        let mut inner = self.lock();
        if inner.kept.len() == limits::REPORTS_KEPT {
            inner.kept.pop_front();
        }
        inner.kept.push_back(payload);
        drop(inner);
        self.flush();
    }

    /// The lock is not held while anything is sent.
    fn flush(&self) {
        loop {
            let mut inner = self.lock();
            let Some(writer) = inner.writer.clone() else { return };
            let Some(payload) = inner.kept.pop_front() else { return };
            drop(inner);
            if send(&writer, NodeEvent::ExecFinished, &payload).is_err() {
                let mut inner = self.lock();
                inner.writer = None;
                if inner.kept.len() < limits::REPORTS_KEPT {
                    inner.kept.push_front(payload);
                }
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells something to the connection that asked for it.
///
/// # Errors
/// The connection is over.
pub(super) fn send(writer: &Writer, event: NodeEvent, payload: &str) -> Result<(), Error> {
    writer.send(&NodeFrame::event(event.as_str(), payload))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let subject = Subject::new(Some(&nasty), &nasty, &line);
        let finished = subject.finished(Some(i32::MIN), (true, false), &nasty);
        assert!(finished.len() <= limits::EVENT_BYTES_EXEC_FINISHED, "{}", finished.len());
        assert!(subject.denied("approval-required").len() <= limits::EVENT_BYTES);
    }

    #[test]
    fn reports_have_the_fields_of_the_protocol() {
        let subject = Subject::new(None, "r1", "ls");
        let value = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        let base = json!({ "sessionKey": "node", "runId": "r1", "host": "node", "command": "ls" });
        assert_eq!(value(subject.started()), base);
        let mut denied = base;
        denied["reason"] = "security=deny".into();
        assert_eq!(value(subject.denied("security=deny")), denied);
        let finished = value(subject.finished(None, (true, false), &"x".repeat(20_001)));
        assert_eq!((&finished["timedOut"], finished.get("exitCode")), (&json!(true), None));
        assert_eq!(finished["output"], format!("... (truncated) {}", "x".repeat(20_000)));
        let quiet = value(subject.finished(Some(0), (false, true), ""));
        assert_eq!((&quiet["exitCode"], quiet.get("output")), (&json!(0), None));
    }
}
