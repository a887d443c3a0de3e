//! What a person can do about a connection that failed, in the words of the command line.

use crate::client::Error;

/// Comes behind the error's own text.
pub(super) fn advice(error: &Error) -> &'static str {
    match error {
        Error::PinMismatch { .. } => {
            "; if its certificate was renewed on purpose, compare the presented fingerprint with \
             what `openclaw-bridge fingerprint` prints on the gateway's machine, and start again \
             with --tls-fingerprint; for another gateway, name another --token-file"
        }
        Error::NotTls => {
            "; if that is on purpose, leave out --tls, and where TLS was used before, set `tls` to \
             false under `gateway` in the token file"
        }
        Error::SpeaksTls => "; start again with --tls",
        Error::HungUp => "; if it speaks TLS, start again with --tls",
        _ => "",
    }
}
