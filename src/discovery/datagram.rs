//! mDNS datagrams, and the interfaces and address families they belong to. Pure data.

use std::net::SocketAddr;

/// The port of mDNS. Queries from other ports come from legacy resolvers (RFC 6762, section 6.7).
pub(super) const MDNS_PORT: u16 = 5353;

/// An interface and an address family; each pair has a socket and a responder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InterfaceId {
    pub(super) index: u32,
    pub(super) v6: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transmit {
    pub(super) interface: InterfaceId,
    /// `None` is the multicast group.
    pub(super) to: Option<SocketAddr>,
    pub(super) bytes: Vec<u8>,
}
