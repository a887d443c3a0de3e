//! Names and secrets from the system's random source.

use crate::protocol::Token;
use crate::router::Ids;
use ring::rand::{SecureRandom, SystemRandom};

/// The system's random source.
#[derive(Debug)]
pub(super) struct Random(SystemRandom);

impl Default for Random {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Random {
    fn bits(&self) -> u128 {
        let mut bytes = [0; 16];
        // Linux has answered `getrandom` ever since it booted far enough to run a program; a
        // token that is not random would be worse than no bridge.
        self.0.fill(&mut bytes).expect("the kernel's random source answers");
        u128::from_be_bytes(bytes)
    }
}

impl Ids for Random {
    /// A UUID, version 4.
    fn unique(&mut self) -> String {
        uuid(self.bits())
    }

    fn token(&mut self) -> Token {
        Token::from_bits(self.bits())
    }
}

fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_say_that_they_are_random() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_ne!(Random::default().unique(), Random::default().unique());
    }
}
