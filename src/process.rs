//! A child process in its own process group, with three pipes that are served without blocking.
//!
//! One thread serves them with `poll`: a program that neither reads nor writes nor ends holds it
//! no longer than the deadline, and neither do the processes it leaves behind. The child is not
//! reaped before [`Program::collect`], so until then its pid cannot be reused, and a signal to its
//! group hits no other process.

use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use rustix::io::retry_on_intr;
use rustix::process::{
    kill_process_group, pidfd_open, waitid, Pid, PidfdFlags, Signal, WaitId, WaitIdOptions,
};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How many bytes are read or written at once; the size of a pipe.
const CHUNK: usize = 64 * 1024;
/// How many chunks are read from one pipe before the others and the deadline are looked at.
const CHUNKS: usize = 16;
/// How often to check whether the program has ended on kernels without pidfds (before 5.3).
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// How long a drop waits for a killed program. Nothing survives SIGKILL, but a hanging file system
/// can delay it.
const KILL_TIME: Duration = Duration::from_secs(1);
/// Bytes of standard error that [`Program::finish`] keeps: its end, which says what is wrong.
const STDERR_KEPT: usize = 4 * 1024;
/// Variables that systemd and the unit set for this process and not for its children: whom to notify,
/// what descriptors it has, that its log is the journal, and how its memory is used.
const FOR_THIS_PROCESS: [&str; 10] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "JOURNAL_STREAM",
    "CREDENTIALS_DIRECTORY",
    "GLIBC_TUNABLES",
];

/// A program to start, with the environment of this process except for what is meant for it alone.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in FOR_THIS_PROCESS {
        command.env_remove(name);
    }
    command
}

/// A program that was started. Dropping it kills its process group.
pub(crate) struct Program {
    child: Child,
    pid: Pid,
    /// A pidfd, readable once the program has ended; dropped then, so that `poll` can block again.
    exit: Option<OwnedFd>,
    ended: bool,
    collected: bool,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

/// What a program wrote that has ended.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    /// Its end.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only handlers show it"))]
    pub(crate) stderr: Vec<u8>,
}

/// What came of a program instead of its output; goes on from its name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("could not be started: {0}")]
    Start(io::Error),
    #[error("failed ({0})")]
    Failed(ExitStatus),
    #[error("took longer than {0:?}")]
    TimedOut(Duration),
    #[error("wrote more than {0} bytes")]
    TooMuch(usize),
    #[error("was cancelled")]
    Cancelled,
    #[error("could not be watched: {0}")]
    Io(#[from] io::Error),
}

/// What a program writes that is given nothing and succeeds; see [`Program::finish`].
pub(crate) fn output(
    command: &mut Command,
    most: usize,
    time: Duration,
    cancel: PollFd<'_>,
) -> Result<Vec<u8>, Failure> {
    let program = Program::start(command).map_err(Failure::Start)?;
    let Finished { status, stdout, .. } = program.finish(&[], most, time, cancel)?;
    status.success().then_some(stdout).ok_or(Failure::Failed(status))
}

