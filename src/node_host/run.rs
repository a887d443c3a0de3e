//! One program of `system.run`, from its start to its end, within limits (protocol section 8).
//!
//! It has a process group of its own, nothing to read, and a limit on what is kept of its output;
//! the rest is read and thrown away, so that it does not stand still. Over its time, the group is
//! asked to leave and then killed. What a program that ended in time has left running on purpose
//! stays, and is not waited for.

use crate::client::Stop;
use crate::process::Program;
use crate::protocol::limits;
use rustix::event::{PollFd, PollFlags};
use rustix::process::Signal;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// How a run ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// None if it was not started, or did not end by itself.
    pub(super) exit_code: Option<i32>,
    pub(super) timed_out: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// Why it was not started, or what ended it.
    pub(super) error: Option<String>,
}

impl Outcome {
    /// A program that was not started.
    pub(super) fn failed(error: String) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    pub(super) fn is_success(&self) -> bool {
        self.exit_code == Some(0) && !self.timed_out && self.error.is_none()
    }
}

/// Starts the program and follows it to its end; `cancel` ends it early.
pub(super) fn run(command: &mut Command, time: Duration, cancel: &Stop) -> Outcome {
    let program = match Program::start(command) {
        Ok(program) => program,
        Err(error) => return Outcome::failed(format!("could not be started: {error}")),
    };
    let mut run = Run { program, capture: Capture::default(), leaving: None };
    match run.follow(Instant::now() + time, cancel) {
        Ok(end) => run.capture.outcome(end),
        Err(error) => Outcome::failed(format!("could not be watched: {error}")),
    }
}

struct Run {
    program: Program,
    capture: Capture,
    /// Why it was asked to leave, and when it is killed.
    leaving: Option<(Why, Instant)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    TimedOut,
    Cancelled,
}

enum End {
    Exit(ExitStatus),
    Cut(Why),
}

impl Run {
    fn follow(&mut self, deadline: Instant, cancel: &Stop) -> io::Result<End> {
        // Nobody writes to its input.
        self.program.feed(&mut &[][..]);
        let mut linger = None;
        loop {
            // Asked before reading: what a program wrote before its end is read then.
            let ended = self.program.has_ended()?;
            let Self { program, capture, .. } = self;
            program.read_output(|bytes| capture.take(bytes, false));
            program.read_complaints(|bytes| {
                capture.take(bytes, true);
            });
            let now = Instant::now();
            let pipes_are_over = program.output_is_over() && program.complaints_are_over();
            let until = match self.leaving {
                Some((why, kill_at)) => {
                    // The program may have left while those it started have not.
                    if now >= kill_at || ended && pipes_are_over {
                        self.program.kill(now + limits::AGENT_REAP);
                        return Ok(End::Cut(why));
                    }
                    kill_at
                }
                None if ended => {
                    let end = *linger.get_or_insert(now + limits::RUN_LINGER);
                    if pipes_are_over || now >= end {
                        return self.program.collect().map(End::Exit);
                    }
                    end
                }
                None if now >= deadline => {
                    self.ask_to_leave(Why::TimedOut);
                    continue;
                }
                None => deadline,
            };
            // A request to stop stays readable, so it is not waited for twice.
            let watched = cancel.watched();
            let nothing = PollFd::from_borrowed_fd(watched.as_fd(), PollFlags::empty());
            let watched = if self.leaving.is_some() { nothing } else { watched.clone() };
            if self.program.wait(watched, until)? {
                self.ask_to_leave(Why::Cancelled);
            }
        }
    }

    fn ask_to_leave(&mut self, why: Why) {
        self.program.signal(Signal::TERM);
        self.leaving = Some((why, Instant::now() + limits::RUN_KILL_AFTER));
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
    /// Always wants more: what is not kept is thrown away.
    fn take(&mut self, bytes: &[u8], is_stderr: bool) -> bool {
        let room = limits::RUN_OUTPUT - self.stdout.len() - self.stderr.len();
        let kept = &bytes[..bytes.len().min(room)];
        self.truncated |= kept.len() < bytes.len();
        if is_stderr { &mut self.stderr } else { &mut self.stdout }.extend_from_slice(kept);
        true
    }

    fn outcome(&self, end: End) -> Outcome {
        let text = |bytes: &[u8]| {
            // The limit may have cut a character in two; what is left of it is none.
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
            End::Exit(status) => {
                let signal = status.signal().map(|signal| format!("ended by signal {signal}"));
                (status.code(), false, signal)
            }
            End::Cut(Why::TimedOut) => (None, true, None),
            End::Cut(Why::Cancelled) => (None, false, Some("the node is leaving".to_owned())),
        };
        Outcome { exit_code, timed_out, stdout, stderr, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn sh(script: &str, time: Duration) -> Outcome {
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
        let quiet = Outcome { exit_code: Some(0), ..Outcome::default() };
        assert_eq!(sh("cat", long()), quiet, "there is nothing to read");
        let both = sh("echo out; echo err >&2; exit 3", long());
        let expected = Outcome {
            exit_code: Some(3),
            stdout: "out\n".into(),
            stderr: "err\n".into(),
            ..Outcome::default()
        };
        assert_eq!(both, expected);
        assert!(quiet.is_success() && !both.is_success());
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
        assert!(outcome.timed_out && outcome.exit_code.is_none() && !outcome.is_success());
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
