//! Takes the media out of a reply while it arrives.
//!
//! What a camera answers is one line with up to 160 MB of Base64 in it. Its bytes go where they
//! are wanted as they come; what is left of the line is short, has an empty text in that place,
//! and is read like any other.

use crate::protocol::base64::{Decoder, NotBase64};
use std::io::{self, Write};

/// Where in a reply the Base64 stands: the `base64` of what the node answered.
const PATH: [&[u8]; 3] = [b"payload", b"payload", b"base64"];

/// The longest line that may be left, in bytes. A description of a recording has 200.
const LONGEST_REST: usize = 4 * 1024 * 1024;

/// Why a reply cannot be extracted.
#[derive(Debug)]
pub enum MediaError {
    /// What should be Base64 is not.
    NotBase64,
    /// What is left is too long.
    TooLong,
    /// Where the bytes should go.
    Write(io::Error),
}

impl From<NotBase64> for MediaError {
    fn from(_: NotBase64) -> Self {
        Self::NotBase64
    }
}

/// One line on its way through.
pub(super) struct MediaExtractor<'m> {
    media: &'m mut dyn Write,
    decoder: Decoder,
    /// Base64 that is not decoded yet; many small pieces, where a node escapes its slashes.
    gathered: Vec<u8>,
    decoded: Vec<u8>,
    was_found: bool,
    rest: Vec<u8>,
    /// The objects (true) and lists that are open.
    open: Vec<bool>,
    /// How many names of [`PATH`] lead to this place.
    on_path: usize,
    expects_name: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    /// In a name that starts here in the rest.
    Name(usize),
    Text,
    /// After a backslash in a name or text.
    Escape,
    Media,
    MediaEscape,
    /// After `\u` in the media: digits seen, and their value.
    MediaUnicode(u8, u32),
}

impl<'m> MediaExtractor<'m> {
    pub(super) fn new(media: &'m mut dyn Write) -> Self {
        Self {
            media,
            decoder: Decoder::default(),
            gathered: Vec::new(),
            decoded: Vec::new(),
            was_found: false,
            rest: Vec::new(),
            open: Vec::new(),
            on_path: 0,
            expects_name: false,
            state: State::Between,
        }
    }

