//! Notifications from the kernel when interfaces or addresses change. A scan every few seconds
//! would be enough for nodes, but not beside avahi: it learns of changes at once, and sees a
//! conflict in any announcement of its host name with an address that is gone.

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{bind, recv, socket_with, AddressFamily, RecvFlags, SocketFlags, SocketType};
use std::io;
use std::os::fd::OwnedFd;

/// The kernel's groups `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR`.
const GROUPS: u32 = 0x1 | 0x10 | 0x100;

/// A socket that is readable after changes.
pub(super) fn subscribe() -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    // No protocol means NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    Ok(socket)
}

/// Discards the notifications; only that there were any matters.
pub(super) fn drain(socket: &OwnedFd) {
    let mut buffer = [0; 4096];
    // After an overflow (NOBUFS), reading goes on.
    while let Ok(_) | Err(Errno::NOBUFS | Errno::INTR) =
        recv(socket, &mut buffer[..], RecvFlags::empty())
    {}
}
