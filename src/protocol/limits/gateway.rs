//! Limits of the connections to a current OpenClaw gateway (`backend.kind: "openclaw"`).

use std::time::Duration;

/// Bytes in one message from the gateway. The longest are chat histories with pictures; it takes
/// 25 MiB itself, and says so when a connection begins.
pub const GATEWAY_MESSAGE: usize = 32 * 1024 * 1024;
/// Bytes in one message to a gateway that does not say how many it takes: what every version since
/// January 2026 has taken.
pub const GATEWAY_PAYLOAD: usize = 25 * 1024 * 1024;
/// Bytes left free below what the gateway takes: one byte more, and it closes the connection.
pub const GATEWAY_PAYLOAD_MARGIN: usize = 64 * 1024;
/// Bytes in the gateway's answer to the HTTP request that begins a connection.
pub const GATEWAY_UPGRADE: usize = 16 * 1024;
/// How long the gateway may take for each step until it has admitted a connection. It gives up
/// after 15 s itself.
pub const GATEWAY_LOGIN: Duration = Duration::from_secs(15);
/// A gateway that was not heard for this long is dead: it pings every 25 s.
pub const GATEWAY_SILENCE: Duration = Duration::from_secs(60);
/// How long the gateway may take to answer a request. One that never answers is left, and found
/// again by the next connection.
pub const GATEWAY_ANSWER: Duration = Duration::from_secs(30);
/// How long a node waits that the gateway has to approve first: somebody may have just done it. Its
/// request expires 5 minutes after the last attempt.
pub const GATEWAY_PAIRING_RETRY: Duration = Duration::from_secs(10);
/// How long until a token is tried again that the gateway did not take. It locks out an address that
/// has tried ten wrong ones within a minute.
pub const GATEWAY_TOKEN_RETRY: Duration = Duration::from_secs(30);
/// The longest wait until somebody looks whether a gateway that could not be reached is back. The
/// nodes of a bridge wait for that one, so it is one attempt for all of them.
pub const GATEWAY_AWAY_RETRY: Duration = Duration::from_secs(5);
/// How long a gateway that is starting is left alone. It takes 7 to 31 s.
pub const GATEWAY_STARTING: Duration = Duration::from_secs(2);

/// Invokes of the gateway that one node may have under way. Its other requests are refused at
/// once: an agent that is told so can do something else.
pub const GATEWAY_INVOKES_PER_NODE: usize = 8;
/// The same for all nodes: the gateway itself refuses more than some hundred at once.
pub const GATEWAY_INVOKES: usize = 64;
/// Attempts to deliver an invoke's result that the gateway refuses for the moment, which it does
/// under load.
pub const GATEWAY_RESULT_ATTEMPTS: u32 = 6;
/// The wait before the second of these attempts; doubles.
pub const GATEWAY_RESULT_RETRY: Duration = Duration::from_millis(20);

/// Events of one node that wait for the gateway: what somebody said while it restarted, what
/// programs on the node did. One more drops the oldest.
pub const GATEWAY_EVENTS: usize = 64;
/// Bytes of them.
pub const GATEWAY_EVENT_BYTES: usize = 1024 * 1024;
/// The wait before an event that was refused for the moment is sent again; doubles.
pub const GATEWAY_EVENT_RETRY: Duration = Duration::from_millis(100);
/// Where that doubling ends: a node whose commands wait for an approval.
pub const GATEWAY_EVENT_RETRY_MAX: Duration = Duration::from_secs(10);
/// A node whose events are refused for this long although it was approved connects again: the
/// gateway has forgotten the connection. Under load it refuses for some milliseconds.
pub const GATEWAY_REFUSED: Duration = Duration::from_secs(15);
/// Bytes in the file that says how nodes introduced themselves: [`PAIRED_NODES`](super::PAIRED_NODES)
/// of them.
pub const KNOWN_NODES_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes in a file that holds the gateway's token.
pub const GATEWAY_TOKEN_BYTES: u64 = 4096;
/// Spoken messages of one node that wait for the gateway. One more drops the oldest: it would be
/// an answer to a question of long ago.
pub const GATEWAY_MESSAGES: usize = 16;
/// At least so long is between two looks at what the gateway has approved.
pub const GATEWAY_CHECK_EVERY: Duration = Duration::from_millis(500);
/// How often it is looked at while a node waits for an approval. It takes the gateway a millisecond.
pub const GATEWAY_CHECK_WAITING: Duration = Duration::from_secs(2);
/// How often it is looked at otherwise: somebody may have changed the gateway's configuration.
pub const GATEWAY_CHECK_IDLE: Duration = Duration::from_secs(60);
/// How often a node of which the gateway does not take every command connects again: only then does
/// the gateway look whether its configuration allows them now.
pub const GATEWAY_LIMITED: Duration = Duration::from_secs(5 * 60);
