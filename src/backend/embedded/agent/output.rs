//! Turns an agent's standard output into an answer: plain text, or a JSON object per line.
//!
//! Pure: bytes in, text and tools out. Memory is bounded by the limit on the output.

use super::lines::LineSplitter;
use super::media_lines::MediaLines;
use crate::config::AgentOutput;
use crate::protocol::limits;
use crate::protocol::text::one_line;
use serde_json::Value;

pub(super) struct AnswerReader {
    format: Format,
    text: String,
    media: MediaLines,
    error: Option<String>,
    tools: usize,
    left: usize,
}

enum Format {
    /// The bytes of a character that is still incomplete.
    Text(Vec<u8>),
    Jsonl(LineSplitter),
}

#[derive(Debug, PartialEq)]
pub(super) enum OutputEvent {
    Tool(Value),
    /// Why a line, or a part of it, was skipped; for the log.
    Skipped(String),
}

impl AnswerReader {
    pub(super) fn new(output: AgentOutput, limit: usize) -> Self {
        let format = match output {
            AgentOutput::Text => Format::Text(Vec::new()),
            AgentOutput::Jsonl => Format::Jsonl(LineSplitter::new(limit)),
        };
        let (text, media) = Default::default();
        Self { format, text, media, error: None, tools: 0, left: limit }
    }

    /// Takes what was written. `on_event` is called with the text before the event. False if the
    /// limit is exceeded.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut on_event: impl FnMut(&str, OutputEvent),
    ) -> bool {
        let fits = bytes.len() <= self.left;
        let bytes = &bytes[..bytes.len().min(self.left)];
        self.left -= bytes.len();
        match &mut self.format {
            Format::Text(partial) => self.media.take(&decode(partial, bytes), &mut self.text),
            Format::Jsonl(lines) => {
                for line in lines.take(bytes) {
                    self.read_line(&line, &mut on_event);
                }
            }
        }
        fits
    }

    /// Takes the rest, when nothing more will be written.
    pub(super) fn finish(&mut self, mut on_event: impl FnMut(&str, OutputEvent)) {
        match &mut self.format {
            Format::Text(partial) => {
                self.media.take(&String::from_utf8_lossy(partial), &mut self.text);
                partial.clear();
            }
            Format::Jsonl(lines) => {
                if let Some(line) = lines.finish() {
                    self.read_line(&line, &mut on_event);
                }
            }
        }
        self.media.finish(&mut self.text);
    }

    /// The text so far. Programs end their output with a newline; an answer does not.
    pub(super) fn text(&self) -> &str {
        match self.format {
            Format::Text(_) => self.text.trim(),
            Format::Jsonl(_) => &self.text,
        }
    }

    pub(super) fn media(&self) -> &[String] {
        &self.media.sources
    }

    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    fn read_line(&mut self, line: &[u8], on_event: &mut impl FnMut(&str, OutputEvent)) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let mut skip = |text: &str, what: &str| on_event(text, OutputEvent::Skipped(what.into()));
        let Ok(Value::Object(mut entries)) = serde_json::from_slice(line) else {
            let shown = one_line(&String::from_utf8_lossy(line), limits::AGENT_LOG_CHARS);
            return skip(&self.text, &format!("not a JSON object, skipped: {shown}"));
        };
        match entries.remove("text").unwrap_or_default() {
            Value::Null => {}
            Value::String(more) => self.media.take(&more, &mut self.text),
            _ => skip(&self.text, "\"text\" is not a string, skipped"),
        }
        match entries.remove("media").unwrap_or_default() {
            Value::Null => {}
            Value::String(source) => self.media.name(&source, &mut self.text),
            Value::Array(sources) if sources.iter().all(Value::is_string) => {
                for source in sources.iter().filter_map(Value::as_str) {
                    self.media.name(source, &mut self.text);
                }
            }
            _ => skip(&self.text, "\"media\" is neither a string nor a list of strings, skipped"),
        }
        match entries.remove("tool").unwrap_or_default() {
            Value::Null => {}
            Value::Object(_) if self.tools >= limits::AGENT_TOOL_EVENTS => {
                skip(&self.text, "too many tool events, skipped");
            }
            tool @ Value::Object(_) => {
                self.tools += 1;
                on_event(&self.text, OutputEvent::Tool(tool));
            }
            _ => skip(&self.text, "\"tool\" is not an object, skipped"),
        }
        match entries.remove("error").unwrap_or_default() {
            Value::Null => {}
            Value::String(message) => self.error = Some(message),
            other => self.error = Some(other.to_string()),
        }
    }
}

