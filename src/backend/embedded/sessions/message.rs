//! Messages as the apps can read them (protocol section 5.4).
//!
//! Android shows only contents that are lists, and reads only times that are integers; an iPhone
//! drops a message with a textual time or with a fraction of a token. Everything else of a message
//! passes as it is, at any depth.

use crate::calendar;
use crate::protocol::json;
use serde::{Deserialize, Serialize};
use serde_json::value::{to_raw_value, RawValue};
use std::collections::BTreeMap;

/// The fields of an object, still as text. Of a repeated one the last counts.
type Object<'a> = BTreeMap<String, &'a RawValue>;

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

#[derive(Serialize)]
struct Message<'a> {
    #[serde(flatten)]
    others: Object<'a>,
    content: Vec<Field<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Field<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Raw(&'a RawValue),
    Integer(i64),
    Text { r#type: &'static str, text: &'a RawValue },
    Object(BTreeMap<String, Self>),
}

/// The message of a transcript line, as compact JSON. `None` for a line that has none, and for
/// one that is damaged.
pub(super) fn in_line(line: &[u8]) -> Option<Box<RawValue>> {
    let text = String::from_utf8_lossy(line);
    let text = json::mend_surrogates(&text);
    let line: TranscriptLine<'_> = serde_json::from_str(&text).ok()?;
    // After the first reading, because compacting could make valid what is not.
    let compact = json::compact(&text);
    message(if compact == text { line } else { serde_json::from_str(&compact).ok()? })
}

fn message(line: TranscriptLine<'_>) -> Option<Box<RawValue>> {
    let mut others = line.message;
    let stamp = others.remove("timestamp").and_then(milliseconds);
    let timestamp = stamp.or_else(|| milliseconds(line.timestamp?));
    let content = others.remove("content").map(parts).unwrap_or_default();
    let usage = others.remove("usage").map(usage);
    to_raw_value(&Message { others, content, usage, timestamp }).ok()
}

fn parts(raw: &RawValue) -> Vec<Field<'_>> {
    let parts = if raw.get().starts_with('[') {
        serde_json::from_str(raw.get()).unwrap_or_default()
    } else {
        vec![raw]
    };
    let parts = parts.into_iter().filter_map(|part| match part.get().as_bytes().first() {
        Some(b'{') => Some(Field::Raw(part)),
        Some(b'"') => Some(Field::Text { r#type: "text", text: part }),
        _ => None,
    });
    parts.collect()
}

/// A time in milliseconds: a number, or an ISO time.
fn milliseconds(raw: &RawValue) -> Option<i64> {
    match raw.get().strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => calendar::parse_iso(text).and_then(|ms| i64::try_from(ms).ok()),
        None => integer(raw),
    }
}

/// A number as an integer, if it is one of a size that JavaScript can count to.
fn integer(raw: &RawValue) -> Option<i64> {
    super::entry::integer(&serde_json::Value::Number(raw.get().parse().ok()?))
}

/// A count that is not a number is left out: it would cost the whole message.
fn usage(raw: &RawValue) -> Field<'_> {
    let Ok(counts) = serde_json::from_str::<Object<'_>>(raw.get()) else { return Field::Raw(raw) };
    let counts = counts.into_iter().filter_map(|(name, raw)| {
        let is_count = TOKEN_COUNTS.contains(&&*name);
        let count = if is_count { Field::Integer(integer(raw)?) } else { Field::Raw(raw) };
        Some((name, count))
    });
    Field::Object(counts.collect())
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
        let text = text.get();
        assert_eq!(json::compact(text), text, "compact");
        serde_json::from_str(text).unwrap()
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
        assert_eq!(text.get(), r#"{"role":"user","content":[]}"#);
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
            assert!(in_line(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn a_message_of_any_depth_passes() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let line = format!(r#"{{"message":{{"role":"toolResult","details":{deep}}}}}"#);
        assert!(in_line(line.as_bytes()).unwrap().get().contains(&deep));
    }
}
