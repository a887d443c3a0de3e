//! The text of the wide-area zone (protocol section 10.4). Pure; `zone_file.rs` writes the file.

use crate::calendar;
use crate::discovery::service::{Service, SERVICE_TYPE};
use crate::protocol::label::{label, LABEL_BYTES};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The first line of a zone file, before the hash of the content.
const HASH: &str = "; clawdbot-content-hash: ";
/// Replaces the serial when the content is hashed.
const NO_SERIAL: &str = "SERIAL";
/// The suffix that makes a host name an instance name.
const INSTANCE: &str = "-bridge";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    domain: String,
    records: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExistingZone<'a> {
    pub(super) hash: Option<&'a str>,
    pub(super) serial: Option<u32>,
    /// Whether the hash is that of the content.
    pub(super) is_intact: bool,
}

impl Zone {
    pub(crate) fn new(domain: &str, service: &Service, v4: Ipv4Addr, v6: Option<Ipv6Addr>) -> Self {
        let host = &service.host;
        let instance = instance(service);
        let mut records = format!("@ IN NS ns1\nns1 IN A {v4}\n");
        if host != "ns1" {
            records += &format!("{host} IN A {v4}\n");
        }
        if let Some(v6) = v6 {
            records += &format!("{host} IN AAAA {v6}\n");
        }
        let txt: Vec<String> = service.wide_area_txt().iter().map(|text| quoted(text)).collect();
        let (port, txt) = (service.port, txt.join(" "));
        records += &format!(
            "{SERVICE_TYPE} IN PTR {instance}.{SERVICE_TYPE}\n\
             {instance}.{SERVICE_TYPE} IN SRV 0 0 {port} {host}\n\
             {instance}.{SERVICE_TYPE} IN TXT {txt}\n"
        );
        Self { domain: domain.to_owned(), records }
    }

    /// The hash of the content without the serial, as 8 hexadecimal digits.
    pub(super) fn hash(&self) -> String {
        hash(&self.body(NO_SERIAL))
    }

    pub(super) fn text(&self, serial: u32) -> String {
        format!("{HASH}{}\n{}", self.hash(), self.body(&serial.to_string()))
    }

    fn body(&self, serial: &str) -> String {
        let Self { domain, records } = self;
        format!(
            "$ORIGIN {domain}.\n$TTL 60\n@ IN SOA ns1 hostmaster {serial} 7200 3600 1209600 60\n\
             {records}"
        )
    }
}

impl<'a> ExistingZone<'a> {
    /// Reads any text, which need not be a zone file of ours.
    pub(super) fn read(text: &'a str) -> Self {
        let (first, body) = text.split_once('\n').unwrap_or((text, ""));
        let hash = first.strip_prefix(HASH).map(str::trim_end);
        let serial = serial(text);
        let actual = serial.map(|serial| {
            let ours = format!(" hostmaster {serial} ");
            let body = body.replacen(&ours, &format!(" hostmaster {NO_SERIAL} "), 1);
            self::hash(&body)
        });
        Self { hash, serial, is_intact: actual.is_some() && actual.as_deref() == hash }
    }
}

/// The serial of the first SOA record, however it is laid out.
fn serial(text: &str) -> Option<u32> {
    let without_comments = text.lines().map(|line| line.split(';').next().unwrap_or_default());
    let text = without_comments.collect::<Vec<_>>().join(" ");
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
    let mut after_soa = words.skip_while(|word| !word.eq_ignore_ascii_case("SOA"));
    after_soa.find_map(|word| word.parse().ok())
}

/// The serial after `old`: `YYYYMMDDnn` in UTC, and always higher than `old`. After 99 changes in a
/// day, or when the clock was set back, it runs ahead of the date until the date has caught up.
pub(super) fn next_serial(old: Option<u32>, now_ms: u64) -> u32 {
    let day: String = calendar::iso(now_ms).chars().take(10).filter(|c| *c != '-').collect();
    // From the 43rd century on, the digits do not fit.
    let first = day.parse::<u32>().ok().and_then(|day| day.checked_mul(100)).map_or(1, |d| d + 1);
    match old {
        // Serials wrap around (RFC 1982).
        Some(old) if old >= first => old.wrapping_add(1),
        _ => first,
    }
}

fn instance(service: &Service) -> String {
    let host: String = service.host.chars().take(LABEL_BYTES - INSTANCE.len()).collect();
    label(&format!("{}{INSTANCE}", host.trim_end_matches('-')))
}

/// A TXT string in a zone file: quoted, with bytes that are not printable ASCII as `\DDD`.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => write!(quoted, "\\{byte:03}").expect("a String takes everything"),
        }
    }
    quoted + "\""
}

