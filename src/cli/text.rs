//! Untrusted text made safe to print: text from nodes and gateways cannot move the cursor, ring the
//! bell or reverse the direction of writing. Such characters are printed as escapes.

use crate::protocol::json;
use crate::protocol::text::{cut, is_tricky};
use std::borrow::Cow;
use std::fmt::Write;
use std::io::{self, IsTerminal};

/// How much of a long text is made safe at once, in bytes.
const AT_ONCE: usize = 64 * 1024;

/// The JSON document on one line, without control characters. Text that is not JSON becomes a JSON
/// string.
pub(crate) fn safe_json(text: &str) -> String {
    match json::one_line(text) {
        // A tab as it is can only stand between the parts of a document.
        Some(json) => safe(&json.replace('\t', " ")),
        None => safe(&serde_json::Value::from(text).to_string()),
    }
}

/// Writes what [`safe_json`] makes, and a line feed, without having all of it twice: a node's
/// answer may be a recording.
pub(crate) fn write_safe_json(text: &str, out: &mut impl io::Write) -> io::Result<()> {
    let Some(Cow::Borrowed(mut json)) = json::one_line(text) else {
        return writeln!(out, "{}", safe_json(text));
    };
    while !json.is_empty() {
        let piece = cut(json, AT_ONCE);
        out.write_all(safe(&piece.replace('\t', " ")).as_bytes())?;
        json = &json[piece.len()..];
    }
    out.write_all(b"\n")?;
    out.flush()
}

/// The text with control characters, and those that change the direction of writing, as escapes
/// that mean the same in JSON.
pub(crate) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_tricky(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Text of several lines, each of them safe to print.
pub(crate) fn safe_text(text: &str) -> String {
    text.split('\n').map(|line| safe(line.trim_end_matches('\r'))).collect::<Vec<_>>().join("\n")
}

/// Text of a node on its way to standard output: as it is into a file or another program, safe on
/// a terminal.
pub(crate) fn for_stdout(text: &str) -> String {
    for_stream(text, io::stdout().is_terminal())
}

/// As [`for_stdout`], for standard error.
pub(crate) fn for_stderr(text: &str) -> String {
    for_stream(text, io::stderr().is_terminal())
}

fn for_stream(text: &str, is_terminal: bool) -> String {
    if is_terminal {
        // Tabs do no harm, and programs align columns with them.
        return text.split('\t').map(safe_text).collect::<Vec<_>>().join("\t");
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_driven_by_what_is_printed() {
        assert_eq!(safe("\u{feff}\u{e0041}"), "\\ufeff\\udb40\\udc41");
        assert_eq!(safe("a\u{1b}[2J\u{9b}\u{202e}é"), "a\\u001b[2J\\u009b\\u202eé");
    }

    #[test]
    fn what_a_program_printed_is_made_safe_for_terminals_only() {
        let text = "a\tb\r\n\u{1b}[2J";
        assert_eq!(for_stream(text, true), "a\tb\n\\u001b[2J");
        assert_eq!(for_stream(text, false), text);
    }

    #[test]
    fn json_stays_the_same_document() {
        let line = safe_json("{\n\t\"a\":\t\"\u{9b}\\n\"}");
        assert_eq!(line, "{  \"a\": \"\\u009b\\n\"}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["a"], "\u{9b}\n");
        assert_eq!(safe_json("no\njson"), "\"no\\njson\"");
        let long = format!("{{\t\"a\":\"{}\"}}", "\u{202e}é€".repeat(AT_ONCE / 3));
        for text in ["{\n\"a\":1}", "no\njson", "[]", &long] {
            let mut written = Vec::new();
            write_safe_json(text, &mut written).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), safe_json(text) + "\n");
        }
    }
}
