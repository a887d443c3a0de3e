//! A certificate and its key: read from their files, or made and written there.

use super::error::Error;
use super::{generate, pem, Fingerprint, Validity};
use crate::files::{self, Staged};
use crate::protocol::limits;
use crate::{calendar, protocol::operator::CertificateView};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where a certificate and its key are, and whether they may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, or a chain that begins with it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Whether both are made if neither is there.
    pub generate: bool,
}

/// What may be known of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its file.
    pub path: PathBuf,
    /// What nodes pin.
    pub fingerprint: Fingerprint,
    /// Its dates, if they can be read.
    pub validity: Option<Validity>,
}

/// A certificate with its key.
pub struct Certificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) facts: Facts,
    pub(super) key_path: PathBuf,
}

impl Files {
    /// The files that were named, or those in the state directory.
    pub fn new(
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

    /// Reads the pair; makes it if there is none and that is allowed.
    ///
    /// # Errors
    /// Everything that keeps the bridge from serving with it.
    pub fn load(&self) -> Result<Certificate, Error> {
        match (exists(&self.certificate)?, exists(&self.key)?) {
            (true, true) => {}
            (false, true) => self.finish_interrupted()?,
            (true, false) => {
                let (present, absent) = (self.certificate.clone(), self.key.clone());
                return Err(Error::HalfAPair { present, absent });
            }
            (false, false) if self.generate => self.make()?,
            (false, false) => {
                return Err(Error::Missing { certificate: self.certificate.clone() });
            }
        }
        warn_if_open(&self.key);
        self.read()
    }

    fn read(&self) -> Result<Certificate, Error> {
        let chain = read_chain(&self.certificate)?;
        let facts = facts(&self.certificate, &chain);
        let key = read_key(&self.key)?;
        Ok(Certificate { chain, key, facts, key_path: self.key.clone() })
    }

    /// Writes a new pair. Both files are complete on disk, under other names, before either gets
    /// its own, and the key gets it first. So whatever a power cut leaves is nothing, both, or the
    /// key with the certificate still waiting beside its place, which
    /// [`Files::finish_interrupted`] recognises.
    fn make(&self) -> Result<(), Error> {
        let made = generate::generate(calendar::now_ms());
        let made = made.map_err(|error| Error::Generate(error.to_string()))?;
        let key = stage(&self.key, &made.key)?;
        let certificate = stage(&self.certificate, &made.certificate)?;
        sync(&self.key)?;
        sync(&self.certificate)?;
        key.commit().map_err(|source| not_written(&self.key, source))?;
        if let Err(source) = certificate.commit() {
            // Half a pair would keep the next start from making a whole one.
            let _ = fs::remove_file(&self.key);
            return Err(not_written(&self.certificate, source));
        }
        sync(&self.key)?;
        sync(&self.certificate)?;
        log::info!("tls: made a certificate file={}", self.certificate.display());
        Ok(())
    }

    /// There is a key without a certificate. If the certificate that was made with it waits beside
    /// its place, a start was interrupted; no node has ever seen it. Otherwise somebody took it
    /// away, or put the key there, and has to say what is meant.
    fn finish_interrupted(&self) -> Result<(), Error> {
        let waiting = files::temp_name(&self.certificate);
        let interrupted = Self { certificate: waiting.clone(), ..self.clone() };
        if interrupted.read().is_ok_and(|pair| super::server::check(&pair).is_ok()) {
            fs::rename(&waiting, &self.certificate)
                .map_err(|source| not_written(&self.certificate, source))?;
            return sync(&self.certificate);
        }
        let (present, absent) = (self.key.clone(), self.certificate.clone());
        Err(Error::HalfAPair { present, absent })
    }
}

impl Facts {
    /// The facts of the certificate in a file; the key is not touched. `None` if there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        if !exists(path)? {
            return Ok(None);
        }
        Ok(Some(facts(path, &read_chain(path)?)))
    }

    /// What an operator should know about the dates now, if there is anything.
    pub fn warning(&self, now_ms: u64) -> Option<String> {
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

    /// As operators are shown it.
    pub fn view(&self, now_ms: u64) -> CertificateView {
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

fn facts(path: &Path, chain: &[CertificateDer<'static>]) -> Facts {
    let leaf = chain.first().map(|leaf| leaf.as_ref()).unwrap_or_default();
    let (fingerprint, validity) = (Fingerprint::of(leaf), Validity::of(leaf));
    Facts { path: path.to_owned(), fingerprint, validity }
}

fn exists(path: &Path) -> Result<bool, Error> {
    path.try_exists().map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// The certificates in a file; at least one.
fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(path)?;
    let not_pem =
        |is_damaged| Error::NotPem { path: path.to_owned(), wanted: "certificate", is_damaged };
    match pem::certificates(&text) {
        Ok(chain) if chain.is_empty() => Err(not_pem(false)),
        Ok(chain) => Ok(chain),
        // What the parser says is of no help, and quotes a file that may hold a key as well.
        Err(_) => Err(not_pem(true)),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read(path)?;
    if pem::is_encrypted(&text) {
        return Err(Error::Encrypted { path: path.to_owned() });
    }
    let not_pem =
        |is_damaged| Error::NotPem { path: path.to_owned(), wanted: "private key", is_damaged };
    match pem::private_key(&text) {
        Ok(key) => key.ok_or_else(|| not_pem(false)),
        Err(_) => Err(not_pem(true)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let read = || {
        // Not opened at all if it is something whose end may never come.
        if fs::metadata(path)?.len() > limits::CERTIFICATE_BYTES {
            return Err(io::Error::other("larger than any certificate"));
        }
        files::read_if_exists(path)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    read().map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn stage(path: &Path, text: &str) -> Result<Staged, Error> {
    let staged = files::create_private_dir(directory(path))
        .and_then(|()| Staged::write(path, text.as_bytes()));
    staged.map_err(|source| not_written(path, source))
}

fn sync(path: &Path) -> Result<(), Error> {
    files::sync_dir(directory(path)).map_err(|source| not_written(path, source))
}

fn not_written(path: &Path, source: io::Error) -> Error {
    Error::Write { path: path.to_owned(), source }
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new("."))
}

/// A group may be meant to read it; everybody is not.
fn warn_if_open(key: &Path) {
    let mode = fs::metadata(key).map(|meta| meta.permissions().mode()).unwrap_or_default();
    if mode & 0o007 != 0 {
        let path = key.display();
        log::warn!("tls: everybody on this machine can read the key; `chmod 600 {path}`");
    }
}
