//! The gateway's side of TLS: the certificate in use, which can be replaced while the bridge runs.

use super::certificate::{Certificate, CertificateFiles, CertificateInfo};
use super::error::Error;
use super::fingerprint::Fingerprint;
use rustls::{ServerConfig, ServerConnection};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Sets up TLS for connections. Existing connections keep the certificate they began with.
pub(crate) struct Acceptor {
    current: RwLock<Current>,
    allows_plaintext: bool,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    info: Arc<CertificateInfo>,
}

impl Acceptor {
    /// Serves TLS with this certificate. If `allows_plaintext` is set, nodes without TLS may
    /// connect at the same port.
    pub(crate) fn new(certificate: Certificate, allows_plaintext: bool) -> Result<Self, Error> {
        let current = RwLock::new(Current::new(certificate)?);
        Ok(Self { current, allows_plaintext })
    }

    /// Reads the files again and uses their certificate for new connections. Returns whether it
    /// differs from the one before. After an error the old certificate stays in use.
    pub(crate) fn reload(&self, files: &CertificateFiles) -> Result<bool, Error> {
        let new = Current::new(files.load()?)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let differs = current.info.fingerprint != new.info.fingerprint;
        *current = new;
        Ok(differs)
    }

    pub(crate) fn connection(&self) -> Result<ServerConnection, rustls::Error> {
        ServerConnection::new(self.current().config)
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.current().info.fingerprint
    }

    pub(crate) fn info(&self) -> Arc<CertificateInfo> {
        self.current().info
    }

    pub(crate) fn allows_plaintext(&self) -> bool {
        self.allows_plaintext
    }

    pub(crate) fn mode(&self) -> &'static str {
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
        Ok(Self { config: certificate.server_config()?, info: Arc::new(certificate.info) })
    }
}
