//! Reading JSON the way the old gateway did: forgiving about types, strict about shape.
//!
//! An object is read in one pass into slices of its text, so that input of any depth or size
//! costs no recursion and no tree. What has the wrong type counts as absent.

use crate::protocol::{limits, Payload};
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Fields of one object. A frame has two dozen at most; without a limit, one line of short fields
/// would take many times its length in memory.
const FIELDS: usize = 256;

/// The fields of one JSON object, still as text. Of a repeated key the last one counts.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Fields<'a> {
    /// A JSON document that is not an object has no fields; text that is not JSON is an error, and
    /// so is an object with too many fields.
    pub(crate) fn read(text: &'a str) -> serde_json::Result<Self> {
        if !text.trim_start().starts_with('{') {
            return serde_json::from_str::<IgnoredAny>(text).map(|_| Self::default());
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let fields = json.deserialize_map(FieldsVisitor)?;
        json.end()?;
        Ok(fields)
    }

    /// The field's JSON text, null included.
    pub(crate) fn json(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rfind(|(key, _)| key == name).map(|(_, json)| *json)
    }

    /// A string.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        string(self.json(name)?)
    }

    /// A string, or a number or boolean in its written form: the old gateway turned these into
    /// strings where it needed an id or a name (protocol section 1.1).
    pub(crate) fn word(&self, name: &str) -> Option<Cow<'a, str>> {
        word(self.json(name)?)
    }

    /// As [`Fields::word`], to be kept; empty if there is none.
    pub(crate) fn shared(&self, name: &str) -> Arc<str> {
        Arc::from(self.word(name).unwrap_or_default())
    }

    /// A string that holds a JSON document; `None` if it is blank.
    pub(crate) fn payload(&self, name: &str) -> Option<Payload> {
        self.text(name).filter(|text| !text.trim().is_empty()).map(|text| text.into_owned().into())
    }

    /// A trimmed, non-empty string of at most [`limits::SHORT_TEXT_CHARS`] characters, cut if
    /// necessary.
    pub(crate) fn short_text(&self, name: &str) -> Option<String> {
        short(&self.text(name)?)
    }

    /// Whether the field is literally `true`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.json(name) == Some("true")
    }

    /// An integer in the range of `u64`.
    pub(crate) fn integer(&self, name: &str) -> Option<u64> {
        self.json(name)?.parse().ok()
    }

    /// Whether the field is there and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.json(name).is_some_and(|raw| raw != "null")
    }

    /// A list of short texts; entries of other types are written out or dropped, empty ones are
    /// dropped, and the list is cut at [`limits::PROFILE_ENTRIES`].
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        let entries: Vec<&RawValue> = serde_json::from_str(self.json(name)?).ok()?;
        let texts = entries.into_iter().filter_map(|raw| short(&word(raw.get())?));
        Some(texts.take(limits::PROFILE_ENTRIES).collect())
    }

    /// A map of flags; a value other than `true` is false.
    pub(crate) fn flags(&self, name: &str) -> Option<BTreeMap<String, bool>> {
        let entries: BTreeMap<String, &RawValue> = serde_json::from_str(self.json(name)?).ok()?;
        let flags =
            entries.into_iter().filter_map(|(key, raw)| Some((short(&key)?, raw.get() == "true")));
        Some(flags.take(limits::PROFILE_ENTRIES).collect())
    }
}

/// `text` trimmed and cut to [`limits::SHORT_TEXT_CHARS`]; `None` if nothing is left.
pub(crate) fn short(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.chars().take(limits::SHORT_TEXT_CHARS).collect())
}

/// The value of a JSON string.
fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

fn word(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' => string(raw),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(raw)),
    }
}

