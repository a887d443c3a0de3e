//! Limits of the agent and its runs.

use std::time::Duration;

/// Attachments of one message. The apps send the photos that a person has chosen: a handful.
pub const ATTACHMENTS: usize = 32;
/// Decoded bytes of one attachment (protocol section 5.4); the apps shrink their images to it.
pub const ATTACHMENT_BYTES: usize = 5_000_000;
/// Between two deltas of one run. The apps need no more.
pub const DELTA_EVERY: Duration = Duration::from_millis(150);
/// Runs of a gateway whose texts are thinned out for one node. A person has one or two at once.
pub const RUNS_FOLLOWED: usize = 32;
/// How long a gateway's second end of a run is taken for that.
pub const RUN_END_REMEMBERED: Duration = Duration::from_secs(60);
/// Programs that a gateway runs on one node, whose reports it has not had. More than it lets a node
/// run at once.
pub const RUNS_ISSUED: usize = 32;
/// How long an ended run is remembered, for a request that comes twice.
pub const RUN_REMEMBERED: Duration = Duration::from_secs(5 * 60);
/// Ended runs remembered at once.
pub const RUNS_REMEMBERED: usize = 1024;
/// What a run gets beyond what an app allows: the apps say 30 s and wait for two minutes.
pub const RUN_MARGIN: Duration = Duration::from_secs(60);
/// The shortest time a run is given.
pub const RUN_TIMEOUT_MIN: Duration = Duration::from_secs(2 * 60);

/// Messages of the past that an agent is given with a new one.
pub const HISTORY_FOR_AGENT: usize = 50;
/// System events that wait for the next run of one conversation; the oldest are dropped.
pub const SYSTEM_EVENTS: usize = 20;
/// Bytes of one such event: a screen of text. Of a longer output the end is kept.
pub const SYSTEM_EVENT_BYTES: usize = 4096;
/// Bytes of memory for all that wait, which the nodes share; the oldest of a node are dropped.
pub const SYSTEM_EVENTS_BYTES: u64 = 2 * 1024 * 1024;
/// How long a system event waits for company before it wakes the agent.
pub const WAKE_AFTER: Duration = Duration::from_millis(250);

/// Voice and agent requests that one node may begin in [`NODE_RUNS_WINDOW`].
pub const NODE_RUNS: usize = 30;
/// See [`NODE_RUNS`].
pub const NODE_RUNS_WINDOW: Duration = Duration::from_secs(60);
/// Characters in a message that a node speaks or sends as an event.
pub const SPOKEN_CHARS: usize = 20_000;
/// Sessions whose wake-up by a system event may be queued. One more is dropped: its event stays
/// until the session's next run.
pub const WAKE_QUEUE: usize = 64;

/// Wake words that are kept.
pub const WAKE_WORDS: usize = 32;
/// UTF-16 units that are kept of a wake word; the apps count those.
pub const WAKE_WORD_UNITS: usize = 64;
/// Characters of a settings document; a real one has a few hundred. With its escapes it fits into
/// [`CALL_PARAMS`](super::CALL_PARAMS).
pub const SETTINGS_CHARS: usize = 32 * 1024;
/// Between two `tick` events: what makes the apps ask for `health`.
pub const TICK_EVERY: Duration = Duration::from_secs(30);

/// How long an agent may take for one answer (`agent.timeout`), if nobody asks for less. What the
/// old gateway gave (protocol section 5.4).
pub const AGENT_TIMEOUT: Duration = Duration::from_secs(600);
/// The longest an answer may be waited for.
pub const AGENT_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Answers an agent works on at once (`agent.maxConcurrent`). Each is a thread here and a process
/// there; a home asks one or two things at a time.
pub const AGENT_RUNS: usize = 4;
/// The most that `agent.maxConcurrent` may be.
pub const AGENT_RUNS_MAX: usize = 64;
/// Messages that wait for an agent (`agent.queue`). The apps give up after two minutes, so a
/// longer queue would be answered to nobody. A quarter is kept for other nodes than the one with the
/// most.
pub const AGENT_QUEUE: usize = 64;
/// The most that `agent.queue` may be.
pub const AGENT_QUEUE_MAX: usize = 1024;
/// Bytes of the messages and attachments that wait for an agent: a few chats with photos.
pub const AGENT_QUEUE_BYTES: usize = 128 * 1024 * 1024;

/// Bytes that an agent may write for one answer (`agent.outputLimit`): as much text as a long book
/// has.
pub const AGENT_OUTPUT: usize = 4 * 1024 * 1024;
/// The most that `agent.outputLimit` may be: with room for escapes it still fits into a line.
pub const AGENT_OUTPUT_MAX: usize = 16 * 1024 * 1024;

/// How long an agent has to leave after it was asked to (SIGTERM), before it is killed.
pub const AGENT_KILL_AFTER: Duration = Duration::from_secs(5);
/// How long the output of an agent is read on after it has ended, for what it started and did not
/// wait for.
pub const AGENT_LINGER: Duration = Duration::from_secs(1);
/// How long a killed process may take to be gone. Only a disk or a network share that hangs makes
/// it take longer.
pub const AGENT_REAP: Duration = Duration::from_secs(1);

/// Tool events of one answer. The apps show each as a chip; the rest is left out.
pub const AGENT_TOOL_EVENTS: usize = 1000;
/// Characters of the reason why an answer failed (protocol section 7.2).
pub const AGENT_ERROR_CHARS: usize = 240;
/// Pictures and addresses that one answer names: an album page.
pub const ANSWER_MEDIA: usize = 8;
/// Bytes of an answer's pictures together. A phone waits 15 s for `chat.history`, which contains them:
/// over a home's slow uplink of 1.5 Mbit/s these take ten.
pub const ANSWER_MEDIA_BYTES: usize = 1_500_000;
/// Bytes of Base64 of the newest pictures in one `chat.history`: those of any one answer.
pub const HISTORY_MEDIA: usize = ANSWER_MEDIA_BYTES / 3 * 4 + 4 * ANSWER_MEDIA;
/// Bytes of a line that may name a picture: the longest path.
pub const MEDIA_LINE: usize = 4096;
/// Lines that one answer's agent may write to the log in one [`LOG_WINDOW`](super::LOG_WINDOW): a long stack trace.
pub const AGENT_LOG_LINES: u32 = 100;
/// Characters in one such line.
pub const AGENT_LOG_CHARS: usize = 500;
/// Characters of a node's text that an agent gets in an environment variable, which the system
/// limits.
pub const AGENT_VARIABLE_CHARS: usize = 1024;
/// Characters of an attachment's name on the node that its file keeps.
pub const ATTACHMENT_NAME_CHARS: usize = 64;

/// How long a program may take that lists models or the programs of skills. Nobody waits for it.
pub const CATALOG_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes that it may write: thousands of models. Every node that asks gets them.
pub const CATALOG_BYTES: usize = 256 * 1024;
/// How old its list is when a node that asks has it run again.
pub const CATALOG_AGE: Duration = Duration::from_secs(5 * 60);