impl Program {
    /// Starts a program in a process group of its own.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pid = Pid::from_child(&child);
        let program = Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            exit: pidfd_open(pid, PidfdFlags::empty()).ok(),
            child,
            pid,
            ended: false,
            collected: false,
        };
        let pipes = [
            program.stdin.as_ref().map(AsFd::as_fd),
            program.stdout.as_ref().map(AsFd::as_fd),
            program.stderr.as_ref().map(AsFd::as_fd),
        ];
        for pipe in pipes.into_iter().flatten() {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(program)
    }

    /// Gives the program its input and reads what it writes, until it has ended, written more than
    /// `most` bytes, taken longer than `time`, or `cancel` is ready. What it leaves running is not
    /// waited for, and killed if it did not end by itself.
    pub(crate) fn finish(
        mut self,
        mut input: &[u8],
        most: usize,
        time: Duration,
        cancel: PollFd<'_>,
    ) -> Result<Finished, Failure> {
        let deadline = Instant::now() + time;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            // Before reading, so that everything it wrote before its end is read.
            let ended = self.has_ended()?;
            self.feed(&mut input);
            self.read_stderr(|bytes| {
                stderr.extend_from_slice(bytes);
                stderr.drain(..stderr.len().saturating_sub(STDERR_KEPT));
            });
            let fits = self.read_stdout(|bytes| {
                stdout.extend_from_slice(bytes);
                stdout.len() <= most
            });
            if !fits {
                return Err(Failure::TooMuch(most));
            }
            if ended {
                return Ok(Finished { status: self.collect()?, stdout, stderr });
            }
            if Instant::now() >= deadline {
                return Err(Failure::TimedOut(time));
            }
            if self.wait(cancel.clone(), deadline)? {
                return Err(Failure::Cancelled);
            }
        }
    }

    /// Waits until a pipe can be served, the program has ended, `also` is ready, or the deadline
    /// has passed; returns whether `also` is ready.
    pub(crate) fn wait(&self, also: PollFd<'_>, deadline: Instant) -> io::Result<bool> {
        let mut fds = vec![also];
        self.poll(&mut fds, deadline)?;
        Ok(!fds[0].revents().is_empty())
    }

    fn poll<'a>(&'a self, fds: &mut Vec<PollFd<'a>>, deadline: Instant) -> io::Result<()> {
        let watched = [
            self.stdin.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::OUT)),
            self.stdout.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN)),
            self.stderr.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN)),
            self.exit.as_ref().map(|exit| (exit.as_fd(), PollFlags::IN)),
        ];
        let watched = watched.into_iter().flatten();
        fds.extend(watched.map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        let has_to_check = self.exit.is_none() && !self.ended;
        let check = has_to_check.then(|| Instant::now() + CHECK_INTERVAL);
        poll_until(fds, Some(check.map_or(deadline, |check| check.min(deadline))))?;
        Ok(())
    }

    /// Writes as much input as the pipe takes, and closes the pipe when nothing is left. That the
    /// program does not read is no error.
    pub(crate) fn feed(&mut self, input: &mut &[u8]) {
        while let Some(stdin) = &mut self.stdin {
            if input.is_empty() {
                self.stdin = None;
                return;
            }
            match stdin.write(&input[..input.len().min(CHUNK)]) {
                Ok(count) => *input = &input[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.stdin = None,
            }
        }
    }

    /// Reads standard output into `keep` until that returns false; returns whether it never did.
    pub(crate) fn read_stdout(&mut self, keep: impl FnMut(&[u8]) -> bool) -> bool {
        drain(&mut self.stdout, keep)
    }

    pub(crate) fn read_stderr(&mut self, mut keep: impl FnMut(&[u8])) {
        drain(&mut self.stderr, |bytes| {
            keep(bytes);
            true
        });
    }

    /// Whether nothing can write to standard output any more.
    pub(crate) fn stdout_is_closed(&self) -> bool {
        self.stdout.is_none()
    }

    /// Whether nothing can write to either output any more.
    pub(crate) fn output_is_closed(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Whether the program itself has ended; processes it started may still run.
    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        if !self.ended {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            self.ended = retry_on_intr(|| waitid(WaitId::Pid(self.pid), options))?.is_some();
            if self.ended {
                self.exit = None;
            }
        }
        Ok(self.ended)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if !self.collected {
            // It fails if no process is left, or all have changed their user; both are fine.
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// Reaps a program that has ended. From here on its group cannot be signalled.
    pub(crate) fn collect(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        self.collected = true;
        status
    }

    /// Kills the process group and reaps the program; false if it has not ended by the deadline.
    pub(crate) fn kill(&mut self, deadline: Instant) -> bool {
        if self.collected {
            return true;
        }
        self.signal(Signal::KILL);
        (self.stdin, self.stdout, self.stderr) = (None, None, None);
        // A process that cannot be waited for is as good as gone.
        while let Ok(false) = self.has_ended() {
            if Instant::now() >= deadline || self.poll(&mut Vec::new(), deadline).is_err() {
                return false;
            }
        }
        let _ = self.collect();
        true
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.collected && !self.kill(Instant::now() + KILL_TIME) {
            log::error!("process: a killed process does not exit pid={}", self.child.id());
        }
    }
}

/// Reads what is in a pipe, and drops the pipe at its end. Returns false as soon as `keep` does; a
/// pipe that never runs dry is left after a while.
fn drain<R: Read>(pipe: &mut Option<R>, mut keep: impl FnMut(&[u8]) -> bool) -> bool {
    let mut chunk = vec![0; CHUNK];
    for _ in 0..CHUNKS {
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
