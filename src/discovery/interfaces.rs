//! Which interfaces the bridge is announced on, and with which addresses. A phone that is given the
//! address of a container bridge or a tunnel tries it first and waits for a timeout, so only
//! addresses that the local network can reach are announced.

use super::datagram::InterfaceId;
#[cfg(feature = "cli")]
use crate::addresses::Tailnet;
use crate::addresses::{is_link_local, InterfaceAddress};
use crate::protocol::limits;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How the names of interfaces begin that lead to containers, virtual machines or tunnels, but to
/// no phones. A bridge called `br0` is a real one.
const VIRTUAL: &str = "br- cali cilium cni docker flannel kube lxc lxd podman tailscale tun utun \
                       veth virbr vmnet vnet wg";

/// What a bridge listens on that listens on every interface.
const UNSPECIFIED: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InterfaceSelection {
    /// Addresses the bridge listens on; an unspecified one stands for all of its family.
    pub(crate) listening: Vec<IpAddr>,
    /// Only these interfaces; if empty, all that lead to a local network.
    pub(crate) names: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) index: u32,
    pub(super) addresses: AnnouncedAddresses,
}

impl Interface {
    /// The interface with each address family that it has addresses of.
    pub(super) fn ids(&self) -> impl Iterator<Item = InterfaceId> + '_ {
        let families = [false, true].into_iter().filter(|v6| self.addresses.has_family(*v6));
        families.map(|v6| InterfaceId { index: self.index, v6 })
    }
}

/// The addresses of one interface, as far as they matter for its announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnnouncedAddresses {
    pub(super) announced: Vec<IpAddr>,
    /// Every network the interface is in.
    pub(super) networks: Vec<Network>,
    /// Whether `announced` would be the same for a bridge that listens everywhere. If not, another
    /// responder on this machine may announce more, which ours must not flush from caches.
    pub(super) is_complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) ip: IpAddr,
    /// How many of its leading bits are the network's.
    pub(super) prefix: u8,
}

impl Network {
    pub(super) fn contains(&self, other: IpAddr) -> bool {
        let bits = |ip| match ip {
            IpAddr::V4(ip) => u128::from(u32::from(ip)) << 96,
            IpAddr::V6(ip) => u128::from(ip),
        };
        let common = (bits(self.ip) ^ bits(other)).leading_zeros();
        self.ip.is_ipv4() == other.is_ipv4() && common >= self.prefix.into()
    }
}

impl AnnouncedAddresses {
    /// Whether the interface has addresses of IPv6, or of IPv4.
    pub(super) fn has_family(&self, v6: bool) -> bool {
        self.networks.iter().any(|network| network.ip.is_ipv6() == v6)
    }
}

impl InterfaceSelection {
    /// Every address on every interface that leads to a local network.
    pub(super) fn everywhere() -> Self {
        Self { listening: UNSPECIFIED.to_vec(), names: Vec::new() }
    }

    pub(super) fn choose(&self, own: &[InterfaceAddress]) -> Vec<Interface> {
        let mut by_index: BTreeMap<u32, Vec<&InterfaceAddress>> = BTreeMap::new();
        for address in own.iter().filter(|address| self.includes(address)) {
            if let Some(index) = address.index {
                by_index.entry(index).or_default().push(address);
            }
        }
        // Link-local addresses are announced only if there are no others at all.
        let attempts = [false, true].map(|link_local| self.interfaces(&by_index, link_local));
        attempts.into_iter().find(|interfaces| !interfaces.is_empty()).unwrap_or_default()
    }

    fn includes(&self, address: &InterfaceAddress) -> bool {
        if address.ip.is_loopback() || !address.is_up {
            return false;
        }
        if !self.names.is_empty() {
            return self.names.contains(&address.interface);
        }
        let is_virtual = VIRTUAL.split(' ').any(|start| address.interface.starts_with(start));
        !address.is_point_to_point && !is_virtual
    }

    fn interfaces(
        &self,
        by_index: &BTreeMap<u32, Vec<&InterfaceAddress>>,
        link_local: bool,
    ) -> Vec<Interface> {
        let interface = |(index, own): (&u32, &Vec<&InterfaceAddress>)| {
            let announced = announced(own, link_local, &self.listening);
            let is_complete = announced == self::announced(own, link_local, &UNSPECIFIED);
            let networks = own.iter().map(|own| Network { ip: own.ip, prefix: own.prefix });
            let networks = networks.collect();
            let name = own.first().filter(|_| !announced.is_empty())?.interface.clone();
            let addresses = AnnouncedAddresses { announced, networks, is_complete };
            Some(Interface { name, index: *index, addresses })
        };
        by_index.iter().filter_map(interface).take(limits::MDNS_INTERFACES).collect()
    }
}

/// The addresses of this machine at which a bridge that listens on `listening` can be reached from
/// elsewhere, the likeliest first: those in local networks, in the tailnet, and of other VPNs if they
/// are listened on explicitly.
#[cfg(feature = "cli")]
pub(crate) fn reachable(own: &[InterfaceAddress], listening: &[IpAddr]) -> Vec<IpAddr> {
    let selection = InterfaceSelection { listening: listening.to_vec(), names: Vec::new() };
    let interfaces = selection.choose(own);
    let local = interfaces.into_iter().flat_map(|interface| interface.addresses.announced);
    let is_covered = |ip: &IpAddr| listening.contains(ip) || is_open(listening, *ip);
    let tailnet = Tailnet::of(own).addresses().filter(is_covered);
    let explicit = listening.iter().copied().filter(|ip| !ip.is_unspecified() && !ip.is_loopback());
    let mut found: Vec<IpAddr> = Vec::new();
    for ip in local.chain(tailnet).chain(explicit) {
        if !found.contains(&ip) {
            found.push(ip);
        }
    }
    found.sort_by_key(IpAddr::is_ipv6);
    found
}

