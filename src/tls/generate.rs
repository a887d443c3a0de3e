//! A certificate of our own making: self-signed, for every name and address of this machine.

use crate::addresses::{self, is_link_local};
use crate::calendar::{self, DAY_MS};
use crate::protocol::label::{host_label, LABEL_BYTES};
use crate::protocol::limits;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// 2026-01-01. A Raspberry Pi has no clock of its own and may wake up in 1970; its certificate is
/// not to end in 1980.
const NOT_EARLIER_MS: u64 = 1_767_225_600_000;

/// Both in PEM form.
pub(super) struct Generated {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// Makes a P-256 key and a certificate for it. P-256, because its handshakes cost a Raspberry Pi a
/// sixth of those of RSA.
pub(super) fn generate(now_ms: u64) -> Result<Generated, rcgen::Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "openclaw-bridge");
    params.subject_alt_names = names();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let life = u64::try_from(limits::CERTIFICATE_LIFE.as_millis()).unwrap_or(u64::MAX);
    // A day early: the clock of a phone may be behind.
    let (year, month, day) = date(now_ms.saturating_sub(DAY_MS));
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(now_ms.max(NOT_EARLIER_MS).saturating_add(life));
    params.not_after = rcgen::date_time_ymd(year, month, day);
    let certificate = params.self_signed(&key)?;
    Ok(Generated { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Year, month and day; the calendar knows only days that exist.
fn date(ms: u64) -> (i32, u8, u8) {
    let text = calendar::iso(ms);
    let mut parts = text.split(['-', 'T']).map(|part| part.parse::<u16>().unwrap_or(1));
    let mut next = || parts.next().unwrap_or(1);
    let (year, month, day) = (next(), next(), next());
    (i32::from(year), month as u8, day as u8)
}

/// Everything by which nodes may call this machine. Not the bridge's name, which is for people.
fn names() -> Vec<SanType> {
    let uname = rustix::system::uname();
    let host = uname.nodename().to_string_lossy().trim().trim_end_matches('.').to_owned();
    let local = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    // Whoever pins does not look at the names, so a certificate without these is worth making.
    let own = addresses::own().unwrap_or_default();
    let others: BTreeSet<IpAddr> =
        own.iter().map(|own| own.ip).filter(|ip| !local.contains(ip) && is_lasting(*ip)).collect();
    let names = host_names(&host).into_iter().filter_map(|name| Ia5String::try_from(name).ok());
    let addresses = local.into_iter().chain(others).map(SanType::IpAddress);
    names.map(SanType::DnsName).chain(addresses).take(limits::CERTIFICATE_NAMES).collect()
}

/// `pi.home.lan` is also `pi`, and `pi.local` in mDNS. What is no DNS name has no place in a
/// certificate; what mDNS makes of it has.
fn host_names(host: &str) -> Vec<String> {
    let first = host.split('.').next().unwrap_or_default();
    let announced = format!("{}.local", host_label(host));
    let mut names = vec!["localhost".to_owned()];
    for name in [host.to_owned(), first.to_owned(), format!("{first}.local"), announced] {
        if is_dns_name(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() <= LABEL_BYTES && label.bytes().all(fits)
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Link-local addresses are nobody's for long, and mean nothing without an interface.
fn is_lasting(ip: IpAddr) -> bool {
    !is_link_local(ip) && !ip.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_its_name_in_three_forms() {
        let names = host_names("pi.home.lan");
        assert_eq!(names, ["localhost", "pi.home.lan", "pi", "pi.local"]);
        assert_eq!(host_names("pi.local"), ["localhost", "pi.local", "pi"]);
        assert_eq!(host_names("my_host")[1..], ["my_host", "my_host.local", "my-host.local"]);
        assert_eq!(host_names("küche"), ["localhost", "k-che.local"]);
        assert_eq!(host_names("A B"), ["localhost", "a-b.local"]);
        assert_eq!(host_names(&"h".repeat(64)), ["localhost".into(), "h".repeat(63) + ".local"]);
        assert_eq!(host_names(""), ["localhost", "clawdbot.local"]);
        assert_eq!(host_names("localhost"), ["localhost", "localhost.local"]);
    }

    #[test]
    fn it_lasts_ten_years_even_if_the_clock_was_never_set() {
        assert_eq!(date(1_709_164_800_000), (2024, 2, 29));
        for (now, from, until) in
            [(1_768_799_167_123, "2026-01-18", "2036-01-17"), (5_000, "1970-01-01", "2035-12-30")]
        {
            let pem = generate(now).unwrap().certificate;
            let certificate = crate::tls::pem::certificates(pem.as_bytes()).unwrap();
            let validity = crate::tls::Validity::of(&certificate[0]).unwrap();
            assert!(calendar::iso(validity.not_before_ms).starts_with(from));
            let end = calendar::iso(validity.not_after_ms);
            assert!(end.starts_with(until), "{end}");
        }
    }

    #[test]
    fn addresses_that_do_not_last_are_left_out() {
        let lasting = |text: &str| is_lasting(text.parse().unwrap());
        assert!(lasting("192.168.1.5") && lasting("fd7a:115c:a1e0::1") && lasting("100.64.0.1"));
        assert!(!lasting("169.254.3.4") && !lasting("fe80::1") && !lasting("0.0.0.0"));
    }
}
