//! A running `openclaw-bridge serve` with a directory of its own.

use super::{eventually, secrets, Control, Namespace, Operator, Run, DEADLINE};
use rustix::process::{kill_process, Pid, Signal};
use serde_json::Value;
use std::fs::{self, DirBuilder, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_openclaw-bridge");

/// How to start a daemon, again and again with the same files.
#[derive(Clone)]
pub(crate) struct Setup {
    dir: Arc<TempDir>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    /// What stands in front of the program.
    enter: Vec<String>,
    log: PathBuf,
}

impl Setup {
    pub(crate) fn new() -> Self {
        // In memory if possible: what is tested here is not how long a disk takes to sync.
        let memory = Path::new("/dev/shm");
        let dir = match tempfile::tempdir_in(memory) {
            Ok(dir) => dir,
            Err(_) => tempfile::tempdir().unwrap(),
        };
        let dir = Arc::new(dir);
        let log = dir.path().join("log");
        let setup = Self { dir, args: Vec::new(), env: Vec::new(), enter: Vec::new(), log };
        fs::create_dir(setup.path("home")).unwrap();
        setup.config("{}")
    }

    /// A file or directory of this daemon.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file in the state directory.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.path("state").join(name)
    }

    pub(crate) fn config(self, text: &str) -> Self {
        self.write_config(text);
        self
    }

    /// Writes the configuration file, for the next start or for a reload.
    pub(crate) fn write_config(&self, text: &str) {
        fs::write(self.path("bridge.json5"), text).unwrap();
    }

    /// Writes a file of the state directory before the daemon has made it.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.state(name);
        let dir = path.parent().unwrap();
        DirBuilder::new().recursive(true).mode(0o700).create(dir).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_str().unwrap().to_owned()));
        self
    }

    /// Has everything run with this umask.
    pub(crate) fn umask(mut self, umask: &str) -> Self {
        let words = ["sh", "-c", &format!("umask {umask}; exec \"$@\""), "sh"].map(str::to_owned);
        self.enter = words.into();
        self
    }

    /// Has the daemon log into this file, which nobody looks into.
    pub(crate) fn log_to(mut self, path: &str) -> Self {
        self.log = path.into();
        self
    }

    /// Has everything run in this namespace.
    pub(crate) fn inside(mut self, namespace: &Namespace) -> Self {
        self.enter = namespace.enter();
        self
    }

    /// Has everything run from a copy of the program.
    pub(crate) fn copied_program(self) -> Self {
        self.replace_program();
        self
    }

    /// Puts another copy in its place, as an upgrade does.
    pub(crate) fn replace_program(&self) {
        let new = self.path("new");
        // By another process: a test that starts a program at this moment would hand it a descriptor that
        // writes to the copy, and a file that is written to cannot be run.
        let copied = Command::new("cp").arg(PROGRAM).arg(&new).status().unwrap();
        assert!(copied.success(), "the program is copied");
        fs::rename(new, self.path("openclaw-bridge")).unwrap();
    }

    /// The program, alone with the files of this setup.
    pub(crate) fn program(&self) -> Command {
        let own = self.path("openclaw-bridge");
        let program = if own.exists() { own.to_str().unwrap() } else { PROGRAM }.to_owned();
        let words: Vec<&String> = self.enter.iter().chain([&program]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command.env_clear().env("HOME", self.path("home")).env("PATH", "/usr/bin:/bin");
        command.env("OPENCLAW_BRIDGE_STATE_DIR", self.path("state"));
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    /// The program with the daemon's environment.
    pub(crate) fn program_in_its_environment(&self) -> Command {
        let mut command = self.program();
        command.envs(self.env.iter().cloned());
        command
    }

    fn serve(&self) -> Command {
        let mut command = self.program_in_its_environment();
        command.args(["serve", "--port", "0", "--log", "trace", "--config"]);
        command.arg(self.path("bridge.json5")).args(&self.args);
        command
    }

    /// Starts the daemon; it accepts connections when this returns.
    pub(crate) fn start(&self) -> Daemon {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let child = self.serve().stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let (addresses, requires_tls) = (Vec::new(), false);
        let mut daemon = Daemon { setup: self.clone(), child, addresses, requires_tls };
        let status = eventually("the daemon answers", || {
            if let Some(status) = daemon.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}");
            }
            let mut control = Control::try_open(&self.state("control.sock"))?;
            let mut reply = control.try_ask("status", &serde_json::json!({}))?;
            let status = reply["payload"].take();
            (status["pid"] == daemon.child.id()).then_some(status)
        });
        let listeners = status["listeners"].as_array().unwrap();
        let addresses = listeners.iter().map(|l| l["address"].as_str().unwrap().parse().unwrap());
        daemon.addresses = addresses.collect();
        daemon.requires_tls = listeners[0]["tls"] == "required";
        daemon
    }

    /// Starts a daemon that is expected to refuse.
    pub(crate) fn fail_to_start(&self) -> Run {
        Operator::spawn(self.serve()).finish()
    }
}

/// A running daemon. Killed when dropped; its log is shown if the test has failed.
pub(crate) struct Daemon {
    setup: Setup,
    child: Child,
    addresses: Vec<SocketAddr>,
    requires_tls: bool,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        Setup::new().start()
    }

    pub(crate) fn with_config(text: &str) -> Self {
        Setup::new().config(text).start()
    }

    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) fn requires_tls(&self) -> bool {
        self.requires_tls
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection to the control socket.
    pub(crate) fn control(&self) -> Control {
        Control::try_open(&self.setup.state("control.sock")).unwrap()
    }

    /// One question on the control socket.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Value {
        self.control().ask(method, params).unwrap()
    }

    pub(crate) fn status(&self) -> Value {
        self.ask("status", &serde_json::json!({}))
    }

    /// Runs the command line.
    pub(crate) fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Run {
        self.operator(args).finish()
    }

    /// Starts the command line.
    pub(crate) fn operator<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Operator {
        let mut command = self.setup.program();
        command.args(args);
        Operator::spawn(command)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until the daemon has ended.
    pub(crate) fn wait(&mut self, deadline: Duration) -> ExitStatus {
        super::within(deadline, "the daemon ends", || self.child.try_wait().unwrap())
    }

    /// Kills the daemon at whatever it is doing, and starts it again.
    pub(crate) fn kill_and_restart(mut self) -> Self {
        self.signal(Signal::KILL);
        self.wait(DEADLINE);
        self.setup.start()
    }

    /// Stops the daemon and starts it again.
    pub(crate) fn restart(mut self) -> Self {
        self.signal(Signal::TERM);
        assert!(self.wait(DEADLINE).success());
        self.setup.start()
    }

    /// Everything logged so far, also by daemons before this one with the same setup.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.setup.path("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The names of the daemon's threads.
    pub(crate) fn threads(&self) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm"));
        // One that ends meanwhile has no name any more.
        tasks.filter_map(|task| name(task.unwrap()).ok()).collect()
    }

    /// A line of `/proc/<pid>/status`, as a number.
    pub(crate) fn proc(&self, key: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log();
        if std::thread::panicking() {
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
            eprintln!("--- the end of the daemon's log\n{tail}\n---");
        } else {
            secrets::none_in(&log, "the log");
            assert!(!log.contains("panicked at"), "the daemon panicked:\n{log}");
        }
    }
}