    /// Takes bytes up to the end of the line; how many, and whether the line is over.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, bool), MediaError> {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Media {
                let plain = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\'));
                let plain = plain.unwrap_or(bytes.len() - at);
                if plain > 0 {
                    self.gathered.extend_from_slice(&bytes[at..at + plain]);
                    at += plain;
                    continue;
                }
            }
            let byte = bytes[at];
            at += 1;
            if byte == b'\n' {
                return Ok((at, true));
            }
            self.byte(byte)?;
            if self.rest.len() > LONGEST_REST {
                return Err(MediaError::TooLong);
            }
        }
        self.pass_on()?;
        Ok((at, false))
    }

    /// The line without the media, and whether there was any.
    pub(super) fn finish(self) -> (Vec<u8>, bool) {
        (self.rest, self.was_found)
    }

    fn byte(&mut self, byte: u8) -> Result<(), MediaError> {
        match self.state {
            State::Media | State::MediaEscape | State::MediaUnicode(..) => {
                return self.media_byte(byte)
            }
            State::Between => self.between(byte),
            State::Name(start) if byte == b'"' => self.name_ends(start),
            State::Text if byte == b'"' => self.state = State::Between,
            State::Name(_) | State::Text if byte == b'\\' => self.state = State::Escape,
            // A name with an escape in it is none of ours.
            State::Escape => self.state = State::Text,
            State::Name(_) | State::Text => {}
        }
        self.rest.push(byte);
        Ok(())
    }

    fn between(&mut self, byte: u8) {
        let depth = self.open.len();
        match byte {
            b'{' | b'[' => {
                self.open.push(byte == b'{');
                self.expects_name = byte == b'{';
            }
            b'}' | b']' => {
                self.open.pop();
                self.on_path = self.on_path.min(self.open.len());
            }
            b',' => {
                self.expects_name = self.open.last() == Some(&true);
                self.on_path = self.on_path.min(depth.saturating_sub(1));
            }
            b':' => self.expects_name = false,
            b'"' if self.expects_name => {
                self.on_path = self.on_path.min(depth.saturating_sub(1));
                self.state = State::Name(self.rest.len() + 1);
            }
            b'"' if self.on_path == PATH.len() && depth == PATH.len() => self.state = State::Media,
            b'"' => self.state = State::Text,
            _ => {}
        }
    }

    fn name_ends(&mut self, start: usize) {
        let depth = self.open.len();
        let ours = depth.checked_sub(1).and_then(|above| PATH.get(above));
        if ours.is_some_and(|name| self.rest[start..] == **name) && self.on_path + 1 == depth {
            self.on_path = depth;
        }
        self.state = State::Between;
    }

    fn media_byte(&mut self, byte: u8) -> Result<(), MediaError> {
        let character = match (self.state, byte) {
            (State::Media, b'\\') => {
                self.state = State::MediaEscape;
                return Ok(());
            }
            (State::Media, b'"') => {
                if std::mem::replace(&mut self.was_found, true) {
                    return Err(MediaError::NotBase64);
                }
                self.pass_on()?;
                self.decoder.finish()?;
                self.state = State::Between;
                self.rest.push(b'"');
                return Ok(());
            }
            (State::MediaEscape, b'u') => {
                self.state = State::MediaUnicode(0, 0);
                return Ok(());
            }
            (State::MediaUnicode(digits, value), byte) => {
                let digit = char::from(byte).to_digit(16).ok_or(MediaError::NotBase64)?;
                let value = value * 16 + digit;
                if digits < 3 {
                    self.state = State::MediaUnicode(digits + 1, value);
                    return Ok(());
                }
                u8::try_from(value).map_err(|_| MediaError::NotBase64)?
            }
            // Some encoders break their Base64 into lines.
            (_, b'n' | b'r') => b'\n',
            (_, byte) => byte,
        };
        self.state = State::Media;
        if !matches!(character, b'\n' | b'\r') {
            self.gathered.push(character);
        }
        Ok(())
    }

    fn pass_on(&mut self) -> Result<(), MediaError> {
        self.decoded.clear();
        self.decoder.push(&self.gathered, &mut self.decoded)?;
        self.gathered.clear();
        self.media.write_all(&self.decoded).map_err(MediaError::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extracted(line: &str, size: usize) -> Result<(String, bool, String), MediaError> {
        let mut media = Vec::new();
        let mut extractor = MediaExtractor::new(&mut media);
        let line = format!("{line}\nnext");
        let mut over = false;
        for piece in line.as_bytes().chunks(size) {
            let (used, ended) = extractor.take(piece)?;
            over = ended;
            if over {
                break;
            }
            assert_eq!(used, piece.len());
        }
        assert!(over, "the line has an end");
        let (rest, found) = extractor.finish();
        Ok((String::from_utf8(rest).unwrap(), found, String::from_utf8(media).unwrap()))
    }

    #[test]
    fn the_media_is_taken_out_and_the_rest_stays_json() {
        let line = r#"{"id":1,"ok":true,"payload":{"nodeId":"a\"}","x":[{"payload":1}],"payload":{"format":"mp4","base64":"Zm9vPz8\u003d\r\n","n":{"base64":"Zg"}}}}"#;
        for size in [1, 2, 3, 1000] {
            let (rest, found, media) = extracted(line, size).unwrap();
            assert!(found && media == "foo??", "{media}");
            let rest: serde_json::Value = serde_json::from_str(&rest).unwrap();
            let node = &rest["payload"]["payload"];
            assert_eq!((&node["base64"], &node["n"]["base64"]), (&"".into(), &"Zg".into()));
        }
    }

    #[test]
    fn only_one_place_in_a_reply_is_media() {
        for line in [
            r#"{"id":1,"ok":true,"payload":{"payload":[{"base64":"!"}]}}"#,
            r#"{"id":1,"ok":true,"payload":{"base64":"!"}}"#,
            r#"{"payload":{"x":1},"y":{"payload":{"base64":"!"}}}"#,
            r#"{"payload":{"payload":{"x":{"base64":"!"},"y":"base64"}}}"#,
            r#"{"payload":{"payload":{"base64":null,"z":"!"}}}"#,
            r#"{"payload":[{"payload":{"base64":"!"}}]}"#,
            r#"{"id":1,"ok":false,"error":{"code":"X","message":"base64"}}"#,
            r#"[[[["payload","payload","base64","!"]]]]"#,
        ] {
            for size in [1, 1000] {
                assert_eq!(extracted(line, size).unwrap(), (line.into(), false, String::new()));
            }
        }
    }

    #[test]
    fn escapes_and_line_breaks_in_the_base64_are_understood() {
        for (base64, bytes) in [
            (r"Zm9v", "foo"),
            (r"Zm\u0039v", "foo"),
            (r"Zm\n9v\r\n", "foo"),
            (r"Zg\u003d\u003D", "f"),
            (r"Pz8\/", "???"),
            ("", ""),
        ] {
            let line = format!(r#"{{"payload":{{"payload":{{"base64":"{base64}"}}}}}}"#);
            for size in [1, 4, 1000] {
                assert_eq!(extracted(&line, size).unwrap().2, bytes, "{base64}");
            }
        }
        for base64 in [r"Zm9", "Zm9v ", r"Zm9\u1234", r"\t", r"\uzzzz", "*"] {
            let line = format!(r#"{{"payload":{{"payload":{{"base64":"{base64}"}}}}}}"#);
            assert!(matches!(extracted(&line, 2), Err(MediaError::NotBase64)), "{base64}");
        }
    }

    #[test]
    fn what_is_no_media_may_not_fill_the_memory() {
        let line = format!("{{\"payload\":\"{}\"}}", "x".repeat(LONGEST_REST));
        assert!(matches!(extracted(&line, 4096), Err(MediaError::TooLong)));
    }
}
