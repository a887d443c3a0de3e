//! Limits of connections, frames, pairing, calls and invokes.

use std::time::Duration;

/// Bytes in one line before the node is admitted. A `hello` is 1 to 4 KB; the rest is room for long lists.
pub const LINE_UNAUTHENTICATED: usize = 64 * 1024;
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
/// Bytes read from a socket at once. Every idle node holds one such buffer on its thread's stack,
/// of which three pages are used with this, and four with 4 KiB.
pub const READ_BUFFER: usize = 3 * 1024 + 512;
/// Bytes of encoded frames gathered before they are written. Also the size to which the buffer
/// shrinks back after a large frame.
pub const WRITE_BUFFER: usize = 16 * 1024;
/// A payload of more bytes is not copied into an operator's line but written from where it is.
pub const SHARED_BODY: usize = 64 * 1024;

/// Connections in all, admitted or not (`bridge.limits.connections`). Each costs a thread, two
/// descriptors and about 20 KiB; a home has a dozen, so this only stops a runaway.
pub const CONNECTIONS: usize = 4096;
/// Connections that have not been admitted (`bridge.limits.strangers`). When one more arrives,
/// the oldest idle one of the origin (address, or IPv6 /64) with the most of them is closed, so
/// that a flood cannot lock out a paired phone.
pub const UNAUTHENTICATED_CONNECTIONS: usize = 256;
/// How long a connection may stay without being admitted or waiting for an approval. The apps
/// say hello within milliseconds; TLS on a slow phone takes a few seconds.
pub const GREETING_DEADLINE: Duration = Duration::from_secs(30);
/// Refused frames (wrong token, not authenticated) that one connection may collect before it is
/// closed. The apps need two.
pub const REFUSALS: u32 = 8;
/// Wrong tokens that one origin (address, or IPv6 /64) may present at once for one paired node, or
/// for all ids that are not paired; then the next one has to wait for [`WRONG_TOKEN_EVERY`]. A
/// phone whose pairing was revoked tries every few seconds, for ever, and there may be several.
pub const WRONG_TOKENS: u32 = 20;
/// See [`WRONG_TOKENS`].
pub const WRONG_TOKEN_EVERY: Duration = Duration::from_millis(500);
/// Origins and nodes for which wrong tokens are counted.
pub const GUESSERS: usize = 1024;
/// Frames of any kind that a connection may send before it is admitted. Pairing takes two; a node
/// that answers pings while it waits, a few more.
pub const UNAUTHENTICATED_FRAMES: u32 = 64;

/// Pairing requests waiting for the operator, in all (`bridge.limits.pendingPairings`). More than
/// a person can look at. One more takes the place of the oldest that nobody waits for any more, of
/// the most crowded origin; so that a flood cannot hide a phone.
pub const PENDING_PAIRINGS: usize = 32;
/// Pairing requests waiting for the operator from one address; on loopback, where SSH tunnels
/// arrive, from one node id (`bridge.limits.pendingPairingsPerAddress`).
pub const PENDING_PAIRINGS_PER_ADDRESS: usize = 4;
/// Between two requests that take the place of others. Each is a write to the disk, for which
/// everybody waits, and an attacker with many IPv6 networks has no address that cools down.
pub const EVICTION_EVERY: Duration = Duration::from_millis(250);
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
/// How long an address (or IPv6 /64) whose request was rejected has to wait before its next one is
/// shown, whatever its node id; doubles with every repetition. Short: a second phone in the same
/// home, or behind the same proxy, is held as well.
pub const ORIGIN_COOL_DOWN: Duration = Duration::from_secs(2);
/// Where the doubling of [`ORIGIN_COOL_DOWN`] ends: below the minute that the apps wait, so that
/// an honest phone is still shown in time; a person can bear to reject one in this time.
pub const ORIGIN_COOL_DOWN_MAX: Duration = Duration::from_secs(40);
/// After this long without a rejection, an origin's cool-down starts again at its shortest.
pub const ORIGIN_COOL_DOWN_FORGOTTEN: Duration = Duration::from_secs(10 * 60);
/// Cool-downs remembered at once, of nodes and of origins; the one that ends first is forgotten first.
pub const COOL_DOWNS: usize = 256;
/// How long what a node says about itself may wait to be saved, if nothing else is. However often
/// nodes change it, the file is not written for it more often than this; a power cut loses a
/// version or a list of commands, which the next hello brings again.
pub const PROFILES_SAVED_AFTER: Duration = Duration::from_secs(60);
/// Paired nodes (`bridge.limits.pairedNodes`). The file is rewritten whole, so it must stay small.
pub const PAIRED_NODES: usize = 4096;

/// Characters in a node id.
pub const NODE_ID_CHARS: usize = 128;
/// Characters in a name, version, command or any other short text that a node sends about itself.
/// What describes the node is cut; an id, a name of the protocol or a token that is longer makes the
/// frame a bad one. The apps' ids are UUIDs, tokens have 32 characters.
pub const SHORT_TEXT_CHARS: usize = 256;
/// Characters that are kept of the text of the other side's error: more than a screen shows.
pub const ERROR_CHARS: usize = 4096;
/// Characters of the shortest token that an operator can make valid again. All gateways have made
/// tokens of 32; a shorter one is no gateway's, and could be guessed.
pub const STALE_TOKEN_CHARS: usize = 32;
/// Entries in a list or map that a node sends about itself.
pub const PROFILE_ENTRIES: usize = 128;

