//! How nodes find the bridge: by mDNS in the local network, or in a DNS zone beyond it (protocol
//! section 10).
//!
//! Floor 2. simple-mdns and its codec simple-dns make the records, names and packets; sockets,
//! thread and responder are our own. In network namespaces beside avahi, python-zeroconf and
//! mdns-sd, the sockets of simple-mdns failed as follows:
//!
//! * Its one-shot query found nobody without a default route, and lost answers on a host with an
//!   avahi.
//! * Its responder binds 0.0.0.0:5353 a second time and takes unicast mDNS away from an avahi on
//!   the same host (0 of 30 queries answered). One failed send, as at boot without a route, ends its
//!   thread for good. It announces only on the network of the default route, does not probe,
//!   compares names case-sensitively, and withdraws a service with a TTL of 120 instead of 0.
//! * Its `InstanceInformation` puts the addresses under the instance's name instead of the host's,
//!   and its TXT maps lose the order and the case of the keys. So only its conversions to address
//!   and SRV records are used.

mod advertiser;
#[cfg(feature = "cli")]
pub(crate) mod browse;
#[cfg(feature = "cli")]
mod browse_results;
#[cfg(feature = "cli")]
pub(crate) mod coredns;
mod datagram;
#[cfg(fuzzing)]
mod fuzz;
mod interfaces;
pub(crate) mod local_name;
mod mdns_thread;
mod netlink;
pub(crate) mod profile;
mod rate_limit;
mod responder;
pub(crate) mod service;
mod sockets;
pub(crate) mod tailscale;
pub(crate) mod zone;
pub(crate) mod zone_file;

pub(crate) use advertiser::Advertiser;
#[cfg(feature = "cli")]
pub(crate) use browse_results::DiscoveredBridge;
#[cfg(fuzzing)]
pub use fuzz::mdns as fuzz_mdns;
#[cfg(feature = "cli")]
pub(crate) use interfaces::reachable;
pub(crate) use interfaces::InterfaceSelection;
pub(crate) use mdns_thread::AnnouncementState;
pub(crate) use profile::Profile;
pub(crate) use service::{Announcement, Service};
