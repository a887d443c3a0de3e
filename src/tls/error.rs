//! Why TLS cannot be served, with messages that explain how to fix it.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a certificate or its key. The causes are part of the messages.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error(
        "there is no TLS certificate at `{}`. Put it there, or leave out bridge.tls.certPath, \
         keyPath and autoGenerate to have the bridge generate one",
        .0.display()
    )]
    Missing(PathBuf),
    /// The first file exists, the second does not.
    #[error(
        "half a TLS certificate: `{}` exists, `{}` does not. Restore the missing file; if the \
         bridge generated the pair, remove the other one, and the next start generates a new pair",
        .0.display(),
        .1.display()
    )]
    IncompletePair(PathBuf, PathBuf),
    #[error("could not read the TLS file `{}`: {}{}", .0.display(), .1, advice(.1))]
    Read(PathBuf, io::Error),
    /// The file holds no such object ("certificate" or "private key") in PEM form.
    #[error(
        "`{}` contains no {} in PEM form (text that begins with -----BEGIN; `openssl` converts \
         other forms)",
        .0.display(),
        .1
    )]
    NotPem(PathBuf, &'static str),
    /// The file holds such an object, but it is damaged.
    #[error("the {} in `{}` is damaged: it is not PEM", .1, .0.display())]
    DamagedPem(PathBuf, &'static str),
    #[error(
        "the TLS key `{path}` is protected by a passphrase, which cannot be entered for a daemon; \
         `openssl pkey -in {path} -out KEY` writes it without one",
        path = .0.display()
    )]
    Encrypted(PathBuf),
    /// The TLS library rejects the certificate in the first file with the key in the second.
    #[error("the TLS certificate `{}` {}", .0.display(), Unusable(.1, .2))]
    Unusable(PathBuf, PathBuf, rustls::Error),
    #[error("could not generate a TLS certificate: {0}")]
    Generate(rcgen::Error),
    /// A pair was generated but could not be written to this file.
    #[error(
        "there is no TLS certificate yet, and a new one could not be written to `{}`: {}",
        .0.display(),
        .1
    )]
    Write(PathBuf, io::Error),
}

impl Error {
    /// Whether the cause is in existing files, so that another attempt fails, too.
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Generate(_) | Self::Write(..))
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ". The bridge's user has to be able to read it; a systemd service is handed it with \
             LoadCredential=, as the unit shows"
        }
        _ => "",
    }
}

/// Why a certificate cannot be used with the key in this file.
struct Unusable<'a>(&'a Path, &'a rustls::Error);

impl Display for Unusable<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (key, source) = (self.0.display(), self.1);
        if matches!(source, rustls::Error::InconsistentKeys(_)) {
            return write!(f, "does not belong to the key `{key}`");
        }
        write!(f, "with the key `{key}` cannot be used: ")?;
        match source {
            rustls::Error::InvalidCertificate(reason) => write!(
                f,
                "it is not an X.509 version 3 certificate, such as `openssl req -x509` makes \
                 ({reason:?})"
            ),
            rustls::Error::General(reason) if reason.contains("private key") => f.write_str(
                "this kind of key is not supported; use RSA (2048 bits or more), P-256, P-384 or \
                 Ed25519",
            ),
            source => source.fmt(f),
        }
    }
}
