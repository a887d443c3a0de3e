//! Names and secrets that nobody can guess, from the system's random source.

use ring::rand::{SecureRandom, SystemRandom};

pub(crate) fn bytes<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    // Linux has answered `getrandom` ever since it booted far enough to run a program; and a token
    // that is not random would be worse than no bridge.
    SystemRandom::new().fill(&mut bytes).expect("the kernel's random source answers");
    bytes
}

pub(crate) fn bits() -> u128 {
    u128::from_be_bytes(bytes())
}

/// Spreads what many would do at the same moment.
pub(crate) fn chance() -> u32 {
    u32::from_be_bytes(bytes())
}

/// A UUID, version 4, made of these bits.
pub(crate) fn uuid(bits: u128) -> String {
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
        assert_ne!(bits(), bits());
    }
}
