//! Which addresses to listen on (protocol section 1.4), and why listening failed.

use crate::addresses::{self, InterfaceAddress, Tailnet};
use crate::config::Bind;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the configuration says about listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BindPlan {
    pub bind: Bind,
    pub port: u16,
    pub wait: bool,
}

/// Where to listen, once it is decided what `auto` means. That is decided at the start and stays:
/// a bridge that had chosen the tailnet and opened itself to the whole network when Tailscale is
/// stopped would be open when nobody expects it, and one that listens everywhere can be reached
/// through a tailnet that comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Loopback,
    Everywhere,
    /// One address, there or not.
    Address(IpAddr),
    /// Whatever addresses the tailnet gives this machine.
    Tailnet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) ip: IpAddr,
    /// Whether the start fails without it.
    pub(super) required: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "bridge.bind is \"tailnet\", but no interface has a tailnet address (100.64.0.0/10 or \
         fd7a:115c:a1e0::/48). Start Tailscale first, set bridge.waitForTailnet, or choose another \
         bridge.bind"
    )]
    NoTailnet,
    #[error("could not list the addresses of this machine")]
    Interfaces(#[source] io::Error),
    #[error("could not listen on {address}{}", advice(source))]
    Refused { address: SocketAddr, source: io::Error },
}

/// What to do about a refusal, where that is known.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => " (another program listens there; choose another --port)",
        io::ErrorKind::AddrNotAvailable => {
            " (this machine does not have the address; `ip addr` lists those it has, and \
             bridge.waitForTailnet waits for one that comes later)"
        }
        io::ErrorKind::PermissionDenied => {
            " (ports below 1024 require a privilege; choose a higher --port, or give the service \
             AmbientCapabilities=CAP_NET_BIND_SERVICE)"
        }
        _ => "",
    }
}

impl BindPlan {
    pub(super) fn target(&self, own: &[InterfaceAddress]) -> Result<Target, Error> {
        let has_tailnet = Tailnet::of(own).addresses().next().is_some();
        Ok(match self.bind {
            Bind::Loopback => Target::Loopback,
            Bind::Lan => Target::Everywhere,
            Bind::Address(ip) => Target::Address(ip),
            Bind::Tailnet if !has_tailnet && !self.wait => return Err(Error::NoTailnet),
            Bind::Tailnet => Target::Tailnet,
            Bind::Auto if has_tailnet => Target::Tailnet,
            Bind::Auto => Target::Everywhere,
        })
    }

    /// The addresses of this machine, if they matter for this plan.
    pub(super) fn look(&self) -> Result<Vec<InterfaceAddress>, Error> {
        match self.bind {
            Bind::Tailnet | Bind::Auto => addresses::list().map_err(Error::Interfaces),
            _ => Ok(Vec::new()),
        }
    }
}

impl Target {
    /// The endpoints with these addresses of the machine. The first one that can be had decides
    /// about the port if that is 0.
    pub(super) fn endpoints(self, own: &[InterfaceAddress]) -> Vec<Endpoint> {
        let mut ips: Vec<IpAddr> = match self {
            // The bridge also starts on a kernel without IPv6.
            Self::Loopback => vec![LOOPBACK, Ipv6Addr::LOCALHOST.into()],
            Self::Everywhere => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            Self::Address(ip) => vec![ip],
            // Both, because the zone tells nodes of both.
            Self::Tailnet => Tailnet::of(own).addresses().collect(),
        };
        let first = ips.first().copied();
        if self.moves() {
            // For apps on this machine and for SSH tunnels.
            ips.push(LOOPBACK);
        }
        ips.into_iter().map(|ip| Endpoint { ip, required: Some(ip) == first }).collect()
    }

    /// Whether the addresses can change while the bridge runs.
    pub(super) fn moves(self) -> bool {
        match self {
            Self::Loopback | Self::Everywhere => false,
            Self::Address(ip) => !ip.is_loopback() && !ip.is_unspecified(),
            Self::Tailnet => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(addresses: &[&str]) -> Vec<InterfaceAddress> {
        addresses.iter().map(|ip| InterfaceAddress::fake("eth0", 2, ip)).collect()
    }

    fn endpoints(bind: &str, wait: bool, addresses: &[&str]) -> Result<Vec<String>, Error> {
        let plan = BindPlan { bind: bind.parse().unwrap(), port: 1, wait };
        let own = own(addresses);
        let endpoints = plan.target(&own)?.endpoints(&own);
        let mark = |e: &Endpoint| if e.required { "" } else { "?" };
        Ok(endpoints.iter().map(|e| format!("{}{}", e.ip, mark(e))).collect())
    }

    #[test]
    fn a_specific_address_is_joined_by_loopback() {
        let of = |bind| endpoints(bind, false, &[]).unwrap();
        assert_eq!(of("192.168.1.5"), ["192.168.1.5", "127.0.0.1?"]);
        assert_eq!(of("127.0.0.2"), ["127.0.0.2"]);
        assert_eq!(of("::1"), ["::1"]);
        assert_eq!(of("::"), ["::"]);
        assert_eq!(of("loopback"), ["127.0.0.1", "::1?"]);
        assert_eq!(of("lan"), ["0.0.0.0", "::?"]);
    }

    #[test]
    fn tailnet_means_the_tailnets_addresses_or_nothing() {
        let both = ["fd7a:115c:a1e0::9", "100.100.1.2", "192.168.1.5"];
        let all = ["100.100.1.2", "fd7a:115c:a1e0::9?", "127.0.0.1?"];
        assert_eq!(endpoints("tailnet", false, &both).unwrap(), all);
        assert_eq!(endpoints("auto", false, &both[..1]).unwrap()[0], "fd7a:115c:a1e0::9");
        assert!(matches!(endpoints("tailnet", false, &["100.128.0.1"]), Err(Error::NoTailnet)));
        assert_eq!(endpoints("tailnet", true, &["192.168.1.5"]).unwrap(), ["127.0.0.1?"]);
        assert_eq!(endpoints("auto", true, &["100.63.0.1"]).unwrap()[0], "0.0.0.0");
    }

    #[test]
    fn what_auto_has_chosen_stays() {
        let plan = BindPlan { bind: Bind::Auto, port: 1, wait: false };
        let early = plan.target(&own(&["192.168.1.5"])).unwrap();
        assert!(!early.moves());
        let late = plan.target(&own(&["100.100.1.2"])).unwrap();
        assert_eq!(late.endpoints(&own(&["192.168.1.5"])).len(), 1, "loopback and nothing else");
        assert!(late.moves());
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        for (kind, told) in [
            (io::ErrorKind::AddrInUse, "--port"),
            (io::ErrorKind::AddrNotAvailable, "bridge.waitForTailnet"),
            (io::ErrorKind::PermissionDenied, "CAP_NET_BIND_SERVICE"),
        ] {
            let address = SocketAddr::new(LOOPBACK, 80);
            let error = Error::Refused { address, source: kind.into() }.to_string();
            assert!(error.contains("127.0.0.1:80") && error.contains(told), "{error}");
        }
    }
}