/// Escapes of lone surrogates replaced by that of U+FFFD. JavaScript nodes cut program output
/// between the halves of a character and send the half (protocol section 1.1); strict parsers
/// refuse the whole line for it.
pub(crate) fn mend_surrogates(text: &str) -> Cow<'_, str> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return Cow::Borrowed(text);
    }
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let (written, length) = match (escaped_unit(escape, 0), escaped_unit(escape, 6)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => (&escape[..12], 12),
            (Some(0xd800..0xe000), _) => ("\\ufffd", 6),
            _ => {
                // Some other escape; its second character may be a backslash of its own.
                let length = escape.chars().take(2).map(char::len_utf8).sum();
                (&escape[..length], length)
            }
        };
        mended.push_str(written);
        rest = &escape[length..];
    }
    mended.push_str(rest);
    Cow::Owned(mended)
}

/// As [`mend_surrogates`], for a text that may be too long to have twice.
pub(crate) fn mended(text: String) -> String {
    match mend_surrogates(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(mended) => mended,
    }
}

/// Where in `text` a slice of it stands; `None` if it is none.
pub(crate) fn place(text: &str, slice: &str) -> Option<Range<usize>> {
    let start = (slice.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let end = start.checked_add(slice.len())?;
    (text.get(start..end)? == slice).then_some(start..end)
}

/// The UTF-16 unit of a `\uXXXX` escape at this place.
fn escaped_unit(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    u32::from_str_radix(digits, 16).ok()
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

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            if fields.len() == FIELDS {
                return Err(A::Error::custom("too many fields"));
            }
            fields.push((string(key.get()).unwrap_or_default(), value.get()));
        }
        Ok(Fields(fields))
    }
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
    fn the_last_of_a_repeated_key_counts() {
        let fields = Fields::read(r#"{"a":1,"b":2,"a":"x","c":{"a":3}}"#).unwrap();
        assert_eq!(fields.text("a").as_deref(), Some("x"));
        assert_eq!(fields.json("c"), Some(r#"{"a":3}"#));
        assert!(!fields.has("d"));
    }

    #[test]
    fn other_documents_have_no_fields_and_garbage_is_an_error() {
        for text in ["null", "5", "-5", "1.5", "true", "\"x\"", "[]", "[{\"a\":1}]"] {
            assert!(!Fields::read(text).unwrap().has("a"), "{text}");
        }
        for text in ["", "{", "{\"a\":}", "{} {}", "nul", "[1,"] {
            assert!(Fields::read(text).is_err(), "{text}");
        }
        let many = |count| format!("{{{}\"a\":1}}", "\"\":0,".repeat(count));
        assert_eq!(Fields::read(&many(FIELDS - 1)).unwrap().integer("a"), Some(1));
        assert!(Fields::read(&many(FIELDS)).is_err());
    }

    #[test]
    fn input_of_any_depth_is_read_without_recursion() {
        let deep = format!("{{\"x\":{}{}, \"a\":1}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(Fields::read(&deep).unwrap().integer("a"), Some(1));
        assert!(Fields::read(&deep).unwrap().list("x").unwrap().is_empty());
    }

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
    fn wrong_types_count_as_absent() {
        let text = r#"{"a":7,"b":["x",1,null,{},"  "],"c":{"p":true,"q":1},"d":" t "}"#;
        let fields = Fields::read(text).unwrap();
        assert_eq!(fields.text("a"), None);
        assert_eq!(fields.word("a").as_deref(), Some("7"));
        assert_eq!(fields.list("b").unwrap(), ["x", "1"]);
        assert_eq!(fields.flags("c").unwrap(), [("p".into(), true), ("q".into(), false)].into());
        assert_eq!((fields.list("c"), fields.flags("b")), (None, None));
        assert_eq!(fields.short_text("d").as_deref(), Some("t"));
    }

    #[test]
    fn compact_text_keeps_what_is_inside_strings() {
        let text = "{ \"a b\" : [ 1 , \"x \\\" y\\\\\" , { } ] }";
        assert_eq!(compact(text), r#"{"a b":[1,"x \" y\\",{}]}"#);
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
