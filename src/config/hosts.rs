//! Names of hosts and domains in settings, and what may be wrong with where they point.

use super::{Bind, Config};
use crate::protocol::limits;

/// A DNS name in lowercase and without a dot at its end; `None` if it is none. It can be the name
/// of a file as well.
pub fn domain_name(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let name = text.strip_suffix('.').unwrap_or(&text);
    let is_label = |label: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let dashes = label.starts_with('-') || label.ends_with('-');
        (1..=63).contains(&label.len()) && !dashes && label.bytes().all(known)
    };
    let is_name = name.len() <= limits::DOMAIN_CHARS && name.split('.').all(is_label);
    is_name.then(|| name.to_owned())
}

/// The host of an address such as `http://studio:18793/`, without the brackets of IPv6.
pub fn url_host(url: &str) -> Option<&str> {
    let authority = authority(url)?;
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    }
}

/// The port of an address; of its scheme if it says none.
pub fn url_port(url: &str) -> Option<u16> {
    let after_host = authority(url)?.rsplit(']').next().unwrap_or_default();
    match after_host.rsplit_once(':') {
        Some((_, port)) => port.parse().ok(),
        None if url.starts_with("https:") => Some(443),
        None => Some(80),
    }
}

fn authority(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(authority.rsplit('@').next().unwrap_or(authority))
}

impl Config {
    /// What is allowed, but hardly meant.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.bridge.wait_for_tailnet
            && !matches!(self.bridge.bind, Bind::Tailnet | Bind::Address(_))
        {
            warnings.push(format!(
                "bridge.waitForTailnet: there is nothing to wait for, because bridge.bind is \"{}\"",
                self.bridge.bind
            ));
        }
        let zone = &self.discovery.wide_area;
        let reaches = match self.bridge.bind {
            Bind::Lan | Bind::Auto => true,
            Bind::Tailnet => zone.address.is_none(),
            Bind::Loopback => false,
            Bind::Address(ip) if ip.is_unspecified() => true,
            Bind::Address(ip) => match zone.address {
                Some(address) => ip == address,
                None => crate::addresses::is_tailnet(ip),
            },
        };
        if zone.enabled && !reaches {
            warnings.push(format!(
                "discovery.wideArea.enabled: the zone tells nodes of an address where the bridge \
                 does not listen, because bridge.bind is \"{}\"; \"tailnet\" is usual with a zone",
                self.bridge.bind
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_and_cannot_leave_their_directory() {
        assert_eq!(domain_name(" Clawdbot.INTERNAL. ").as_deref(), Some("clawdbot.internal"));
        assert_eq!(domain_name("home").as_deref(), Some("home"));
        let long = format!("{}.x", "a".repeat(64));
        for odd in ["", ".", "..", "a..b", "a/b", "../x", "-a.b", "a-.b", "a b", "é", &*long] {
            assert_eq!(domain_name(odd), None, "{odd}");
        }
        assert_eq!(domain_name(&"ab.".repeat(60)), None, "too long for the names in it");
    }

    #[test]
    fn hosts_and_ports_are_read_from_addresses() {
        for (url, host, port) in [
            ("http://studio:18793", "studio", 18793),
            ("https://pi.local/canvas/", "pi.local", 443),
            ("http://[fd7a::1]:80/x", "fd7a::1", 80),
            ("http://[::1]", "::1", 80),
            ("http://me:secret@10.0.0.1:1", "10.0.0.1", 1),
        ] {
            assert_eq!((url_host(url), url_port(url)), (Some(host), Some(port)), "{url}");
        }
        assert_eq!(url_port("http://studio:70000"), None);
        assert_eq!(url_host("ftp://studio"), None);
    }

    #[test]
    fn waiting_for_nothing_is_warned_of() {
        let mut config = Config::default();
        config.bridge.wait_for_tailnet = true;
        for (bind, expected) in [("loopback", 1), ("auto", 1), ("tailnet", 0), ("10.8.0.1", 0)] {
            config.bridge.bind = bind.parse().unwrap();
            assert_eq!(config.warnings().len(), expected, "{bind}");
        }
    }

    #[test]
    fn a_zone_that_leads_nowhere_is_warned_of() {
        let warnings = |bind: &str, address: Option<&str>| {
            let mut config = Config::default();
            config.bridge.bind = bind.parse().unwrap();
            config.discovery.wide_area.enabled = true;
            config.discovery.wide_area.address = address.map(|ip| ip.parse().unwrap());
            config.warnings().len()
        };
        assert_eq!(Config::default().warnings(), Vec::<String>::new());
        for (bind, address, expected) in [
            ("loopback", None, 1),
            ("tailnet", None, 0),
            ("auto", None, 0),
            ("lan", Some("10.8.0.1"), 0),
            ("tailnet", Some("10.8.0.1"), 1),
            ("10.8.0.1", Some("10.8.0.1"), 0),
            ("10.8.0.1", None, 1),
            ("100.64.0.1", None, 0),
        ] {
            assert_eq!(warnings(bind, address), expected, "{bind} {address:?}");
        }
    }
}
