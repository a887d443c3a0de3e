//! `agent`: who answers chat messages.

use super::schema::{self, section, Key};
use super::{text_form, ValueKind};
use crate::protocol::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use ValueKind::{Bool, Choice, Environment, Integer, Path, Program};

const TIMEOUT: ValueKind = ValueKind::Duration(Duration::from_secs(1), limits::AGENT_TIMEOUT_MAX);
const RUNS: ValueKind = Integer(1, limits::AGENT_RUNS_MAX as u64);
const QUEUES: ValueKind = Integer(1, limits::AGENT_QUEUE_MAX as u64);
const OUTPUTS: ValueKind = Integer(1024, limits::AGENT_OUTPUT_MAX as u64);

section! {
    /// `agent`: who answers chat messages. Its `Debug` form shows neither arguments nor the values
    /// of `env`: both may contain keys of other services.
    #[derive(Eq)]
    struct AgentConfig {
        kind: AgentKind = AgentKind::Echo
            => "agent.kind", Choice(&["echo", "command"]), Restart,
            "What answers chat messages: the built-in echo, or a program.";
        command: Vec<String> = Vec::new() => "agent.command", Program, Restart,
            "The program that answers, and its arguments; no shell is involved. Nobody but root and the \
             bridge's user may be able to write to a file with this key.";
        input: AgentInput = AgentInput::Text
            => "agent.input", Choice(&["text", "json"]), Restart,
            "What the program receives: the message, or a JSON object with everything.";
        output: AgentOutput = AgentOutput::Text
            => "agent.output", Choice(&["text", "jsonl"]), Restart,
            "What the program writes: the answer, or a JSON object per line.";
        cwd: Option<PathBuf> = None => "agent.cwd", Path, Restart,
            "The directory in which the program runs.";
        env: BTreeMap<String, String> = BTreeMap::new() => "agent.env", Environment, Restart,
            "Environment variables for the program.";
        nodes: bool = true => "agent.nodes", Bool, Restart,
            "Whether the program's commands, such as `openclaw-bridge nodes`, find this bridge.";
        #[serde(
            serialize_with = "text_form::show_duration",
            deserialize_with = "text_form::parse_duration"
        )]
        timeout: Duration = limits::AGENT_TIMEOUT => "agent.timeout", TIMEOUT, Restart,
            "The time limit for an answer.";
        max_concurrent: usize = limits::AGENT_RUNS => "agent.maxConcurrent", RUNS, Restart,
            "Answers in progress at once.";
        queue: usize = limits::AGENT_QUEUE => "agent.queue", QUEUES, Restart,
            "Messages that may wait for an answer.";
        output_limit: usize = limits::AGENT_OUTPUT => "agent.outputLimit", OUTPUTS, Restart,
            "Bytes that the program may write for one answer.";
        wake_on_system_event: bool = false => "agent.wakeOnSystemEvent", Bool, Restart,
            "Whether a system event starts an answer instead of waiting for the next message.";
    }
}

impl fmt::Debug for AgentConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentConfig")
            .field("kind", &self.kind)
            .field("command", &self.command.first())
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}

/// `agent.kind`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AgentKind {
    /// Repeats the message: built in, so that everything works on a fresh machine.
    Echo,
    /// Runs a program for each answer.
    Command,
}

/// `agent.input`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AgentInput {
    /// The message.
    Text,
    /// One JSON object with everything that is known.
    Json,
}

/// `agent.output`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AgentOutput {
    /// The answer.
    Text,
    /// One JSON object per line: parts of the answer, tools, errors.
    Jsonl,
}
