//! A JSON document as text, shared by everybody who has to send it.
//!
//! A long one, such as a recording in the answer to an invoke, is never copied: it stays in the
//! buffer into which the node's line was read. The string inside the line is unescaped in place,
//! which only makes it shorter; the router, the outbox and the socket share the result.

use crate::protocol::hash::{sha256, Digest};
use serde::Serialize;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// The text of a JSON document. On the wire it travels as a string inside the frame
/// (`payloadJSON`, `paramsJSON`); the router passes it on without looking inside. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Payload(Arc<String>);

impl Payload {
    /// The value of a JSON string: `string` is the range between its quotes in `line`. The rest of
    /// the line is discarded.
    pub fn unescaped(line: String, string: Range<usize>) -> Self {
        Self::from(unescaped(line, string))
    }
}

/// See [`Payload::unescaped`].
pub(super) fn unescaped(line: String, string: Range<usize>) -> String {
    let mut bytes = line.into_bytes();
    unescape(&mut bytes, string);
    bytes.shrink_to_fit();
    text(bytes)
}

/// Bytes that should be UTF-8. Where they are not, there is a question mark for each damaged one:
/// the usual replacement character would make a long text three times as long.
pub(super) fn text(bytes: Vec<u8>) -> String {
    let mut damaged = match String::from_utf8(bytes) {
        Ok(text) => return text,
        Err(error) => error.into_bytes(),
    };
    let mut at = 0;
    while let Err(error) = std::str::from_utf8(&damaged[at..]) {
        at += error.valid_up_to();
        let end = error.error_len().map_or(damaged.len(), |length| at + length);
        damaged[at..end].fill(b'?');
        at = end;
    }
    String::from_utf8(damaged).unwrap_or_default()
}

impl Payload {
    /// The SHA-256 of the text: what two payloads are compared by when neither is kept.
    pub(crate) fn digest(&self) -> Digest {
        sha256(self.0.as_bytes())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(Arc::new(text))
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl Deref for Payload {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Moves the value of the JSON string at `string` to the front of `bytes`, and cuts off the rest.
fn unescape(bytes: &mut Vec<u8>, string: Range<usize>) {
    let end = string.end.min(bytes.len());
    let mut read = string.start.min(end);
    let mut write = 0;
    while read < end {
        let plain = bytes[read..end].iter().position(|byte| *byte == b'\\').unwrap_or(end - read);
        bytes.copy_within(read..read + plain, write);
        write += plain;
        read += plain;
        if read < end {
            let (character, used) = escape(&bytes[read..end]);
            // An escape is at least as long as what it stands for.
            write += character.encode_utf8(&mut bytes[write..]).len();
            read += used;
        }
    }
    bytes.truncate(write);
}

/// What the escape at the start of `text` stands for, and how long it is.
fn escape(text: &[u8]) -> (char, usize) {
    if let [_, plain @ (b'"' | b'\\' | b'/'), ..] = text {
        return (char::from(*plain), 2);
    }
    let parsed = [2, 6, 12].into_iter().find_map(|length| {
        let json = [b"\"", text.get(..length)?, b"\""].concat();
        Some((serde_json::from_slice(&json).ok()?, length))
    });
    // Otherwise half a character, or no JSON at all.
    parsed.unwrap_or(match text.len() {
        length @ ..6 => ('?', length),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_unescaped_where_it_stands() {
        for value in
            ["", "plain", "{\"a\":\"b\\\\\"}", "\n\r\t\u{8}\u{c}\u{0}/é€😀", "\\\\\\", "\u{fffd}"]
        {
            let json = serde_json::Value::from(value).to_string();
            let line = format!("{{\"x\":{json},\"y\":1}}");
            let payload = Payload::unescaped(line, 6..5 + json.len() - 1);
            assert_eq!(&*payload, value);
        }
    }

    #[test]
    fn every_spelling_of_an_escape_is_understood() {
        for (json, value) in [
            (r"\/\u0041\u00e9\u20ac", "/Aé€"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
            (r"\ude00x", "\u{fffd}x"),
        ] {
            assert_eq!(&*Payload::unescaped(json.to_owned(), 0..json.len()), value, "{json}");
        }
    }

    #[test]
    fn what_is_no_json_string_is_no_reason_to_panic() {
        for text in ["\\", "\\u12", "\\uzzzz", "\\u", "é\\"] {
            Payload::unescaped(text.to_owned(), 0..text.len());
        }
        assert_eq!(&*Payload::unescaped("short".to_owned(), 3..99), "rt");
    }
}
