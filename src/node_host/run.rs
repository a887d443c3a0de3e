//! One program of `system.run`, from its start to its end (protocol section 8). What it writes
//! beyond a limit is discarded, so that it does not block. After its time limit, its group gets
//! SIGTERM and then SIGKILL. Processes that it left running when it ended in time are kept, and not
//! waited for.

use crate::client::Stop;
use crate::process::Program;
use crate::protocol::command::system::RunResult;
use crate::protocol::limits;
use rustix::event::{PollFd, PollFlags};
use rustix::process::Signal;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

pub(super) fn failed(error: String) -> RunResult {
    RunResult { success: Some(false), error: Some(error), ..RunResult::default() }
}

/// Runs the program to its end; `cancel` ends it early.
pub(super) fn run(command: &mut Command, time_limit: Duration, cancel: &Stop) -> RunResult {
    let mut program = match Program::start(command) {
        Ok(program) => program,
        Err(error) => return failed(format!("could not be started: {error}")),
    };
    let mut capture = Capture::default();
    match watch(&mut program, &mut capture, Instant::now() + time_limit, cancel) {
        Ok(end) => capture.result(end),
        Err(error) => failed(format!("could not be watched: {error}")),
    }
}

#[derive(Clone, Copy)]
enum StopReason {
    TimedOut,
    Cancelled,
}

/// Waits for the program's end and reads what it writes. It may end by itself, or be stopped.
fn watch(
    program: &mut Program,
    capture: &mut Capture,
    deadline: Instant,
    cancel: &Stop,
) -> io::Result<Result<ExitStatus, StopReason>> {
    // Closes its input.
    program.feed(&mut &[][..]);
    let mut linger = None;
    // Why it got SIGTERM, and when it gets SIGKILL.
    let mut stopping: Option<(StopReason, Instant)> = None;
    let terminate = |program: &Program, reason| {
        program.signal(Signal::TERM);
        Some((reason, Instant::now() + limits::RUN_KILL_AFTER))
    };
    loop {
        // Before reading, so that everything it wrote before its end is read.
        let ended = program.has_ended()?;
        program.read_stdout(|bytes| {
            capture.take(bytes, false);
            true
        });
        program.read_stderr(|bytes| capture.take(bytes, true));
        let now = Instant::now();
        let output_is_closed = program.output_is_closed();
        let until = match stopping {
            // The program may have ended while processes it started have not.
            Some((reason, kill_at)) if now >= kill_at || ended && output_is_closed => {
                program.kill(now + limits::AGENT_REAP);
                return Ok(Err(reason));
            }
            Some((_, kill_at)) => kill_at,
            None if ended => {
                let end = *linger.get_or_insert(now + limits::RUN_LINGER);
                if output_is_closed || now >= end {
                    return program.collect().map(Ok);
                }
                end
            }
            None if now >= deadline => {
                stopping = terminate(program, StopReason::TimedOut);
                continue;
            }
            None => deadline,
        };
        // A request to stop stays readable, so it is not waited for twice.
        let flags = if stopping.is_some() { PollFlags::empty() } else { PollFlags::IN };
        if program.wait(PollFd::new(cancel, flags), until)? {
            stopping = terminate(program, StopReason::Cancelled);
        }
    }
}

/// The beginning of what a program wrote, on both its outputs together.
#[derive(Default)]
struct Capture {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    truncated: bool,
}

impl Capture {
    fn take(&mut self, bytes: &[u8], is_stderr: bool) {
        let room = limits::RUN_OUTPUT - self.stdout.len() - self.stderr.len();
        let kept = &bytes[..bytes.len().min(room)];
        self.truncated |= kept.len() < bytes.len();
        if is_stderr { &mut self.stderr } else { &mut self.stdout }.extend_from_slice(kept);
    }

