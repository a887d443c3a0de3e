//! Names of hosts, domains and service types, and the parts of URLs.

use crate::addresses::without_port;
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
    authority(url).map(|authority| without_port(authority).0)
}

/// The port of an address; of its scheme if it says none.
pub fn url_port(url: &str) -> Option<u16> {
    match without_port(authority(url)?).1 {
        Some(port) => port.parse().ok(),
        None if url.starts_with("https:") => Some(443),
        None => Some(80),
    }
}

fn authority(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(authority.rsplit('@').next().unwrap_or(authority))
}

/// Whether `text` is a URL of the scheme `http` or `https` that names a host.
pub(super) fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let odd = |c: char| c.is_whitespace() || c.is_control();
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with(['/', ':']) && !rest.contains(odd)
    })
}

/// Whether it is `_name._tcp`, where the name has 1 to 15 letters, digits and single dashes (RFC
/// 6335, section 5.1).
pub fn is_service_type(text: &str) -> bool {
    let name = text.strip_prefix('_').and_then(|text| text.strip_suffix("._tcp"));
    name.is_some_and(|name| {
        (1..=15).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && name.bytes().any(|byte| byte.is_ascii_alphabetic())
            && !name.starts_with('-')
            && !name.ends_with('-')
            && !name.contains("--")
    })
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
    fn a_service_type_is_what_a_registry_would_take() {
        for good in ["_clawdbot-bridge._tcp", "_a._tcp", "_9p._tcp", "_abcdefghijklmno._tcp"] {
            assert!(is_service_type(good), "{good}");
        }
        for bad in [
            "clawdbot._tcp",
            "_x._udp",
            "_x._tcp.local",
            "_._tcp",
            "_-x._tcp",
            "_x-._tcp",
            "_x--y._tcp",
            "_123._tcp",
            "_abcdefghijklmnop._tcp",
            "_a.b._tcp",
            "_ä._tcp",
        ] {
            assert!(!is_service_type(bad), "{bad}");
        }
    }
}
