//! Which interfaces the bridge is announced on, and with which addresses.
//!
//! A phone that is told an address of a container's bridge or of a tunnel tries it first and waits
//! for nothing, so only addresses that the local network can reach are told.

use super::responder::{Network, Place};
use crate::addresses::is_link_local;
use crate::protocol::limits;
use if_addrs::IfAddr;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How the names of interfaces begin behind which no phones are: containers, virtual machines,
/// tunnels. A bridge called `br0` is a real one.
const INNER: &[&str] = &[
    "br-",
    "cali",
    "cilium",
    "cni",
    "docker",
    "flannel",
    "kube",
    "lxc",
    "lxd",
    "podman",
    "tailscale",
    "tun",
    "utun",
    "veth",
    "virbr",
    "vmnet",
    "vnet",
    "wg",
];

/// Flags of an IPv6 address that must not be told: it changes soon, is on its way out, or is not
/// known to be ours alone (temporary, failed, deprecated, tentative).
const FLEETING: u32 = 0x01 | 0x08 | 0x20 | 0x40;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The addresses that are listened on.
    pub(super) listening: Vec<IpAddr>,
    /// Only these interfaces; empty is whatever is sensible.
    pub(super) names: Vec<String>,
}

/// An interface to announce on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) index: u32,
    pub(super) place: Place,
}

impl Interface {
    fn new(name: &str, index: u32) -> Self {
        let place = Place { addresses: Vec::new(), networks: Vec::new(), is_whole: true };
        Self { name: name.to_owned(), index, place }
    }
}

/// What this machine has now.
#[derive(Debug, Default)]
pub(super) struct Machine {
    found: Vec<if_addrs::Interface>,
    fleeting: BTreeSet<Ipv6Addr>,
}

impl Machine {
    pub(super) fn look() -> io::Result<Self> {
        let found = if_addrs::get_if_addrs()?;
        // Without /proc there is only less to know.
        let table = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
        Ok(Self { found, fleeting: fleeting(&table) })
    }

    /// Every address of this machine, of whatever kind.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.found.iter().map(if_addrs::Interface::ip)
    }

    /// The interfaces to use.
    pub(super) fn choose(&self, wanted: &Wanted) -> Vec<Interface> {
        let mut interfaces: Vec<Interface> = Vec::new();
        for found in &self.found {
            // `eth0:1` is an address of eth0.
            let name = found.name.split(':').next().unwrap_or_default();
            let Some(index) = self.index(name) else { continue };
            if !is_wanted(found, name, wanted) {
                continue;
            }
            let (ip, prefix) = match &found.addr {
                IfAddr::V4(addr) => (IpAddr::V4(addr.ip), addr.prefixlen),
                IfAddr::V6(addr) => (IpAddr::V6(addr.ip), addr.prefixlen),
            };
            let known = interfaces.iter().position(|interface| interface.index == index);
            let interface = match known {
                Some(i) => &mut interfaces[i],
                None => {
                    interfaces.push(Interface::new(name, index));
                    let last = interfaces.len() - 1;
                    &mut interfaces[last]
                }
            };
            interface.place.networks.push(Network { ip, prefix });
        }
        for link_local in [false, true] {
            for interface in &mut interfaces {
                let place = &mut interface.place;
                place.addresses = self.told(&place.networks, link_local, &wanted.listening);
                place.is_whole =
                    place.addresses == self.told(&place.networks, link_local, &EVERYWHERE);
            }
            if interfaces.iter().any(|interface| !interface.place.addresses.is_empty()) {
                break;
            }
            // Nothing else exists, so link-local addresses have to do.
        }
        interfaces.retain(|interface| !interface.place.addresses.is_empty());
        interfaces.truncate(limits::MDNS_INTERFACES);
        interfaces
    }

    fn index(&self, name: &str) -> Option<u32> {
        self.found.iter().find(|found| found.name == name && found.index.is_some())?.index
    }

    /// The addresses among these that are told by who listens there.
    fn told(&self, networks: &[Network], link_local: bool, listening: &[IpAddr]) -> Vec<IpAddr> {
        let ips = networks.iter().map(|network| network.ip);
        let mut told: Vec<_> = ips.filter(|ip| self.is_told(*ip, link_local, listening)).collect();
        told.sort_unstable();
        told
    }

    fn is_told(&self, ip: IpAddr, link_local: bool, listening: &[IpAddr]) -> bool {
        // A bridge that listens on one address only is there, whatever the address is like.
        let is_explicit = listening.contains(&ip);
        let is_listened_on = is_explicit
            || listening.iter().any(|own| own.is_unspecified() && own.is_ipv4() == ip.is_ipv4());
        let is_fleeting = matches!(ip, IpAddr::V6(ip) if self.fleeting.contains(&ip));
        is_listened_on && (is_explicit || !is_fleeting && is_link_local(ip) == link_local)
    }
}

