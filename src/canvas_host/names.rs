//! The names under which requests may reach the canvas host. A page of a stranger, open in a browser
//! of this network, can have its own name lead to our address (DNS rebinding) and would then read
//! what is served here. So only names are accepted that nobody outside can own.

use crate::addresses::without_port;
use std::net::IpAddr;

/// Domains in which names have a meaning in the local network only, and those of tailnets.
const LOCAL: &[&str] =
    &["local", "localhost", "localdomain", "lan", "home", "internal", "home.arpa", "ts.net"];

/// Whether a request with this `Host` field may be answered. `own` are names that are configured.
pub(super) fn is_known(host: &str, own: &[String]) -> bool {
    let (name, _) = without_port(host.trim());
    if name.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_in = |domain: &&str| name.strip_suffix(*domain).is_some_and(|name| name.ends_with('.'));
    let is_local = !name.contains('.') || LOCAL.iter().any(is_in);
    !name.is_empty() && (is_local || own.iter().any(|own| own.eq_ignore_ascii_case(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_stranger_can_own_is_not_ours() {
        let own = ["bridge.example.org".to_owned()];
        for (host, expected) in [
            ("192.168.1.5:18793", true),
            ("127.0.0.1", true),
            ("[fd7a::1]:18793", true),
            ("studio:18793", true),
            ("Studio.local.", true),
            ("pi.tail1.ts.net:18793", true),
            ("pi.home.arpa", true),
            ("Bridge.Example.org:18793", true),
            ("example.org", false),
            ("evil.com:18793", false),
            ("evil-ts.net", false),
            ("192.168.1.5.evil.com", false),
            ("notlocal.evil", false),
            ("", false),
            (":18793", false),
        ] {
            assert_eq!(is_known(host, &own), expected, "{host}");
        }
    }
}
