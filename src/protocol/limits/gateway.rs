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
