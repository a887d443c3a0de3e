//! A frame's line as it is written, field by field. Payloads are JSON in JSON, where a quote is
//! escaped every few bytes: serde_json, which writes each piece by itself, needs more than twice as
//! many instructions.

use crate::protocol::{json, Payload};
use serde::Serialize;

/// A line that is being written.
pub(super) struct Line<'a>(&'a mut Vec<u8>);

impl<'a> Line<'a> {
    /// The line of a frame of this type, appended to `out`.
    pub(super) fn of(kind: &str, out: &'a mut Vec<u8>) -> Self {
        out.extend_from_slice(b"{\"type\":");
        append_string(kind, out);
        Self(out)
    }

    fn name(&mut self, name: &str) {
        self.0.push(b',');
        append_string(name, self.0);
        self.0.push(b':');
    }

    pub(super) fn text(mut self, name: &str, text: &str) -> Self {
        self.name(name);
        append_string(text, self.0);
        self
    }

    /// A text that is null if there is none.
    pub(super) fn nullable(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self.json(name, "null"),
        }
    }

    /// A text that is left out if there is none.
    pub(super) fn optional(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    pub(super) fn value(self, name: &str, value: &impl Serialize) -> Self {
        self.json(name, &json::text(value))
    }

    fn json(mut self, name: &str, text: &str) -> Self {
        self.name(name);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// The fields of an object.
    pub(super) fn fields(self, object: &impl Serialize) -> Self {
        let text = json::text(object);
        let fields = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
            self.0.push(b',');
            self.0.extend_from_slice(fields.as_bytes());
        }
        self
    }

    /// The end of `res` and `invoke-res`: `ok`, and the payload if there is one, or the error.
    pub(super) fn outcome(self, result: &Result<Option<Payload>, impl Serialize>) -> Self {
        match result {
            Ok(payload) => self.json("ok", "true").optional("payloadJSON", payload.as_deref()),
            Err(error) => self.json("ok", "false").value("error", error),
        }
    }

    pub(super) fn end(self) {
        self.0.extend_from_slice(b"}\n");
    }
}

/// Appends `text` as a JSON string.
fn append_string(text: &str, out: &mut Vec<u8>) {
    /// The longest escape, `\u0000`.
    const ESCAPE: usize = 6;
    // Gathered here, because `out` has to be asked for room each time.
    let mut piece = [0; 64];
    let mut filled = 0;
    out.push(b'"');
    for &byte in text.as_bytes() {
        if filled > piece.len() - ESCAPE {
            out.extend_from_slice(&piece[..filled]);
            filled = 0;
        }
        match byte {
            b'"' | b'\\' => {
                piece[filled] = b'\\';
                piece[filled + 1] = byte;
                filled += 2;
            }
            b' '.. => {
                piece[filled] = byte;
                filled += 1;
            }
            _ => {
                let escaped = json::text(&char::from(byte));
                let escaped = escaped.trim_matches('"').as_bytes();
                piece[filled..filled + escaped.len()].copy_from_slice(escaped);
                filled += escaped.len();
            }
        }
    }
    out.extend_from_slice(&piece[..filled]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_escaped_as_serde_json_does_it() {
        let all: String = ('\0'..='\u{2ff}').chain("€\u{2028}😀".chars()).collect();
        for text in [all, "\"".repeat(100), "a\\".repeat(100), "\"\n".repeat(100)] {
            let mut line = Vec::new();
            append_string(&text, &mut line);
            assert_eq!(String::from_utf8(line).unwrap(), json::text(&text));
        }
    }
}
