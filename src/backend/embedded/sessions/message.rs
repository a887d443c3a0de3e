//! Messages as the apps can read them (protocol section 5.4).
//!
//! Android shows only contents that are lists, and reads only times that are integers; an iPhone
//! drops a message with a textual time or with a fraction of a token. Everything else of a message
//! passes as it is, at any depth.

use crate::calendar;
use crate::protocol::json;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;

/// The fields of an object, still as text. Of a repeated one the last counts.
type Object<'a> = BTreeMap<FieldName<'a>, &'a RawValue>;

/// A name that is not copied unless it is written with escapes.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct FieldName<'a>(#[serde(borrow)] Cow<'a, str>);

impl Borrow<str> for FieldName<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Counts of tokens that the apps read as integers.
const TOKEN_COUNTS: [&str; 6] =
    ["input", "output", "cacheRead", "cacheWrite", "total", "totalTokens"];

#[derive(Deserialize)]
struct TranscriptLine<'a> {
    #[serde(borrow)]
    message: Object<'a>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
}

/// The message of a transcript line, as compact JSON. `None` for a line that has none, and for
/// one that is damaged.
pub(super) fn in_line(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    let text = json::mend_surrogates(&text);
    let TranscriptLine { mut message, timestamp } = serde_json::from_str(&text).ok()?;
    let stamp = message.remove("timestamp").and_then(|raw| milliseconds(raw.get()));
    let stamp = stamp.or_else(|| milliseconds(timestamp?.get()));
    let content = parts(message.remove("content").map_or("null", RawValue::get));
    let usage = message.remove("usage").map(|raw| usage(raw.get()));
    let mut fields = ObjectWriter::with_room_for(text.len());
    for (name, raw) in &message {
        fields.add(&name.0, &compact(raw.get()));
    }
    fields.add("content", &content);
    if let Some(usage) = usage {
        fields.add("usage", &usage);
    }
    if let Some(ms) = stamp {
        fields.add("timestamp", &ms.to_string());
    }
    Some(fields.end())
}

/// Writes an object field by field.
struct ObjectWriter(String);

impl ObjectWriter {
    fn with_room_for(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self(text)
    }

    fn add(&mut self, name: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.0.extend(["\"", name, "\":", value]);
        } else {
            self.0.extend([&*serde_json::Value::from(name).to_string(), ":", value]);
        }
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// The content as a list of objects.
fn parts(raw: &str) -> String {
    match raw.as_bytes().first() {
        Some(b'"') => format!("[{}]", text_part(raw)),
        Some(b'{') => format!("[{}]", compact(raw)),
        Some(b'[') => {
            let parts: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
            let parts = parts.iter().filter_map(|part| match part.get().as_bytes().first() {
                Some(b'{') => Some(compact(part.get())),
                Some(b'"') => Some(Cow::Owned(text_part(part.get()))),
                _ => None,
            });
            format!("[{}]", parts.collect::<Vec<_>>().join(","))
        }
        _ => "[]".to_owned(),
    }
}

fn text_part(raw: &str) -> String {
    format!(r#"{{"type":"text","text":{raw}}}"#)
}

/// A time in milliseconds: a number, or an ISO time.
fn milliseconds(raw: &str) -> Option<i64> {
    match raw.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => calendar::parse_iso(text).and_then(|ms| i64::try_from(ms).ok()),
        None => integer(raw),
    }
}

/// A number as an integer, if it is one of a size that JavaScript can count to.
fn integer(raw: &str) -> Option<i64> {
    super::entry::integer(&serde_json::Value::Number(raw.parse().ok()?))
}

fn usage(raw: &str) -> String {
    let Ok(counts) = serde_json::from_str::<Object<'_>>(raw) else {
        return compact(raw).into_owned();
    };
    let mut fields = ObjectWriter::with_room_for(raw.len());
    for (name, raw) in &counts {
        if !TOKEN_COUNTS.contains(&&*name.0) {
            fields.add(&name.0, &compact(raw.get()));
        } else if let Some(count) = integer(raw.get()) {
            fields.add(&name.0, &count.to_string());
        }
        // A count that is no number would cost the whole message.
    }
    fields.end()
}

