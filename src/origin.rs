//! Where a connection comes from, as limits count it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 address, or the /64 of an IPv6 address: one machine has a whole /64 to choose from.
/// Every loopback address is the same origin, which everybody's SSH tunnels share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin(IpAddr);

impl Origin {
    const LOOPBACK: Self = Self(IpAddr::V4(Ipv4Addr::LOCALHOST));

    /// The origin that an address belongs to.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            ip if ip.is_loopback() => Self::LOOPBACK,
            IpAddr::V4(ip) => Self(ip.into()),
            IpAddr::V6(ip) => Self(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into()),
        }
    }

    pub(crate) fn is_loopback(self) -> bool {
        self == Self::LOOPBACK
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => ip.fmt(f),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_with_many_addresses_is_one_origin() {
        let origin = |ip: &str| Origin::of(ip.parse().unwrap()).to_string();
        assert_eq!(origin("2001:db8:1:2:aaaa::1"), "2001:db8:1:2::/64");
        assert_eq!(origin("2001:db8:1:2::ffff"), "2001:db8:1:2::/64");
        assert_eq!(origin("2001:db8:1:3::1"), "2001:db8:1:3::/64");
        assert_eq!(origin("192.168.1.20"), "192.168.1.20");
        assert_eq!(origin("::ffff:192.168.1.20"), "192.168.1.20");
        assert_eq!(origin("127.9.9.9"), origin("::1"));
        assert!(Origin::of("::1".parse().unwrap()).is_loopback());
    }
}
