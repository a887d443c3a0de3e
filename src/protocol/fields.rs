//! Reading a JSON object the way the old gateway did: forgiving about types, strict about shape.
//!
//! An object is read in one pass into slices of its text, so that input of any depth or size
//! costs no recursion and no tree. What has the wrong type counts as absent. What is taken out of
//! it has a length that its reader names.

use crate::protocol::text::cut;
use crate::protocol::{limits, payload, Payload};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::Deserializer;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Fields of one object. A frame has two dozen at most; without a limit, one line of short fields
/// would take many times its length in memory.
const FIELDS: usize = 256;

/// Bytes of a key as it is written. A longer one is no name that anybody looks for.
const KEY_BYTES: usize = 256;

/// The most bytes that one character takes in a JSON string: two escapes of half a character.
const CHARACTER_BYTES: usize = 12;

/// The fields of one JSON object, still as text. Of a repeated key the last one counts.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A field holds an id or a name of more than [`limits::SHORT_TEXT_CHARS`] characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LongName(pub(crate) &'static str);

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

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// The field's value, null included.
    pub(crate) fn value(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rfind(|(key, _)| key == name).map(|(_, json)| *json)
    }

    /// The field's JSON text, null included.
    pub(crate) fn json(&self, name: &str) -> Option<&'a str> {
        self.value(name).map(RawValue::get)
    }

    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        string(self.json(name)?)
    }

    /// A string, cut after so many characters; what comes behind them is not looked at.
    pub(crate) fn text_up_to(&self, name: &str, characters: usize) -> Option<String> {
        let text = string_up_to(self.json(name)?, characters)?;
        Some(text.chars().take(characters).collect())
    }

    /// A string, or a number or boolean in its written form: the old gateway turned these into
    /// strings where it needed an id or a name (protocol section 1.1).
    pub(crate) fn name(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, LongName> {
        let Some(raw) = self.json(name) else { return Ok(None) };
        let most = limits::SHORT_TEXT_CHARS;
        let word = if raw.len() <= CHARACTER_BYTES * most + 2 { word(raw) } else { None };
        match word {
            Some(word) if word.len() <= most || word.chars().count() <= most => Ok(Some(word)),
            None if !is_word(raw) => Ok(None),
            _ => Err(LongName(name)),
        }
    }

    /// As [`Fields::name`], to be kept; empty if there is none.
    pub(crate) fn shared(&self, name: &'static str) -> Result<Arc<str>, LongName> {
        Ok(Arc::from(self.name(name)?.unwrap_or_default()))
    }

    /// A string that holds a JSON document; `None` if it is blank.
    pub(crate) fn payload(&self, name: &str) -> Option<Payload> {
        self.text(name).filter(|text| !text.trim().is_empty()).map(|text| text.into_owned().into())
    }

    /// Where in `text`, from which the fields were read, the inside of a string stands.
    pub(crate) fn string_in(&self, text: &str, name: &str) -> Option<Range<usize>> {
        place(text, self.json(name)?.strip_prefix('"')?.strip_suffix('"')?)
    }

    /// A trimmed, non-empty string of at most [`limits::SHORT_TEXT_CHARS`] characters, cut if
    /// necessary.
    pub(crate) fn short_text(&self, name: &str) -> Option<String> {
        short(&string_up_to(self.json(name)?, limits::SHORT_TEXT_CHARS)?)
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
        let entries = entries(self.json(name)?, b'[', limits::PROFILE_ENTRIES)?;
        let short_word = |raw| match string_up_to(raw, limits::SHORT_TEXT_CHARS) {
            Some(text) => short(&text),
            None => short(&word(raw)?),
        };
        Some(entries.into_iter().filter_map(|(_, raw)| short_word(raw)).collect())
    }

    /// The strings in a list of at most so many entries; what is behind them is dropped.
    pub(crate) fn strings(&self, name: &str, most: usize) -> Option<Vec<Cow<'a, str>>> {
        let entries = entries(self.json(name)?, b'[', most)?;
        Some(entries.into_iter().filter_map(|(_, raw)| string(raw)).collect())
    }

    /// A map of flags; a value other than `true` is false.
    pub(crate) fn flags(&self, name: &str) -> Option<BTreeMap<String, bool>> {
        let entries = entries(self.json(name)?, b'{', limits::PROFILE_ENTRIES)?;
        let short_key = |raw| short(&string_up_to(raw, limits::SHORT_TEXT_CHARS)?);
        let flags =
            entries.into_iter().filter_map(|(key, raw)| Some((short_key(key)?, raw == "true")));
        Some(flags.collect())
    }
}

