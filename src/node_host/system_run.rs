//! `system.run`: from the gateway's words to a decision, a program, and the reports about it
//! (protocol sections 6 and 8).
//!
//! The program is looked up once, and the file that was judged is the one that is run. What the
//! gateway says about the command (`rawCommand`, `approved`) decides nothing and is not shown.

use crate::client::{Stop, Writer};
use crate::node_host::environment;
use crate::node_host::events::{self, Subject};
use crate::node_host::host::Shared;
use crate::node_host::policy::{Denial, Rules};
use crate::node_host::run::{self, Outcome};
use crate::node_host::which::Found;
use crate::process;
use crate::protocol::{limits, NodeEvent, Payload, WireError};
use crate::random;
use serde::Deserialize;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::env;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

/// The parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wish {
    command: Vec<Value>,
    cwd: Option<String>,
    env: Option<BTreeMap<String, String>>,
    timeout_ms: Option<f64>,
    needs_screen_recording: Option<bool>,
    agent_id: Option<String>,
    session_key: Option<String>,
    run_id: Option<String>,
}

/// A wish that makes sense.
struct Order {
    wish: Wish,
    argv: Vec<String>,
    cwd: PathBuf,
    subject: Subject,
}

/// Carries out one `system.run`.
pub(super) fn answer(
    shared: &Shared,
    params: &str,
    writer: &Writer,
    cancel: &Stop,
) -> Result<Option<Payload>, WireError> {
    let order = Order::read(params)?;
    let (rules, program, is_listed) = match judge(shared, &order, writer) {
        Ok(judged) => judged,
        Err((denial, why)) => return Err(order.deny(shared, denial, &why, writer)),
    };
    let agent = order.wish.agent_id.as_deref();
    if let Some(found) = program.as_ref().filter(|_| is_listed) {
        shared.approvals.note_use(agent, found, order.subject.command());
    }
    // A gateway that is gone wants nothing done any more.
    events::send(writer, NodeEvent::ExecStarted, &order.subject.started())
        .map_err(|_| WireError::unavailable("the connection was lost"))?;
    let outcome = order.run(&rules, program.as_ref(), cancel);
    let result = finish(&order.subject, &outcome);
    shared.outlet.finished(writer, result.0);
    Ok(Some(result.1.into()))
}

/// What counts, the program, and whether it is on the allowlist; or why it may not run.
fn judge(
    shared: &Shared,
    order: &Order,
    writer: &Writer,
) -> Result<(Rules, Option<Found>, bool), (Denial, String)> {
    let nothing = String::new();
    let rules = shared.approvals.rules(order.wish.agent_id.as_deref());
    let rules = rules.map_err(|why| (Denial::Disabled, why))?;
    // Without a look at anything else: whatever the command is, the answer under `deny` is the same.
    if let Err(denial @ Denial::Disabled) = rules.decide(true) {
        return Err((denial, nothing));
    }
    if order.wish.needs_screen_recording == Some(true) {
        return Err((Denial::ScreenRecording, nothing));
    }
    let program = order.argv.first().and_then(|name| shared.search.locate(name, &order.cwd));
    let skills = rules.auto_allow_skills.then(|| shared.skills.current(writer));
    let is_listed = rules.lists(program.as_ref(), &skills.unwrap_or_default());
    match rules.decide(is_listed) {
        Ok(()) => Ok((rules, program, is_listed)),
        Err(denial) => {
            let path = program.map(|found| format!("{:?}", found.path));
            Err((denial, path.unwrap_or_else(|| "no such program".to_owned())))
        }
    }
}

