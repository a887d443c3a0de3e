//! A certificate and its key: read from their files, or generated and written there.

use super::error::Error;
use super::fingerprint::Fingerprint;
use super::validity::Validity;
use super::{generate, pem};
use crate::files::{self, Staged};
use crate::protocol::limits;
use crate::{calendar, protocol::operator::CertificateView};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::ServerConfig;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

/// Where a certificate and its key are, and whether they may be generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    /// The certificate, or a chain that begins with it.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Whether to generate a pair if neither file exists.
    pub generate: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateInfo {
    pub path: PathBuf,
    /// What nodes pin.
    pub fingerprint: Fingerprint,
    /// Its validity period, if it can be read.
    pub validity: Option<Validity>,
}

pub(crate) struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    key_path: PathBuf,
    pub(super) info: CertificateInfo,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.info).finish()
    }
}

impl CertificateFiles {
    /// The given paths, with `bridge/tls/` in the state directory for those that are `None`.
    pub(crate) fn new(
        state_dir: &Path,
        certificate: Option<&Path>,
        key: Option<&Path>,
        generate: bool,
    ) -> Self {
        let own = |name: &str| state_dir.join("bridge/tls").join(name);
        Self {
            certificate: certificate.map_or_else(|| own("bridge-cert.pem"), Path::to_owned),
            key: key.map_or_else(|| own("bridge-key.pem"), Path::to_owned),
            generate,
        }
    }

    /// Reads the pair, after generating it if there is none and that is allowed.
    pub(crate) fn load(&self) -> Result<Certificate, Error> {
        match (exists(&self.certificate)?, exists(&self.key)?) {
            (true, true) => {}
            (false, true) => self.finish_interrupted()?,
            (true, false) => {
                return Err(Error::IncompletePair(self.certificate.clone(), self.key.clone()));
            }
            (false, false) if self.generate => self.write_new_pair()?,
            (false, false) => return Err(Error::Missing(self.certificate.clone())),
        }
        warn_if_world_readable(&self.key);
        self.read()
    }

    fn read(&self) -> Result<Certificate, Error> {
        self.parse(&read(&self.certificate)?, &read(&self.key)?)
    }

    /// The pair in these texts, which are those of the files.
    fn parse(&self, certificate: &[u8], key: &[u8]) -> Result<Certificate, Error> {
        let chain = chain(&self.certificate, certificate)?;
        let info = CertificateInfo::new(&self.certificate, &chain);
        let key = private_key(&self.key, key)?;
        Ok(Certificate { chain, key, info, key_path: self.key.clone() })
    }

    /// Whether a pair with these texts could be served; the errors name the files.
    #[cfg(feature = "cli")]
    pub(crate) fn check(&self, certificate: &[u8], key: &[u8]) -> Result<CertificateInfo, Error> {
        let pair = self.parse(certificate, key)?;
        pair.server_config().map(|_| pair.info)
    }

    fn write_new_pair(&self) -> Result<(), Error> {
        let generated = generate::generate(calendar::now_ms()).map_err(Error::Generate)?;
        let key = generated.signing_key.serialize_pem();
        self.write(generated.cert.pem().as_bytes(), key.as_bytes())?;
        log::info!("tls: generated a certificate file={}", self.certificate.display());
        Ok(())
    }

    /// Writes a pair. Both files are complete on disk under temporary names before either is
    /// renamed, and the key is in place before the certificate. So a power cut leaves nothing, both
    /// files, or the key with the certificate still under its temporary name, which
    /// [`CertificateFiles::finish_interrupted`] recognises.
    pub(crate) fn write(&self, certificate: &[u8], key: &[u8]) -> Result<(), Error> {
        let key = stage(&self.key, key)?;
        let certificate = stage(&self.certificate, certificate)?;
        sync(&self.key)?;
        sync(&self.certificate)?;
        key.commit_durably().map_err(|source| Error::Write(self.key.clone(), source))?;
        if let Err(source) = certificate.commit() {
            // A key without a certificate would keep the next start from generating a pair.
            let _ = fs::remove_file(&self.key);
            return Err(Error::Write(self.certificate.clone(), source));
        }
        sync(&self.certificate)
    }

    /// There is a key without a certificate. If the certificate that was generated with it is still
    /// under its temporary name, a start was interrupted, and no node has ever seen it. Otherwise
    /// somebody removed the certificate or added the key, and has to decide.
    fn finish_interrupted(&self) -> Result<(), Error> {
        let temporary = files::temp_name(&self.certificate);
        let interrupted = Self { certificate: temporary.clone(), ..self.clone() };
        if interrupted.read().and_then(|pair| pair.server_config()).is_ok() {
            fs::rename(&temporary, &self.certificate)
                .map_err(|source| Error::Write(self.certificate.clone(), source))?;
            return sync(&self.certificate);
        }
        Err(Error::IncompletePair(self.key.clone(), self.certificate.clone()))
    }
}