/// Valid JSON without white space between its parts; not copied if there is none.
fn compact(raw: &str) -> Cow<'_, str> {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'"' => string_length(&bytes[at..]),
            byte if byte.is_ascii_whitespace() => return Cow::Owned(json::compact(raw)),
            _ => 1,
        };
    }
    Cow::Borrowed(raw)
}

/// How long the string at the beginning of these bytes is, quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        at += found + 1;
        if bytes[at - 1] == b'"' {
            return at;
        }
        at = (at + 1).min(bytes.len());
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    fn read(message: &str) -> Value {
        let line = format!(
            r#"{{"type":"message","timestamp":"2026-01-19T05:06:07.123Z","message":{message}}}"#
        );
        let text = in_line(line.as_bytes()).unwrap();
        assert_eq!(json::compact(&text), text, "compact");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn contents_become_lists_of_parts() {
        let text = |text: &str| json!({"type": "text", "text": text});
        for (content, parts) in [
            (r#""a \"b\" \u00fc""#, json!([text("a \"b\" ü")])),
            (r#"[{"type":"text" , "text":"x"}, "y", null, 5]"#, json!([text("x"), text("y")])),
            (r#"{"type":"image"}"#, json!([{"type": "image"}])),
            ("null", json!([])),
            ("[]", json!([])),
            (r#""\ud83d""#, json!([text("\u{fffd}")])),
        ] {
            let message = read(&format!(r#"{{"role":"user","content":{content}}}"#));
            assert_eq!(message["content"], parts, "{content}");
            assert_eq!(message["role"], "user");
        }
        assert_eq!(read(r#"{"role":"user"}"#)["content"], json!([]));
    }

    #[test]
    fn times_and_tokens_become_integers() {
        for (stamp, ms) in [
            ("1768799167999", 1_768_799_167_999_i64),
            ("1768799167999.75", 1_768_799_167_999),
            ("1.768799167999e12", 1_768_799_167_999),
            (r#""2026-01-19T05:06:07.500Z""#, 1_768_799_167_500),
            (r#""yesterday""#, 1_768_799_167_123),
            ("null", 1_768_799_167_123),
        ] {
            let message = read(&format!(r#"{{"timestamp":{stamp}}}"#));
            assert_eq!(message["timestamp"].as_i64(), Some(ms), "{stamp}");
        }
        let message = read(r#"{"usage":{"input":1.5,"output":"x","cost":{"total":0.25}}}"#);
        assert_eq!(message["usage"], json!({"input": 1, "cost": {"total": 0.25}}));
        assert_eq!(read(r#"{"usage":{"input":"x"}}"#)["usage"], json!({}));
        assert_eq!(read(r#"{"usage":null}"#)["usage"], json!(null));
        let text = in_line(br#"{"message":{"role":"user"}}"#).unwrap();
        assert_eq!(text, r#"{"role":"user","content":[]}"#);
    }

    #[test]
    fn white_space_and_odd_names_are_written_well() {
        let message =
            read(r#"{ "a\"b" : [ 1 , "x \" \\" , {} ] , "role" : "user" , "a" : 1, "a" : 2 }"#);
        assert_eq!(message["a\"b"], json!([1, "x \" \\", {}]));
        assert_eq!((&message["role"], &message["a"]), (&json!("user"), &json!(2)));
    }

    #[test]
    fn what_is_not_a_message_is_skipped() {
        for line in [
            "",
            "{",
            r#"{"type":"session","id":"x"}"#,
            r#"{"message":null}"#,
            r#"{"message":"text"}"#,
            r#"{"message":[1]}"#,
            r#"{"message":{"role":"us"#,
            "\0\0\0\0",
            "[1,2]",
        ] {
            assert_eq!(in_line(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_message_of_any_depth_passes() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let line = format!(r#"{{"message":{{"role":"toolResult","details":{deep}}}}}"#);
        assert!(in_line(line.as_bytes()).unwrap().contains(&deep));
    }
}
