//! A node's token, and the only form of it that is kept.

use crate::protocol::hash::{from_hex, sha256, to_hex, Digest};
use crate::protocol::limits;
use std::fmt;
use subtle::ConstantTimeEq;

/// A secret that a node presents in `hello`. Its `Debug` form never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token made of 128 random bits: 32 lowercase hex characters (protocol section 4.2).
    pub fn from_bits(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }

    /// What a node presented: trimmed; `None` if nothing is left, or if it is longer than
    /// [`limits::SHORT_TEXT_CHARS`], which no gateway accepts.
    pub fn presented(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=limits::SHORT_TEXT_CHARS).contains(&text.chars().count());
        fits.then(|| Self(text.to_owned()))
    }

    /// What is stored instead of the token.
    pub fn hash(&self) -> TokenHash {
        TokenHash(sha256(self.0.as_bytes()))
    }

    /// The secret itself, for the one frame that delivers it and for a node's own token file.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The SHA-256 of a token. A token has 122 random bits or more, so a fast hash is enough.
#[derive(Clone, Copy)]
pub struct TokenHash(Digest);

impl TokenHash {
    /// Reads 64 hex characters.
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// 64 lowercase hex characters.
    pub fn to_hex(self) -> String {
        to_hex(&self.0)
    }

    /// Whether this is the hash of `token`; takes the same time whatever the answer.
    pub fn matches(&self, token: &Token) -> bool {
        self.0.ct_eq(&token.hash().0).into()
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_compared_by_its_hash_after_trimming() {
        let token = Token::from_bits(0x3160_a8b4);
        assert_eq!(token.reveal(), "0000000000000000000000003160a8b4");
        let hash = TokenHash::from_hex(&token.hash().to_hex()).unwrap();
        assert!(hash.matches(&Token::presented(" 0000000000000000000000003160a8b4\n").unwrap()));
        assert!(!hash.matches(&Token::presented("000000000000000000000000").unwrap()));
        assert_eq!(Token::presented("  "), None);
        let long = "x".repeat(limits::SHORT_TEXT_CHARS);
        assert!(Token::presented(&long).is_some());
        assert_eq!(Token::presented(&(long + "x")), None);
    }

    #[test]
    fn the_hash_is_plain_sha256() {
        let abc = Token::presented("abc").unwrap().hash().to_hex();
        assert_eq!(abc, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn debug_output_hides_the_secret() {
        let token = Token::from_bits(0xfeed);
        assert!(!format!("{token:?} {:?}", token.hash()).contains("feed"));
    }

    #[test]
    fn damaged_hashes_are_refused() {
        let cases = [String::new(), "zz".repeat(32), "ab".repeat(31), "é".repeat(32)];
        assert!(cases.iter().all(|text| TokenHash::from_hex(text).is_none()));
    }
}
