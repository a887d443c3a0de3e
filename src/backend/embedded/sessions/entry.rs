//! What the store keeps of one session, and the names of its files.

use super::StoreError;
use crate::protocol::{limits, session};
use serde_json::{Map, Value};

/// The fields of protocol section 9.3, and any others that were in the file.
pub(crate) type Entry = Map<String, Value>;

/// The canonical form of a key under which a session may be created.
pub(super) fn usable_key(key: &str) -> Result<String, StoreError> {
    let canonical = session::canonical(key);
    // The canonical form is the one that lists show and later calls use.
    if key.trim().is_empty() || canonical.chars().count() > limits::SESSION_KEY_CHARS {
        return Err(StoreError::BadKey);
    }
    Ok(canonical)
}

/// The entry's session id, if it can name a file.
pub(crate) fn session_id(entry: &Entry) -> Option<&str> {
    text(entry, "sessionId").filter(|id| is_file_name(id))
}

pub(super) fn text<'e>(entry: &'e Entry, name: &str) -> Option<&'e str> {
    entry.get(name).and_then(Value::as_str)
}

/// The name, if a transcript can have it.
pub(crate) fn transcript_name(name: &str) -> Option<&str> {
    (is_file_name(name) && name.ends_with(".jsonl")).then_some(name)
}

/// Whether a name is among these, which are separated by white space.
pub(super) fn is_one_of(names: &str, name: &str) -> bool {
    names.split_whitespace().any(|one| one == name)
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= limits::TRANSCRIPT_NAME
        && !name.starts_with('.')
        && !name.contains(|c: char| c == '/' || c.is_control())
}

/// When an entry was last changed, in milliseconds since 1970.
pub(super) fn updated_at(entry: &Entry) -> i64 {
    entry.get("updatedAt").and_then(integer).unwrap_or(0)
}

/// A number as an integer. Files of the old gateway can hold fractions of milliseconds and
/// tokens; one of them costs an iPhone the whole list (protocol section 5.3).
pub(super) fn integer(value: &Value) -> Option<i64> {
    // The largest integer that JavaScript represents exactly.
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    let number = value.as_f64().filter(|number| number.abs() <= LARGEST)?;
    Some(value.as_i64().unwrap_or(number as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_become_integers_that_every_app_can_read() {
        for (value, expected) in [
            (json!(5), Some(5)),
            (json!(5.9), Some(5)),
            (json!(-2.5), Some(-2)),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!("5"), None),
            (json!(null), None),
        ] {
            assert_eq!(integer(&value), expected, "{value}");
        }
    }
}