/// Whether a bridge listens on every address of this one's family.
fn is_open(listening: &[IpAddr], ip: IpAddr) -> bool {
    listening.iter().any(|open| open.is_unspecified() && open.is_ipv4() == ip.is_ipv4())
}

/// Those of an interface's addresses to announce for a bridge that listens on `listening`.
fn announced(own: &[&InterfaceAddress], link_local: bool, listening: &[IpAddr]) -> Vec<IpAddr> {
    let is_announced = |own: &&&InterfaceAddress| {
        // An address that is listened on explicitly is announced whatever it is like.
        listening.contains(&own.ip)
            || is_open(listening, own.ip) && !own.is_unstable && is_link_local(own.ip) == link_local
    };
    let mut ips: Vec<IpAddr> = own.iter().filter(is_announced).map(|own| own.ip).collect();
    ips.sort_unstable();
    ips
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Vec<InterfaceAddress> {
        let mut own: Vec<InterfaceAddress> = [
            ("lo", 1, "127.0.0.1"),
            ("eth0", 2, "192.168.1.5"),
            ("eth0", 2, "192.168.1.6"),
            ("eth0", 2, "fd00::5"),
            ("eth0", 2, "fd00::7e3"),
            ("eth0", 2, "fe80::5"),
            ("docker0", 3, "172.17.0.1"),
            ("br-12ab", 4, "172.18.0.1"),
            ("tailscale0", 5, "100.64.1.2"),
            ("ppp0", 6, "10.9.0.1"),
            ("br0", 7, "10.0.0.1"),
            ("wlan0", 8, "169.254.7.7"),
            ("wlan0", 8, "fe80::8"),
        ]
        .map(|(interface, index, ip)| InterfaceAddress::fake(interface, index, ip))
        .into();
        own[4].is_unstable = true;
        own[9].is_point_to_point = true;
        own
    }

    fn chosen(own: &[InterfaceAddress], listening: &[&str], names: &[&str]) -> Vec<String> {
        let listening = listening.iter().map(|ip| ip.parse().unwrap()).collect();
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let line = |i: &Interface| {
            let ips: Vec<String> = i.addresses.announced.iter().map(IpAddr::to_string).collect();
            format!("{} {}", i.name, ips.join(" "))
        };
        InterfaceSelection { listening, names }.choose(own).iter().map(line).collect()
    }

    #[test]
    fn only_addresses_that_the_local_network_reaches_are_announced() {
        let machine = machine();
        assert_eq!(
            chosen(&machine, &["0.0.0.0", "::"], &[]),
            ["eth0 192.168.1.5 192.168.1.6 fd00::5", "br0 10.0.0.1"]
        );
        assert_eq!(
            chosen(&machine, &["0.0.0.0"], &[]),
            ["eth0 192.168.1.5 192.168.1.6", "br0 10.0.0.1"],
            "nobody listens on IPv6"
        );
        assert_eq!(chosen(&machine, &["10.0.0.1", "127.0.0.1"], &[]), ["br0 10.0.0.1"]);
        assert!(chosen(&machine, &["127.0.0.1", "::1"], &[]).is_empty());
        assert!(chosen(&machine, &["100.64.1.2"], &[]).is_empty(), "no multicast there");
        assert_eq!(chosen(&machine, &["fd00::7e3"], &[]), ["eth0 fd00::7e3"], "asked for");
    }

    #[test]
    fn named_interfaces_are_used_even_if_they_are_virtual() {
        let machine = machine();
        assert_eq!(chosen(&machine, &["0.0.0.0"], &["docker0"]), ["docker0 172.17.0.1"]);
        assert!(chosen(&machine, &["0.0.0.0"], &["eth9", "lo"]).is_empty());
    }

    #[test]
    fn link_local_addresses_are_announced_if_there_are_no_others() {
        let mut machine = machine();
        machine.retain(|own| matches!(&*own.interface, "lo" | "wlan0" | "docker0"));
        assert_eq!(chosen(&machine, &["0.0.0.0", "::"], &[]), ["wlan0 169.254.7.7 fe80::8"]);
        machine.iter_mut().for_each(|own| own.is_up = false);
        assert!(chosen(&machine, &["0.0.0.0", "::"], &[]).is_empty(), "no cable");
    }

    #[test]
    fn a_network_contains_its_own_prefix_only() {
        let network = |ip: &str, prefix| Network { ip: ip.parse().unwrap(), prefix };
        let contains = |network: Network, ip: &str| network.contains(ip.parse().unwrap());
        assert!(contains(network("192.168.1.5", 24), "192.168.1.200"));
        assert!(!contains(network("192.168.1.5", 24), "192.168.2.200"));
        assert!(!contains(network("192.168.1.5", 32), "192.168.1.6"));
        assert!(contains(network("10.0.0.1", 0), "1.2.3.4"));
        assert!(contains(network("fd00::1", 64), "fd00::2:3"));
        assert!(!contains(network("fd00::1", 64), "192.168.1.5"));
        assert!(!contains(network("::", 0), "192.168.1.5"));
        assert!(!contains(network("fd00::1", 128), "fd00::2"));
        assert!(contains(network("fd00::1", 0), "2001:db8::1"));
    }
}
