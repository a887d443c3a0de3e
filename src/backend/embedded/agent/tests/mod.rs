//! Runs with real programs: what the tests share.

mod answers;
mod ends;
mod examples;

use super::*;
use crate::config::{AgentConfig, AgentInput, AgentKind, AgentOutput};
use crate::protocol::{limits, NodeId};
use crossbeam_channel::{unbounded, Receiver, Sender};
use rustix::process::{test_kill_process, Pid};
use serde_json::{json, Value};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Far more than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq)]
enum Heard {
    Prepared,
    Started,
    Text(String),
    Tool(Value),
    Media(Vec<AnswerMedia>),
    End(RunOutcome),
}

/// A sink that tells the test.
struct Ear {
    run_id: String,
    heard: Sender<(String, Heard)>,
    context: Option<Result<RunContext, String>>,
}

impl Ear {
    fn tell(&self, heard: Heard) {
        let _ = self.heard.send((self.run_id.clone(), heard));
    }
}

impl RunSink for Ear {
    fn prepare(&mut self) -> Result<RunContext, String> {
        self.tell(Heard::Prepared);
        self.context.take().unwrap()
    }

    fn started(&mut self) {
        self.tell(Heard::Started);
    }

    fn text(&mut self, full: &str) {
        assert_ne!(full, "panic", "as the test wishes");
        self.tell(Heard::Text(full.to_owned()));
    }

    fn tool(&mut self, event: &Value) {
        self.tell(Heard::Tool(event.clone()));
    }

    fn media(&mut self, media: Vec<AnswerMedia>) {
        self.tell(Heard::Media(media));
    }

    fn end(self: Box<Self>, outcome: RunOutcome) {
        self.tell(Heard::End(outcome));
    }
}

/// Agents, what they say, and a directory in which their programs run.
struct Stage {
    agents: Agents,
    sender: Sender<(String, Heard)>,
    heard: Receiver<(String, Heard)>,
    dir: tempfile::TempDir,
}

impl Stage {
    /// An agent that is a shell script.
    fn new(script: &str) -> Self {
        Self::with(script, |_| ())
    }

    fn with(script: &str, change: impl FnOnce(&mut AgentConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = AgentConfig {
            kind: AgentKind::Command,
            command: ["/bin/sh", "-c", script, "sh"].map(str::to_owned).to_vec(),
            cwd: Some(dir.path().to_owned()),
            ..AgentConfig::default()
        };
        change(&mut config);
        let (sender, heard) = unbounded();
        Self { agents: Agents::new(config, AgentHost::default()), sender, heard, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&self, run_id: &str, session: &str) {
        self.try_start(run(run_id, session)).unwrap();
    }

    fn try_start(&self, run: AgentRun) -> Result<(), Busy> {
        self.start_with(run, Ok(RunContext::default()))
    }

    fn start_with(&self, run: AgentRun, context: Result<RunContext, String>) -> Result<(), Busy> {
        let (run_id, heard) = (run.run_id.clone(), self.sender.clone());
        self.agents.start(run, Box::new(Ear { run_id, heard, context: Some(context) }))
    }

    fn abort(&self, run_id: &str, reason: &'static str) -> Vec<String> {
        self.agents.abort(reason, |id, _| id == run_id)
    }

    /// The next thing any run says.
    fn next(&self) -> (String, Heard) {
        self.heard.recv_timeout(DEADLINE).expect("somebody says something")
    }

    /// The next end, and the last text before it; both of one run.
    fn end(&self) -> (RunOutcome, Option<String>) {
        let mut last = None;
        loop {
            match self.next().1 {
                Heard::End(outcome) => return (outcome, last),
                Heard::Text(text) => last = Some(text),
                _ => {}
            }
        }
    }

    /// Waits for this text of a run.
    fn hear(&self, text: &str) {
        while self.next().1 != Heard::Text(text.to_owned()) {}
    }

    /// What one run with the message "hi" comes to.
    fn outcome(&self) -> RunOutcome {
        self.start("r", "main");
        let (outcome, _) = self.end();
        assert!(self.agents.wait_idle("main", DEADLINE));
        assert!(self.heard.is_empty(), "something after the end");
        outcome
    }

    /// Waits until this process is gone. It is nobody's child any more, so all that can be done
    /// is to look.
    fn wait_gone(&self, pid_file: &str) {
        let pid: i32 =
            std::fs::read_to_string(self.path(pid_file)).unwrap().trim().parse().unwrap();
        let deadline = Instant::now() + DEADLINE;
        while test_kill_process(Pid::from_raw(pid).unwrap()).is_ok() && !is_zombie(pid) {
            assert!(Instant::now() < deadline, "process {pid} is still there");
            std::thread::yield_now();
        }
    }
}

/// An orphan that was killed may wait for a lazy init to collect it.
fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

fn run(run_id: &str, session: &str) -> AgentRun {
    AgentRun {
        run_id: run_id.to_owned(),
        session_key: session.to_owned(),
        node: NodeId::new("phone").ok(),
        message: "hi".to_owned(),
        thinking: Some("low".to_owned()),
        timeout: Some(DEADLINE),
        ..AgentRun::default()
    }
}

fn done(text: &str) -> RunOutcome {
    RunOutcome::Done { text: text.to_owned() }
}

fn failed(message: &str, text: &str) -> RunOutcome {
    RunOutcome::Failed { message: message.to_owned(), text: text.to_owned() }
}

fn aborted(reason: &'static str, text: &str) -> RunOutcome {
    RunOutcome::Aborted { reason, text: text.to_owned() }
}

/// A script that waits until `name` can be read. `mkfifo` first: then opening it waits.
fn fifo(stage: &Stage, name: &str) -> PathBuf {
    let path = stage.path(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// Lets a script go on that reads from a fifo.
fn open(fifo: &Path) {
    std::fs::write(fifo, "\n").unwrap();
}
