//! The checks of the old gateway's JSON schema validator, with its error texts. serde alone would
//! stop at the first mistake and word it differently.

use crate::protocol::json::mend_surrogates;
use serde_json::{Map, Number, Value};

/// What one parameter must be. The name is its field's, or in camelCase already.
#[derive(Debug)]
pub struct Rule {
    name: &'static str,
    required: bool,
    kind: Kind,
}

/// The type of a parameter and its bounds, which are inclusive.
#[derive(Debug)]
#[non_exhaustive]
pub enum Kind {
    /// A string with so many characters.
    Text(usize, usize),
    /// As `Text`, or null.
    TextOrNull(usize, usize),
    /// One of these strings, or null.
    ChoiceOrNull(&'static [&'static str]),
    /// An integer in this range. As in JavaScript, `5.0` is one.
    Integer(u64, u64),
    /// A boolean.
    Flag,
    /// An array of anything.
    List,
}

impl Rule {
    /// A parameter that must be there.
    pub const fn required(name: &'static str, kind: Kind) -> Self {
        Self { name, required: true, kind }
    }

    /// A parameter that may be absent.
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        Self { name, required: false, kind }
    }
}

/// The parameters in `text`, if they follow the rules; integers are in integer form then.
pub(super) fn checked(rules: &[Rule], text: Option<&str>) -> Result<Map<String, Value>, String> {
    let text = text.unwrap_or_default().trim();
    let mut fields = Map::new();
    if !text.is_empty() {
        // serde_json refuses more than 128 levels, which every worker's stack can hold.
        match serde_json::from_str(&mend_surrogates(text)).map_err(|error| error.to_string())? {
            Value::Object(object) => fields = object,
            Value::Array(_) => return Err("data must be object".to_owned()),
            _ => {}
        }
    }
    let mut mistakes = Vec::new();
    for Rule { name, required, kind } in rules {
        let name = camel_case(name);
        match fields.get_mut(&name) {
            Some(value) => mistakes.extend(kind.mistake(&name, value)),
            None if *required => {
                mistakes.push(format!("data must have required property '{name}'"));
            }
            None => {}
        }
    }
    if fields.keys().any(|key| rules.iter().all(|rule| camel_case(rule.name) != *key)) {
        mistakes.push("data must NOT have additional properties".to_owned());
    }
    if mistakes.is_empty() {
        Ok(fields)
    } else {
        Err(mistakes.join("; "))
    }
}

/// A field's name as serde writes it.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

impl Kind {
    /// What is wrong with a value. An integer in another notation is replaced by its plain form.
    fn mistake(&self, name: &str, value: &mut Value) -> Option<String> {
        let wrong = match (self, &*value) {
            (Self::TextOrNull(..) | Self::ChoiceOrNull(_), Value::Null)
            | (Self::Flag, Value::Bool(_))
            | (Self::List, Value::Array(_)) => return None,
            (Self::ChoiceOrNull(choices), Value::String(text)) if choices.contains(&&**text) => {
                return None;
            }
            // A text has at most as many characters as bytes, so a photo need not be counted.
            (Self::Text(least, most) | Self::TextOrNull(least, most), Value::String(text)) => {
                if text.chars().take(*least).count() < *least {
                    format!("must NOT have fewer than {least} characters")
                } else if text.len() > *most && text.chars().count() > *most {
                    format!("must NOT have more than {most} characters")
                } else {
                    return None;
                }
            }
            (Self::Integer(least, most), Value::Number(number)) if is_integer(number) => {
                // A float beyond the range of u64 becomes its nearest bound.
                let float = number.as_f64().unwrap_or_default();
                let integer = number.as_u64().unwrap_or(float as u64);
                *value = integer.into();
                if float < 0.0 || integer < *least {
                    format!("must be >= {least}")
                } else if integer > *most {
                    format!("must be <= {most}")
                } else {
                    return None;
                }
            }
            (Self::Text(..), _) => "must be string".to_owned(),
            (Self::TextOrNull(..), _) => format!("must be string; data/{name} must be null"),
            (Self::ChoiceOrNull(_), _) => "must be equal to one of the allowed values".to_owned(),
            (Self::Integer(..), _) => "must be integer".to_owned(),
            (Self::Flag, _) => "must be boolean".to_owned(),
            (Self::List, _) => "must be array".to_owned(),
        };
        Some(format!("data/{name} {wrong}"))
    }
}

