//! The addresses of this machine with their interfaces, and which of them belong to a tailnet.

use if_addrs::{IfAddr, Interface};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{fs, io};

/// How the names of the interfaces begin that Tailscale makes on Linux.
const TAILSCALE: &str = "tailscale";
/// Kernel flags of IPv6 addresses that may change soon or are not confirmed yet: temporary, failed,
/// deprecated, tentative.
const UNSTABLE: u32 = 0x01 | 0x08 | 0x20 | 0x40;

/// One address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InterfaceAddress {
    /// The name of the interface that has it.
    pub interface: String,
    /// The index of that interface.
    pub index: Option<u32>,
    /// The address.
    pub ip: IpAddr,
    /// How many of its leading bits are the network's.
    pub prefix: u8,
    /// Whether the interface is up and has a carrier.
    pub is_up: bool,
    /// Whether the interface leads to a single other machine, as tunnels do.
    pub is_point_to_point: bool,
    /// Whether the address is a temporary, deprecated or unconfirmed IPv6 address.
    pub is_unstable: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tailnet {
    /// The first IPv4 address.
    pub v4: Option<Ipv4Addr>,
    /// The first IPv6 address.
    pub v6: Option<Ipv6Addr>,
}

/// Lists the addresses of this machine, in the order of the system.
pub(crate) fn list() -> io::Result<Vec<InterfaceAddress>> {
    let interfaces = if_addrs::get_if_addrs()?;
    // Without /proc, no address is known to be unstable.
    let unstable = unstable(&fs::read_to_string("/proc/net/if_inet6").unwrap_or_default());
    let address = |found: &Interface| {
        // `eth0:1` is an address of eth0.
        let interface = found.name.split(':').next().unwrap_or_default();
        let (ip, prefix) = match &found.addr {
            IfAddr::V4(addr) => (IpAddr::V4(addr.ip), addr.prefixlen),
            IfAddr::V6(addr) => (IpAddr::V6(addr.ip), addr.prefixlen),
        };
        InterfaceAddress {
            index: interfaces.iter().find(|i| i.name == interface).and_then(|i| i.index),
            interface: interface.to_owned(),
            ip,
            prefix,
            is_up: found.is_oper_up(),
            is_point_to_point: found.is_p2p(),
            is_unstable: unstable.contains(&ip),
        }
    };
    Ok(interfaces.iter().map(address).collect())
}

/// The unstable addresses in the kernel's table, which has in each line, in hexadecimal: address,
/// index, prefix, scope, flags; and the name.
fn unstable(table: &str) -> BTreeSet<IpAddr> {
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        let ip = u128::from_str_radix(fields.next()?, 16).ok()?;
        let flags = u32::from_str_radix(fields.nth(3)?, 16).ok()?;
        (flags & UNSTABLE != 0).then(|| Ipv6Addr::from(ip).into())
    };
    table.lines().filter_map(line).collect()
}

/// Whether the address is in one of Tailscale's ranges (protocol section 1.4).
pub(crate) fn is_tailnet(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64,
        IpAddr::V6(ip) => ip.segments()[..3] == [0xfd7a, 0x115c, 0xa1e0],
    }
}

/// Whether the address is valid only on its own link.
pub(crate) fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// A host with a port: an IPv6 address in brackets.
pub(crate) fn with_port(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// The host in what [`with_port`] makes, and the port, which may be missing.
pub(crate) fn without_port(authority: &str) -> (&str, Option<&str>) {
    if let Some((host, port)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, port.strip_prefix(':'));
    }
    match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

impl Tailnet {
    /// The tailnet's addresses among all addresses of this machine.
    pub(crate) fn of(own: &[InterfaceAddress]) -> Self {
        // Internet providers use 100.64.0.0/10 as well. If Tailscale's own interface exists, only
        // its addresses count.
        let named = |own: &InterfaceAddress| own.interface.starts_with(TAILSCALE);
        let has_named = own.iter().any(named);
        let mut tailnet = Self::default();
        for own in own.iter().filter(|own| is_tailnet(own.ip) && (!has_named || named(own))) {
            match own.ip {
                IpAddr::V4(ip) => tailnet.v4 = tailnet.v4.or(Some(ip)),
                IpAddr::V6(ip) => tailnet.v6 = tailnet.v6.or(Some(ip)),
            }
        }
        tailnet
    }

    /// The addresses that exist, IPv4 first.
    pub(crate) fn addresses(self) -> impl Iterator<Item = IpAddr> {
        self.v4.map(IpAddr::from).into_iter().chain(self.v6.map(IpAddr::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl InterfaceAddress {
        /// An address on an interface that is up.
        pub(crate) fn fake(interface: &str, index: u32, ip: &str) -> Self {
            let ip: IpAddr = ip.parse().unwrap();
            Self {
                interface: interface.to_owned(),
                index: Some(index),
                ip,
                prefix: if ip.is_ipv4() { 24 } else { 64 },
                is_up: true,
                is_point_to_point: false,
                is_unstable: false,
            }
        }
    }

    fn tailnet(own: &[(&str, &str)]) -> Vec<String> {
        let own = own.iter().map(|(interface, ip)| InterfaceAddress::fake(interface, 1, ip));
        Tailnet::of(&own.collect::<Vec<_>>()).addresses().map(|ip| ip.to_string()).collect()
    }

    #[test]
    fn a_tailnet_is_recognised_by_its_ranges() {
        let own = [("eth0", "192.168.1.5"), ("ts0", "fd7a:115c:a1e0::9"), ("ts0", "100.100.1.2")];
        assert_eq!(tailnet(&own), ["100.100.1.2", "fd7a:115c:a1e0::9"]);
        for outside in ["100.63.255.255", "100.128.0.1", "fd7a:115c:a1e1::1", "fe80::1"] {
            assert_eq!(tailnet(&[("eth0", outside)]), Vec::<String>::new(), "{outside}");
        }
    }

    #[test]
    fn an_address_of_the_provider_is_not_taken_for_the_tailnets() {
        let own = [("wwan0", "100.70.0.1"), ("tailscale0", "100.100.1.2")];
        assert_eq!(tailnet(&own), ["100.100.1.2"]);
        let early = [("wwan0", "100.70.0.1"), ("tailscale0", "fe80::1")];
        assert_eq!(tailnet(&early), Vec::<String>::new());
    }

    #[test]
    fn the_kernels_table_marks_unstable_addresses() {
        let table = "fd000000000000000000000000000005 02 40 00 80 eth0\n\
                     fd0000000000000000000000000007e3 02 40 00 01 eth0\n\
                     fd000000000000000000000000000008 02 40 00 60 eth0\nnonsense\n";
        let expected = ["fd00::7e3", "fd00::8"].map(|ip| ip.parse().unwrap());
        assert_eq!(unstable(table), BTreeSet::from(expected));
    }

    #[test]
    fn the_loopback_interface_is_listed() {
        let own = list().unwrap();
        let loopback = own.iter().find(|own| own.ip == IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        assert_eq!((loopback.prefix, loopback.is_point_to_point), (8, false));
        assert!(loopback.index.is_some());
    }
}
