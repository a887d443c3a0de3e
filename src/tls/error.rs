//! Why TLS cannot be served, with messages that explain how to fix it.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

/// What is wrong with a certificate or its key.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    Missing(PathBuf),
    /// The first file exists, the second does not.
    IncompletePair(PathBuf, PathBuf),
    Read(PathBuf, io::Error),
    /// The file holds no such object ("certificate" or "private key") in PEM form.
    NotPem(PathBuf, &'static str),
    /// The file holds such an object, but it is damaged.
    DamagedPem(PathBuf, &'static str),
    Encrypted(PathBuf),
    /// The TLS library rejects the certificate in the first file with the key in the second.
    Unusable(PathBuf, PathBuf, rustls::Error),
    Generate(rcgen::Error),
    /// A pair was generated but could not be written to this file.
    Write(PathBuf, io::Error),
}

impl Error {
    /// Whether the cause is in existing files, so that another attempt fails, too.
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Generate(_) | Self::Write(..))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |path: &Path| format!("`{}`", path.display());
        match self {
            Self::Missing(path) => write!(
                f,
                "there is no TLS certificate at {}. Put it there, or leave out \
                 bridge.tls.certPath, keyPath and autoGenerate to have the bridge generate one",
                quoted(path)
            ),
            Self::IncompletePair(present, absent) => write!(
                f,
                "half a TLS certificate: {} exists, {} does not. Restore the missing file; if the \
                 bridge generated the pair, remove the other one, and the next start generates a \
                 new pair",
                quoted(present),
                quoted(absent)
            ),
            Self::Read(path, source) => {
                write!(f, "could not read the TLS file {}: {source}", quoted(path))
            }
            Self::NotPem(path, wanted) => write!(
                f,
                "{} contains no {wanted} in PEM form (text that begins with -----BEGIN; `openssl` \
                 converts other forms)",
                quoted(path)
            ),
            Self::DamagedPem(path, wanted) => {
                write!(f, "the {wanted} in {} is damaged: it is not PEM", quoted(path))
            }
            Self::Encrypted(path) => write!(
                f,
                "the TLS key {} is protected by a passphrase, which cannot be entered for a \
                 daemon; `openssl pkey -in {} -out KEY` writes it without one",
                quoted(path),
                path.display()
            ),
            Self::Unusable(certificate, key, source) => {
                let (certificate, key) = (quoted(certificate), quoted(key));
                if matches!(source, rustls::Error::InconsistentKeys(_)) {
                    let problem = format_args!("does not belong to the key {key}");
                    return write!(f, "the TLS certificate {certificate} {problem}");
                }
                write!(f, "the TLS certificate {certificate} with the key {key} cannot be used: ")?;
                unusable(f, source)
            }
            Self::Generate(source) => write!(f, "could not generate a TLS certificate: {source}"),
            Self::Write(path, source) => write!(
                f,
                "there is no TLS certificate yet, and a new one could not be written to {}: \
                 {source}",
                quoted(path)
            ),
        }
    }
}

fn unusable(f: &mut fmt::Formatter<'_>, source: &rustls::Error) -> fmt::Result {
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
        source => write!(f, "{source}"),
    }
}

// The causes are part of the text above.
impl error::Error for Error {}
