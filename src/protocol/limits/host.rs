//! Limits of a node that runs programs for the gateway (protocol section 8).

use std::time::Duration;

/// Invokes that a node carries out at once. A person or a schedule needs one or two; one more is
/// refused at once, so that a flood costs the node nothing but the refusals.
pub const HOST_INVOKES: usize = 8;
/// Bytes of the parameters of a `system.*` command. The system takes 2 MiB of arguments at most.
pub const HOST_PARAMS: usize = 1024 * 1024;

/// Bytes of what one program writes, on both its outputs, that are kept (protocol section 1.2).
pub const RUN_OUTPUT: usize = 200_000;
/// Characters at the end of the output that go into `exec.finished`. Written as escapes they
/// still fit into [`EVENT_BYTES_EXEC_FINISHED`](super::EVENT_BYTES_EXEC_FINISHED).
pub const RUN_EVENT_CHARS: usize = 20_000;
/// Characters of the command line in an event: what a person reads of it.
pub const RUN_COMMAND_CHARS: usize = 1000;

/// How long a program of `system.run` may take if the gateway does not say. The old node host had
/// no limit, and a program that hangs kept its place for ever.
pub const RUN_TIME: Duration = Duration::from_secs(10 * 60);
/// The longest the gateway may ask for.
pub const RUN_TIME_MAX: Duration = Duration::from_secs(60 * 60);
/// How long a program has to leave after it was asked to (SIGTERM), before its whole process
/// group is killed.
pub const RUN_KILL_AFTER: Duration = Duration::from_secs(2);
/// How long the output of a program is read on after it has ended, for what it started and did
/// not wait for.
pub const RUN_LINGER: Duration = Duration::from_millis(250);
/// Names of ignored variables that one line of the log shows.
pub const VARIABLES_NAMED: usize = 8;
/// Programs that one `system.which` may ask for: the gateway asks for those its skills need.
pub const WHICH_BINS: usize = 256;

/// Bytes in the exec-approvals file. It is read for every run, and each of its patterns is
/// compared with the program.
pub const APPROVALS_BYTES: usize = 256 * 1024;
/// Agents with entries of their own in that file; a gateway has a handful.
pub const APPROVALS_AGENTS: usize = 64;
/// Patterns in that file. With [`APPROVALS_AGENTS`], what a change would allow is found out
/// within a second, whatever the gateway sends.
pub const APPROVALS_PATTERNS: usize = 1024;
/// When and for what a pattern was used last is written this often, so that a busy gateway does
/// not wear out the memory card of the node.
pub const APPROVALS_USE_EVERY: Duration = Duration::from_secs(60);

/// Reports of finished programs that wait for a new connection; as many as the gateway keeps.
pub const REPORTS_KEPT: usize = super::SYSTEM_EVENTS;
/// How long the gateway's list of skill programs counts (protocol section 2.6).
pub const SKILLS_FRESH: Duration = Duration::from_secs(90);
/// How long the gateway may take to tell it (protocol section 2.6).
pub const SKILLS_DEADLINE: Duration = Duration::from_secs(5);
/// Names in that list.
pub const SKILLS: usize = 1024;

/// Characters in the title and in the text of a notification: more than any screen shows.
pub const NOTIFICATION_CHARS: usize = 2000;
/// How long the program that shows notifications may take.
pub const NOTIFICATION_TIME: Duration = Duration::from_secs(10);

/// Bytes that may wait for a gateway: as many answers as there are invokes under way, each as long
/// as a line may be, and one line more.
pub const HOST_OUTBOX_BYTES: usize = (HOST_INVOKES + 1) * super::LINE_NODE;
/// How long a quiet gateway is left alone before a node pings it. Home routers forget a quiet
/// connection after minutes.
pub const HOST_PING_AFTER: Duration = Duration::from_secs(30);
/// How long a gateway may be silent before a node gives it up: two pings may go unanswered.
pub const HOST_LOST_AFTER: Duration = Duration::from_secs(90);
/// How long an address of the gateway may take to accept a connection, and then the TLS
/// handshake; as long as the old apps waited.
pub const HOST_CONNECT: Duration = Duration::from_secs(8);
/// How long the gateway may take to answer `hello`, and to follow `pair-ok` with `hello-ok`. The
/// old apps wait 6 to 10 s; a gateway that punishes guessing by delay may take longer.
pub const HOST_HELLO: Duration = Duration::from_secs(20);
/// How long a node waits for an approval: longer than the gateway keeps the request, so that it
/// is the gateway that reports the expiry.
pub const HOST_APPROVAL: Duration =
    Duration::from_secs(super::PAIRING_TTL.as_secs() + HOST_HELLO.as_secs());

/// How long a handler program of `node` may run by default.
pub const HANDLER_TIME: Duration = Duration::from_secs(60);
/// How long `node` waits for the answer to a request: longer than
/// [`CALL_DEADLINE`](super::CALL_DEADLINE), after which the gateway answers an error.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(90);
/// Bytes of a handler program's result: more does not fit into a line once it is escaped.
pub const HANDLER_OUTPUT: usize = 16 * 1024 * 1024;

/// Bytes in an identity file. A real one has a few hundred.
pub const IDENTITY_BYTES: u64 = 64 * 1024;
/// How long a node waits before it connects again for the first time: long enough for a gateway
/// that restarts, short enough not to be noticed.
pub const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// Where the doubling of that wait ends: a gateway that comes back is found within this time.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How long an admitted connection has to live for the waits to start again at
/// [`BACKOFF_MIN`]. A gateway that admits and drops at once must not be flooded.
pub const BACKOFF_RESET: Duration = Duration::from_secs(30);
