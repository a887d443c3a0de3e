//! Which addresses to listen on (protocol section 1.4).

use crate::config::Bind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::{fmt, io};

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address and port.
    pub address: SocketAddr,
    /// Whether the start fails without it.
    pub required: bool,
}

/// Why there is no address to listen on.
#[derive(Debug)]
pub enum Error {
    /// `bind: "tailnet"`, and this machine is in no tailnet.
    NoTailnet,
    /// The machine's addresses cannot be listed.
    Interfaces(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTailnet => f.write_str(
                "bridge.bind is \"tailnet\", but no interface has a tailnet address (100.64.0.0/10 \
                 or fd7a:115c:a1e0::/48). Start Tailscale first, or choose another bridge.bind",
            ),
            Self::Interfaces(_) => f.write_str("could not list the addresses of this machine"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoTailnet => None,
            Self::Interfaces(error) => Some(error),
        }
    }
}

/// The endpoints for a choice of `bridge.bind`. The first one decides about the port if `port`
/// is 0.
///
/// # Errors
/// A tailnet is wanted and there is none.
pub fn endpoints(bind: Bind, port: u16) -> Result<Vec<Endpoint>, Error> {
    let own: Vec<IpAddr> = match bind {
        Bind::Tailnet | Bind::Auto => {
            let interfaces = if_addrs::get_if_addrs().map_err(Error::Interfaces)?;
            interfaces.iter().map(if_addrs::Interface::ip).collect()
        }
        _ => Vec::new(),
    };
    choose(bind, port, &own)
}

fn choose(bind: Bind, port: u16, own: &[IpAddr]) -> Result<Vec<Endpoint>, Error> {
    let required = |ip: IpAddr| Endpoint { address: SocketAddr::new(ip, port), required: true };
    let optional = |ip: IpAddr| Endpoint { required: false, ..required(ip) };
    let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
    let everywhere = vec![
        required(Ipv4Addr::UNSPECIFIED.into()),
        // A kernel without IPv6 is no reason not to start.
        optional(Ipv6Addr::UNSPECIFIED.into()),
    ];
    let address = match bind {
        Bind::Loopback => return Ok(vec![required(v4), optional(v6)]),
        Bind::Lan => return Ok(everywhere),
        Bind::Address(ip) => ip,
        Bind::Tailnet => tailnet_address(own).ok_or(Error::NoTailnet)?,
        Bind::Auto => match tailnet_address(own) {
            Some(ip) => ip,
            None => return Ok(everywhere),
        },
    };
    let mut endpoints = vec![required(address)];
    if !address.is_loopback() && !address.is_unspecified() {
        // For apps on this machine and for SSH tunnels.
        endpoints.push(optional(v4));
    }
    Ok(endpoints)
}

/// The first IPv4 address of a tailnet, else the first IPv6 address.
fn tailnet_address(own: &[IpAddr]) -> Option<IpAddr> {
    let v4 = own.iter().find(|ip| ip.is_ipv4() && is_tailnet(**ip));
    v4.or_else(|| own.iter().find(|ip| is_tailnet(**ip))).copied()
}

/// Whether Tailscale gives out such addresses.
pub fn is_tailnet(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64,
        IpAddr::V6(ip) => ip.segments()[..3] == [0xfd7a, 0x115c, 0xa1e0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(bind: &str, own: &[&str]) -> Result<Vec<String>, Error> {
        let own: Vec<IpAddr> = own.iter().map(|ip| ip.parse().unwrap()).collect();
        let endpoints = choose(bind.parse().unwrap(), 1, &own)?;
        let mark = |e: &Endpoint| if e.required { "" } else { "?" };
        Ok(endpoints.iter().map(|e| format!("{}{}", e.address, mark(e))).collect())
    }

    #[test]
    fn a_specific_address_is_joined_by_loopback() {
        assert_eq!(addresses("192.168.1.5", &[]).unwrap(), ["192.168.1.5:1", "127.0.0.1:1?"]);
        assert_eq!(addresses("127.0.0.2", &[]).unwrap(), ["127.0.0.2:1"]);
        assert_eq!(addresses("::1", &[]).unwrap(), ["[::1]:1"]);
        assert_eq!(addresses("loopback", &[]).unwrap(), ["127.0.0.1:1", "[::1]:1?"]);
        assert_eq!(addresses("lan", &[]).unwrap(), ["0.0.0.0:1", "[::]:1?"]);
    }

    #[test]
    fn tailnet_means_a_tailnet_address_or_nothing() {
        let both = ["fd7a:115c:a1e0::9", "100.100.1.2", "192.168.1.5"];
        assert_eq!(addresses("tailnet", &both).unwrap(), ["100.100.1.2:1", "127.0.0.1:1?"]);
        assert_eq!(addresses("auto", &both[..1]).unwrap()[0], "[fd7a:115c:a1e0::9]:1");
        assert!(matches!(addresses("tailnet", &["100.128.0.1"]), Err(Error::NoTailnet)));
        assert_eq!(addresses("auto", &["100.63.0.1"]).unwrap()[0], "0.0.0.0:1");
    }
}
