//! Hints on how to fix a failed connection with the flags of the command line.

use crate::client::Error;

/// The hint to append to the text of the error.
pub(super) fn advice(error: &Error) -> &'static str {
    match error {
        Error::PinMismatch { .. } => {
            "; if its certificate was renewed, compare the presented fingerprint with the one that \
             `openclaw-bridge fingerprint` prints on the gateway's machine, and start again with \
             --tls-fingerprint; for a different gateway, use a different --token-file"
        }
        Error::NotTls => {
            "; if that is intended, leave out --tls; if TLS was used before, set `tls` to false \
             under `gateway` in the token file"
        }
        Error::SpeaksTls => "; start again with --tls",
        Error::HungUp => "; if it uses TLS, start again with --tls",
        _ => "",
    }
}
