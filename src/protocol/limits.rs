//! Every number in the program, each with its reason. Nothing elsewhere may be unbounded.
//!
//! Those an operator may want to change are the defaults of `bridge.limits.*` in the
//! configuration; the others follow from the protocol or from what the old clients can bear.

use std::time::Duration;

/// Bytes in one line from a stranger. A `hello` is 1 to 4 KB; the rest is room for long lists.
pub const LINE_STRANGER: usize = 64 * 1024;

/// Bytes in one line from an admitted node: a canvas snapshot of a large screen is about 16 MiB,
/// a chat message with photos can be more.
pub const LINE_NODE: usize = 32 * 1024 * 1024;

/// Bytes in one line while the node was asked for a recording: a minute of screen video is up to
/// 121 MB of base64.
pub const LINE_RECORDING: usize = 160 * 1024 * 1024;

/// Bytes in one line on the control socket: `nodes invoke` with a canvas program as parameters.
pub const LINE_OPERATOR: usize = 32 * 1024 * 1024;

/// A line buffer larger than this is given back after the line was handled.
pub const LINE_BUFFER_KEPT: usize = 16 * 1024;

/// Bytes read from a socket at once. Small, because every idle node holds one such buffer.
pub const READ_BUFFER: usize = 4 * 1024;

/// Bytes of encoded frames gathered before they are written. Also the size to which the buffer
/// shrinks back after a large frame.
pub const WRITE_BUFFER: usize = 16 * 1024;

/// Connections in all, admitted or not (`bridge.limits.connections`). Each costs a thread, two
/// descriptors and about 20 KiB; a home has a dozen, so this only stops a runaway.
pub const CONNECTIONS: usize = 4096;

/// Connections that have not been admitted (`bridge.limits.strangers`). When one more arrives,
/// the oldest silent stranger of the most crowded address makes room, so that a crowd of
/// strangers cannot lock out a paired phone.
pub const STRANGERS: usize = 256;

/// How long a connection may stay without being admitted or waiting for an approval. The apps
/// say hello within milliseconds; TLS on a slow phone takes a few seconds.
pub const GREETING_DEADLINE: Duration = Duration::from_secs(30);

/// Refused frames (wrong token, not authenticated) that one connection may collect before it is
/// closed. The apps need two.
pub const REFUSALS: u32 = 8;

/// Frames of any kind that a connection may send before it is admitted. Pairing takes two; a node
/// that answers pings while it waits, a few more.
pub const STRANGER_FRAMES: u32 = 64;

/// Pairing requests waiting for the operator, in all (`bridge.limits.pendingPairings`). More than
/// a person can look at.
pub const PENDING_PAIRINGS: usize = 32;

/// Pairing requests waiting for the operator from one address; on loopback, where SSH tunnels
/// arrive, from one node id (`bridge.limits.pendingPairingsPerAddress`).
pub const PENDING_PAIRINGS_PER_ADDRESS: usize = 4;

/// How long a pairing request waits for the operator (protocol section 4.2).
pub const PAIRING_TTL: Duration = Duration::from_secs(5 * 60);

/// How long an approval waits for a node that was not connected when it was given. The mobile
/// apps give up after a minute and ask again when their owner opens them.
pub const APPROVAL_KEPT: Duration = Duration::from_secs(10 * 60);

/// How long a rejected or expired node has to wait before its next request is shown; doubles with
/// every repetition.
pub const COOL_DOWN: Duration = Duration::from_secs(30);

/// Where the doubling of [`COOL_DOWN`] ends.
pub const COOL_DOWN_MAX: Duration = Duration::from_secs(10 * 60);

/// After this long without a rejection, the cool-down of a node starts again at its shortest.
pub const COOL_DOWN_FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// Cool-downs remembered at once; the one that ends first is forgotten first.
pub const COOL_DOWNS: usize = 256;

/// Paired nodes (`bridge.limits.pairedNodes`). The file is rewritten whole, so it must stay small.
pub const PAIRED_NODES: usize = 4096;

/// Characters in a node id.
pub const NODE_ID_CHARS: usize = 128;

/// Characters in a name, version, command or any other short text that a node sends about itself.
pub const SHORT_TEXT_CHARS: usize = 256;

/// Entries in a list or map that a node sends about itself.
pub const PROFILE_ENTRIES: usize = 128;

/// Answers a node may be owed before its connection is not read any more. Not an error: the node
/// is slowed down by TCP until answers have gone out.
pub const UNANSWERED: usize = 64;

