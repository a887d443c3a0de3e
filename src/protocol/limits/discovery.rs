//! Limits of discovery in the local network.

use std::time::Duration;

/// Service types the bridge is announced as. The apps browse for one; a second and a third exist
/// under the names the project had.
pub const MDNS_TYPES: usize = 8;

/// Interfaces the bridge is announced on; each takes two sockets.
pub const MDNS_INTERFACES: usize = 16;

/// Bytes of a packet that is read (RFC 6762, section 17).
pub const MDNS_PACKET: usize = 9000;

/// Bytes of a packet that is sent: what fits through an Ethernet with room for a tunnel's header.
pub const MDNS_REPLY: usize = 1400;

/// Packets looked at in a second, for each socket. More stay in the kernel, which drops them
/// cheaply; a home with a hundred devices makes a few dozen.
pub const MDNS_PACKETS: u32 = 500;

/// Answers to single askers in a second, for each socket. With it, a forged source address cannot
/// make us flood a machine.
pub const MDNS_UNICAST: u32 = 50;

/// Conflicts in [`MDNS_CONFLICT_WINDOW`] after which the next attempt waits
/// [`MDNS_CONFLICT_PAUSE`] (RFC 6762, section 8.1).
pub const MDNS_CONFLICTS: usize = 15;

/// See [`MDNS_CONFLICTS`].
pub const MDNS_CONFLICT_WINDOW: Duration = Duration::from_secs(10);

/// See [`MDNS_CONFLICTS`].
pub const MDNS_CONFLICT_PAUSE: Duration = Duration::from_secs(5);

/// How often the machine's interfaces are looked at. A new one is announced within this and the
/// second that probing takes.
pub const MDNS_RESCAN: Duration = Duration::from_secs(3);

/// The shortest time between two scans of the interfaces that a packet can cause.
pub const MDNS_RESCAN_MIN: Duration = Duration::from_millis(250);

/// How long an address that this machine has lost still counts as its own: other responders here
/// may announce it a little longer than we see it, or earlier.
pub const MDNS_OWN_ADDRESS_KEPT: Duration = Duration::from_secs(60);

/// How long the goodbye may take when the bridge stops. It takes a millisecond; only a broken
/// driver makes a send hang.
pub const MDNS_STOP: Duration = Duration::from_secs(1);

/// Instances, and hosts, that `discover` remembers. More than a network of homes has.
pub const DISCOVERED: usize = 512;

/// Addresses of one host that `discover` remembers.
pub const DISCOVERED_ADDRESSES: usize = 16;
