//! Generates a self-signed certificate for every name and address of this machine.

use crate::addresses::{self, is_link_local};
use crate::calendar::DAY_MS;
use crate::protocol::label::host_label;
use crate::protocol::limits;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, CertifiedKey, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::DnsName;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// 2026-01-01 and 9999-12-31. A Raspberry Pi has no battery-backed clock and may boot in 1970; its
/// certificate must not expire in 1980. Certificates cannot express years beyond 9999.
const EXPIRY_RANGE_MS: (u64, u64) = (1_767_225_600_000, 253_402_214_400_000);

/// Generates a P-256 key and a certificate for it. A P-256 handshake costs a Raspberry Pi a sixth
/// of an RSA handshake.
pub(super) fn generate(now_ms: u64) -> Result<CertifiedKey<KeyPair>, rcgen::Error> {
    let signing_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "openclaw-bridge");
    params.subject_alt_names = names();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let (earliest, latest) = EXPIRY_RANGE_MS;
    let lifetime = u64::try_from(limits::CERTIFICATE_LIFE.as_millis()).unwrap_or(u64::MAX);
    let midnight = |ms: u64| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(ms.min(latest) / DAY_MS * DAY_MS)
    };
    // A day early, because a phone's clock may be slow.
    params.not_before = midnight(now_ms.saturating_sub(DAY_MS));
    params.not_after = midnight(now_ms.max(earliest).saturating_add(lifetime));
    Ok(CertifiedKey { cert: params.self_signed(&signing_key)?, signing_key })
}

/// Every name and address by which nodes may reach this machine. Not the bridge's display name.
fn names() -> Vec<SanType> {
    let uname = rustix::system::uname();
    let host = uname.nodename().to_string_lossy().trim().trim_end_matches('.').to_owned();
    let local = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    // Nodes that pin the certificate ignore its names, so one without the addresses still works.
    let own = addresses::list().unwrap_or_default();
    let others: BTreeSet<IpAddr> =
        own.iter().map(|own| own.ip).filter(|ip| !local.contains(ip) && is_lasting(*ip)).collect();
    let names = host_names(&host).into_iter().filter_map(|name| Ia5String::try_from(name).ok());
    let addresses = local.into_iter().chain(others).map(SanType::IpAddress);
    names.map(SanType::DnsName).chain(addresses).take(limits::CERTIFICATE_NAMES).collect()
}

/// `pi.home.lan` is also `pi`, and `pi.local` in mDNS. A host name that is not a valid DNS name is
/// left out, but not the label that mDNS announces for it.
fn host_names(host: &str) -> Vec<String> {
    let first = host.split('.').next().unwrap_or_default();
    let announced = format!("{}.local", host_label(host));
    let mut names = vec!["localhost".to_owned()];
    for name in [host.to_owned(), first.to_owned(), format!("{first}.local"), announced] {
        if DnsName::try_from(name.as_str()).is_ok() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Link-local addresses change often and mean nothing without an interface.
fn is_lasting(ip: IpAddr) -> bool {
    !is_link_local(ip) && !ip.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar;

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
        for (now, from, until) in
            [(1_768_799_167_123, "2026-01-18", "2036-01-17"), (5_000, "1970-01-01", "2035-12-30")]
        {
            let pem = generate(now).unwrap().cert.pem();
            let certificate = crate::tls::pem::certificates(pem.as_bytes()).unwrap();
            let validity = crate::tls::validity::Validity::of(&certificate[0]).unwrap();
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
