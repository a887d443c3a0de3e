//! What the `node` command prints. Text from the gateway cannot move the cursor, ring the bell or
//! reverse the writing: such characters are shown as escapes.

use crate::client::{Direction, Trace};
use crate::protocol::json;
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

type Stream = Box<dyn Write + Send>;

/// Results go to one stream, everything else to another.
pub(super) struct Screen {
    out: Stream,
    /// Shared with the trace, which shows lines written by other threads.
    err: Arc<Mutex<Stream>>,
}

impl Screen {
    pub(super) fn new(out: Stream, err: Stream) -> Self {
        Self { out, err: Arc::new(Mutex::new(err)) }
    }

    /// A line for the person who watches.
    pub(super) fn say(&self, line: fmt::Arguments<'_>) {
        say(&self.err, &line.to_string());
    }

    /// A JSON document as one line of the result.
    pub(super) fn print_json(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", safe_json(text))?;
        self.out.flush()
    }

    /// Shows every line of a connection.
    pub(super) fn trace(&self) -> Trace {
        let err = self.err.clone();
        Arc::new(move |direction, line| {
            let arrow = if direction == Direction::Sent { '>' } else { '<' };
            say(&err, &format!("{arrow} {line}"));
        })
    }
}

fn say(err: &Mutex<Stream>, line: &str) {
    let mut err = err.lock().unwrap_or_else(PoisonError::into_inner);
    // Nobody is left to be told that nobody reads this.
    let _ = writeln!(err, "{}", safe(line)).and_then(|()| err.flush());
}

/// An event as it is printed.
pub(super) fn event_line(event: &str, payload: Option<&str>) -> String {
    let payload = match payload.map(|text| (text, json::one_line(text))) {
        None => Cow::Borrowed("null"),
        Some((_, Some(json))) => json,
        Some((text, None)) => Cow::Owned(serde_json::Value::from(text).to_string()),
    };
    format!("{{\"event\":{},\"payload\":{payload}}}", serde_json::Value::from(event))
}

/// The JSON document on one line without anything a terminal would obey. Text that is not JSON
/// becomes a JSON string.
fn safe_json(text: &str) -> String {
    match json::one_line(text) {
        // A tab as it is can only stand between the parts of a document.
        Some(json) => safe(&json.replace('\t', " ")),
        None => safe(&serde_json::Value::from(text).to_string()),
    }
}

/// The text with control characters, and those that change the direction of writing, as escapes
/// that mean the same in JSON.
pub(super) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || turns_text(character) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

fn turns_text(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_driven_by_what_is_printed() {
        assert_eq!(safe("a\u{1b}[2J\u{9b}\u{202e}é"), "a\\u001b[2J\\u009b\\u202eé");
    }

    #[test]
    fn json_stays_the_same_document() {
        let line = safe_json("{\n\t\"a\":\t\"\u{9b}\\n\"}");
        assert_eq!(line, "{  \"a\": \"\\u009b\\n\"}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["a"], "\u{9b}\n");
        assert_eq!(safe_json("no\njson"), "\"no\\njson\"");
    }

    #[test]
    fn events_are_lines_of_their_own() {
        assert_eq!(event_line("tick", None), r#"{"event":"tick","payload":null}"#);
        assert_eq!(event_line("a\"", Some("{\n}")), r#"{"event":"a\"","payload":{ }}"#);
        assert_eq!(event_line("a", Some("x")), r#"{"event":"a","payload":"x"}"#);
    }
}