impl Certificate {
    /// How a gateway serves TLS 1.2 and 1.3 with this certificate.
    pub(super) fn server_config(&self) -> Result<Arc<ServerConfig>, Error> {
        let refused =
            |source| Error::Unusable(self.info.path.clone(), self.key_path.clone(), source);
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(refused)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(refused)?;
        // Who comes back saves the signature. All there is of a session is its ticket: nothing is
        // kept here, and the keys of tickets change every few hours, and with the certificate.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = ring::Ticketer::new().map_err(refused)?;
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    }
}

impl CertificateInfo {
    fn new(path: &Path, chain: &[CertificateDer<'static>]) -> Self {
        let leaf = chain.first().map(|leaf| leaf.as_ref()).unwrap_or_default();
        let (fingerprint, validity) = (Fingerprint::of(leaf), Validity::of(leaf));
        Self { path: path.to_owned(), fingerprint, validity }
    }

    /// Reads the certificate in a file, without its key. `None` if there is no file.
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let is_there = exists(path)?;
        is_there.then(|| Ok(Self::new(path, &chain(path, &read(path)?)?))).transpose()
    }

    /// A warning for the operator if the certificate is not valid at this time (milliseconds since
    /// 1970) or expires soon.
    pub(crate) fn warning(&self, now_ms: u64) -> Option<String> {
        let validity = self.validity?;
        let end = calendar::iso_seconds(validity.not_after_ms);
        if now_ms < validity.not_before_ms {
            let start = calendar::iso_seconds(validity.not_before_ms);
            return Some(format!("is valid only from {start}; is the clock right?"));
        }
        match validity.days_left(now_ms) {
            ..0 => Some(format!("has expired ({end})")),
            days if days < limits::EXPIRY_WARNING_DAYS => {
                Some(format!("expires in {days} days ({end})"))
            }
            _ => None,
        }
    }

    /// The certificate as operators see it in `status`.
    pub(crate) fn view(&self, now_ms: u64) -> CertificateView {
        let validity = self.validity;
        CertificateView {
            path: self.path.display().to_string(),
            not_before: validity.map(|dates| calendar::iso_seconds(dates.not_before_ms)),
            not_after: validity.map(|dates| calendar::iso_seconds(dates.not_after_ms)),
            expires_in_days: validity.map(|dates| dates.days_left(now_ms)),
            warning: self.warning(now_ms),
        }
    }
}

fn exists(path: &Path) -> Result<bool, Error> {
    path.try_exists().map_err(|source| Error::Read(path.to_owned(), source))
}

/// The certificates in the text of a file; at least one.
fn chain(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    match pem::certificates(text) {
        Ok(chain) if chain.is_empty() => Err(Error::NotPem(path.to_owned(), "certificate")),
        Ok(chain) => Ok(chain),
        // The parser's message does not help, and could quote a file that holds a key as well.
        Err(_) => Err(Error::DamagedPem(path.to_owned(), "certificate")),
    }
}

fn private_key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, Error> {
    if pem::is_encrypted(text) {
        return Err(Error::Encrypted(path.to_owned()));
    }
    match pem::private_key(text) {
        Ok(key) => key.ok_or_else(|| Error::NotPem(path.to_owned(), "private key")),
        Err(_) => Err(Error::DamagedPem(path.to_owned(), "private key")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let read = || {
        if fs::metadata(path)?.len() > limits::CERTIFICATE_BYTES {
            return Err(io::Error::other("larger than any certificate"));
        }
        files::read_if_exists(path)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    read().map_err(|source| Error::Read(path.to_owned(), source))
}

fn stage(path: &Path, text: &[u8]) -> Result<Staged, Error> {
    files::create_private_dir(files::dir_of(path))
        .and_then(|()| Staged::write(path, text))
        .map_err(|source| Error::Write(path.to_owned(), source))
}

fn sync(path: &Path) -> Result<(), Error> {
    files::sync_dir(files::dir_of(path)).map_err(|source| Error::Write(path.to_owned(), source))
}

/// A group may be allowed to read the key on purpose; everybody is not.
fn warn_if_world_readable(key: &Path) {
    let mode = fs::metadata(key).map(|meta| meta.permissions().mode()).unwrap_or_default();
    if mode & 0o007 != 0 {
        let path = key.display();
        log::warn!("tls: every user on this machine can read the key; run `chmod 600 {path}`");
    }
}
