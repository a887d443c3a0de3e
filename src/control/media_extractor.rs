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
#[derive(Debug, thiserror::Error)]
pub(crate) enum MediaError {
    #[error("the media is invalid Base64")]
    NotBase64,
    #[error("the answer is too long and contains no media")]
    TooLong,
    /// `UnexpectedEof` if the answer ends in the middle.
    #[error("could not read the media")]
    Read(#[source] io::Error),
    #[error("could not write the media")]
    Write(#[source] io::Error),
}

/// Reads to the end of the line, and writes the decoded media; returns the line without the media,
/// and whether there was any.
pub(super) fn extract(
    input: &mut impl BufRead,
    media: &mut dyn Write,
) -> Result<(Vec<u8>, bool), MediaError> {
    let mut line = Rest { input, kept: Vec::new() };
    let (mut depth, mut was_found) = (0_usize, false);
    // How many names of `PATH` lead to this place, and the last string, which may be a name.
    let (mut on_path, mut string) = (0, 0..0);
    loop {
        match line.keep_next()? {
            b'\n' => {
                line.kept.pop();
                return Ok((line.kept, was_found));
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                on_path = on_path.min(depth);
            }
            b',' => on_path = on_path.min(depth.saturating_sub(1)),
            b':' if on_path + 1 == depth
                && PATH.get(on_path).is_some_and(|name| line.kept[string.clone()] == **name) =>
            {
                on_path = depth;
            }
            b'"' if on_path == PATH.len() && depth == PATH.len() => {
                if std::mem::replace(&mut was_found, true) {
                    return Err(MediaError::NotBase64);
                }
                copy_media(line.input, media)?;
                line.kept.push(b'"');
            }
            b'"' => {
                let start = line.kept.len();
                line.keep_string()?;
                string = start..line.kept.len() - 1;
            }
            _ => {}
        }
    }
}

/// What is not media in a line, as far as it has been read.
struct Rest<'a, R> {
    input: &'a mut R,
    kept: Vec<u8>,
}

impl<R: BufRead> Rest<'_, R> {
    fn keep_next(&mut self) -> Result<u8, MediaError> {
        if self.kept.len() == limits::LINE_WITHOUT_MEDIA {
            return Err(MediaError::TooLong);
        }
        let byte = next(self.input).map_err(MediaError::Read)?;
        self.kept.push(byte);
        Ok(byte)
    }

    /// The rest of a string, with its escapes, up to its closing quote.
    fn keep_string(&mut self) -> Result<(), MediaError> {
        loop {
            match self.keep_next()? {
                b'"' => return Ok(()),
                b'\\' => _ = self.keep_next()?,
                _ => {}
            }
        }
    }
}

fn copy_media(input: &mut impl BufRead, media: &mut dyn Write) -> Result<(), MediaError> {
    let mut bytes = DecoderReader::new(Base64Text { input, is_over: false }, &ENGINE);
    let mut chunk = vec![0; CHUNK];
    loop {
        match bytes.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => media.write_all(&chunk[..count]).map_err(MediaError::Write)?,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(MediaError::NotBase64);
            }
            Err(error) => return Err(MediaError::Read(error)),
        }
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
        let mut count = 0;
        while count < buffer.len() && !self.is_over {
            let character = match next(self.input)? {
                b'"' => {
                    self.is_over = true;
                    continue;
                }
                b'\\' => match next(self.input)? {
                    b'n' | b'r' => continue,
                    b'u' => self.unicode()?,
                    character => character,
                },
                character => character,
            };
            buffer[count] = character;
            count += 1;
        }
        Ok(count)
    }
}

impl<R: BufRead> Base64Text<'_, R> {
    /// The character with the number in the next four digits.
    fn unicode(&mut self) -> io::Result<u8> {
        let mut json = *br#""\u....""#;
        self.input.read_exact(&mut json[3..7])?;
        let character: char = serde_json::from_slice(&json)?;
        u8::try_from(character).map_err(|_| ErrorKind::InvalidData.into())
    }
}

fn next(input: &mut impl BufRead) -> io::Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// What `tests/fuzz` calls: the line without the media, and the media, if there was any. `size` is
/// that of the buffer it is read through.
#[cfg(fuzzing)]
pub fn fuzz(line: &[u8], size: usize) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let mut media = Vec::new();
    let mut input = io::BufReader::with_capacity(size, line);
    let (rest, was_found) = extract(&mut input, &mut media).ok()?;
    Some((rest, was_found.then_some(media)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn extracted(line: &str, size: usize) -> Result<(String, bool, String), MediaError> {
        let mut media = Vec::new();
        let line = format!("{line}\nnext");
        let mut input = BufReader::with_capacity(size, line.as_bytes());
        let (rest, found) = extract(&mut input, &mut media)?;
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
            let end = extract(&mut input, &mut media);
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
