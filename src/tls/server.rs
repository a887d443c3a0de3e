//! The gateway's side of TLS: what a connection is set up with, and how that changes while the
//! bridge runs.

use super::{Certificate, Error, Facts, Files, Fingerprint};
use crate::protocol::operator::CertificateView;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Sets up the TLS of connections. Shared by everybody who needs to know the certificate; what it
/// serves with can be replaced, and connections that exist keep what they began with.
pub struct Acceptor {
    current: RwLock<Current>,
    allows_plaintext: bool,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    facts: Arc<Facts>,
}

impl Acceptor {
    /// Serves with this certificate. `allows_plaintext`: nodes without TLS are welcome at the same
    /// port.
    ///
    /// # Errors
    /// The certificate cannot be used.
    pub fn new(certificate: Certificate, allows_plaintext: bool) -> Result<Self, Error> {
        let current = RwLock::new(Current::new(certificate)?);
        Ok(Self { current, allows_plaintext })
    }

    /// Reads these files again; connections from now on get what they hold. Returns whether the
    /// certificate is another one than before. If anything is wrong, nothing changes.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn reload(&self, files: &Files) -> Result<bool, Error> {
        let new = Current::new(files.load()?)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let differs = current.facts.fingerprint != new.facts.fingerprint;
        *current = new;
        Ok(differs)
    }

    /// TLS for one connection, before its first byte.
    ///
    /// # Errors
    /// What the TLS library says; with a configuration that was accepted, nothing.
    pub fn connection(&self) -> Result<ServerConnection, rustls::Error> {
        ServerConnection::new(self.current().config)
    }

    /// What nodes pin now.
    pub fn fingerprint(&self) -> Fingerprint {
        self.current().facts.fingerprint
    }

    /// What is known of the certificate in use.
    pub fn facts(&self) -> Arc<Facts> {
        self.current().facts
    }

    /// As operators are shown the certificate in use.
    pub fn view(&self, now_ms: u64) -> CertificateView {
        self.facts().view(now_ms)
    }

    /// Whether nodes without TLS are welcome, too.
    pub fn allows_plaintext(&self) -> bool {
        self.allows_plaintext
    }

    /// `required` or `optional`.
    pub fn mode(&self) -> &'static str {
        if self.allows_plaintext {
            "optional"
        } else {
            "required"
        }
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acceptor").field(&self.fingerprint()).finish()
    }
}

impl Current {
    fn new(certificate: Certificate) -> Result<Self, Error> {
        Ok(Self { config: Arc::new(config(&certificate)?), facts: Arc::new(certificate.facts) })
    }
}

/// Whether a certificate can be served with.
pub(super) fn check(certificate: &Certificate) -> Result<(), Error> {
    config(certificate).map(drop)
}

fn config(certificate: &Certificate) -> Result<ServerConfig, Error> {
    let Certificate { chain, key, facts, key_path } = certificate;
    let refused = |source| match source {
        rustls::Error::InconsistentKeys(_) => {
            Error::Mismatch { certificate: facts.path.clone(), key: key_path.clone() }
        }
        source => {
            Error::Unusable { certificate: facts.path.clone(), key: key_path.clone(), source }
        }
    };
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(chain.clone(), key.clone_key())
        .map_err(refused)?;
    // Nodes stay connected for days. What would make the next handshake cheaper costs every idle
    // connection memory, and tickets need keys that have to be renewed.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
