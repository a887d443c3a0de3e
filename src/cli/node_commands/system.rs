//! `nodes run`, which runs a program on a node as if it ran here, and `nodes notify`.

use super::*;
use crate::protocol::command::system::{RunResult, SystemNotify, SystemRun};

pub(crate) fn run(line: &CommandLine) -> Result<(), Failure> {
    let env = line.pairs("env");
    let call = SystemRun {
        // Without a `rawCommand`: a Mac compares that with the words, and quotes them differently.
        command: line.values("CMD"),
        cwd: line.text("cwd"),
        env: (!env.is_empty()).then(|| env.into_iter().collect()),
        timeout_ms: line.milliseconds("command-timeout"),
        needs_screen_recording: line.is_set("needs-screen-recording").then_some(true),
        ..SystemRun::default()
    };
    let run_time = line.duration("command-timeout").unwrap_or_default();
    let answer = Invoke::new(line, call).taking(run_time).send()?;
    let result = answer.result()?;
    answer.show(|| Ok(for_stdout(&result.stdout)))?;
    if !line.wants_json() {
        // Without stderr there is nowhere to report it.
        let _ = io::stderr().write_all(for_stderr(&result.stderr).as_bytes());
    }
    program_result(&result).map_err(|why| failed(line, &why))
}

/// How the program ended, if not well. macOS says `success`, and leaves `exitCode` out when a
/// signal or a timeout was the end.
fn program_result(result: &RunResult) -> Result<(), String> {
    let reason = result.error.as_deref().map(safe).filter(|text| !text.is_empty());
    let because = reason.map(|text| format!(": {text}")).unwrap_or_default();
    if result.timed_out {
        return Err(format!(
            "the program took too long and was stopped{because}; raise --command-timeout"
        ));
    }
    match (result.exit_code, result.success) {
        (Some(0) | None, Some(false)) => Err(format!("the program failed{because}")),
        (Some(0), _) | (None, Some(true)) => Ok(()),
        (Some(code), _) => Err(format!("the program ended with exit code {code}{because}")),
        (None, None) if !because.is_empty() => Err(format!("the program failed{because}")),
        (None, None) => Err("the node did not report how the program ended".to_owned()),
    }
}

pub(crate) fn notify(line: &CommandLine) -> Result<(), Failure> {
    let [title, body] = ["title", "body"].map(|name| line.value(name).unwrap_or_default().trim());
    if title.is_empty() && body.is_empty() {
        return Err(usage(line, "--title or --body is required"));
    }
    let call = SystemNotify {
        title: title.to_owned(),
        body: body.to_owned(),
        sound: line.text("sound"),
        priority: line.text("priority"),
        delivery: line.text("delivery"),
    };
    Invoke::new(line, call).send()?.confirm()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::command::NodeCall;
    use serde_json::{json, Value};

    #[test]
    fn every_platforms_ending_is_understood() {
        let outcome = |payload: &Value| program_result(&SystemRun::decode(payload));
        let ok = json!({ "exitCode": 0, "timedOut": false, "success": true });
        assert_eq!(outcome(&ok), Ok(()));
        assert_eq!(outcome(&json!({ "timedOut": false, "success": true })), Ok(()));
        for (said, says) in [
            (json!({ "exitCode": 3, "success": false }), "ended with exit code 3"),
            (json!({ "exitCode": 0, "success": false, "error": "x" }), "failed: x"),
            (json!({ "timedOut": true, "success": false }), "took too long"),
            (json!({ "success": false, "error": "spawn ENOENT" }), "failed: spawn ENOENT"),
            (json!({ "exitCode": null, "error": "killed" }), "failed: killed"),
            (Value::Null, "did not report how"),
        ] {
            let why = outcome(&said).unwrap_err();
            assert!(why.contains(says), "{said}: {why}");
        }
    }
}