/// Bytes of answers that may wait for a node before its connection is not read any more.
pub const UNREAD_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// How long the gateway may take to answer a request; then the node gets UNAVAILABLE. Longer than
/// any timeout in the apps (35 s), so that it only catches a backend that hangs.
pub const CALL_DEADLINE: Duration = Duration::from_secs(60);

/// Requests waiting for a worker. One more is answered UNAVAILABLE.
pub const CALL_QUEUE: usize = 4096;

/// Bytes of parameters of the requests waiting for a worker.
pub const CALL_QUEUE_BYTES: usize = 256 * 1024 * 1024;

/// Threads that run the backend's calls.
pub const CALL_WORKERS: usize = 4;

/// Notices (a node came, went, said something) waiting for the backend.
pub const NOTICE_QUEUE: usize = 1024;

/// Inputs waiting for the router. Whoever has one more waits: a flooding node is slowed by TCP.
pub const INBOX: usize = 1024;

/// Frames that may wait for one node or operator. One more closes the connection as too slow.
pub const OUTBOX_FRAMES: usize = 1024;

/// Bytes that may wait for one node or operator (a recording on its way to an operator is larger
/// and may go out alone). More closes the connection as too slow.
pub const OUTBOX_BYTES: usize = 32 * 1024 * 1024;

/// Above this many waiting bytes, frames that will be superseded (`tick`, `health`, `agent`, chat
/// deltas) are dropped instead of queued.
pub const OUTBOX_PRESSURE_BYTES: usize = 1024 * 1024;

/// A node that takes nothing of what waits for it for this long is dropped. iOS and Android do
/// not read while they carry out an invoke: up to a minute of recording, and a person to ask.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(180);

/// How long a closing connection may take to accept its last frames.
pub const CLOSE_FLUSH: Duration = Duration::from_secs(1);

/// How long, and how many bytes, a closed connection is read on, so that the last frame is not
/// destroyed by a reset.
pub const LINGER: Duration = Duration::from_millis(500);

/// See [`LINGER`].
pub const LINGER_BYTES: usize = 1024 * 1024;

/// A node that has been silent this long is pinged.
pub const PING_AFTER: Duration = Duration::from_secs(45);

/// A node that has been silent this long is dropped, unless it is busy with an invoke.
pub const DROP_AFTER: Duration = Duration::from_secs(180);

/// While a long line is arriving, the router is told this often that the node is alive.
pub const HEARD_EVERY: Duration = Duration::from_secs(15);

/// How long after a disconnect operators are told. iOS connects twice for every connect.
pub const ABSENCE_GRACE: Duration = Duration::from_secs(2);

/// How long a node's chat subscriptions outlive its connection: the apps' talk mode does not
/// subscribe again after a short loss (protocol section 2.5).
pub const SUBSCRIPTION_GRACE: Duration = Duration::from_secs(60);

/// Chat subscriptions of one node.
pub const SUBSCRIPTIONS: usize = 64;

/// Characters in a session key.
pub const SESSION_KEY_CHARS: usize = 256;

/// Chat sessions in the store; one more is refused. The file is rewritten whole for every
/// message, so it must stay small.
pub const SESSIONS: usize = 4096;

/// Bytes of the session store. An imported one with snapshots of skills has a few KB per session.
pub const SESSIONS_BYTES: usize = 64 * 1024 * 1024;

/// Characters in a session's label (protocol section 5.3).
pub const SESSION_LABEL_CHARS: usize = 64;

/// How long `sessions.delete` waits for a run to end (protocol section 5.3).
pub const SESSION_ABORT_PATIENCE: Duration = Duration::from_secs(15);

/// Transcript lines that `sessions.compact` keeps unless told otherwise (protocol section 5.3).
pub const COMPACT_LINES: u64 = 400;

/// Bytes in one transcript line: a message that fits in [`LINE_NODE`], and what is put around it.
pub const TRANSCRIPT_LINE: usize = LINE_NODE + 64 * 1024;

/// Bytes read from a transcript at once, from its end: 200 messages of a usual length.
pub const TRANSCRIPT_BLOCK: usize = 64 * 1024;

/// Bytes in the name of a transcript. File systems bear 255; the rest is for what is put behind it
/// when the file is put aside.
pub const TRANSCRIPT_NAME: usize = 200;

/// Transcripts that can be written at the same time: more than there are threads that do.
pub const TRANSCRIPT_WRITERS: usize = 16;

/// Lines looked at from the end of a transcript for the id that a new message follows. More only
/// if they are damaged.
pub const TRANSCRIPT_PARENT_LINES: usize = 16;

/// Messages that `chat.history` returns at most (protocol section 5.4).
pub const HISTORY_MESSAGES: usize = 1000;

