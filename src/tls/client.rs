//! The node's side of TLS: which certificate a node accepts (protocol section 1.3). Gateways sign
//! their own certificates, so chains, names and dates prove nothing. What counts is that the
//! certificate is the pinned one and that the gateway signs the handshake with its key.

use super::fingerprint::Fingerprint;
use super::pem;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::Resumption;
use rustls::crypto::{self, ring, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::RootCertStore;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which certificate a node accepts from its gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Only the one with this fingerprint.
    Pinned(Fingerprint),
    /// Any. The caller should store its fingerprint and pin it from then on.
    FirstUse,
}

/// The gateway's certificate is not the pinned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate {expected} was expected, {presented} was presented")]
pub(crate) struct PinMismatch {
    pub(crate) expected: Fingerprint,
    pub(crate) presented: Fingerprint,
}

impl PinMismatch {
    /// The mismatch that made a handshake fail, if that was the cause.
    pub(crate) fn in_error(error: &rustls::Error) -> Option<Self> {
        let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = error
        else {
            return None;
        };
        cause.downcast_ref().copied()
    }
}

/// The node's TLS configuration: versions 1.2 and 1.3, without session resumption, so that every
/// handshake shows the certificate, and without early data.
pub(crate) fn client_config(trust: Trust) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier { trust, algorithms: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Where systems keep the certificates of the authorities they trust, in one file: Debian, Arch and
/// Gentoo; Fedora; openSUSE; Alpine and the BSDs.
const ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A TLS configuration that trusts what this system trusts: the file that `SSL_CERT_FILE` names, or
/// the first of the usual ones. Names and dates count.
pub(crate) fn system_config() -> io::Result<Arc<ClientConfig>> {
    let chosen = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty());
    let usual = || ROOTS.iter().map(Path::new).find(|path| path.exists()).map(Path::to_owned);
    let none = || io::Error::other("this system has no file of certificate authorities");
    let path = chosen.map(PathBuf::from).or_else(usual).ok_or_else(none)?;
    let mut roots = RootCertStore::empty();
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let certificates = std::fs::read(&path).and_then(|text| pem::certificates(&text));
    for certificate in certificates.map_err(named)? {
        // Such a file has some that are too old for this TLS library.
        let _ = roots.add(certificate);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The server name in a node's handshake. It proves nothing, so the address stands in for a host
/// that is not a valid DNS name.
pub(crate) fn server_name(host: &str, address: IpAddr) -> ServerName<'static> {
    ServerName::try_from(host.to_owned()).unwrap_or_else(|_| ServerName::from(address))
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let presented = Fingerprint::of(certificate);
        match self.trust {
            Trust::Pinned(expected) if expected != presented => {
                let mismatch = OtherError(Arc::new(PinMismatch { expected, presented }));
                Err(CertificateError::Other(mismatch).into())
            }
            Trust::Pinned(_) | Trust::FirstUse => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(trust: Trust, certificate: &[u8]) -> Result<ServerCertVerified, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        let verifier = Verifier { trust, algorithms };
        let certificate = CertificateDer::from(certificate);
        let name = server_name("studio", [127, 0, 0, 1].into());
        verifier.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now())
    }

    #[test]
    fn a_pin_is_met_by_its_certificate_only() {
        let expected = Fingerprint::of(b"one");
        verify(Trust::Pinned(expected), b"one").unwrap();
        verify(Trust::FirstUse, b"anything").unwrap();
        let error = verify(Trust::Pinned(expected), b"two").unwrap_err();
        let mismatch = PinMismatch { expected, presented: Fingerprint::of(b"two") };
        assert_eq!(PinMismatch::in_error(&error), Some(mismatch));
        assert_eq!(PinMismatch::in_error(&rustls::Error::DecryptError), None);
    }

    #[test]
    fn every_host_can_be_called_something() {
        let address = IpAddr::from([127, 0, 0, 1]);
        let by_address = ServerName::from(address);
        let named = server_name("studio.local", address);
        assert!(matches!(named, ServerName::DnsName(_)), "{named:?}");
        for host in ["127.0.0.1", "", "a b", "fe80::1%eth0", "ü", &"x".repeat(300)] {
            assert_eq!(server_name(host, address), by_address, "{host}");
        }
        assert!(matches!(server_name("::1", address), ServerName::IpAddress(_)));
    }
}
