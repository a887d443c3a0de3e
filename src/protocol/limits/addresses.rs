//! Limits of what follows the machine's addresses: listeners and the wide-area zone.

use std::time::Duration;

/// How often the machine's addresses are looked at, where they matter. A tailnet that comes up is
/// used within this time, and looking costs some microseconds.
pub const ADDRESSES_EVERY: Duration = Duration::from_secs(3);

/// How long the `tailscale` program may take to tell this machine's name (protocol section 10.5).
pub const TAILSCALE_TIMEOUT: Duration = Duration::from_millis(1500);

/// How often it is asked again while nothing else has changed: names are changed by hand.
pub const TAILSCALE_EVERY: Duration = Duration::from_secs(10 * 60);

/// How soon it is asked again when it has not answered well.
pub const TAILSCALE_RETRY: Duration = Duration::from_secs(60);

/// Bytes of its answer. Without the peers it is about 3 KB.
pub const TAILSCALE_BYTES: usize = 1024 * 1024;

/// Characters of the zone's domain: with the longest instance name before it, a name has the 255
/// bytes that DNS allows.
pub const DOMAIN_CHARS: usize = 160;

/// Bytes of a zone file that are read; ours has less than 4 KiB.
pub const ZONE_BYTES: u64 = 256 * 1024;

/// Zone files that somebody else has edited and that are kept beside ours.
pub const ZONES_ASIDE: u32 = 100;