/// Bytes of messages that `chat.history` returns; one message may be larger (protocol section
/// 5.4).
pub const HISTORY_BYTES: usize = 6 * 1024 * 1024;

/// Bytes read for one `chat.history`. Enough for the longest line and what is behind it; the rest
/// of a transcript that holds nothing but damaged lines is left alone.
pub const HISTORY_SCAN_BYTES: usize = 64 * 1024 * 1024;

/// Bytes in the payload of an event from a node (`exec.finished` carries program output).
pub const EVENT_BYTES: usize = 64 * 1024;

/// See [`EVENT_BYTES`].
pub const EVENT_BYTES_EXEC_FINISHED: usize = 128 * 1024;

/// How long a node may take to answer an invoke, if the operator does not say.
pub const INVOKE_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest an operator may ask to wait.
pub const INVOKE_TIMEOUT_MAX: Duration = Duration::from_secs(15 * 60);

/// Invokes under way in all.
pub const INVOKES: usize = 256;

/// Invokes under way or queued for one node.
pub const INVOKES_PER_NODE: usize = 16;

/// Finished invokes remembered for their idempotency keys.
pub const INVOKES_REMEMBERED: usize = 256;

/// How long a finished invoke is remembered for its idempotency key.
pub const INVOKE_REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// Bytes of a finished invoke's payload that are remembered; of a larger one only that it is done.
pub const INVOKE_REMEMBERED_BYTES: usize = 64 * 1024;

/// Decoded bytes of one attachment (protocol section 5.4); the apps shrink their images to it.
pub const ATTACHMENT_BYTES: usize = 5_000_000;

/// Between two deltas of one run. The apps do not look at more.
pub const DELTA_EVERY: Duration = Duration::from_millis(150);

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

/// Conversations for which system events wait.
pub const SYSTEM_EVENT_SESSIONS: usize = 256;

/// How long a system event waits for company before it wakes the agent.
pub const WAKE_AFTER: Duration = Duration::from_millis(250);

/// Voice and agent requests that one node may begin in [`NODE_RUNS_WINDOW`].
pub const NODE_RUNS: usize = 30;

/// See [`NODE_RUNS`].
pub const NODE_RUNS_WINDOW: Duration = Duration::from_secs(60);

/// Characters in a message that a node speaks or sends as an event.
pub const SPOKEN_CHARS: usize = 20_000;

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
/// longer queue would be answered to nobody.
pub const AGENT_QUEUE: usize = 32;

/// The most that `agent.queue` may be.
pub const AGENT_QUEUE_MAX: usize = 1024;

/// Bytes of the messages and attachments that wait for an agent: a few chats with photos.
pub const AGENT_QUEUE_BYTES: usize = 128 * 1024 * 1024;

/// Bytes that an agent may write for one answer (`agent.outputLimit`): a thick book.
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

/// A growing answer is told this often: faster than anybody reads, seldom enough for a phone.
pub const AGENT_TEXT_EVERY: Duration = Duration::from_millis(50);

/// Tool events of one answer. The apps show each as a chip; the rest is left out.
pub const AGENT_TOOL_EVENTS: usize = 1000;

/// Characters of the reason why an answer failed (protocol section 7.2).
pub const AGENT_ERROR_CHARS: usize = 240;

/// Lines that one answer's agent may write to the log in one [`LOG_WINDOW`]: a long stack trace.
pub const AGENT_LOG_LINES: u32 = 100;

/// Characters in one such line.
pub const AGENT_LOG_CHARS: usize = 500;

/// Operators connected to the control socket.
pub const OPERATORS: usize = 32;

/// Requests of one operator that may be under way.
pub const OPERATOR_REQUESTS: usize = 16;

/// How long connections may take to end when the program does: [`CLOSE_FLUSH`], [`LINGER`], and a
/// little more.
pub const STOP_DEADLINE: Duration = Duration::from_millis(1800);

/// How long the backend's runs may take to end when the program does; then they are killed. With
/// what the connections may take, a stop stays below three seconds.
pub const STOP_BACKEND: Duration = Duration::from_millis(100);

/// Log lines of one kind that strangers may cause in one [`LOG_WINDOW`].
pub const LOG_BURST: u32 = 10;

/// See [`LOG_BURST`].
pub const LOG_WINDOW: Duration = Duration::from_secs(60);

/// Bytes of stack for a thread that serves one connection; it holds no recursion and no large
/// buffer. Unoptimised frames are larger.
pub const STACK: usize = if cfg!(debug_assertions) { 512 * 1024 } else { 128 * 1024 };
