//! The addresses of this machine, and which of them belong to a tailnet.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How the interfaces are called that Tailscale makes on Linux.
const TAILSCALE: &str = "tailscale";

/// One address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// The interface that has it.
    pub interface: String,
    /// The address.
    pub ip: IpAddr,
}

/// The addresses of this machine in a tailnet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tailnet {
    /// The first IPv4 address.
    pub v4: Option<Ipv4Addr>,
    /// The first IPv6 address.
    pub v6: Option<Ipv6Addr>,
}

/// Lists the addresses, in the order of the system.
///
/// # Errors
/// The system cannot tell.
pub fn own() -> io::Result<Vec<Own>> {
    let interfaces = if_addrs::get_if_addrs()?;
    Ok(interfaces.into_iter().map(|i| Own { ip: i.ip(), interface: i.name }).collect())
}

/// Whether Tailscale gives out such addresses (protocol section 1.4).
pub fn is_tailnet(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64,
        IpAddr::V6(ip) => ip.segments()[..3] == [0xfd7a, 0x115c, 0xa1e0],
    }
}

/// Whether an address means nothing beyond its own link; it is nobody's for long.
pub fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

impl Tailnet {
    /// The tailnet's addresses among all of this machine.
    pub fn of(own: &[Own]) -> Self {
        // Providers give out 100.64.0.0/10 as well. Where Tailscale's own interface is there, an
        // address of another one is not taken for the tailnet's.
        let named = |own: &Own| own.interface.starts_with(TAILSCALE);
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

    /// Both addresses, as far as there are any.
    pub fn addresses(self) -> impl Iterator<Item = IpAddr> {
        self.v4.map(IpAddr::from).into_iter().chain(self.v6.map(IpAddr::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tailnet(own: &[(&str, &str)]) -> Vec<String> {
        let own = own.iter().map(|(interface, ip)| Own {
            interface: (*interface).to_owned(),
            ip: ip.parse().unwrap(),
        });
        Tailnet::of(&own.collect::<Vec<_>>()).addresses().map(|ip| ip.to_string()).collect()
    }

    #[test]
    fn a_tailnet_is_known_by_its_ranges() {
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
}
