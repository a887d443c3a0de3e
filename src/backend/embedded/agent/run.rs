//! What an agent is asked, and who receives its answer.

use super::abort::AbortSignal;
use crate::protocol::NodeId;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// One agent turn, as far as it is known when it is queued.
#[derive(Debug, Default)]
pub(crate) struct AgentRun {
    /// The idempotency key of the message.
    pub(crate) run_id: String,
    /// The key of the session, canonical in the queue; its runs never overlap and keep their order.
    pub(crate) session_key: String,
    pub(crate) node: Option<NodeId>,
    pub(crate) message: String,
    pub(crate) thinking: Option<String>,
    /// Whether the answer is also wanted outside of the conversation, and where. The bridge has no
    /// such channels; the agent may.
    pub(crate) deliver: bool,
    pub(crate) channel: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) attachments: Vec<AgentAttachment>,
    /// How long the answer may take, not counting the time in the queue, if that is less than
    /// `agent.timeout`.
    pub(crate) timeout: Option<Duration>,
}

impl AgentRun {
    /// Bytes it keeps in memory while it is queued.
    pub(super) fn weight(&self) -> usize {
        let files: usize = self.attachments.iter().map(|file| file.bytes.len()).sum();
        self.message.len() + files
    }
}

pub(super) struct AgentJob {
    pub(super) run: AgentRun,
    pub(super) sink: Box<dyn RunSink>,
    pub(super) abort: Arc<AbortSignal>,
}

/// What an agent is given besides the message, as it is when the run starts.
#[derive(Debug, Default)]
pub(crate) struct RunContext {
    /// The session's id, which a reset changes.
    pub(crate) session_id: String,
    /// The model that the session asks for, perhaps behind its provider and `/`.
    pub(crate) model: Option<String>,
    pub(crate) verbose: Option<String>,
    /// The name of the node that sent the message.
    pub(crate) node_name: Option<String>,
    /// The messages before this one, oldest first.
    pub(crate) history: Vec<Value>,
    /// The system events since the previous run.
    pub(crate) system_events: Vec<String>,
}

/// A file that came with a message, or goes with an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AgentAttachment {
    /// Its name there; never used in a path as it is.
    pub(crate) file_name: Option<String>,
    pub(crate) mime_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// Something besides the text that an answer names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AnswerMedia {
    /// The path or address, as the agent wrote it.
    pub(crate) source: String,
    /// The picture; `None` for an address in the web.
    pub(crate) file: Option<AgentAttachment>,
}

/// Receives what a run does.
///
/// The calls of one run come one at a time, in this order: `prepare`, `started`, any number of
/// `text` and `tool`, perhaps `media`, `end`. They come from the run's thread, except for the `end` of a run that
/// never started: that comes from the thread that aborted it. No lock is held during a call, so a
/// sink may call [`Agents`](super::Agents) back. After an abort has returned no `text` or `tool`
/// begins; one that has begun may still be under way.
pub(crate) trait RunSink: Send {
    /// The run leaves the queue and needs its context. May read files. An error ends the run.
    fn prepare(&mut self) -> Result<RunContext, String>;

    fn started(&mut self);

    /// The answer has grown to this. Called at most once every `limits::DELTA_EVERY`, and once more
    /// before `end` if text is left.
    fn text(&mut self, full: &str);

    fn tool(&mut self, event: &Value);

    /// What the answer names besides its text; comes once, if there is any.
    fn media(&mut self, media: Vec<AnswerMedia>);

    /// The run is over. Called exactly once, whatever happens.
    fn end(self: Box<Self>, outcome: RunOutcome);
}

/// How a run ended, with the text so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunOutcome {
    /// The answer is complete.
    Done { text: String },
    /// It was aborted (`rpc`, `stop`, `shutdown`) or took too long (`timeout`).
    Aborted { reason: &'static str, text: String },
    /// There will be no answer. The message is one line.
    Failed { message: String, text: String },
}

impl RunOutcome {
    pub(crate) fn aborted(reason: &'static str) -> Self {
        Self::Aborted { reason, text: String::new() }
    }
}

/// Why a run was not accepted. Its sink is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Busy {
    #[error("the agent is busy and too many messages are waiting; try again later")]
    Full,
    /// There is no thread or descriptor left to run it.
    #[error("the gateway cannot start another agent; try again later")]
    Exhausted,
    #[error("the gateway is stopping")]
    Stopping,
}
