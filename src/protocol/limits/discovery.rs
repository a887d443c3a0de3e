//! Limits of discovery, and of what else follows the machine's addresses: listeners and the
//! wide-area zone.

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
/// Packets read in a second, for each socket. More stay in the kernel, which drops them cheaply; a
/// home with a hundred devices makes a few dozen.
pub const MDNS_PACKETS: u32 = 2000;
/// Bytes of the packets that are parsed in a second, for each socket; of more, small packets are
/// parsed first. Parsing 9000 bytes can take a millisecond, so this is about a hundredth of a core.
pub const MDNS_PARSED_BYTES: u32 = 128 * 1024;
/// The same for one source: a reflector repeats what a whole network says.
pub const MDNS_SOURCE_BYTES: u32 = 32 * 1024;
/// Bytes that a packet counts for besides its own.
pub const MDNS_PACKET_COST: u32 = 64;
/// Sources that are told apart in a second. More share one limit.
pub const MDNS_SOURCES: usize = 256;
/// Questions and records in a packet that is parsed; what fits through an Ethernet has a hundred.
pub const MDNS_RECORDS: usize = 256;
/// Answers to single askers in a second, for each socket. With it, a forged source address cannot
/// make us flood a machine.
pub const MDNS_UNICAST: u32 = 50;
/// How long to ask the local network for the addresses of a `.local` name: for three questions, as
/// multicast gets lost on wireless networks.
pub const MDNS_RESOLVE: Duration = Duration::from_secs(3);
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