impl Order {
    fn read(params: &str) -> Result<Self, WireError> {
        let wish: Wish = serde_json::from_str(params)
            .map_err(|error| WireError::invalid(format!("parameters of system.run: {error}")))?;
        let argv = wish.command.iter().map(argument).collect::<Option<Vec<String>>>();
        let Some(argv) = argv else {
            return Err(WireError::invalid("command must be a list of texts"));
        };
        if argv.first().is_none_or(|name| name.trim().is_empty()) {
            return Err(WireError::invalid("command required"));
        }
        if argv.iter().any(|argument| argument.contains('\0')) {
            return Err(WireError::invalid("command contains a NUL character"));
        }
        let cwd = match wish.cwd.as_deref().filter(|cwd| !cwd.trim().is_empty()) {
            Some(cwd) if cwd.contains('\0') || !cwd.starts_with('/') => {
                return Err(WireError::invalid("cwd must be an absolute path"));
            }
            Some(cwd) => PathBuf::from(cwd),
            None => env::current_dir()
                .map_err(|error| WireError::unavailable(format!("no directory: {error}")))?,
        };
        let run_id = match wish.run_id.as_deref().map(str::trim).filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => random::uuid(random::bits().map_err(|_| WireError::unavailable("no chance"))?),
        };
        let line = events::command_line(&argv);
        let subject = Subject::new(wish.session_key.as_deref(), &run_id, &line);
        Ok(Self { wish, argv, cwd, subject })
    }

    /// Tells the gateway's agent and the owner's log; returns what the invoke is answered with.
    fn deny(&self, shared: &Shared, denial: Denial, why: &str, writer: &Writer) -> WireError {
        let command = self.subject.command();
        if let Some(more) = shared.log_limit.admit("denied") {
            let reason = denial.reason();
            log::warn!("node: system.run denied reason={reason} command={command:?} {why}{more}");
        }
        // If the connection is over, nobody waits for the answer either.
        let _ = events::send(writer, NodeEvent::ExecDenied, &self.subject.denied(denial.reason()));
        WireError::unavailable(denial.message())
    }

    fn run(&self, rules: &Rules, program: Option<&Found>, cancel: &Stop) -> Outcome {
        let (Some(found), Some((name, arguments))) = (program, self.argv.split_first()) else {
            return Outcome::failed("no such program".to_owned());
        };
        if !self.cwd.is_dir() {
            return Outcome::failed(format!("cwd is not a directory: {:?}", self.cwd));
        }
        let mut command = process::command(&found.path);
        command.arg0(name).args(arguments).current_dir(&self.cwd);
        let wanted = self.wish.env.clone().unwrap_or_default();
        command.envs(environment::allowed(wanted, rules.scope()));
        log::info!("node: system.run path={:?} command={:?}", found.path, self.subject.command());
        run::run(&mut command, self.time(), cancel)
    }

    fn time(&self) -> Duration {
        let wanted = self.wish.timeout_ms.filter(|ms| ms.is_finite() && *ms > 0.0);
        wanted.map_or(limits::RUN_TIME, |ms| {
            let longest = limits::RUN_TIME_MAX.as_secs_f64();
            Duration::from_secs_f64((ms / 1000.0).min(longest))
        })
    }
}

/// A text, or what the old node host would have made one of.
fn argument(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The report of the end, and the result of the invoke.
fn finish(subject: &Subject, outcome: &Outcome) -> (String, String) {
    let Outcome { exit_code, timed_out, stdout, stderr, error } = outcome;
    let success = outcome.is_success();
    let parts = [Some(stdout.as_str()), Some(stderr), error.as_deref()].into_iter().flatten();
    let output = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    let report = subject.finished(*exit_code, (*timed_out, success), &output);
    let mut result = json!({
        "timedOut": timed_out, "success": success, "stdout": stdout, "stderr": stderr,
        "error": error,
    });
    if let Some(code) = exit_code {
        result["exitCode"] = (*code).into();
    }
    (report, result.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(params: &str) -> String {
        let refused = Order::read(params).map(|_| ()).unwrap_err();
        assert_eq!(refused.code.as_str(), "INVALID_REQUEST");
        refused.message.into_owned()
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_happens() {
        for params in ["{}", r#"{"command":[]}"#, r#"{"command":["  "]}"#] {
            assert_eq!(refused(params), "command required");
        }
        for params in [r#"{"command":["a",null]}"#, r#"{"command":[["a"]]}"#] {
            assert_eq!(refused(params), "command must be a list of texts");
        }
        assert_eq!(refused(r#"{"command":["a","b\u0000c"]}"#), "command contains a NUL character");
        for cwd in ["relative", "~/x", "/a\\u0000b"] {
            let params = format!(r#"{{"command":["a"],"cwd":"{cwd}"}}"#);
            assert_eq!(refused(&params), "cwd must be an absolute path");
        }
        for params in ["null", "[", r#"{"command":"ls"}"#, r#"{"command":["a"],"env":{"A":1}}"#] {
            assert!(refused(params).starts_with("parameters of system.run: "));
        }
    }

    #[test]
    fn the_gateway_chooses_the_time_within_limits() {
        for (text, expected) in [
            ("1500", Duration::from_millis(1500)),
            ("0", limits::RUN_TIME),
            ("-5", limits::RUN_TIME),
            ("null", limits::RUN_TIME),
            ("1e300", limits::RUN_TIME_MAX),
        ] {
            let params = format!(r#"{{"command":["a",1,true],"timeoutMs":{text}}}"#);
            let order = Order::read(&params).unwrap();
            assert_eq!((order.time(), order.argv.len()), (expected, 3));
        }
    }

    #[test]
    fn the_report_shows_what_runs_and_not_what_the_gateway_calls_it() {
        let params =
            r#"{"command":["rm","-rf","x"],"rawCommand":"ls","runId":" r ","approved":true}"#;
        let order = Order::read(params).unwrap();
        let (report, result) = finish(&order.subject, &Outcome::failed("no".into()));
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!((&report["command"], &report["runId"]), (&json!("rm -rf x"), &json!("r")));
        let expected = json!({
            "timedOut": false, "success": false, "stdout": "", "stderr": "", "error": "no",
        });
        assert_eq!(serde_json::from_str::<Value>(&result).unwrap(), expected);
    }
}
