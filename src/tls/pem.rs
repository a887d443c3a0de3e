//! PEM, the text form of certificates and keys. The only file that uses rustls-pemfile, which is
//! archived (RUSTSEC-2025-0134). Its replacement, when it has to go:
//! `CertificateDer::pem_slice_iter(text)` and `PrivateKeyDer::from_pem_slice(text)`.

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;

/// All certificates in the text, the server's own first; anything else in it is skipped.
pub(super) fn certificates(text: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    rustls_pemfile::certs(&mut &*text).collect()
}

/// The first private key in the text, if there is one.
pub(super) fn private_key(text: &[u8]) -> io::Result<Option<PrivateKeyDer<'static>>> {
    rustls_pemfile::private_key(&mut &*text)
}

pub(super) fn is_encrypted(text: &[u8]) -> bool {
    const WORD: &[u8] = b"ENCRYPTED";
    text.windows(WORD.len()).any(|window| window == WORD)
}