fn is_integer(number: &Number) -> bool {
    number.as_f64().is_some_and(|number| number.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &[Rule] = &[
        Rule::required("sessionKey", Kind::Text(1, 8)),
        Rule::optional("limit", Kind::Integer(1, 1000)),
        Rule::optional("label", Kind::TextOrNull(1, 9)),
        Rule::optional("policy", Kind::ChoiceOrNull(&["on"])),
        Rule::optional("flag", Kind::Flag),
        Rule::optional("list", Kind::List),
    ];

    #[test]
    fn no_parameters_are_an_empty_object() {
        for text in [None, Some(""), Some(" \n"), Some("null"), Some("5"), Some("\"x\"")] {
            assert_eq!(checked(&RULES[1..], text), Ok(Map::new()));
        }
    }

    #[test]
    fn good_parameters_pass_and_integers_are_normalised() {
        for (text, key, limit) in [
            (r#"{"sessionKey":"main"}"#, "main", None),
            (r#"{"sessionKey":"main","limit":1000}"#, "main", Some(1000)),
            (r#"{"sessionKey":"ü☕😀45678","limit":5.0}"#, "ü☕😀45678", Some(5)),
            (r#"{"sessionKey":"\ud83d","limit":1e1}"#, "\u{fffd}", Some(10)),
            (r#"{"sessionKey":"x","label":null,"policy":"on","flag":true,"list":[1]}"#, "x", None),
            (r#"{"sessionKey":"x","label":"y","policy":null}"#, "x", None),
        ] {
            let fields = checked(RULES, Some(text)).unwrap();
            let found = (fields["sessionKey"].as_str(), fields.get("limit").map(Value::as_u64));
            assert_eq!(found, (Some(key), limit.map(Some)), "{text}");
        }
    }

    #[test]
    fn every_mistake_is_reported_in_the_old_wording() {
        for (text, mistakes) in [
            ("{}", "data must have required property 'sessionKey'"),
            ("[]", "data must be object"),
            (r#"{"sessionKey":null}"#, "data/sessionKey must be string"),
            (r#"{"sessionKey":""}"#, "data/sessionKey must NOT have fewer than 1 characters"),
            (
                r#"{"sessionKey":"123456789"}"#,
                "data/sessionKey must NOT have more than 8 characters",
            ),
            (r#"{"sessionKey":"x","limit":null}"#, "data/limit must be integer"),
            (r#"{"sessionKey":"x","limit":"5"}"#, "data/limit must be integer"),
            (r#"{"sessionKey":"x","limit":1.5}"#, "data/limit must be integer"),
            (r#"{"sessionKey":"x","limit":0}"#, "data/limit must be >= 1"),
            (r#"{"sessionKey":"x","limit":-7}"#, "data/limit must be >= 1"),
            (r#"{"sessionKey":"x","limit":1e300}"#, "data/limit must be <= 1000"),
            (
                r#"{"limit":true,"x":1,"y":2}"#,
                "data must have required property 'sessionKey'; data/limit must be integer; \
                 data must NOT have additional properties",
            ),
            (
                r#"{"sessionKey":"x","label":5,"policy":"off","flag":null,"list":{}}"#,
                "data/label must be string; data/label must be null; \
                 data/policy must be equal to one of the allowed values; \
                 data/flag must be boolean; data/list must be array",
            ),
        ] {
            assert_eq!(checked(RULES, Some(text)), Err(mistakes.to_owned()));
        }
    }

    #[test]
    fn text_that_is_not_json_is_refused_with_the_parsers_message() {
        for text in ["{", "nul", "{} {}", &"[".repeat(100_000), &"{\"a\":".repeat(100_000)] {
            let error = checked(RULES, Some(text)).unwrap_err();
            assert!(error.contains("line 1 column"), "{error}");
        }
    }
}