/// `text` trimmed and cut to [`limits::SHORT_TEXT_CHARS`]; `None` if nothing is left.
pub(crate) fn short(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.chars().take(limits::SHORT_TEXT_CHARS).collect())
}

/// The value of a JSON string.
pub(crate) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        Some(Cow::Borrowed(inner))
    } else if inner.len() > limits::LINE_BUFFER_KEPT {
        // The parser would hold a long text twice.
        Some(Cow::Owned(payload::unescaped(inner.to_owned(), 0..inner.len())))
    } else {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    }
}

/// The beginning of a JSON string's value, with this many characters or some more.
fn string_up_to(raw: &str, characters: usize) -> Option<Cow<'_, str>> {
    // One more, because an escape that is cut in two stands for nothing.
    let most = CHARACTER_BYTES * (characters + 1);
    if raw.len() <= most + 2 {
        return string(raw);
    }
    let beginning = cut(raw.strip_prefix('"')?, most);
    Some(Cow::Owned(payload::unescaped(beginning.to_owned(), 0..beginning.len())))
}

/// The first entries of a list, or of an object with their keys, as JSON text.
fn entries(raw: &str, opening: u8, most: usize) -> Option<Vec<(&str, &str)>> {
    if raw.as_bytes().first() != Some(&opening) {
        return None;
    }
    serde_json::Deserializer::from_str(raw).deserialize_any(EntriesVisitor { most }).ok()
}

fn word(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' => string(raw),
        _ if is_word(raw) => Some(Cow::Borrowed(raw)),
        _ => None,
    }
}

/// Whether it is neither an object, a list nor null.
fn is_word(raw: &str) -> bool {
    !raw.starts_with(['{', '[', 'n'])
}

/// Where in `text` a slice of it stands; `None` if it is none.
pub(crate) fn place(text: &str, slice: &str) -> Option<Range<usize>> {
    let start = (slice.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let end = start.checked_add(slice.len())?;
    (text.get(start..end)? == slice).then_some(start..end)
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
            let key = key.get();
            let name = if key.len() <= KEY_BYTES { string(key) } else { None };
            fields.push((name.unwrap_or_default(), value));
        }
        Ok(Fields(fields))
    }
}

struct EntriesVisitor {
    most: usize,
}

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Vec<(&'de str, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < self.most {
            let Some(value) = list.next_element::<&RawValue>()? else { return Ok(entries) };
            entries.push(("", value.get()));
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(entries)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < self.most {
            let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? else {
                return Ok(entries);
            };
            entries.push((key.get(), value.get()));
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(entries)
    }
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
    fn wrong_types_count_as_absent() {
        let text = r#"{"a":7,"b":["x",1,null,{},"  "],"c":{"p":true,"q":1},"d":" t "}"#;
        let fields = Fields::read(text).unwrap();
        assert_eq!(fields.text("a"), None);
        assert_eq!(fields.name("a").unwrap().as_deref(), Some("7"));
        assert_eq!(fields.list("b").unwrap(), ["x", "1"]);
        assert_eq!(fields.flags("c").unwrap(), [("p".into(), true), ("q".into(), false)].into());
        assert_eq!((fields.list("c"), fields.flags("b")), (None, None));
        assert_eq!(fields.short_text("d").as_deref(), Some("t"));
    }

    #[test]
    fn lists_and_maps_are_cut_and_so_is_what_is_in_them() {
        let long = "é".repeat(100_000);
        let many = format!("\"{long}\",").repeat(10) + &"1,".repeat(1000);
        let text = format!("{{\"a\":[{many}1],\"b\":{{\"{long}\":true,{}\"x\":1}}}}", {
            let entries: Vec<String> = (0..1000).map(|i| format!("\"{i}\":true,")).collect();
            entries.concat()
        });
        let fields = Fields::read(&text).unwrap();
        let list = fields.list("a").unwrap();
        assert_eq!(list.len(), limits::PROFILE_ENTRIES);
        assert_eq!(list[0].chars().count(), limits::SHORT_TEXT_CHARS);
        assert_eq!(list[127], "1");
        let flags = fields.flags("b").unwrap();
        assert_eq!(flags.len(), limits::PROFILE_ENTRIES);
        assert!(flags.keys().all(|key| key.chars().count() <= limits::SHORT_TEXT_CHARS));
        assert!(Fields::read("{\"a\":[1,}").is_err());
    }
}
