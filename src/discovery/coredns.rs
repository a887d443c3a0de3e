//! What CoreDNS needs to serve the zone, as texts; `cli/dns.rs` writes them.

use crate::discovery::zone::hash;
use std::net::IpAddr;
use std::path::Path;

/// The first line of each file, before the hash of what follows.
const HASH: &str = "# openclaw-bridge dns setup, hash ";
/// Where CoreDNS sees the zone if its account cannot reach the bridge's directory.
pub(crate) const MOUNT: &str = "/run/openclaw-bridge-dns";
/// CoreDNS's directory.
pub(crate) const DIR: &str = "/etc/coredns";
/// What makes CoreDNS read the server of the zone; the old command line wrote the same.
pub(crate) const IMPORT: &str = "import /etc/coredns/conf.d/*.server";
/// What is added to CoreDNS's unit.
pub(crate) const DROP_IN: &str = "/etc/systemd/system/coredns.service.d/openclaw-bridge.conf";

/// The server of the zone: only on these addresses, only for this domain.
pub(crate) fn server(domain: &str, addresses: &[IpAddr], zone: &Path) -> String {
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    marked(&format!(
        "{domain}:53 {{\n    \
         # CoreDNS does not start without these addresses.\n    \
         bind {}\n\n    \
         file {} {{\n        \
         # A new serial is noticed within this time.\n        \
         reload 10s\n    \
         }}\n    \
         errors\n\
         }}\n",
        addresses.join(" "),
        zone.display()
    ))
}

/// The main file, where there is none.
pub(crate) fn corefile() -> String {
    marked(&format!("{IMPORT}\n"))
}

/// What lets the unit of CoreDNS see the directory of the zone, and nothing else of the bridge, and
/// has it wait for the tailnet.
pub(crate) fn drop_in(zone_dir: &Path) -> String {
    marked(&format!(
        "[Unit]\n\
         After=tailscaled.service openclaw-bridge.service\n\n\
         [Service]\n\
         BindReadOnlyPaths={}:{MOUNT}\n\
         Restart=on-failure\n\
         RestartSec=5s\n",
        zone_dir.display()
    ))
}

/// Whether a path can stand in these files as it is.
pub(crate) fn is_plain(path: &Path) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    path.is_absolute() && path.to_str().is_some_and(|text| text.chars().all(plain))
}

/// Whether a text was written here, and not changed since.
pub(crate) fn is_intact(text: &str) -> bool {
    let Some((first, rest)) = text.split_once('\n') else { return false };
    first.strip_prefix(HASH).is_some_and(|hash| hash == self::hash(rest))
}

/// Whether a main file reads the server of the zone.
pub(crate) fn has_import(text: &str) -> bool {
    text.lines().any(|line| line.trim() == IMPORT)
}

fn marked(text: &str) -> String {
    format!("{HASH}{}\n{text}", hash(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of each line, without comments, with the number of blocks that it stands in.
    fn parsed(text: &str) -> Vec<(usize, Vec<&str>)> {
        let mut depth = 0_usize;
        let mut lines = Vec::new();
        for line in text.lines().map(str::trim) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match &*words {
                [] => continue,
                [first, ..] if first.starts_with('#') => continue,
                ["}"] => depth = depth.checked_sub(1).expect("a block is open"),
                _ => lines.push((depth, words.clone())),
            }
            depth += usize::from(words.last() == Some(&"{"));
        }
        assert_eq!(depth, 0, "every block is closed: {text}");
        lines
    }

    #[test]
    fn the_server_is_that_of_the_example() {
        let example = include_str!("../../etc/coredns/Corefile");
        let zone = Path::new(MOUNT).join("clawdbot.internal.db");
        let ours = server("clawdbot.internal", &["100.64.0.1".parse().unwrap()], &zone);
        assert_eq!(parsed(&ours), parsed(example));
    }

    #[test]
    fn every_address_is_bound_and_the_file_reloads() {
        let addresses = ["100.64.0.1".parse().unwrap(), "fd7a:115c:a1e0::1".parse().unwrap()];
        let text = server("home.example", &addresses, Path::new("/srv/dns/home.example.db"));
        let expected: [(usize, &[&str]); 5] = [
            (0, &["home.example:53", "{"]),
            (1, &["bind", "100.64.0.1", "fd7a:115c:a1e0::1"]),
            (1, &["file", "/srv/dns/home.example.db", "{"]),
            (2, &["reload", "10s"]),
            (1, &["errors"]),
        ];
        let expected = expected.map(|(depth, words)| (depth, words.to_vec()));
        assert_eq!(parsed(&text), expected);
    }

    #[test]
    fn a_changed_text_is_not_ours_any_more() {
        for text in [corefile(), drop_in(Path::new("/var/lib/x"))] {
            assert!(is_intact(&text), "{text}");
            assert!(!is_intact(&(text.clone() + "\n")) && !is_intact(&text.replace("/", "//")));
        }
        assert!(!is_intact("") && !is_intact(". {\n}\n"));
        assert!(has_import(&corefile()) && !has_import(&format!("# {IMPORT}\n")));
    }

    #[test]
    fn a_path_that_would_be_syntax_is_refused() {
        assert!(is_plain(Path::new("/var/lib/private/openclaw-bridge/dns")));
        for path in ["dns", "/a b", "/a\"b", "/a{$X}", "/a%h", "/a:b", "/ä", "/a\nb"] {
            assert!(!is_plain(Path::new(path)), "{path}");
        }
    }
}
