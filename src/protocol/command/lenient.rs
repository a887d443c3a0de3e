//! Values that a node or an old gateway sends with another type than the protocol says.

use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{json, Value};
use std::fmt;

/// A value as it is read without building it: anything may stand there, however large.
enum Word {
    Text(String),
    /// A number or a boolean, as it is printed.
    Printed(String),
    Other,
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
        Ok(Word::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Word, E> {
        Ok(Word::Printed(value.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Word, E> {
        Ok(Word::Printed(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Word, E> {
        Ok(Word::Printed(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Word, E> {
        Ok(Word::Printed(json!(number).to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<Word, E> {
        Ok(Word::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Word, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Word::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Word, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Word::Other)
    }
}

/// A string; nothing for a value of another type.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Word::deserialize(deserializer)? {
        Word::Text(text) => Some(text),
        Word::Printed(_) | Word::Other => None,
    })
}

pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let words = Vec::<Word>::deserialize(deserializer)?.into_iter();
    let text = |word| match word {
        Word::Text(text) => Some(text),
        Word::Printed(_) | Word::Other => None,
    };
    Ok(words.filter_map(text).collect())
}

/// As [`object`], for each entry of a list; what does not fit at all is left out.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let values = Vec::<Value>::deserialize(deserializer)?;
    Ok(values.iter().filter_map(object).collect())
}

/// The value; of an object, all of whose fields have defaults, those that have the right type.
pub(super) fn object<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok().or_else(|| {
        let mut fields = value.as_object()?.clone();
        fields.retain(|key, value| T::deserialize(&json!({ key: value })).is_ok());
        T::deserialize(&Value::Object(fields)).ok()
    })
}

/// The arguments of a program: strings, or numbers and booleans as the old node host printed them.
pub(super) fn arguments<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let argument = |word| match word {
        Word::Text(text) | Word::Printed(text) => Ok(text),
        Word::Other => Err(D::Error::custom("command must be a list of strings")),
    };
    Vec::<Word>::deserialize(d)?.into_iter().map(argument).collect()
}

/// A number of milliseconds above 0, rounded up; `None` for null and for numbers that are no time.
pub(super) fn milliseconds<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    let time = Option::<f64>::deserialize(d)?.filter(|ms| *ms > 0.0);
    Ok(time.map(|ms| ms.ceil() as u64))
}
