//! Values that a node or an old gateway sends with another type than the protocol says.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{json, Value};

/// A value of this type; the default for any other.
pub(super) fn value<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(T::deserialize(Value::deserialize(deserializer)?).unwrap_or_default())
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
        fields.retain(|key, value| T::deserialize(json!({ key: value })).is_ok());
        T::deserialize(Value::Object(fields)).ok()
    })
}

/// The arguments of a program: strings, or numbers and booleans as the old node host printed them.
pub(super) fn arguments<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let argument = |value| match value {
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(D::Error::custom("command must be a list of strings")),
    };
    Vec::<Value>::deserialize(d)?.into_iter().map(argument).collect()
}

/// A number of milliseconds above 0, rounded up; `None` for null and for numbers that are no time.
pub(super) fn milliseconds<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    let time = Option::<f64>::deserialize(d)?.filter(|ms| *ms > 0.0);
    Ok(time.map(|ms| ms.ceil() as u64))
}
