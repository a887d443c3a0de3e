//! Base64 as it travels in attachments and media: the standard alphabet, padded (protocol section
//! 5.4).

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};

/// The apps pad; bits beyond the last byte are of no interest, as they were to the old gateway.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// The text for some bytes.
pub fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// The bytes of a text; `None` if it is not Base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// Decodes a text that comes in pieces, cut anywhere.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a group of four characters.
    group: Vec<u8>,
    is_padded: bool,
}

/// The text is not Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64;

impl Decoder {
    /// Takes the next piece, and appends what it decodes to.
    ///
    /// # Errors
    /// [`NotBase64`].
    pub fn push(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
        let missing = (4 - self.group.len()) % 4;
        let (first, rest) = text.split_at(missing.min(text.len()));
        self.group.extend_from_slice(first);
        if self.group.len() == 4 {
            let group = std::mem::take(&mut self.group);
            self.decode(&group, out)?;
        }
        let (groups, rest) = rest.split_at(rest.len() / 4 * 4);
        self.decode(groups, out)?;
        self.group.extend_from_slice(rest);
        Ok(())
    }

    /// There is no more.
    ///
    /// # Errors
    /// [`NotBase64`]: the text ends in the middle.
    pub fn finish(&self) -> Result<(), NotBase64> {
        if self.group.is_empty() {
            Ok(())
        } else {
            Err(NotBase64)
        }
    }

    fn decode(&mut self, groups: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
        if groups.is_empty() {
            return Ok(());
        }
        if self.is_padded {
            return Err(NotBase64);
        }
        self.is_padded = groups.ends_with(b"=");
        ENGINE.decode_vec(groups, out).map_err(|_| NotBase64)
    }
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

    fn in_pieces(text: &str, size: usize) -> Result<Vec<u8>, NotBase64> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            decoder.push(piece, &mut out)?;
            decoder.push(b"", &mut out)?;
        }
        decoder.finish().map(|()| out)
    }

    #[test]
    fn a_text_may_come_in_pieces() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in [0, 1, 2, 3, 4, 100, 255] {
            let text = encode(&bytes[..length]);
            for size in [1, 2, 3, 4, 5, 7, 1000] {
                assert_eq!(in_pieces(&text, size).as_deref(), Ok(&bytes[..length]), "{text}");
            }
        }
        for text in ["Zg", "Zg==Zm9v", "Zm9v=", "Zg==Z", "Zm-v", "Zm9v\n"] {
            for size in [1, 3, 4, 1000] {
                assert_eq!(in_pieces(text, size), Err(NotBase64), "{text} by {size}");
            }
        }
    }
}
