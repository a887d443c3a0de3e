//! The command line, running or finished.

use super::{secrets, DEADLINE};
use rustix::process::{kill_process, Pid, Signal};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;

/// A command that is running. Killed when dropped.
pub(crate) struct Operator {
    child: Option<Child>,
    pid: Pid,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
}

impl Operator {
    pub(crate) fn spawn(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        Self { child: Some(child), pid }
    }

    /// The command with this text as its standard input.
    pub(crate) fn spawn_with_input(mut command: Command, input: &str) -> Self {
        command.stdin(Stdio::piped());
        let mut this = Self::spawn(command);
        let mut stdin = this.child.as_mut().unwrap().stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        this
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_pid().unsigned_abs()
    }

    /// The lines of its standard output, as they come, until it ends.
    pub(crate) fn lines(&mut self) -> mpsc::Receiver<String> {
        let stdout = self.child.as_mut().unwrap().stdout.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                secrets::none_in(&line, "what a command printed");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        receiver
    }

    /// Its standard input, for a command that was spawned with one.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.as_mut().unwrap().stdin.take().unwrap()
    }

    /// Closes its standard output, as `| head -0` would.
    pub(crate) fn stop_reading(&mut self) {
        drop(self.child.as_mut().unwrap().stdout.take());
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Run {
        let child = self.child.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = receiver.recv_timeout(DEADLINE) else {
            self.signal(Signal::KILL);
            panic!("the command did not end within {DEADLINE:?}");
        };
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        secrets::none_in(&stdout, "what a command printed");
        secrets::none_in(&stderr, "what a command printed");
        Run { stdout, stderr, code: output.status.code() }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Run {
    /// What was printed by a command that succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// What was printed, as JSON, by a command that succeeded.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// What was said on standard error by a command that failed in this way.
    #[track_caller]
    pub(crate) fn error(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        let errors = self.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "one line says what is wrong: {self:?}");
        self.stderr
    }
}