/// FNV-1a, as 8 hexadecimal digits.
pub(super) fn hash(text: &str) -> String {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    format!("{:08x}", text.bytes().fold(0x811c_9dc5, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, host: &str) -> Service {
        Service {
            host: host.to_owned(),
            tailnet_dns: Some("studio.tail1.ts.net".to_owned()),
            ..Service::example(name)
        }
    }

    fn zone(name: &str, host: &str, v6: bool) -> Zone {
        let v6 = v6.then(|| "fd7a:115c:a1e0::5".parse().unwrap());
        Zone::new("clawdbot.internal", &service(name, host), Ipv4Addr::new(100, 64, 1, 2), v6)
    }

    #[test]
    fn the_zone_is_the_one_of_the_protocol() {
        assert_eq!(
            zone("Studio", "studio", true).text(2_026_011_901),
            "; clawdbot-content-hash: e6f9bdbc\n\
             $ORIGIN clawdbot.internal.\n\
             $TTL 60\n\
             @ IN SOA ns1 hostmaster 2026011901 7200 3600 1209600 60\n\
             @ IN NS ns1\n\
             ns1 IN A 100.64.1.2\n\
             studio IN A 100.64.1.2\n\
             studio IN AAAA fd7a:115c:a1e0::5\n\
             _clawdbot-bridge._tcp IN PTR studio-bridge._clawdbot-bridge._tcp\n\
             studio-bridge._clawdbot-bridge._tcp IN SRV 0 0 18790 studio\n\
             studio-bridge._clawdbot-bridge._tcp IN TXT \"displayName=Studio\" \
             \"transport=bridge\" \"bridgePort=18790\" \"gatewayPort=18789\" \
             \"tailnetDns=studio.tail1.ts.net\"\n"
        );
        assert!(!zone("Studio", "studio", false).text(1).contains("AAAA"));
    }

    #[test]
    fn the_hash_is_fnv1a_and_does_not_depend_on_the_serial() {
        assert_eq!(["", "a", "foobar"].map(hash), ["811c9dc5", "e40c292c", "bf9cf968"]);
        let one = zone("Studio", "studio", false);
        let hash = one.hash();
        assert!(one.text(1).starts_with(&format!("{HASH}{hash}\n")));
        for serial in [1, 2_026_011_901, u32::MAX] {
            let text = one.text(serial);
            let old = ExistingZone { hash: Some(&hash), serial: Some(serial), is_intact: true };
            assert_eq!(ExistingZone::read(&text), old);
        }
        assert_ne!(zone("Attic", "studio", false).hash(), hash);
    }

    #[test]
    fn every_edit_shows() {
        let text = zone("Studio", "studio", true).text(7);
        for (from, to) in [("100.64.1.2", "100.64.1.3"), ("$TTL 60", "$TTL 61"), ("7200", "7201")] {
            let edited = text.replacen(from, to, 1);
            assert!(!ExistingZone::read(&edited).is_intact, "{to}");
        }
        assert!(!ExistingZone::read(&format!("{text}more IN A 10.0.0.1\n")).is_intact);
        assert!(!ExistingZone::read(&text[..text.len() - 9]).is_intact);
        let foreign =
            "$ORIGIN x.\n@ 3600 in soa ns.x. h.x. ( ; 5\n 2020010203 ; serial\n 1 2 3 4 )\n";
        assert_eq!(
            ExistingZone::read(foreign),
            ExistingZone { hash: None, serial: Some(2_020_010_203), is_intact: false }
        );
        assert_eq!(
            ExistingZone::read(""),
            ExistingZone { hash: None, serial: None, is_intact: false }
        );
    }

    #[test]
    fn serials_are_days_and_never_go_back() {
        let day = |text: &str| calendar::parse_iso(text).unwrap();
        let today = day("2026-01-19T23:59:59Z");
        for (old, expected) in [
            (None, 2_026_011_901),
            (Some(3), 2_026_011_901),
            (Some(2_025_123_199), 2_026_011_901),
            (Some(2_026_011_901), 2_026_011_902),
            (Some(2_026_011_999), 2_026_012_000),
            (Some(2_026_012_042), 2_026_012_043),
            (Some(u32::MAX), 0),
        ] {
            assert_eq!(next_serial(old, today), expected, "{old:?}");
        }
        assert_eq!(next_serial(Some(2_026_012_000), today + 1000), 2_026_012_001);
        assert_eq!(next_serial(None, u64::MAX), 1, "beyond all calendars");
    }

    #[test]
    fn names_that_look_like_zone_syntax_stay_names() {
        assert_eq!(quoted("a\"b\\c;é\n"), "\"a\\\"b\\\\c;\\195\\169\\010\"");
        let long = zone("Studio", &"h".repeat(63), false).text(1);
        let instance = long.lines().find_map(|line| line.split_once(" IN PTR ")).unwrap().1;
        assert_eq!(instance.split('.').next().unwrap(), format!("{}-bridge", "h".repeat(56)));
        let ns1 = zone("Studio", "ns1", false).text(1);
        assert_eq!(ns1.matches("ns1 IN A ").count(), 1);
    }
}
