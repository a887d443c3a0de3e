//! A handler: a program of the owner's that carries out one command. Parameters are its input,
//! the result is its output.

use crate::client::Stop;
use crate::process::{self, Program};
use crate::protocol::limits;
use crate::protocol::{json, Payload, WireError};
use std::ffi::OsStr;
use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

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
    let mut run = RunningHandler { program, input, output: Vec::new(), stderr: Vec::new() };
    let status = run.wait(Instant::now() + time_limit, cancel).map_err(|end| {
        WireError::unavailable(match end {
            HandlerFailure::TimedOut => {
                format!("{command} took longer than {} s", time_limit.as_secs_f32())
            }
            HandlerFailure::TooMuch => {
                format!("{command} answered more than {} bytes", limits::HANDLER_OUTPUT)
            }
            HandlerFailure::Cancelled => "the node is leaving".to_owned(),
            HandlerFailure::Broken(error) => format!("{command} could not be watched: {error}"),
        })
    })?;
    if status.success() {
        return Ok(result(&run.output));
    }
    Err(WireError::unavailable(last_line(&run.stderr).unwrap_or_else(|| status.to_string())))
}

/// What a program wrote, as a payload.
fn result(output: &[u8]) -> Option<Payload> {
    let text = String::from_utf8_lossy(output);
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    Some(match json::one_line(text) {
        Some(json) => json.into(),
        None => serde_json::json!({ "output": text }).to_string().into(),
    })
}

fn last_line(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// Why a program did not end by itself.
enum HandlerFailure {
    TimedOut,
    TooMuch,
    Cancelled,
    Broken(io::Error),
}

/// A running program, and what it has written.
struct RunningHandler<'a> {
    program: Program,
    input: &'a [u8],
    output: Vec<u8>,
    stderr: Vec<u8>,
}

impl RunningHandler<'_> {
    fn wait(&mut self, deadline: Instant, cancel: &Stop) -> Result<ExitStatus, HandlerFailure> {
        loop {
            let ended = self.program.has_ended().map_err(HandlerFailure::Broken)?;
            self.move_bytes()?;
            if ended {
                // Everything it wrote has been read; a descendant that keeps the pipe is not
                // waited for.
                return self.program.collect().map_err(HandlerFailure::Broken);
            }
            if Instant::now() >= deadline {
                return Err(HandlerFailure::TimedOut);
            }
            if self.program.wait(cancel.watched(), deadline).map_err(HandlerFailure::Broken)? {
                return Err(HandlerFailure::Cancelled);
            }
        }
    }

    /// Serves every pipe without blocking.
    fn move_bytes(&mut self) -> Result<(), HandlerFailure> {
        let Self { program, input, output, stderr } = self;
        program.feed(input);
        program.read_stderr(|bytes| {
            stderr.extend_from_slice(bytes);
            stderr.drain(..stderr.len().saturating_sub(limits::HANDLER_STDERR));
        });
        let fits = program.read_stdout(|bytes| {
            output.extend_from_slice(bytes);
            output.len() <= limits::HANDLER_OUTPUT
        });
        fits.then_some(()).ok_or(HandlerFailure::TooMuch)
    }
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
        assert_eq!(last_line(b"one\ntwo\n \n").as_deref(), Some("two"));
        assert_eq!(last_line(b"\n"), None);
    }
}
