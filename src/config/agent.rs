//! `agent`: who answers chat messages, and how its settings are read and shown.

use super::schema::Kind;
use super::setting::Setting;
use super::walk::Walk;
use crate::duration;
use crate::protocol::limits;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// `agent`: who answers chat messages. Its `Debug` form shows neither arguments nor the values of
/// `env`: both are places for keys of other services.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentConfig {
    /// The kind of agent.
    pub kind: AgentKind,
    /// Program and arguments of a command agent; never seen by a shell.
    pub command: Vec<String>,
    /// What the program is given.
    pub input: AgentInput,
    /// What the program writes.
    pub output: AgentOutput,
    /// Where the program runs; `None` is where the bridge runs.
    pub cwd: Option<PathBuf>,
    /// What is added to the program's environment.
    pub env: BTreeMap<String, String>,
    /// How long one answer may take.
    pub timeout: Duration,
    /// Answers that are worked on at once.
    pub max_concurrent: usize,
    /// Messages that wait.
    pub queue: usize,
    /// Bytes of one answer.
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

/// A setting that is one of a few words.
trait Word: Copy + PartialEq + 'static {
    const ALL: &'static [(&'static str, Self)];
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$help:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$help])* $variant,)+
        }

        impl $name {
            /// The words that can be written.
            pub(super) const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl Word for $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
        }
    };
}

words! {
    /// `agent.kind`
    AgentKind {
        /// Says what was said: built in, so that everything works on a fresh machine.
        Echo = "echo",
        /// Runs a program for each answer.
        Command = "command",
    }
}

words! {
    /// `agent.input`
    AgentInput {
        /// The message.
        Text = "text",
        /// One JSON object with everything that is known.
        Json = "json",
    }
}

words! {
    /// `agent.output`
    AgentOutput {
        /// The answer.
        Text = "text",
        /// One JSON object per line: pieces of the answer, tools, errors.
        Jsonl = "jsonl",
    }
}

impl<W: Word> Setting for W {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        let found = W::ALL.iter().find(|(word, _)| value.as_str() == Some(word));
        match found {
            Some((_, found)) => *self = *found,
            None => walk.mismatch(at, kind, value),
        }
    }

    fn show(&self) -> Value {
        let found = W::ALL.iter().find(|(_, value)| value == self);
        found.map_or(Value::Null, |(word, _)| json!(word))
    }
}

impl Setting for Duration {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        match kind.duration(value) {
            Some(duration) => *self = duration,
            None => walk.mismatch(at, kind, value),
        }
    }

    fn show(&self) -> Value {
        json!(duration::show(*self))
    }
}

/// Program and arguments.
impl Setting for Vec<String> {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        if value.is_null() {
            return self.clear();
        }
        let Some(items) = value.as_array() else {
            return walk.mismatch(at, kind, value);
        };
        let mut words = Self::new();
        for (i, value) in items.iter().enumerate() {
            let at = format!("{at}[{i}]");
            match value.as_str() {
                Some("") if i == 0 => walk.mismatch(&at, Kind::Text, value),
                Some(text) if text.contains('\0') => no_nul(&at, walk),
                Some(text) if i == 0 => words.extend(program(text, &at, walk)),
                Some(text) => words.push(text.to_owned()),
                None => walk.mismatch(&at, Kind::Text, value),
            }
        }
        *self = words;
    }

    fn show(&self) -> Value {
        json!(self)
    }
}

/// A name is looked for in `PATH`, as a shell would; a path is like every path in the file.
fn program(text: &str, at: &str, walk: &mut Walk) -> Option<String> {
    if !text.contains('/') && !text.starts_with('~') {
        return Some(text.to_owned());
    }
    match walk.resolve(text) {
        // Made of this text and of the file's own path, which was found by its name.
        Ok(path) => Some(path.to_string_lossy().into_owned()),
        Err(reason) => {
            walk.problem(at, reason, None);
            None
        }
    }
}

/// The environment of a program.
impl Setting for BTreeMap<String, String> {
    fn put(&mut self, value: &Value, kind: Kind, at: &str, walk: &mut Walk) {
        if value.is_null() {
            return self.clear();
        }
        let Some(entries) = value.as_object() else {
            return walk.mismatch(at, kind, value);
        };
        self.clear();
        for (name, value) in entries {
            let at = format!("{at}.{name}");
            if name.is_empty() || name.contains(['=', '\0']) {
                walk.problem(&at, "is no name for an environment variable", None);
                continue;
            }
            match value.as_str() {
                Some(text) if text.contains('\0') => no_nul(&at, walk),
                Some(text) => {
                    self.insert(name.clone(), text.to_owned());
                }
                // Not repeated: it may be a key.
                None => walk.problem(&at, "must be a text", None),
            }
        }
    }

    fn show(&self) -> Value {
        json!(self)
    }
}

fn no_nul(at: &str, walk: &mut Walk) {
    walk.problem(at, "must not contain the character NUL", None);
}
