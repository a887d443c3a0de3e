//! Sockets of mDNS: one for each interface and family, which hears and reaches that link only.
//!
//! Bound to the group's address and without SO_REUSEPORT, because unicast to port 5353 belongs to
//! whatever else is on this machine: avahi keeps all of it.

use super::responder::{LinkId, PORT};
use rustix::net::sockopt::set_ip_multicast_if_with_ifindex;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// What every packet must have, as proof that no router has passed it on (RFC 6762, section 11).
const HOPS: u32 = 255;

/// Where everybody on the link hears it.
pub(super) fn group(link: LinkId) -> SocketAddr {
    if link.v6 {
        SocketAddrV6::new(GROUP_V6, PORT, 0, link.index).into()
    } else {
        SocketAddr::new(IpAddr::V4(GROUP_V4), PORT)
    }
}

/// A socket for one link.
pub(super) fn open(link: LinkId) -> io::Result<UdpSocket> {
    let domain = if link.v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if link.v6 {
        socket.set_only_v6(true)?;
        // Only what was joined here, not what anybody on this machine has joined.
        socket.set_multicast_all_v6(false)?;
        socket.set_multicast_if_v6(link.index)?;
        socket.set_multicast_hops_v6(HOPS)?;
        socket.set_unicast_hops_v6(HOPS)?;
        socket.set_multicast_loop_v6(true)?;
    } else {
        socket.set_multicast_all_v4(false)?;
        let any = Ipv4Addr::UNSPECIFIED;
        set_ip_multicast_if_with_ifindex(&socket, &any, &any, link.index)?;
        socket.set_multicast_ttl_v4(HOPS)?;
        socket.set_ttl_v4(HOPS)?;
        socket.set_multicast_loop_v4(true)?;
    }
    socket.bind(&group(link).into())?;
    if link.v6 {
        socket.join_multicast_v6(&GROUP_V6, link.index)?;
    } else {
        let interface = InterfaceIndexOrAddress::Index(link.index);
        socket.join_multicast_v4_n(&GROUP_V4, &interface)?;
    }
    Ok(socket.into())
}
