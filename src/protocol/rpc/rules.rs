//! The checks of the old gateway's JSON schema validator, with its error texts. serde alone would
//! stop at the first mistake and word it differently.

use crate::protocol::fields::{self, Fields};
use serde_json::value::{to_raw_value, RawValue};
use serde_json::Number;
use std::borrow::Cow;
use std::collections::BTreeSet;

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

/// The values that parameters have, by name, as JSON text.
pub(super) type Checked<'a> = Vec<(String, Cow<'a, RawValue>)>;

/// The parameters in `text`, if they follow the rules; integers are in integer form then.
pub(super) fn checked<'a>(rules: &[Rule], text: &'a str) -> Result<Checked<'a>, String> {
    let text = text.trim();
    if text.is_empty() {
        return checked(rules, "{}");
    }
    let fields = Fields::read(text).map_err(|error| error.to_string())?;
    if text.starts_with('[') {
        return Err("data must be object".to_owned());
    }
    let (mut values, mut mistakes, mut names) = (Checked::new(), Vec::new(), BTreeSet::new());
    for Rule { name, required, kind } in rules {
        let name = camel_case(name);
        match fields.value(&name).map(|value| kind.check(&name, value)) {
            Some(Ok(value)) => values.push((name.clone(), value)),
            Some(Err(wrong)) => mistakes.push(format!("data/{name} {wrong}")),
            None if *required => {
                mistakes.push(format!("data must have required property '{name}'"));
            }
            None => {}
        }
        names.insert(name);
    }
    if fields.names().any(|name| !names.contains(name)) {
        mistakes.push("data must NOT have additional properties".to_owned());
    }
    if mistakes.is_empty() {
        Ok(values)
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
    /// The value, an integer in its plain form; or what is wrong with it.
    fn check<'a>(&self, name: &str, value: &'a RawValue) -> Result<Cow<'a, RawValue>, String> {
        let json = value.get();
        let fits = match self {
            Self::TextOrNull(..) | Self::ChoiceOrNull(_) if json == "null" => true,
            Self::Text(least, most) | Self::TextOrNull(least, most) if json.starts_with('"') => {
                match length(json, *least, *most) {
                    length if length < *least => {
                        return Err(format!("must NOT have fewer than {least} characters"));
                    }
                    length if length > *most => {
                        return Err(format!("must NOT have more than {most} characters"));
                    }
                    _ => true,
                }
            }
            Self::ChoiceOrNull(choices) => {
                fields::string(json).is_some_and(|text| choices.contains(&&*text))
            }
            Self::Integer(least, most) => return integer(json, *least, *most),
            Self::Flag => matches!(json, "true" | "false"),
            Self::List => json.starts_with('['),
            Self::Text(..) | Self::TextOrNull(..) => false,
        };
        if fits {
            return Ok(Cow::Borrowed(value));
        }
        Err(match self {
            Self::Text(..) => "must be string",
            Self::TextOrNull(..) => {
                return Err(format!("must be string; data/{name} must be null"))
            }
            Self::ChoiceOrNull(_) => "must be equal to one of the allowed values",
            Self::Integer(..) => "must be integer",
            Self::Flag => "must be boolean",
            Self::List => "must be array",
        }
        .to_owned())
    }
}

/// How many characters a string has, or any number between the bounds if it fits anyway: a photo
/// need not be counted.
fn length(json: &str, least: usize, most: usize) -> usize {
    // At most one byte for each, and two for the quotes; at least one twelfth.
    let bytes = json.len() - 2;
    if bytes > 12 * most {
        return most + 1;
    }
    if bytes >= 12 * least && bytes <= most {
        return most;
    }
    fields::string(json).map_or(0, |text| text.chars().count())
}

/// An integer in range, in its plain form.
fn integer<'a>(json: &str, least: u64, most: u64) -> Result<Cow<'a, RawValue>, String> {
    let number: Option<Number> = serde_json::from_str(json).ok();
    let number = number.filter(|number| number.as_f64().is_some_and(|n| n.fract() == 0.0));
    let Some(number) = number else { return Err("must be integer".to_owned()) };
    // A float beyond the range of u64 becomes its nearest bound.
    let float = number.as_f64().unwrap_or_default();
    let integer = number.as_u64().unwrap_or(float as u64);
    if float < 0.0 || integer < least {
        Err(format!("must be >= {least}"))
    } else if integer > most {
        Err(format!("must be <= {most}"))
    } else {
        let plain = to_raw_value(&integer).map_err(|error| error.to_string())?;
        Ok(Cow::Owned(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::json;
    use serde_json::Value;
    use std::collections::BTreeMap;

    fn read(rules: &[Rule], text: &str) -> Result<BTreeMap<String, Value>, String> {
        let text = json::mend_surrogates(text);
        let values = checked(rules, &text)?.into_iter();
        Ok(values.map(|(name, json)| (name, serde_json::from_str(json.get()).unwrap())).collect())
    }

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
        for text in ["", " \n", "null", "5", "\"x\""] {
            assert_eq!(read(&RULES[1..], text), Ok(BTreeMap::new()));
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
            let fields = read(RULES, text).unwrap();
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
            assert_eq!(read(RULES, text), Err(mistakes.to_owned()));
        }
    }

    #[test]
    fn text_that_is_not_json_is_refused_with_the_parsers_message() {
        for text in ["{", "nul", "{} {}", &"[".repeat(100_000), &"{\"a\":".repeat(100_000)] {
            let error = read(RULES, text).unwrap_err();
            assert!(error.contains("line 1 column"), "{error}");
        }
    }
}
