//! The SHA-256 fingerprint of a certificate, which nodes pin (protocol section 1.3).

use ring::digest::{digest, SHA256};
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a certificate's DER form. Prints as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER form.
    pub fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(bytes)
    }

    /// Pairs of uppercase digits with colons between them, as `openssl x509 -fingerprint` prints.
    pub fn with_colons(&self) -> String {
        self.0.map(|byte| format!("{byte:02X}")).join(":")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NotAFingerprint);
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let pair = &digits[2 * index..2 * index + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAFingerprint)?;
        }
        Ok(Self(bytes))
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