/// The text of some bytes; the start of an incomplete character is kept in `partial`.
fn decode(partial: &mut Vec<u8>, bytes: &[u8]) -> String {
    partial.extend_from_slice(bytes);
    let (mut text, mut incomplete) = (String::new(), Vec::new());
    let mut chunks = partial.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let wrong = chunk.invalid();
        let may_go_on = std::str::from_utf8(wrong).is_err_and(|error| error.error_len().is_none());
        if may_go_on && chunks.peek().is_none() {
            incomplete = wrong.to_vec();
        } else if !wrong.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    *partial = incomplete;
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(output: AgentOutput, chunks: &[&[u8]]) -> (AnswerReader, Vec<(String, OutputEvent)>) {
        let mut answer = AnswerReader::new(output, 4096);
        let mut all = Vec::new();
        for chunk in chunks {
            assert!(answer.take(chunk, |text, said| all.push((text.to_owned(), said))));
        }
        answer.finish(|text, said| all.push((text.to_owned(), said)));
        (answer, all)
    }

    #[test]
    fn text_survives_every_cut_and_every_wrong_byte() {
        let bytes = "a😀é".as_bytes();
        for cut in 0..=bytes.len() {
            let (answer, _) = read(AgentOutput::Text, &[&bytes[..cut], &bytes[cut..], b"\n"]);
            assert_eq!(answer.text(), "a😀é");
        }
        for (bytes, text) in [
            (&b"a\xffb"[..], "a\u{fffd}b"),
            (b"\xf0\x9f\x98", "\u{fffd}"),
            (b"\xc3(\xe2\x82", "\u{fffd}(\u{fffd}"),
        ] {
            let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(read(AgentOutput::Text, &one_by_one).0.text(), text);
            assert_eq!(read(AgentOutput::Text, &[bytes]).0.text(), text);
        }
    }

    #[test]
    fn lines_of_json_become_text_tools_and_an_error() {
        let lines = b"{\"text\":\"one \"}\n\n{\"tool\":{\"name\":\"ls\"},\"x\":1}\nnonsense\n[1]\n\
                      {\"text\":5}\n{\"tool\":1}\r\n{\"text\":\"two\"}\n{\"error\":\"no\"}";
        let (answer, said) = read(AgentOutput::Jsonl, &[&lines[..30], &lines[30..]]);
        assert_eq!((answer.text(), answer.error()), ("one two", Some("no")));
        assert_eq!(said[0], ("one ".to_owned(), OutputEvent::Tool(json!({ "name": "ls" }))));
        assert_eq!(said.len(), 5, "{said:?}");
        assert!(
            matches!(&said[1].1, OutputEvent::Skipped(line) if line.ends_with("skipped: nonsense"))
        );
    }

    #[test]
    fn media_are_named_in_lines_of_the_text_or_by_a_key() {
        let (answer, _) = read(AgentOutput::Text, &[b"Look:\nMED", b"IA:/a.jpg\nhere\n"]);
        assert_eq!((answer.text(), answer.media()), ("Look:\nhere", &["/a.jpg".to_owned()][..]));
        let lines = b"{\"text\":\"Look:\\nMEDIA:/a\"}\n{\"text\":\".jpg\\nhere\"}\n{\"media\":\"/b.jpg\"}\n\
                      {\"media\":[\"/c.jpg\",\"https://x/d\"]}\n{\"media\":[1]}\n{\"media\":5}\n{\"media\":null}";
        let (answer, said) = read(AgentOutput::Jsonl, &[lines]);
        assert_eq!(answer.text(), "Look:\nhere\nhttps://x/d\n");
        assert_eq!(answer.media(), ["/a.jpg", "/b.jpg", "/c.jpg", "https://x/d"]);
        assert_eq!(said.len(), 2, "{said:?}");
    }

    #[test]
    fn more_than_the_limit_is_not_kept() {
        let mut answer = AnswerReader::new(AgentOutput::Text, 4);
        assert!(answer.take(b"abcd", |_, _| ()));
        assert!(!answer.take(b"e", |_, _| ()));
        assert_eq!(answer.text(), "abcd");
    }

    #[test]
    fn tools_without_end_are_left_out() {
        let mut answer = AnswerReader::new(AgentOutput::Jsonl, 1 << 20);
        let mut tools = 0;
        for _ in 0..limits::AGENT_TOOL_EVENTS + 5 {
            answer.take(b"{\"tool\":{}}\n", |_, said| {
                tools += usize::from(matches!(said, OutputEvent::Tool(_)))
            });
        }
        assert_eq!(tools, limits::AGENT_TOOL_EVENTS);
    }
}