fn is_wanted(found: &if_addrs::Interface, name: &str, wanted: &Wanted) -> bool {
    if found.is_loopback() || !found.is_oper_up() {
        return false;
    }
    if !wanted.names.is_empty() {
        return wanted.names.iter().any(|wanted| wanted == name);
    }
    !found.is_p2p() && !INNER.iter().any(|start| name.starts_with(start))
}

/// The addresses in the kernel's table that are not there to stay: per line the address, index,
/// prefix, scope and flags in hexadecimal, and the name.
fn fleeting(table: &str) -> BTreeSet<Ipv6Addr> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let ip = u128::from_str_radix(words.next()?, 16).ok()?;
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        (flags & FLEETING != 0).then(|| Ipv6Addr::from(ip))
    };
    table.lines().filter_map(line).collect()
}

/// Addresses on which every interface is listened on.
pub(super) const EVERYWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];

#[cfg(test)]
mod tests {
    use super::*;
    use if_addrs::{IfOperStatus, Ifv4Addr, Ifv6Addr};

    fn found(name: &str, index: u32, ip: &str) -> if_addrs::Interface {
        let addr = match ip.parse().unwrap() {
            IpAddr::V4(ip) => {
                let netmask = Ipv4Addr::new(255, 255, 255, 0);
                IfAddr::V4(Ifv4Addr { ip, netmask, prefixlen: 24, broadcast: None })
            }
            IpAddr::V6(ip) => {
                let netmask = Ipv6Addr::UNSPECIFIED;
                IfAddr::V6(Ifv6Addr { ip, netmask, prefixlen: 64, broadcast: None })
            }
        };
        let index = (!name.contains(':')).then_some(index);
        let oper_status = IfOperStatus::Up;
        if_addrs::Interface {
            name: name.to_owned(),
            addr,
            index,
            oper_status,
            is_p2p: name == "ppp0",
        }
    }

    fn machine() -> Machine {
        let found = vec![
            found("lo", 1, "127.0.0.1"),
            found("eth0", 2, "192.168.1.5"),
            found("eth0:1", 2, "192.168.1.6"),
            found("eth0", 2, "fd00::5"),
            found("eth0", 2, "fd00::7e3"),
            found("eth0", 2, "fe80::5"),
            found("docker0", 3, "172.17.0.1"),
            found("br-12ab", 4, "172.18.0.1"),
            found("tailscale0", 5, "100.64.1.2"),
            found("ppp0", 6, "10.9.0.1"),
            found("br0", 7, "10.0.0.1"),
            found("wlan0", 8, "169.254.7.7"),
            found("wlan0", 8, "fe80::8"),
        ];
        Machine { found, fleeting: BTreeSet::from(["fd00::7e3".parse().unwrap()]) }
    }

    fn chosen(machine: &Machine, listening: &[&str], names: &[&str]) -> Vec<String> {
        let listening = listening.iter().map(|ip| ip.parse().unwrap()).collect();
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let interfaces = machine.choose(&Wanted { listening, names });
        let line = |i: &Interface| {
            let ips: Vec<String> = i.place.addresses.iter().map(IpAddr::to_string).collect();
            format!("{} {}", i.name, ips.join(" "))
        };
        interfaces.iter().map(line).collect()
    }

    #[test]
    fn only_addresses_that_the_local_network_reaches_are_told() {
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
    }

    #[test]
    fn named_interfaces_are_taken_as_they_are() {
        let machine = machine();
        assert_eq!(chosen(&machine, &["0.0.0.0"], &["docker0"]), ["docker0 172.17.0.1"]);
        assert!(chosen(&machine, &["0.0.0.0"], &["eth9", "lo"]).is_empty());
    }

    #[test]
    fn link_local_addresses_are_for_want_of_others() {
        let mut machine = machine();
        machine.found.retain(|found| matches!(&*found.name, "lo" | "wlan0" | "docker0"));
        assert_eq!(chosen(&machine, &["0.0.0.0", "::"], &[]), ["wlan0 169.254.7.7 fe80::8"]);
        machine.found.iter_mut().for_each(|found| found.oper_status = IfOperStatus::Unknown);
        assert!(chosen(&machine, &["0.0.0.0", "::"], &[]).is_empty(), "no cable");
    }

    #[test]
    fn the_kernels_table_says_which_addresses_stay() {
        let table = "fd000000000000000000000000000005 02 40 00 80 eth0\n\
                     fd0000000000000000000000000007e3 02 40 00 01 eth0\n\
                     fd000000000000000000000000000008 02 40 00 60 eth0\nnonsense\n";
        let expected = ["fd00::7e3", "fd00::8"].map(|ip| ip.parse().unwrap());
        assert_eq!(fleeting(table), BTreeSet::from(expected));
    }
}
