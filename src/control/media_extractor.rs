//! Takes the media out of an answer while it arrives.
//!
//! What a camera answers is one line with up to 160 MB of Base64 in it. The decoded bytes go to
//! their file as they come; what is left of the line is short, has an empty string in that place,
//! and is parsed like any other.

use crate::protocol::base64::ENGINE;
use crate::protocol::limits;
use base64::read::DecoderReader;
use std::io::{self, BufRead, ErrorKind, Read, Write};

/// Where the Base64 stands in an answer: the `base64` of the node's payload.
const PATH: [&[u8]; 3] = [b"payload", b"payload", b"base64"];

/// How many decoded bytes are written at once.
const CHUNK: usize = 16 * 1024;

/// Why the media cannot be taken out of an answer.
#[derive(Debug)]
pub(crate) enum MediaError {
    /// What should be Base64 is not.
    NotBase64,
    /// The line is too long even without the media.
    TooLong,
    /// The answer could not be read; `UnexpectedEof` if it ends in the middle.
    Read(io::Error),
    /// The bytes could not be written.
    Write(io::Error),
}

/// One line, as far as it has been read.
pub(super) struct MediaExtractor<'a, R> {
    input: &'a mut R,
    media: &'a mut dyn Write,
    was_found: bool,
    /// The line without the media.
    rest: Vec<u8>,
}

impl<'a, R: BufRead> MediaExtractor<'a, R> {
    pub(super) fn new(input: &'a mut R, media: &'a mut dyn Write) -> Self {
        Self { input, media, was_found: false, rest: Vec::new() }
    }

    /// Reads to the end of the line: the line without the media, and whether there was any.
    pub(super) fn read_line(mut self) -> Result<(Vec<u8>, bool), MediaError> {
        let mut depth = 0_usize;
        // How many names of `PATH` lead to this place, and the last string, which may be a name.
        let (mut on_path, mut string) = (0, 0..0);
        loop {
            match self.keep_next()? {
                b'\n' => {
                    self.rest.pop();
                    return Ok((self.rest, self.was_found));
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    on_path = on_path.min(depth);
                }
                b',' => on_path = on_path.min(depth.saturating_sub(1)),
                b':' if on_path + 1 == depth
                    && PATH
                        .get(on_path)
                        .is_some_and(|name| self.rest[string.clone()] == **name) =>
                {
                    on_path = depth;
                }
                b'"' if on_path == PATH.len() && depth == PATH.len() => self.copy_media()?,
                b'"' => {
                    let start = self.rest.len();
                    self.keep_string()?;
                    string = start..self.rest.len() - 1;
                }
                _ => {}
            }
        }
    }

    fn keep_next(&mut self) -> Result<u8, MediaError> {
        if self.rest.len() == limits::LINE_WITHOUT_MEDIA {
            return Err(MediaError::TooLong);
        }
        let byte = next(self.input).map_err(MediaError::Read)?;
        self.rest.push(byte);
        Ok(byte)
    }

    /// The rest of a string, with its escapes, up to its closing quote.
    fn keep_string(&mut self) -> Result<(), MediaError> {
        loop {
            match self.keep_next()? {
                b'"' => return Ok(()),
                b'\\' => {
                    self.keep_next()?;
                }
                _ => {}
            }
        }
    }

    fn copy_media(&mut self) -> Result<(), MediaError> {
        if std::mem::replace(&mut self.was_found, true) {
            return Err(MediaError::NotBase64);
        }
        let text = Base64Text { input: self.input, is_over: false };
        let mut bytes = DecoderReader::new(text, &ENGINE);
        let mut chunk = vec![0; CHUNK];
        loop {
            match bytes.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => self.media.write_all(&chunk[..count]).map_err(MediaError::Write)?,
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    return Err(MediaError::NotBase64);
                }
                Err(error) => return Err(MediaError::Read(error)),
            }
        }
        self.rest.push(b'"');
        Ok(())
    }
}

/// The characters of a JSON string up to its closing quote, without line breaks: some encoders
/// break their Base64 into lines.
struct Base64Text<'a, R> {
    input: &'a mut R,
    is_over: bool,
}

impl<R: BufRead> Read for Base64Text<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_over {
            let available = fill(self.input)?;
            let plain = available.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            let count = plain.unwrap_or(available.len()).min(buffer.len());
            if count > 0 {
                buffer[..count].copy_from_slice(&available[..count]);
                self.input.consume(count);
                return Ok(count);
            }
            if next(self.input)? == b'"' {
                self.is_over = true;
            } else if let Some(character) = self.escaped()? {
                buffer[0] = character;
                return Ok(1);
            }
        }
        Ok(0)
    }
}

impl<R: BufRead> Base64Text<'_, R> {
    /// The character that is escaped, unless it is a line break.
    fn escaped(&mut self) -> io::Result<Option<u8>> {
        match next(self.input)? {
            b'n' | b'r' => Ok(None),
            b'u' => {
                let mut value = 0;
                for _ in 0..4 {
                    let digit = char::from(next(self.input)?).to_digit(16);
                    value = value * 16 + digit.ok_or(ErrorKind::InvalidData)?;
                }
                let character = u8::try_from(value).map_err(|_| ErrorKind::InvalidData)?;
                Ok(Some(character).filter(|byte| !matches!(byte, b'\n' | b'\r')))
            }
            character => Ok(Some(character)),
        }
    }
}

fn next(input: &mut impl BufRead) -> io::Result<u8> {
    let byte = fill(input)?[0];
    input.consume(1);
    Ok(byte)
}

/// What has arrived, at least one byte.
fn fill(input: &mut impl BufRead) -> io::Result<&[u8]> {
    // The second call costs nothing: it returns what the first has filled.
    while let Err(error) = input.fill_buf().map(|_| ()) {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    match input.fill_buf()? {
        [] => Err(ErrorKind::UnexpectedEof.into()),
        available => Ok(available),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn extracted(line: &str, size: usize) -> Result<(String, bool, String), MediaError> {
        let mut media = Vec::new();
        let line = format!("{line}\nnext");
        let mut input = BufReader::with_capacity(size, line.as_bytes());
        let (rest, found) = MediaExtractor::new(&mut input, &mut media).read_line()?;
        let mut after = String::new();
        input.read_to_string(&mut after).unwrap();
        assert_eq!(after, "next");
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
        for base64 in [r"Zm9", "Zm9v ", r"Zm9\u1234", r"\t", r"\uzzzz", "*", "Zg==Zm9v"] {
            let line = format!(r#"{{"payload":{{"payload":{{"base64":"{base64}"}}}}}}"#);
            assert!(matches!(extracted(&line, 2), Err(MediaError::NotBase64)), "{base64}");
        }
    }

    #[test]
    fn an_answer_that_ends_in_the_middle_is_an_error() {
        for line in ["", r#"{"payload":{"payload":{"base64":"Zm"#, r#"{"x\"#] {
            let (mut input, mut media) = (line.as_bytes(), Vec::new());
            let end = MediaExtractor::new(&mut input, &mut media).read_line();
            let is_end = |error: &io::Error| error.kind() == ErrorKind::UnexpectedEof;
            assert!(matches!(end, Err(MediaError::Read(error)) if is_end(&error)), "{line}");
        }
    }

    #[test]
    fn what_is_no_media_may_not_fill_the_memory() {
        let line = format!("{{\"payload\":\"{}\"}}", "x".repeat(limits::LINE_WITHOUT_MEDIA));
        assert!(matches!(extracted(&line, 4096), Err(MediaError::TooLong)));
    }
}