/// Unanswered requests of a node at which its connection is not read any more. Not an error: the
/// node is slowed down by TCP until answers have gone out.
pub const UNANSWERED: usize = 64;
/// Bytes of answers that may wait for a node before its connection is not read any more.
pub const UNREAD_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Bytes in the parameters of a request, unless it carries a message, which may fill its line: the
/// apps send a few hundred.
pub const CALL_PARAMS: usize = 64 * 1024;
/// How long the gateway may take to answer a request; then the node gets UNAVAILABLE. Longer than
/// any timeout in the apps (35 s), so that it only catches a backend that hangs.
pub const CALL_DEADLINE: Duration = Duration::from_secs(60);
/// Threads that call the backend: for requests of nodes and operators, and for nodes' events.
pub const WORKERS: usize = 4;
/// Of these, how many work for one node at once (or for the operators): one that changes something
/// and one that reads something, as the apps do. The others are there for the others.
pub const TASKS_AT_WORK: usize = WORKERS / 2;
/// Requests and events of one node that wait for a worker: those of a connection with
/// [`UNANSWERED`] requests, those of the connection before it, and a burst of events. One more
/// request is answered UNAVAILABLE, one more event is dropped.
pub const TASKS_WAITING: usize = 256;
/// Bytes of all that waits for a worker, which the nodes share: a line as long as it may be fits
/// into the share of the first.
pub const TASK_QUEUE_BYTES: u64 = 4 * (LINE_NODE as u64 + TASK_BYTES);
/// Bytes that count for a waiting request or event besides its text.
pub const TASK_BYTES: u64 = 512;

/// Inputs waiting for the router. Posting one more blocks: a flooding node is slowed by TCP.
pub const INBOX: usize = 1024;

/// Inputs that the router handles before what they led to is sent, if more are waiting. Each
/// connection is then written to once for all of them.
pub const INPUT_BATCH: usize = 64;

/// How long the router looks for the next input before it sleeps. About what waking a thread on
/// another core costs; an idle bridge spends nothing.
pub const STAY_AWAKE: Duration = Duration::from_micros(20);
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
/// Of that, how long the end of the stream may stay behind an error.
pub const ERROR_HEAD_START: Duration = Duration::from_millis(250);
/// See [`LINGER`].
pub const LINGER_BYTES: usize = 1024 * 1024;

/// A node that has been silent this long is pinged.
pub const PING_AFTER: Duration = Duration::from_secs(45);
/// A node that has been silent this long is dropped, unless it is busy with an invoke.
pub const DROP_AFTER: Duration = Duration::from_secs(180);
/// While a long line is arriving, the router gets an activity input this often.
pub const ACTIVITY_INTERVAL: Duration = Duration::from_secs(15);
/// How long after a disconnect operators hear of it. iOS connects twice for every connect.
pub const ABSENCE_GRACE: Duration = Duration::from_secs(2);
/// How long a node's chat subscriptions outlive its connection: the apps' talk mode does not
/// subscribe again after a short loss (protocol section 2.5).
pub const SUBSCRIPTION_GRACE: Duration = Duration::from_secs(60);

/// Chat subscriptions of one node; each spelling of a session key is one.
pub const SUBSCRIPTIONS: usize = 64;
/// Spellings of one session key that a node may subscribe with, because each event is sent once
/// under each. The apps know two: `main` and `agent:main:main`.
pub const SPELLINGS: usize = 4;
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

/// Operators connected to the control socket.
pub const OPERATORS: usize = 32;
/// Requests to reload or to change the log level that wait for the supervisor.
pub const SUPERVISOR_TASKS: usize = 16;
/// Requests of one operator that may be under way.
pub const OPERATOR_REQUESTS: usize = 16;

/// How long connections may take to end when the program does: [`CLOSE_FLUSH`], [`LINGER`], and a
/// little more.
pub const STOP_DEADLINE: Duration = Duration::from_millis(1800);
/// How long the backend's runs may take to end when the program does; then they are killed. With
/// what the connections may take, a stop stays below three seconds.
pub const STOP_BACKEND: Duration = Duration::from_millis(100);

/// Log lines of one kind that one origin of unauthenticated connections, or one node, may cause in
/// one [`LOG_WINDOW`].
pub const LOG_BURST: u32 = 10;
/// Origins whose lines are counted for each of them; what others cause is counted together. With
/// it, an attacker with many addresses fills some KiB of log in a minute.
pub const LOG_SOURCES: usize = 64;
/// Characters of what an unauthenticated connection calls itself, in one line: enough for a person.
pub const LOG_NAME_CHARS: usize = 64;
/// See [`LOG_BURST`].
pub const LOG_WINDOW: Duration = Duration::from_secs(60);

/// Bytes of stack for a thread that serves one connection; about 12 KiB of it are used, more in
/// unoptimised frames. The system keeps up to 40 MiB of stacks whose threads have ended, with what
/// was used of them: the larger the stacks, the fewer are kept.
pub const STACK: usize = if cfg!(debug_assertions) { 512 * 1024 } else { 256 * 1024 };

/// Connections that wait in the kernel to be accepted. The usual 128 cost nodes a second of silence
/// in a burst.
pub const LISTEN_BACKLOG: i32 = 1024;
/// How long a connection is silent before the kernel probes it (protocol section 1.3).
pub const TCP_KEEPALIVE: Duration = Duration::from_secs(15);
/// How long accepting pauses when descriptors or memory are short.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Inputs of the router that are logged if it panics: enough to see what led to it.
pub const JOURNAL_INPUTS: usize = 64;
/// Connections that the limit on open files has to allow. A bridge that could serve fewer would
/// seem to run and refuse everybody.
pub const CONNECTIONS_MIN: usize = 16;
/// Bytes in the configuration file.
pub const CONFIG_BYTES: u64 = 4 * 1024 * 1024;
