//! mDNS sockets: one per interface and address family, which sends and receives only there. Bound
//! to the group's address and without SO_REUSEPORT, because unicast to port 5353 belongs to other
//! responders on this machine, such as avahi.

use super::datagram::{InterfaceId, MDNS_PORT};
use super::interfaces::Interface;
use crate::link::Stop;
use crate::protocol::limits;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use rustix::net::sockopt::set_ip_multicast_if_with_ifindex;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::Instant;

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// The hop limit of every packet, which shows that no router has forwarded it (RFC 6762, 11).
const HOPS: u32 = 255;

pub(super) fn group(id: InterfaceId) -> SocketAddr {
    if id.v6 {
        SocketAddrV6::new(GROUP_V6, MDNS_PORT, 0, id.index).into()
    } else {
        SocketAddr::new(IpAddr::V4(GROUP_V4), MDNS_PORT)
    }
}

pub(super) fn open(id: InterfaceId) -> io::Result<UdpSocket> {
    let domain = if id.v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if id.v6 {
        socket.set_only_v6(true)?;
        // Receive only for the group joined here, not for those joined by other sockets.
        socket.set_multicast_all_v6(false)?;
        socket.set_multicast_if_v6(id.index)?;
        socket.set_multicast_hops_v6(HOPS)?;
        socket.set_unicast_hops_v6(HOPS)?;
        socket.set_multicast_loop_v6(true)?;
    } else {
        socket.set_multicast_all_v4(false)?;
        let any = Ipv4Addr::UNSPECIFIED;
        set_ip_multicast_if_with_ifindex(&socket, &any, &any, id.index)?;
        socket.set_multicast_ttl_v4(HOPS)?;
        socket.set_ttl_v4(HOPS)?;
        socket.set_multicast_loop_v4(true)?;
    }
    socket.bind(&group(id).into())?;
    if id.v6 {
        socket.join_multicast_v6(&GROUP_V6, id.index)?;
    } else {
        let interface = InterfaceIndexOrAddress::Index(id.index);
        socket.join_multicast_v4_n(&GROUP_V4, &interface)?;
    }
    Ok(socket.into())
}

/// Asks on every interface, and hears the answers.
pub(super) struct Asker {
    sockets: Vec<(InterfaceId, UdpSocket)>,
    buffer: Vec<u8>,
}

impl Asker {
    /// With a socket for each family of each interface. One that cannot be opened is logged; `None` if
    /// there is no other.
    pub(super) fn open(interfaces: &[Interface]) -> Option<Self> {
        let ids =
            interfaces.iter().flat_map(|interface| interface.ids().map(|id| (id, &interface.name)));
        let open = |(id, name)| match open(id) {
            Ok(socket) => Some((id, socket)),
            Err(error) => {
                log::warn!("discovery: cannot ask on {name}: {error}");
                None
            }
        };
        let sockets: Vec<_> = ids.filter_map(open).collect();
        (!sockets.is_empty()).then(|| Self { sockets, buffer: vec![0; limits::MDNS_PACKET] })
    }

    /// Sends a question to everybody.
    pub(super) fn ask(&self, packet: &[u8]) {
        for (id, socket) in &self.sockets {
            if let Err(error) = socket.send_to(packet, group(*id)) {
                log::debug!("discovery: cannot ask on {id:?}: {error}");
            }
        }
    }

    /// Waits until there are packets, the deadline has passed or `stop` is requested. Hands over each
    /// packet with the index of its interface and its sender.
    pub(super) fn listen(
        &mut self,
        stop: Option<&Stop>,
        deadline: Instant,
        mut take: impl FnMut(u32, SocketAddr, &[u8]),
    ) -> io::Result<()> {
        let sockets = self.sockets.iter();
        let mut fds: Vec<_> =
            sockets.clone().map(|(_, socket)| PollFd::new(socket, PollFlags::IN)).collect();
        fds.extend(stop.map(Stop::watched));
        poll_until(&mut fds, Some(deadline))?;
        for ((id, socket), _) in sockets.zip(&fds).filter(|(_, fd)| !fd.revents().is_empty()) {
            if let Ok((length, from)) = socket.recv_from(&mut self.buffer) {
                take(id.index, from, &self.buffer[..length]);
            }
        }
        Ok(())
    }
}