    fn result(&self, end: Result<ExitStatus, StopReason>) -> RunResult {
        let text = |bytes: &[u8]| {
            // The limit may have cut a character in two.
            let rest = bytes.utf8_chunks().last().filter(|_| self.truncated);
            let end = bytes.len() - rest.map_or(0, |chunk| chunk.invalid().len());
            String::from_utf8_lossy(&bytes[..end]).into_owned()
        };
        let (mut stdout, mut stderr) = (text(&self.stdout), text(&self.stderr));
        if self.truncated {
            let marked = if stderr.trim().is_empty() { &mut stdout } else { &mut stderr };
            marked.push_str("\n... (truncated)");
        }
        let (exit_code, timed_out, error) = match end {
            Ok(status) => {
                let signal = status.signal().map(|signal| format!("ended by signal {signal}"));
                (status.code().map(i64::from), false, signal)
            }
            Err(StopReason::TimedOut) => (None, true, None),
            Err(StopReason::Cancelled) => (None, false, Some("the node is leaving".to_owned())),
        };
        let success = Some(exit_code == Some(0));
        RunResult { exit_code, timed_out, success, stdout, stderr, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn sh(script: &str, time: Duration) -> RunResult {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        run(&mut command, time, &Stop::new().unwrap())
    }

    fn long() -> Duration {
        Duration::from_secs(20)
    }

    /// Whether a process with this number, which was written to a file, is still there. One that
    /// nobody has collected is not.
    fn is_alive(file: &Path) -> bool {
        let pid = fs::read_to_string(file).unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    }

    fn wait_until_gone(file: &Path) {
        let end = Instant::now() + long();
        while is_alive(file) {
            assert!(Instant::now() < end, "it still runs");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_program_tells_how_it_ended() {
        let quiet = RunResult { exit_code: Some(0), success: Some(true), ..RunResult::default() };
        assert_eq!(sh("cat", long()), quiet, "there is nothing to read");
        let both = sh("echo out; echo err >&2; exit 3", long());
        let expected = RunResult {
            exit_code: Some(3),
            success: Some(false),
            stdout: "out\n".into(),
            stderr: "err\n".into(),
            ..RunResult::default()
        };
        assert_eq!(both, expected);
        let killed = sh("kill -9 $$", long());
        assert_eq!((killed.exit_code, killed.error.as_deref()), (None, Some("ended by signal 9")));
        let missing = run(&mut Command::new("/nowhere/x"), long(), &Stop::new().unwrap());
        assert!(missing.error.unwrap().starts_with("could not be started"));
    }

    #[test]
    fn what_is_written_beyond_the_limit_is_thrown_away() {
        let flood = sh("head -c 3000000 /dev/zero | tr '\\0' x; echo done >&2", long());
        assert_eq!(flood.exit_code, Some(0));
        let marker = "\n... (truncated)";
        assert_eq!(flood.stdout.len(), limits::RUN_OUTPUT + marker.len());
        assert!(flood.stdout.ends_with(marker) && flood.stderr.is_empty());
        let both = sh("echo first >&2; head -c 300000 /dev/zero", long());
        let kept = both.stdout.len() + both.stderr.len() - marker.len();
        assert_eq!(kept, limits::RUN_OUTPUT);
        assert!(both.stderr.starts_with("first\n") && both.stderr.ends_with(marker));
        assert_eq!(sh("printf '\\377'", long()).stdout, "\u{fffd}");
        let cut = sh("printf x; yes é | tr -d '\\n' | head -c 300000", long());
        assert_eq!(cut.stdout.len(), limits::RUN_OUTPUT - 1 + marker.len());
        assert!(!cut.stdout.contains('\u{fffd}'), "no half characters");
    }

    #[test]
    fn over_its_time_everything_in_the_group_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let (parent, child) = (dir.path().join("parent"), dir.path().join("child"));
        let script = format!(
            "trap '' TERM; echo $$ > '{}'; (trap '' TERM; sh -c 'echo $$' > '{}.sh'; exec sleep 1000) &
             echo $! > '{}'; echo here; wait; sleep 1000",
            parent.display(),
            child.display(),
            child.display(),
        );
        let began = Instant::now();
        let outcome = sh(&script, Duration::from_secs(2));
        assert!(outcome.timed_out && outcome.exit_code.is_none() && outcome.success == Some(false));
        assert_eq!(outcome.stdout, "here\n", "what it wrote before is kept");
        assert!(began.elapsed() >= limits::RUN_KILL_AFTER, "it had its time to leave");
        wait_until_gone(&parent);
        wait_until_gone(&child);
    }

    #[test]
    fn a_program_that_listens_leaves_when_it_is_asked_to() {
        let outcome = sh("trap 'echo bye; exit 7' TERM; sleep 1000 & wait", Duration::from_secs(2));
        assert!(outcome.timed_out);
        assert_eq!((outcome.stdout.as_str(), outcome.exit_code), ("bye\n", None));
    }

    #[test]
    fn a_grandchild_that_keeps_the_pipe_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let child = dir.path().join("child");
        let script = format!("sleep 1000 & echo $! > '{}'; echo out", child.display());
        let began = Instant::now();
        let outcome = sh(&script, long());
        assert!(began.elapsed() < long() / 2);
        assert_eq!((outcome.exit_code, outcome.stdout.as_str()), (Some(0), "out\n"));
        assert!(is_alive(&child), "it was left on purpose");
        let pid = fs::read_to_string(&child).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    #[test]
    fn a_stop_ends_it() {
        let stop = Stop::new().unwrap();
        stop.request();
        let mut command = Command::new("/bin/sleep");
        let outcome = run(command.arg("1000"), long(), &stop);
        assert_eq!(outcome.error.as_deref(), Some("the node is leaving"));
        assert!(!outcome.timed_out);
    }
}
