//! A program as a process group with three pipes, served without ever blocking.
//!
//! One thread does it all with `poll`: a program that neither reads nor writes nor ends cannot
//! hold it longer than its deadline, nor can what the program leaves behind. The process is not
//! collected before [`Program::collect`], so until then its number cannot be anybody else's, and
//! a signal to its group never hits a stranger.

use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{
    kill_process_group, pidfd_open, waitid, Pid, PidfdFlags, Signal, WaitId, WaitIdOptions,
};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Bytes moved at once; the size of a pipe.
const CHUNK: usize = 64 * 1024;

/// Chunks taken from one pipe before the others and the clock get their turn.
const TURN: usize = 16;

/// How often to look whether the program has ended, on kernels that cannot tell (before 5.3).
const LOOK: Duration = Duration::from_millis(50);

/// How long a drop waits for a killed program. Nothing survives KILL, but a file system that
/// hangs can make it late.
const LATE: Duration = Duration::from_secs(1);

/// What systemd tells this process, and no child of it.
const FROM_SYSTEMD: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"];

/// A program to start, with the environment of this process but for what is for it alone.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in FROM_SYSTEMD {
        command.env_remove(name);
    }
    command
}

/// A program that was started. Dropping it kills what still runs of it.
pub(crate) struct Program {
    child: Child,
    pid: Pid,
    /// Readable once the program has ended; taken away then, so that it wakes nobody any more.
    exit: Option<OwnedFd>,
    ended: bool,
    collected: bool,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Program {
    /// Starts a program in a process group of its own.
    ///
    /// # Errors
    /// It cannot be started.
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

    /// Waits until a pipe can be served, the program has ended, one of `also` is ready, or the
    /// deadline is there; tells whether `also` is.
    ///
    /// # Errors
    /// The system cannot wait.
    pub(crate) fn wait(&self, also: PollFd<'_>, deadline: Instant) -> io::Result<bool> {
        let mut fds = vec![also];
        let blind = self.exit.is_none() && !self.ended;
        let deadline = if blind { deadline.min(Instant::now() + LOOK) } else { deadline };
        let watched = [
            self.stdin.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::OUT)),
            self.stdout.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN)),
            self.stderr.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN)),
            self.exit.as_ref().map(|exit| (exit.as_fd(), PollFlags::IN)),
        ];
        let watched = watched.into_iter().flatten();
        fds.extend(watched.map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        poll_until(&mut fds, Some(deadline))?;
        Ok(!fds[0].revents().is_empty())
    }

    /// Gives the program what it takes of its input, and the end of it when nothing is left. A
    /// program need not read: it may close the pipe, or end.
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

    /// Hands what the program has written to `keep`; stops, and says so, when that has enough.
    pub(crate) fn read_output(&mut self, keep: impl FnMut(&[u8]) -> bool) -> bool {
        drain(&mut self.stdout, keep)
    }

    /// The same for what the program complains about, of which there is never enough.
    pub(crate) fn read_complaints(&mut self, mut keep: impl FnMut(&[u8])) {
        drain(&mut self.stderr, |bytes| {
            keep(bytes);
            true
        });
    }

    /// Whether nobody can write to the output any more.
    pub(crate) fn output_is_over(&self) -> bool {
        self.stdout.is_none()
    }

    /// Whether nobody can complain any more.
    pub(crate) fn complaints_are_over(&self) -> bool {
        self.stderr.is_none()
    }

    /// Whether the program itself has ended; what it started may still run.
    ///
    /// # Errors
    /// The system cannot tell: somebody else has collected the process.
    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        if !self.ended {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            self.ended = loop {
                match waitid(WaitId::Pid(self.pid), options) {
                    Ok(status) => break status.is_some(),
                    Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            };
            if self.ended {
                self.exit = None;
            }
        }
        Ok(self.ended)
    }

    /// Sends a signal to the program and to everything it started that has not left its group.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.collected {
            // It fails when everybody is gone, or has become somebody else; both are fine.
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// Collects a program that has ended. From here on nothing can be told to its group.
    ///
    /// # Errors
    /// The system cannot tell how it ended.
    pub(crate) fn collect(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        self.collected = true;
        status
    }

    /// Kills the program and everything in its group, and collects it; false if it is not gone
    /// by the deadline.
    pub(crate) fn kill(&mut self, deadline: Instant) -> bool {
        if self.collected {
            return true;
        }
        self.signal(Signal::KILL);
        (self.stdin, self.stdout, self.stderr) = (None, None, None);
        loop {
            match self.has_ended() {
                Ok(false) if Instant::now() < deadline => {}
                Ok(false) => return false,
                // Nobody to wait for is as good as gone.
                Ok(true) | Err(_) => {
                    let _ = self.collect();
                    return true;
                }
            }
            let next = self.exit.as_ref().map_or_else(|| Instant::now() + LOOK, |_| deadline);
            let exit = self.exit.as_ref().map(|exit| PollFd::new(exit, PollFlags::IN));
            let mut fds: Vec<_> = exit.into_iter().collect();
            if poll_until(&mut fds, Some(next.min(deadline))).is_err() {
                return false;
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.collected && !self.kill(Instant::now() + LATE) {
            log::error!("process {} does not end", self.child.id());
        }
    }
}

/// Takes what a pipe holds, and the pipe away at its end. Stops, and says so, when `keep` has
/// enough; a pipe that never runs dry is left after a while.
fn drain<R: Read>(pipe: &mut Option<R>, mut keep: impl FnMut(&[u8]) -> bool) -> bool {
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
