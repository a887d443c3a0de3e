//! JSON as text: what is mended before it is read, and how it is written into other JSON.

use crate::protocol::{payload, Payload};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::ops::Deref;

/// Escapes of lone surrogates replaced by that of U+FFFD. JavaScript nodes cut program output
/// between the halves of a character and send the half (protocol section 1.1); strict parsers
/// refuse the whole line for it.
pub(crate) fn mend_surrogates(text: &str) -> Cow<'_, str> {
    match has_lone_surrogate(text) {
        false => Cow::Borrowed(text),
        true => Cow::Owned(mended(text.to_owned())),
    }
}

/// Nearly every text has no surrogate at all, which is found out faster than where escapes begin.
fn has_lone_surrogate(text: &str) -> bool {
    (text.contains("\\ud") || text.contains("\\uD")) && lone_surrogate(text.as_bytes(), 0).is_some()
}

/// As [`mend_surrogates`], for a text that may be too long to have twice.
pub(crate) fn mended(text: String) -> String {
    if !has_lone_surrogate(&text) {
        return text;
    }
    let (mut bytes, mut from) = (text.into_bytes(), 0);
    while let Some(at) = lone_surrogate(&bytes, from) {
        from = at + 6;
        bytes[at..from].copy_from_slice(br"\ufffd");
    }
    payload::text(bytes)
}

/// Where the first escape of a lone surrogate is, from a place that is not inside an escape.
fn lone_surrogate(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == b'\\')?;
        at += match (escaped_unit(text, at), escaped_unit(text, at + 6)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => return Some(at),
            // Some other escape; its second character may be a backslash of its own.
            _ => 2,
        };
    }
}

/// The UTF-16 unit of a `\uXXXX` escape at this place.
fn escaped_unit(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// A value as JSON text.
pub(crate) fn text(value: &(impl Serialize + ?Sized)) -> String {
    // Fails only for maps whose keys are not strings, which nothing here has.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// Valid JSON without the white space between its parts. Android looks for `"includeAudio":true`
/// in the text of its parameters (protocol section 1.1).
pub(crate) fn compact(text: &str) -> String {
    let mut compact = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for character in text.chars() {
        in_string ^= character == '"' && !escaped;
        escaped = in_string && character == '\\' && !escaped;
        if in_string || !character.is_ascii_whitespace() {
            compact.push(character);
        }
    }
    compact
}

/// About how many values are in valid JSON, however deep: what a tree of them costs.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn values(text: &str) -> usize {
    let (mut in_string, mut escaped, mut values) = (false, false, 1);
    for byte in text.bytes() {
        in_string ^= byte == b'"' && !escaped;
        escaped = in_string && byte == b'\\' && !escaped;
        values += usize::from(!in_string && matches!(byte, b',' | b'{' | b'['));
    }
    values
}

/// The text of a JSON object with `sessionKey` as its first field.
pub(crate) fn with_session_key(object: &str, session_key: &str) -> String {
    let fields = object.trim_start().strip_prefix('{').unwrap_or("}");
    let comma = if fields.trim_start().starts_with('}') { "" } else { "," };
    format!("{{\"sessionKey\":{}{comma}{fields}", serde_json::Value::from(session_key))
}

/// `text` as it may stand inside a line of its own: `None` if it is not JSON, else with the
/// line breaks that JSON allows between its parts turned into spaces.
pub(crate) fn one_line(text: &str) -> Option<Cow<'_, str>> {
    let mended = mend_surrogates(text.trim());
    serde_json::from_str::<&RawValue>(&mended).ok()?;
    if mended.contains(['\n', '\r']) {
        return Some(Cow::Owned(mended.replace(['\n', '\r'], " ")));
    }
    Some(mended)
}

/// The text a node or the backend answered with, shown as the JSON it is; text that is not JSON
/// is shown as `{"payloadJSON": text}`.
#[derive(Clone, Debug, PartialEq)]
pub struct InvokePayload(pub Payload);

impl Serialize for InvokePayload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = one_line(&self.0) {
            if let Ok(raw) = serde_json::from_str::<&RawValue>(&text) {
                return raw.serialize(serializer);
            }
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("payloadJSON", &*self.0)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for InvokePayload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Box<str> = Box::<RawValue>::deserialize(deserializer)?.into();
        Ok(Self(String::from(text).into()))
    }
}

/// JSON text in a field, written as an [`InvokePayload`] is.
pub(super) fn write<T: Deref<Target = str>, S: Serializer>(
    text: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    text.as_deref().map(|text| InvokePayload(text.into())).serialize(serializer)
}

/// The JSON text of a field.
pub(super) fn read<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Payload>, D::Error> {
    Ok(Option::<InvokePayload>::deserialize(d)?.map(|text| text.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_mended_and_pairs_are_kept() {
        for (broken, mended) in [
            (r#""a\ud83d\ude00b""#, r#""a\ud83d\ude00b""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ude00x\uD83D\uD83D\uDE00""#, r#""\ufffdx\ufffd\uD83D\uDE00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\ud8"#, r#""\ud8"#),
            ("\"\\ud83dé\\é\"", "\"\\ufffdé\\é\""),
        ] {
            assert_eq!(mend_surrogates(broken), mended);
        }
    }

    #[test]
    fn compact_text_keeps_what_is_inside_strings() {
        let text = "{ \"a b\" : [ 1 , \"x \\\" y\\\\\" , { } ] }";
        assert_eq!(compact(text), r#"{"a b":[1,"x \" y\\",{}]}"#);
    }

    #[test]
    fn values_are_counted_outside_of_strings() {
        for (text, count) in [("5", 1), ("[1,2]", 3), (r#"{"a":"x,\",[","b":[{}]}"#, 5)] {
            assert_eq!(values(text), count, "{text}");
        }
    }

    #[test]
    fn a_session_key_is_put_first() {
        assert_eq!(with_session_key("{}", "a\"b"), r#"{"sessionKey":"a\"b"}"#);
        assert_eq!(with_session_key("{\"x\":1}", "main"), r#"{"sessionKey":"main","x":1}"#);
    }

    #[test]
    fn one_line_refuses_garbage_and_takes_out_line_breaks() {
        assert_eq!(one_line("{\n \"a\":\r\n1}").as_deref(), Some("{  \"a\":  1}"));
        assert_eq!(one_line("not json"), None);
        assert_eq!(one_line(r#""\ud800""#).as_deref(), Some(r#""\ufffd""#));
    }
}
