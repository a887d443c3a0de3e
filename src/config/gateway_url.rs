//! The URL of a current OpenClaw gateway.

use crate::addresses::{with_port, without_port};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// `ws://127.0.0.1:18789` or `wss://gateway.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatewayUrl {
    /// Whether the connection is encrypted: `wss://`.
    pub is_secure: bool,
    /// A name or an address, without the brackets of IPv6.
    pub host: String,
    /// The port; that of the scheme if the URL says none.
    pub port: u16,
    /// What follows, with its slash.
    pub path: String,
}

/// What is wrong with the URL; the rest of a sentence that begins with "must be".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAGatewayUrl(&'static str);

impl GatewayUrl {
    /// Whether it is this machine for certain: nobody else can listen in.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        address.map_or_else(|_| self.host.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
    }

    /// Host and port as a URL has them.
    pub(crate) fn authority(&self) -> String {
        with_port(&self.host, self.port)
    }
}

impl FromStr for GatewayUrl {
    type Err = NotAGatewayUrl;

    fn from_str(text: &str) -> Result<Self, NotAGatewayUrl> {
        const EXPECTED: NotAGatewayUrl =
            NotAGatewayUrl("a URL that starts with ws:// or wss:// and has a host");
        const SECRET: NotAGatewayUrl =
            NotAGatewayUrl("a URL without user, password or token: the token has a key of its own");
        let (is_secure, rest) = match (text.strip_prefix("ws://"), text.strip_prefix("wss://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(EXPECTED),
        };
        if rest.chars().any(|c| c.is_whitespace() || c.is_control() || c == '#') {
            return Err(EXPECTED);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') || path.to_ascii_lowercase().contains("token=") {
            return Err(SECRET);
        }
        let (host, port) = without_port(authority);
        let usual = if is_secure { 443 } else { 80 };
        let port = port.map_or(Ok(usual), str::parse).map_err(|_| EXPECTED)?;
        if host.is_empty() || host.contains(['[', ']']) || port == 0 || !host.is_ascii() {
            return Err(EXPECTED);
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { is_secure, host: host.to_owned(), port, path })
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        let path = if self.path == "/" { "" } else { &self.path };
        write!(f, "{scheme}://{}{path}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_gateways_are_read_and_shown() {
        for (text, shown, loopback) in [
            ("ws://127.0.0.1:18789", "ws://127.0.0.1:18789", true),
            ("ws://[::1]:1/", "ws://[::1]:1", true),
            ("ws://localhost:18789/", "ws://localhost:18789", true),
            ("wss://gateway.example", "wss://gateway.example:443", false),
            ("wss://gateway.example/openclaw?x=1", "wss://gateway.example:443/openclaw?x=1", false),
            ("ws://127.0.0.1.example:80", "ws://127.0.0.1.example:80", false),
        ] {
            let url: GatewayUrl = text.parse().unwrap();
            assert_eq!((&*url.to_string(), url.is_loopback()), (shown, loopback), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_gateway_or_holds_a_secret_is_refused() {
        for text in [
            "",
            "http://x",
            "ws://",
            "ws://:1",
            "ws://x:0",
            "ws://x:70000",
            "ws://a b",
            "ws://[::1",
            "ws://x#y",
            "ws://x\r\nHost:y",
            "ws://ü",
        ] {
            assert!(text.parse::<GatewayUrl>().is_err(), "{text}");
        }
        for text in ["ws://me:secret@x", "ws://x/?token=secret"] {
            let error = text.parse::<GatewayUrl>().unwrap_err().to_string();
            assert!(error.contains("key of its own") && !error.contains("secret"), "{error}");
        }
    }
}
