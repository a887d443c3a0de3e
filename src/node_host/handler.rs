//! A handler: a program of the owner's that carries out one command. Parameters are its input,
//! the result is its output.

use crate::client::Stop;
use crate::process::{self, Failure, Finished, Program};
use crate::protocol::{json, limits, Payload, WireError};
use std::ffi::OsStr;
use std::time::Duration;

/// Runs `program` for `command`: without arguments, with the command's name in `OPENCLAW_COMMAND`
/// and the parameters (or `null`) on standard input. After `time_limit`, or when `cancel` is
/// requested, its process group is killed.
pub(super) fn run(
    program: &OsStr,
    command: &str,
    params: Option<&str>,
    time_limit: Duration,
    cancel: &Stop,
) -> Result<Option<Payload>, WireError> {
    let mut call = process::command(program);
    call.env("OPENCLAW_COMMAND", command);
    let program = Program::start(&mut call).map_err(|error| {
        log::warn!("program not started program={program:?} error={error}");
        WireError::unavailable(format!("the program for {command} could not be started: {error}"))
    })?;
    let input = params.unwrap_or("null").as_bytes();
    let finished = program.finish(input, limits::HANDLER_OUTPUT, time_limit, cancel.watched());
    let Finished { status, stdout, stderr } = finished.map_err(|failure| {
        WireError::unavailable(match failure {
            Failure::Cancelled => "the node is leaving".to_owned(),
            failure => format!("{command} {failure}"),
        })
    })?;
    if status.success() {
        return Ok(result(&stdout));
    }
    let stderr = String::from_utf8_lossy(&stderr);
    let why = last_line(&stderr).map_or_else(|| status.to_string(), str::to_owned);
    Err(WireError::unavailable(why))
}

fn result(output: &[u8]) -> Option<Payload> {
    let text = String::from_utf8_lossy(output);
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    Some(match json::one_line(text) {
        Some(json) => json.into_owned().into(),
        None => serde_json::json!({ "output": text }).to_string().into(),
    })
}

/// Which says what is wrong.
pub(super) fn last_line(stderr: &str) -> Option<&str> {
    stderr.lines().rev().map(str::trim).find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_json_or_is_wrapped_into_it() {
        assert_eq!(result(b" \n"), None);
        assert_eq!(result(b"{\"a\":\n1}\n").as_deref(), Some("{\"a\": 1}"));
        assert_eq!(result(b"on\n").as_deref(), Some("{\"output\":\"on\"}"));
        assert_eq!(result(b"\xff").as_deref(), Some("{\"output\":\"\u{fffd}\"}"));
    }

    #[test]
    fn the_last_line_of_stderr_is_the_error() {
        assert_eq!(last_line("one\ntwo\n \n"), Some("two"));
        assert_eq!(last_line("\n"), None);
    }
}
