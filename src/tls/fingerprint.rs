//! The SHA-256 fingerprint of a certificate, which nodes pin (protocol section 1.3).

use crate::protocol::hash::{from_hex, sha256, to_hex, Digest};
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a certificate's DER form. Prints as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(Digest);

impl Fingerprint {
    /// The fingerprint of a certificate in DER form.
    pub fn of(certificate: &[u8]) -> Self {
        Self(sha256(certificate))
    }

    /// Pairs of uppercase digits with colons between them, as `openssl x509 -fingerprint` prints.
    pub fn with_colons(&self) -> String {
        self.0.map(|byte| format!("{byte:02X}")).join(":")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a SHA-256 fingerprint (64 hexadecimal digits, with or without colons)")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// Reads every common form of a fingerprint: in either case, with `sha256:` in front, with
    /// colons or blanks between the digits.
    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix("sha256").unwrap_or(&text);
        let separator = |c: char| c.is_whitespace() || matches!(c, ':' | '-' | '=');
        let digits: String = text.chars().filter(|c| !separator(*c)).collect();
        from_hex(&digits).map(Self).ok_or(NotAFingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn every_form_of_a_fingerprint_means_the_same() {
        let print = Fingerprint::of(b"abc");
        assert_eq!(print.to_string(), ABC);
        let colons = print.with_colons();
        assert!(colons.starts_with("BA:78:16:BF:") && colons.ends_with(":AD"), "{colons}");
        for text in
            [ABC, &colons, &ABC.to_uppercase(), &format!("sha256:{ABC}"), &format!(" {ABC}\n")]
        {
            assert_eq!(text.parse(), Ok(print), "{text}");
        }
        let openssl = format!("SHA256 Fingerprint={colons}").replace("Fingerprint", "");
        assert_eq!(openssl.parse(), Ok(print));
    }

    #[test]
    fn what_is_cut_short_or_mistyped_is_no_fingerprint() {
        for text in ["", "ba78", &ABC[1..], &format!("{ABC}00"), &ABC.replace('b', "g"), "é"] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NotAFingerprint), "{text}");
        }
    }
}
