//! One run of a handler program: the parameters go in, a result comes out, within limits.
//!
//! One thread does it all with `poll`: a program that neither reads nor writes nor ends cannot
//! hold it longer than the time limit, nor can what the program leaves behind.

use crate::client::{poll_until, Stop};
use crate::protocol::{json, Payload, WireError};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{kill_process_group, Pid, Signal};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Bytes of a program's result: more does not fit into a line once it is escaped.
pub(super) const OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of a program's complaints that are kept; the last line is what is sent.
const COMPLAINT_BYTES: usize = 4 * 1024;

/// Bytes moved at once; the size of a pipe.
const CHUNK: usize = 64 * 1024;

/// How often to see whether a program has ended whose pipes tell nothing: at first, and at most.
const LOOK: Duration = Duration::from_millis(1);
const LOOK_MAX: Duration = Duration::from_millis(50);

/// Runs `program` for `command`: without arguments, the name in `OPENCLAW_COMMAND`, the
/// parameters (or `null`) are the standard input. After `time_limit`, or when `cancel` is
/// requested, it is killed with everything it started.
pub(super) fn run(
    program: &OsStr,
    command: &str,
    params: Option<&str>,
    time_limit: Duration,
    cancel: &Stop,
) -> Result<Option<Payload>, WireError> {
    let started = Command::new(program)
        .env("OPENCLAW_COMMAND", command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let child = started.map_err(|error| {
        log::warn!("program not started program={program:?} error={error}");
        WireError::unavailable(format!("the program for {command} could not be started: {error}"))
    })?;
    let mut run = Run::new(child, params.unwrap_or("null").as_bytes());
    let status = run.carry_out(Instant::now() + time_limit, cancel).map_err(|end| {
        WireError::unavailable(match end {
            End::TimedOut => format!("{command} took longer than {} s", time_limit.as_secs_f32()),
            End::TooMuch => format!("{command} answered more than {OUTPUT_BYTES} bytes"),
            End::Cancelled => "the node is leaving".to_owned(),
            End::Broken(error) => format!("{command} could not be watched: {error}"),
        })
    })?;
    if status.success() {
        return Ok(result(&run.output));
    }
    Err(WireError::unavailable(last_line(&run.complaint).unwrap_or_else(|| status.to_string())))
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

fn last_line(complaint: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(complaint);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// Why a program did not get to its end.
enum End {
    TimedOut,
    TooMuch,
    Cancelled,
    Broken(io::Error),
}

/// A running program. Dropping it kills what still runs of it.
struct Run<'a> {
    child: Child,
    ended: bool,
    stdin: Option<ChildStdin>,
    input: &'a [u8],
    stdout: Option<ChildStdout>,
    output: Vec<u8>,
    stderr: Option<ChildStderr>,
    complaint: Vec<u8>,
}

impl<'a> Run<'a> {
    fn new(mut child: Child, input: &'a [u8]) -> Self {
        Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            child,
            ended: false,
            input,
            output: Vec::new(),
            complaint: Vec::new(),
        }
    }

    fn carry_out(&mut self, deadline: Instant, cancel: &Stop) -> Result<ExitStatus, End> {
        self.never_block().map_err(End::Broken)?;
        let mut look = LOOK;
        loop {
            if let Some(status) = self.child.try_wait().map_err(End::Broken)? {
                self.ended = true;
                // What it wrote before it ended; a descendant that keeps the pipe is not awaited.
                self.move_bytes()?;
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(End::TimedOut);
            }
            let woken = self.wait(deadline.min(Instant::now() + look), cancel)?;
            look = if woken { LOOK } else { (look * 2).min(LOOK_MAX) };
            self.move_bytes()?;
        }
    }

    fn never_block(&self) -> io::Result<()> {
        let pipes = [
            self.stdin.as_ref().map(AsFd::as_fd),
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
        ];
        for pipe in pipes.into_iter().flatten() {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(())
    }

    /// Waits until a pipe can be served; tells whether one can.
    fn wait(&self, deadline: Instant, cancel: &Stop) -> Result<bool, End> {
        let mut fds = vec![cancel.watched()];
        let pipes = [
            self.stdin.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::OUT)),
            self.stdout.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN)),
            self.stderr.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN)),
        ];
        let pipes = pipes.into_iter().flatten();
        fds.extend(pipes.map(|(pipe, flags)| PollFd::from_borrowed_fd(pipe, flags)));
        let woken = poll_until(&mut fds, Some(deadline)).map_err(End::Broken)?;
        if !fds[0].revents().is_empty() {
            return Err(End::Cancelled);
        }
        Ok(woken)
    }

    /// Serves every pipe as far as it goes.
    fn move_bytes(&mut self) -> Result<(), End> {
        self.feed();
        let Self { stdout, output, stderr, complaint, .. } = self;
        drain(stderr, |bytes| {
            complaint.extend_from_slice(bytes);
            complaint.drain(..complaint.len().saturating_sub(COMPLAINT_BYTES));
            true
        });
        let fits = drain(stdout, |bytes| {
            output.extend_from_slice(bytes);
            output.len() <= OUTPUT_BYTES
        });
        if fits {
            Ok(())
        } else {
            Err(End::TooMuch)
        }
    }

    /// A program need not read its input: it may close the pipe, or end.
    fn feed(&mut self) {
        while let Some(stdin) = &mut self.stdin {
            if self.input.is_empty() {
                self.stdin = None;
                return;
            }
            match stdin.write(&self.input[..self.input.len().min(CHUNK)]) {
                Ok(count) => self.input = &self.input[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.stdin = None,
            }
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Not waited for yet, so the number still belongs to this group. Nothing survives KILL,
        // so the wait is short; a failure means that the group is gone already.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Takes what a pipe holds, and the pipe away at its end. Stops, and says so, when `keep` has
/// enough; a pipe that never runs dry gets other pipes and the clock their turn, too.
fn drain<R: Read>(pipe: &mut Option<R>, mut keep: impl FnMut(&[u8]) -> bool) -> bool {
    const TURN: usize = 64;
    let mut chunk = vec![0; CHUNK];
    for _ in 0..TURN {
        let Some(reader) = pipe else { return true };
        match reader.read(&mut chunk) {
            Ok(0) => *pipe = None,
            Ok(count) if !keep(&chunk[..count]) => return false,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Err(_) => *pipe = None,
        }
    }
    true
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
    fn the_last_complaint_is_the_one_that_counts() {
        assert_eq!(last_line(b"one\ntwo\n \n").as_deref(), Some("two"));
        assert_eq!(last_line(b"\n"), None);
    }
}
