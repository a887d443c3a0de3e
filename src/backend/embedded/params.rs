//! The parameters of a call, read strictly (protocol section 5, "General").
//!
//! A method takes its parameters out one by one and ends with [`Params::finish`], which tells all
//! mistakes at once, in the words of the old gateway's validator. Until then a mistake yields a
//! value that must not be used.

use crate::protocol::json::mend_surrogates;
use crate::protocol::{Method, WireError};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The parameters of one call that have not been taken yet.
#[derive(Debug)]
#[must_use = "mistakes are told by `finish`"]
pub(crate) struct Params {
    method: Method,
    fields: Map<String, Value>,
    mistakes: Vec<String>,
}

/// What a parameter that may be null asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change<T> {
    /// Absent: leave it.
    Keep,
    /// Null: take it away.
    Clear,
    /// A value.
    Set(T),
}

impl Params {
    /// Reads JSON text. No text, blank text, and JSON that is no object count as no parameters;
    /// an array does not pass.
    ///
    /// # Errors
    /// Text that is not JSON, or nested deeper than any parameter is.
    pub(crate) fn read(method: Method, text: Option<&str>) -> Result<Self, WireError> {
        let text = text.unwrap_or_default().trim();
        let mut params = Self { method, fields: Map::new(), mistakes: Vec::new() };
        if text.is_empty() {
            return Ok(params);
        }
        // serde_json follows 128 levels, which every worker's stack bears, and refuses more.
        match serde_json::from_str(&mend_surrogates(text)) {
            Ok(Value::Object(fields)) => params.fields = fields,
            Ok(Value::Array(_)) => params.mistakes.push("data must be object".into()),
            Ok(_) => {}
            Err(error) => return Err(params.refusal(&error.to_string())),
        }
        Ok(params)
    }

    /// A string of so many characters, if there is one.
    pub(crate) fn text(&mut self, name: &str, chars: RangeInclusive<usize>) -> Option<String> {
        match self.fields.remove(name)? {
            Value::String(text) => self.fitting(name, text, &chars),
            _ => self.wrong(name, "must be string"),
        }
    }

    /// A string of so many characters.
    pub(crate) fn required_text(&mut self, name: &str, chars: RangeInclusive<usize>) -> String {
        if !self.has(name) {
            return String::new();
        }
        self.text(name, chars).unwrap_or_default()
    }

