//! Why there is no certificate to serve with, told so that it can be put right.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

/// What is wrong with a certificate or its key.
#[derive(Debug)]
pub enum Error {
    /// There is none, and none may be made.
    Missing {
        /// Where it would be.
        certificate: PathBuf,
    },
    /// One file is there, the other is not.
    HalfAPair {
        /// The one that is there.
        present: PathBuf,
        /// The one that is not.
        absent: PathBuf,
    },
    /// A file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    NotPem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// Whether it begins like that, but is damaged.
        is_damaged: bool,
    },
    /// The key cannot be read without a passphrase.
    Encrypted {
        /// The key.
        path: PathBuf,
    },
    /// The certificate belongs to another key.
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// The TLS library does not take the pair.
    Unusable {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// A pair could not be made.
    Generate(String),
    /// A pair was made but could not be kept.
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// Whether it lies with the files that somebody put there, so that trying again is no use.
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Generate(_) | Self::Write { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { certificate } => write!(
                f,
                "there is no TLS certificate at {}. Put it there; or, for one that the bridge makes, \
                 leave out bridge.tls.certPath, keyPath and autoGenerate",
                quoted(certificate)
            ),
            Self::HalfAPair { present, absent } => write!(
                f,
                "half a TLS certificate: {} is there, {} is not. Put the other half back; if the \
                 bridge made them, remove this one, and a new pair is made at the next start",
                quoted(present),
                quoted(absent)
            ),
            Self::Read { path, source } => {
                write!(f, "could not read the TLS file {}: {source}", quoted(path))
            }
            Self::NotPem { path, wanted, is_damaged: false } => {
                write!(
                    f,
                    "{} holds no {wanted} in PEM form (text that begins with -----BEGIN; `openssl` \
                     converts other forms)",
                    quoted(path)
                )
            }
            Self::NotPem { path, wanted, is_damaged: true } => {
                write!(f, "the {wanted} in {} is damaged: it is not PEM", quoted(path))
            }
            Self::Encrypted { path } => write!(
                f,
                "the TLS key {0} is protected by a passphrase, which nobody can type for a \
                 daemon; `openssl pkey -in {1} -out KEY` writes it without",
                quoted(path),
                path.display()
            ),
            Self::Mismatch { certificate, key } => write!(
                f,
                "the TLS certificate {} does not belong to the key {}; both must come from the \
                 same pair",
                quoted(certificate),
                quoted(key)
            ),
            Self::Unusable { certificate, key, source } => {
                let (certificate, key) = (quoted(certificate), quoted(key));
                write!(f, "the TLS certificate {certificate} with the key {key} cannot be used: ")?;
                unusable(f, source)
            }
            Self::Generate(reason) => write!(f, "could not make a TLS certificate: {reason}"),
            Self::Write { path, source } => write!(
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
            "it is no X.509 certificate of version 3, such as `openssl req -x509` makes \
             ({reason:?})"
        ),
        rustls::Error::General(reason) if reason.contains("private key") => f.write_str(
            "the key is of no kind that TLS is served with here: RSA of 2048 bits or more, P-256, \
             P-384, or Ed25519",
        ),
        source => write!(f, "{source}"),
    }
}

fn quoted(path: &Path) -> String {
    format!("`{}`", path.display())
}

impl error::Error for Error {}
