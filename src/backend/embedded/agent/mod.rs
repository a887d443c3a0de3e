//! Who answers chat messages: the built-in echo, or one process per run.
//!
//! A run waits in a bounded queue, those of one session in order, until one of at most
//! `agent.maxConcurrent` threads `run-N` takes it; a thread without work ends. What a run needs to
//! know is asked for when it starts, not when it is queued, so that it sees what runs before it
//! have done. This part knows nothing about nodes, files of sessions or events: all it says goes
//! to the run's [`RunSink`].

// The methods chat.* are its users.

mod abort;
mod answer;
mod attachments;
mod complaints;
mod line;
mod program;
mod queue;
mod run;
#[cfg(test)]
mod tests;

use crate::config::AgentConfig;
use queue::{Place, Shared};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One agent turn, as far as it is known when it is queued.
#[derive(Debug)]
pub(crate) struct Run {
    /// The idempotency key of the message.
    pub(crate) run_id: String,
    /// The canonical key of the session; its runs never overlap and keep their order.
    pub(crate) session_key: String,
    /// The node that asked, if it was one.
    pub(crate) node_id: Option<String>,
    /// What was said.
    pub(crate) message: String,
    /// The level of thinking that was asked for.
    pub(crate) thinking: Option<String>,
    /// What came with the message.
    pub(crate) attachments: Vec<Attachment>,
    /// How long the answer may take, not counting the time in the queue.
    pub(crate) timeout: Duration,
}

impl Run {
    /// Bytes it keeps in memory while it waits.
    fn weight(&self) -> usize {
        let files: usize = self.attachments.iter().map(|file| file.bytes.len()).sum();
        self.message.len() + files
    }
}

/// What a run is told when it starts.
#[derive(Debug, Default)]
pub(crate) struct Context {
    /// The session's id, which a reset changes.
    pub(crate) session_id: String,
    /// The messages before this one, oldest first.
    pub(crate) history: Vec<Value>,
    /// What happened since the run before.
    pub(crate) system_events: Vec<String>,
}

/// A file that came with a message.
#[derive(Debug)]
pub(crate) struct Attachment {
    /// The node's name for it; never used in a path as it is.
    pub(crate) file_name: Option<String>,
    /// Its type.
    pub(crate) mime_type: String,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
}

/// Who is told what a run does.
///
/// The calls of one run come one at a time, in this order: `prepare`, `started`, any number of
/// `text` and `tool`, `end`. They come from the run's thread, except for the `end` of a run that
/// never started: that comes from whoever aborted it. No lock is held during a call, so a sink may
/// call [`Agents`] back. After an abort has returned no `text` or `tool` begins; one that has
/// begun may still be under way.
pub(crate) trait RunSink: Send {
    /// The run leaves the queue: what is there to know? May read files.
    ///
    /// # Errors
    /// Why the run cannot start; it ends with this as its failure.
    fn prepare(&mut self) -> Result<Context, String>;

    /// The agent is at work.
    fn started(&mut self);

    /// The answer has grown to this. Not called more often than anybody can read, except in front
    /// of a tool.
    fn text(&mut self, full: &str);

    /// The agent says that it uses a tool.
    fn tool(&mut self, event: &Value);

    /// The run is over. Called exactly once, whatever happens.
    fn end(self: Box<Self>, outcome: Outcome);
}

/// How a run ended, with the text it had come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The answer is complete.
    Done {
        /// The answer.
        text: String,
    },
    /// Somebody wished it to end (`rpc`, `stop`), or its time was over (`timeout`).
    Aborted {
        /// Why, in the protocol's word.
        reason: &'static str,
        /// The answer so far.
        text: String,
    },
    /// There will be no answer.
    Failed {
        /// Why, in one line.
        message: String,
        /// The answer so far.
        text: String,
    },
}

/// Why a run was not taken. Its sink hears nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    /// Too many are waiting.
    Full,
    /// There is no thread or descriptor left to run it.
    Exhausted,
    /// The bridge stops.
    Stopping,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the agent is busy and too many messages are waiting; try again later",
            Self::Exhausted => "the gateway cannot start another agent; try again later",
            Self::Stopping => "the gateway is stopping",
        })
    }
}

/// The agents of one bridge. Dropping it kills what still runs.
pub(crate) struct Agents {
    shared: Arc<Shared>,
}

impl Agents {
    /// Nobody works yet.
    pub(crate) fn new(config: AgentConfig) -> Self {
        Self { shared: Arc::new(Shared::new(config)) }
    }

    /// Whether a run would be taken now, so that nothing needs to be kept of one that would not.
    /// Somebody else may be quicker.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn has_room(&self, run: &Run) -> Result<(), Busy> {
        self.shared.has_room(run)
    }

    /// Starts a run, or queues it. Never waits.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn start(&self, run: Run, sink: Box<dyn RunSink>) -> Result<(), Busy> {
        self.shared.start(run, sink)
    }

    /// Ends a run: at once in the queue; at work, its program is asked to leave and killed 5 s
    /// later if it has not. False if there is no such run, or it is ending already.
    pub(crate) fn abort(&self, run_id: &str, reason: &'static str) -> bool {
        let of = |place: Place<'_>| place.run_id == run_id;
        !self.shared.abort(of, reason).is_empty()
    }

    /// Ends all runs of a session; their ids.
    pub(crate) fn abort_session(&self, session_key: &str, reason: &'static str) -> Vec<String> {
        self.shared.abort(|place| place.session_key == session_key, reason)
    }

    /// Whether a run of this session waits or works, or its program is not gone yet.
    pub(crate) fn is_active(&self, session_key: &str) -> bool {
        self.shared.is_active(session_key)
    }

    /// Waits until the session is not active; false if that takes too long.
    pub(crate) fn wait_idle(&self, session_key: &str, patience: Duration) -> bool {
        self.shared.wait_idle(session_key, Instant::now() + patience)
    }

    /// Ends every run and takes no more. Programs have `patience` to leave before they are killed;
    /// returns when all is gone, soon after that at the latest.
    pub(crate) fn stop(&self, patience: Duration) {
        self.shared.stop(Instant::now() + patience);
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}
