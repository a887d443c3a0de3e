//! Parses JSON5 into a `Value` with a limit on its depth, so that no text can exhaust the stack.
//!
//! The json5 crate has no such limit and accepts repeated keys.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Deeper than any configuration, shallow enough for every stack.
const STRICT_DEPTH: usize = 32;
/// As deep as serde_json follows plain JSON, so that both read the same files.
const LENIENT_DEPTH: usize = 127;

/// Parses what a person wrote. A repeated key is an error, because one of the two must be wrong.
pub(crate) fn parse_strictly(text: &str) -> Result<Value, json5::Error> {
    // Editors on Windows still write a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    json5::from_str::<BoundedValue<STRICT_DEPTH, false>>(text).map(|document| document.0)
}

/// Parses what a program wrote and a person may have edited. Of a repeated key, the last one
/// counts.
pub(crate) fn parse_leniently(text: &str) -> Result<Value, json5::Error> {
    json5::from_str::<BoundedValue<LENIENT_DEPTH, true>>(text).map(|document| document.0)
}

/// A value with at most `DEPTH` levels.
struct BoundedValue<const DEPTH: usize, const REPEATED_KEYS: bool>(Value);

impl<'de, const DEPTH: usize, const REPEATED_KEYS: bool> Deserialize<'de>
    for BoundedValue<DEPTH, REPEATED_KEYS>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let top = ValueSeed { left: DEPTH, takes_repeated_keys: REPEATED_KEYS };
        top.deserialize(deserializer).map(Self)
    }
}

/// One value, and how many levels may follow below it.
#[derive(Clone, Copy)]
struct ValueSeed {
    left: usize,
    takes_repeated_keys: bool,
}

impl ValueSeed {
    fn below<E: Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left, ..self }),
            None => Err(E::custom("nested too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! visit {
    ($($visit:ident: $scalar:ty),*) => {$(
        fn $visit<E: Error>(self, value: $scalar) -> Result<Value, E> {
            Ok(value.into())
        }
    )*};
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    visit! { visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_str: &str }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| E::custom("Infinity and NaN are not allowed here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(below)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if !self.takes_repeated_keys && map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key `{key}` is written twice")));
            }
            let value = entries.next_value_seed(below)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_people_write_in_json5_is_understood() {
        let text =
            "\u{feff}// a comment\n{ a: 1, 'b': [true, null,], \"c\": { d: -2.5, e: 0x10 }, }";
        assert_eq!(
            parse_strictly(text).unwrap(),
            json!({"a": 1, "b": [true, null], "c": {"d": -2.5, "e": 16}})
        );
    }

    #[test]
    fn a_key_that_is_written_twice_is_an_error() {
        let error = parse_strictly("{ a: 1,\n b: { c: 1, c: 2 } }").unwrap_err();
        assert!(error.to_string().contains("`c` is written twice"), "{error}");
        assert!(parse_strictly("{ a: { x: 1 }, b: { x: 1 } }").is_ok());
    }

    #[test]
    fn endless_nesting_is_an_error_and_not_a_crash() {
        let error = parse_strictly(&"[".repeat(100_000)).unwrap_err();
        assert!(error.to_string().contains("nested too deep"), "{error}");
        let error = parse_strictly(&"{a:".repeat(100_000)).unwrap_err();
        assert!(error.to_string().contains("nested too deep"), "{error}");
    }

    #[test]
    fn files_of_programs_are_read_as_deep_as_plain_json() {
        assert!(parse_leniently(&"[".repeat(100_000)).is_err());
        assert!(parse_leniently(&format!("{}1{}", "[".repeat(126), "]".repeat(126))).is_ok());
        assert_eq!(parse_leniently("{ a: 1, a: 2 }").unwrap(), json!({ "a": 2 }));
    }

    #[test]
    fn text_after_the_document_is_an_error() {
        let error = parse_strictly("{}\n  }").unwrap_err();
        let position = error.position().unwrap();
        assert_eq!((position.line, position.column), (1, 2));
        assert!(parse_strictly("").is_err());
        assert!(parse_strictly("{ a: Infinity }").is_err());
    }
}
