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
    let (mut text, mut at) = ([b'-'; 36], 0);
    for byte in bits.to_be_bytes() {
        for digit in [byte >> 4, byte & 0xf] {
            text[at] = b"0123456789abcdef"[usize::from(digit)];
            at += 1;
        }
        at += usize::from(matches!(at, 8 | 13 | 18 | 23));
    }
    // They are letters and digits.
    std::str::from_utf8(&text).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_say_that_they_are_random() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_ne!(bits(), bits());
        let digits = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
        assert_eq!(uuid(digits), "01234567-89ab-4def-8123-456789abcdef");
    }
}
