//! The text of a configuration file, made into a tree.
//!
//! serde would keep the last of two equal keys and follow any depth; a configuration in which a
//! key is written twice has an author who is wrong about one of them, so here that is an error.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Deeper than any configuration, shallow enough for every stack.
const DEPTH: usize = 32;

/// Reads JSON5.
pub(super) fn parse(text: &str) -> Result<Value, json5::Error> {
    // Editors on Windows still write a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    json5::from_str::<Document>(text).map(|document| document.0)
}

struct Document(Value);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Node { left: DEPTH }.deserialize(deserializer).map(Self)
    }
}

/// One value, and how many levels may follow below it.
#[derive(Clone, Copy)]
struct Node {
    left: usize,
}

impl Node {
    fn below<E: Error>(self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left }),
            None => Err(E::custom(format_args!("nested deeper than {DEPTH} levels"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| E::custom("Infinity and NaN mean nothing here"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
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
            if map.contains_key(&key) {
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
            parse(text).unwrap(),
            json!({"a": 1, "b": [true, null], "c": {"d": -2.5, "e": 16}})
        );
    }

    #[test]
    fn a_key_that_is_written_twice_is_an_error() {
        let error = parse("{ a: 1,\n b: { c: 1, c: 2 } }").unwrap_err();
        assert!(error.to_string().contains("`c` is written twice"), "{error}");
        assert!(parse("{ a: { x: 1 }, b: { x: 1 } }").is_ok());
    }

    #[test]
    fn endless_nesting_is_an_error_and_not_a_crash() {
        let error = parse(&"[".repeat(100_000)).unwrap_err();
        assert!(error.to_string().contains("nested deeper"), "{error}");
        let error = parse(&"{a:".repeat(100_000)).unwrap_err();
        assert!(error.to_string().contains("nested deeper"), "{error}");
    }

    #[test]
    fn text_after_the_document_is_an_error() {
        let error = parse("{}\n  }").unwrap_err();
        let position = error.position().unwrap();
        assert_eq!((position.line, position.column), (1, 2));
        assert!(parse("").is_err());
        assert!(parse("{ a: Infinity }").is_err());
    }
}