    /// A string of so many characters, or null.
    pub(crate) fn nullable_text(
        &mut self,
        name: &str,
        chars: RangeInclusive<usize>,
    ) -> Change<String> {
        match self.fields.remove(name) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(Value::String(text)) => {
                self.fitting(name, text, &chars).map_or(Change::Keep, Change::Set)
            }
            Some(_) => {
                self.mistake(name, "must be string");
                self.mistake(name, "must be null");
                Change::Keep
            }
        }
    }

    /// One of these words, or null.
    pub(crate) fn nullable_choice(&mut self, name: &str, words: &[&'static str]) -> Change<String> {
        match self.fields.remove(name) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(Value::String(text)) if words.contains(&&*text) => Change::Set(text),
            Some(_) => {
                self.mistake(name, "must be equal to one of the allowed values");
                Change::Keep
            }
        }
    }

    /// An integer in this range, if there is one. As in JavaScript, `5.0` is one.
    pub(crate) fn integer(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.fields.remove(name)?;
        let Some(number) = value.as_f64().filter(|number| number.fract() == 0.0) else {
            return self.wrong(name, "must be integer");
        };
        // What is too large for an integer is cut to the largest, what is negative to 0.
        let integer = value.as_u64().unwrap_or(number as u64);
        if number < 0.0 || integer < *range.start() {
            return self.wrong(name, &format!("must be >= {}", range.start()));
        }
        if integer > *range.end() {
            return self.wrong(name, &format!("must be <= {}", range.end()));
        }
        Some(integer)
    }

    /// A boolean, if there is one.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.fields.remove(name)? {
            Value::Bool(flag) => Some(flag),
            _ => self.wrong(name, "must be boolean"),
        }
    }

    /// A boolean.
    pub(crate) fn required_flag(&mut self, name: &str) -> bool {
        self.has(name) && self.flag(name).unwrap_or_default()
    }

    /// A list of anything, if there is one.
    pub(crate) fn list(&mut self, name: &str) -> Option<Vec<Value>> {
        match self.fields.remove(name)? {
            Value::Array(items) => Some(items),
            _ => self.wrong(name, "must be array"),
        }
    }

    /// The end: nothing may be left over, and nothing may have been wrong.
    ///
    /// # Errors
    /// Every mistake, for the person who made it.
    pub(crate) fn finish(mut self) -> Result<(), WireError> {
        if !self.fields.is_empty() {
            self.mistakes.push("data must NOT have additional properties".into());
        }
        if self.mistakes.is_empty() {
            return Ok(());
        }
        Err(self.refusal(&self.mistakes.join("; ")))
    }

    fn has(&mut self, name: &str) -> bool {
        let has = self.fields.contains_key(name);
        // An array is one mistake and not one for each parameter that it does not have.
        if !has && !self.mistakes.iter().any(|mistake| mistake == "data must be object") {
            self.mistakes.push(format!("data must have required property '{name}'"));
        }
        has
    }

    fn fitting(
        &mut self,
        name: &str,
        text: String,
        chars: &RangeInclusive<usize>,
    ) -> Option<String> {
        // Counting the characters of a photo is not free, and only those with a limit need it.
        let count = if *chars.end() < usize::MAX { text.chars().count() } else { text.len() };
        if count < *chars.start() {
            let least = chars.start();
            return self.wrong(name, &format!("must NOT have fewer than {least} characters"));
        }
        if count > *chars.end() {
            let most = chars.end();
            return self.wrong(name, &format!("must NOT have more than {most} characters"));
        }
        Some(text)
    }

    fn wrong<T>(&mut self, name: &str, what: &str) -> Option<T> {
        self.mistake(name, what);
        None
    }

    fn mistake(&mut self, name: &str, what: &str) {
        self.mistakes.push(format!("data/{name} {what}"));
    }

    fn refusal(&self, what: &str) -> WireError {
        WireError::invalid(format!("invalid {} params: {what}", self.method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Params {
        Params::read(Method::ChatHistory, Some(text)).unwrap()
    }

    /// What `chat.history` would do.
    fn history(text: &str) -> Result<(String, Option<u64>), WireError> {
        let mut params = read(text);
        let found = (params.required_text("sessionKey", 1..=8), params.integer("limit", 1..=1000));
        params.finish().map(|()| found)
    }

    #[test]
    fn no_parameters_are_an_empty_object() {
        for text in [None, Some(""), Some(" \n"), Some("null"), Some("5"), Some("\"x\"")] {
            let mut params = Params::read(Method::SessionsList, text).unwrap();
            assert_eq!(params.integer("limit", 1..=9), None);
            params.finish().unwrap();
        }
    }

    #[test]
    fn good_parameters_are_read() {
        for (text, key, limit) in [
            (r#"{"sessionKey":"main"}"#, "main", None),
            (r#"{"sessionKey":"main","limit":1000}"#, "main", Some(1000)),
            (r#"{"sessionKey":"ü☕😀45678","limit":5.0}"#, "ü☕😀45678", Some(5)),
            (r#"{"sessionKey":"\ud83d","limit":1e1}"#, "\u{fffd}", Some(10)),
        ] {
            assert_eq!(history(text), Ok((key.to_owned(), limit)), "{text}");
        }
    }

    #[test]
    fn mistakes_are_told_in_the_old_words() {
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
        ] {
            let error = history(text).unwrap_err();
            assert_eq!(
                error,
                WireError::invalid(format!("invalid chat.history params: {mistakes}"))
            );
        }
    }

    #[test]
    fn text_that_is_no_json_is_refused_with_the_parsers_words() {
        for text in ["{", "nul", "{} {}", &"[".repeat(100_000), &"{\"a\":".repeat(100_000)] {
            let error = Params::read(Method::ChatSend, Some(text)).unwrap_err();
            assert!(error.message.starts_with("invalid chat.send params: "), "{error}");
            assert!(error.message.contains("line 1 column"), "{error}");
        }
    }

    #[test]
    fn null_means_something_only_where_it_is_listed() {
        let mut params = read(r#"{"a":null,"b":"x","c":5,"d":"on","e":null,"f":null,"g":"off"}"#);
        assert_eq!(params.nullable_text("a", 1..=9), Change::Clear);
        assert_eq!(params.nullable_text("b", 1..=9), Change::Set("x".into()));
        assert_eq!(params.nullable_text("c", 1..=9), Change::Keep);
        assert_eq!(params.nullable_choice("d", &["on"]), Change::Set("on".into()));
        assert_eq!(params.nullable_choice("e", &["on"]), Change::Clear);
        assert_eq!(params.flag("f"), None);
        assert_eq!(params.nullable_choice("g", &["on"]), Change::Keep);
        assert_eq!(params.nullable_choice("h", &["on"]), Change::Keep);
        let error = params.finish().unwrap_err();
        assert_eq!(
            error.message,
            "invalid chat.history params: data/c must be string; data/c must be null; \
             data/f must be boolean; data/g must be equal to one of the allowed values"
        );
    }

    #[test]
    fn lists_and_flags_are_read() {
        let mut params = read(r#"{"a":[1,{"b":2}],"c":true,"d":{}}"#);
        assert_eq!(params.list("a").map(|list| list.len()), Some(2));
        assert!(params.required_flag("c"));
        assert_eq!(params.list("d"), None);
        assert!(!params.required_flag("e"));
        let error = params.finish().unwrap_err();
        assert!(error.message.contains("data/d must be array"), "{error}");
        assert!(error.message.contains("required property 'e'"), "{error}");
    }
}
