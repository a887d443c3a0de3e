//! JSON objects written field by field, from values that are JSON text already. What a gateway
//! sends can be megabytes; none of it becomes a tree.

pub(super) use crate::protocol::json::text;

use serde::Serialize;

/// An object that is being written.
#[derive(Debug)]
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    /// A field whose value is JSON text.
    pub(super) fn raw(mut self, name: &str, json: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&text(name));
        self.0.push(':');
        self.0.push_str(json);
        self
    }

    /// As [`Object::raw`]; nothing if there is no value.
    pub(super) fn maybe(self, name: &str, json: Option<&str>) -> Self {
        match json {
            Some(json) => self.raw(name, json),
            None => self,
        }
    }

    /// A field with any value.
    pub(super) fn value(self, name: &str, value: &impl Serialize) -> Self {
        self.raw(name, &text(value))
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A list of values that are JSON text.
pub(super) fn list<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> String {
    let mut list = String::from("[");
    for value in values {
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(value.as_ref());
    }
    list.push(']');
    list
}

/// JSON text of a number as an integer: apps lose a whole list over one fraction (protocol
/// section 5.3).
pub(super) fn integer(json: &str) -> Option<String> {
    if let Ok(integer) = json.parse::<i64>() {
        return Some(integer.to_string());
    }
    let number = json.parse::<f64>().ok().filter(|number| number.abs() < 9e15)?;
    Some((number.round() as i64).to_string())
}
