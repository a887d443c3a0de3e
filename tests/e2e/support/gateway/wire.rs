//! What a connection's bytes travel in, and the gateway's certificate.

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::fmt::Write as _;
use std::net::TcpStream;
use std::sync::Arc;

pub(super) type Wire = crate::support::tls::Wire<ServerConnection>;

pub(super) fn wire(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> Wire {
    let Some(config) = tls else { return Wire::Plain(stream) };
    let connection = ServerConnection::new(config).unwrap();
    Wire::Secured(Box::new(StreamOwned::new(connection, stream)))
}

/// One that nobody has signed but itself, as gateways make it.
pub(super) struct Certificate(rcgen::CertifiedKey<rcgen::KeyPair>);

impl Certificate {
    pub(super) fn new() -> Self {
        Self(rcgen::generate_simple_self_signed(["gateway.example".to_owned()]).unwrap())
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let chain: Vec<CertificateDer<'static>> = vec![self.0.cert.der().clone()];
        let key = PrivateKeyDer::try_from(self.0.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }

    /// Pairs of digits with colons between them, as `openssl x509 -fingerprint` prints it.
    pub(super) fn fingerprint(&self) -> String {
        let digest = ::ring::digest::digest(&::ring::digest::SHA256, self.0.cert.der());
        let mut text = String::new();
        digest.as_ref().iter().for_each(|byte| write!(text, ":{byte:02X}").unwrap());
        text.split_off(1)
    }
}
