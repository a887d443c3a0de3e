//! `agent`: who answers chat messages.

use super::text_form;
use crate::protocol::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// `agent`: who answers chat messages. Its `Debug` form shows neither arguments nor the values of
/// `env`: both may contain keys of other services.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AgentConfig {
    /// The kind of agent.
    pub kind: AgentKind,
    /// Program and arguments of a command agent; run without a shell.
    pub command: Vec<String>,
    /// What the program receives on its standard input.
    pub input: AgentInput,
    /// What the program writes on its standard output.
    pub output: AgentOutput,
    /// Where the program runs; `None` is where the bridge runs.
    pub cwd: Option<PathBuf>,
    /// Variables added to the program's environment.
    pub env: BTreeMap<String, String>,
    /// How long one answer may take.
    #[serde(with = "text_form::duration")]
    pub timeout: Duration,
    /// Answers in progress at once.
    pub max_concurrent: usize,
    /// Messages that may wait.
    pub queue: usize,
    /// The size limit of one answer, in bytes.
    pub output_limit: usize,
    /// Whether a system event starts an answer, instead of waiting for the next message.
    pub wake_on_system_event: bool,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            kind: AgentKind::Echo,
            command: Vec::new(),
            input: AgentInput::Text,
            output: AgentOutput::Text,
            cwd: None,
            env: BTreeMap::new(),
            timeout: limits::AGENT_TIMEOUT,
            max_concurrent: limits::AGENT_RUNS,
            queue: limits::AGENT_QUEUE,
            output_limit: limits::AGENT_OUTPUT,
            wake_on_system_event: false,
        }
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
