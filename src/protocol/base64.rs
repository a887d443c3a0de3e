//! Base64 as it travels in attachments and media: the standard alphabet, padded (protocol section
//! 5.4).

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};

/// The apps pad; bits beyond the last byte are of no interest, as they were to the old gateway.
pub(crate) const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

pub(crate) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// The bytes of a text; `None` if it is not Base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_padded_base64_is_refused() {
        assert_eq!(decode(&encode(b"\0\xffx")).as_deref(), Some(&b"\0\xffx"[..]));
        assert_eq!(decode("Zh==").as_deref(), Some(&b"f"[..]));
        for text in ["Z", "Zg=", "Zg", "Zm9v\n", "Z===", "====", "Zm9-", "Zm9v "] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
