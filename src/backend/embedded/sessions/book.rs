//! The content of `sessions.json`: entries by their canonical keys.
//!
//! Reading is forgiving about everything the old gateway wrote: JSON5, old names of fields, two
//! spellings of one key. It is not forgiving about a file that makes no sense: that is an error,
//! and never an empty store.

use super::Entry;
use crate::json5_text;
use crate::protocol::session;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Fields that had another name once (protocol section 9.1).
const RENAMED: [(&str, &str); 3] =
    [("provider", "channel"), ("lastProvider", "lastChannel"), ("room", "groupChannel")];

/// What belongs to one transcript and means nothing beside another one.
const OF_ITS_TRANSCRIPT: [&str; 6] =
    ["sessionFile", "systemSent", "abortedLastRun", "inputTokens", "outputTokens", "totalTokens"];

/// Session ids that lost against a newer one of another spelling of their key: the way to their
/// transcripts.
const MERGED: &str = "mergedSessionIds";

/// All entries. Cheap to copy: a change is made on a copy, written, and only then believed.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    /// By canonical key.
    pub(super) entries: BTreeMap<String, Arc<Entry>>,
    /// What is in the file and is no entry; it is written back.
    strange: Map<String, Value>,
}

impl Book {
    /// Reads the file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => json5_text::parse_leniently(text).map_err(|_| error.to_string())?,
        };
        let Value::Object(all) = value else { return Err("not an object".into()) };
        let mut book = Self::default();
        for (key, value) in all {
            match value {
                Value::Object(entry) if is_entry(&key, &entry) => book.add(&key, migrated(entry)),
                other => {
                    book.strange.insert(key, other);
                }
            }
        }
        // One name cannot stand twice in the file, and an entry means more than what is none.
        book.strange.retain(|key, _| !book.entries.contains_key(key));
        Ok(book)
    }

    /// The file's text.
    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
    }

    /// Takes over what another book has; of two entries of one session, the newer one counts.
    pub(super) fn absorb(&mut self, other: Self) {
        for (key, entry) in other.entries {
            self.add(&key, Arc::unwrap_or_clone(entry));
        }
        for (key, value) in other.strange {
            self.strange.entry(key).or_insert(value);
        }
    }

    /// The names of what is no entry.
    pub(super) fn strange(&self) -> impl Iterator<Item = &str> {
        self.strange.keys().map(String::as_str)
    }

    fn add(&mut self, key: &str, entry: Entry) {
        let key = session::canonical(key);
        let entry = match self.entries.remove(&key) {
            Some(other) => merged(Arc::unwrap_or_clone(other), entry),
            None => entry,
        };
        self.entries.insert(key, Arc::new(entry));
    }
}

impl Serialize for Book {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(Some(self.entries.len() + self.strange.len()))?;
        for (key, entry) in &self.entries {
            out.serialize_entry(key, entry)?;
        }
        for (key, value) in &self.strange {
            out.serialize_entry(key, value)?;
        }
        out.end()
    }
}

/// Whether an object is a session; if not, it is somebody's own and keeps its name.
fn is_entry(key: &str, object: &Entry) -> bool {
    let has = |name| object.contains_key(name);
    has("sessionId") || has("updatedAt") || session::canonical(key) == key
}

/// A number as an integer. Files of the old gateway can hold fractions of milliseconds and
/// tokens; one of them costs an iPhone the whole list (protocol section 5.3).
pub(super) fn integer(value: &Value) -> Option<i64> {
    // Beyond this, JavaScript cannot count.
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    let number = value.as_f64().filter(|number| number.abs() <= LARGEST)?;
    Some(value.as_i64().unwrap_or(number as i64))
}

/// When an entry was last changed.
pub(super) fn updated_at(entry: &Entry) -> i64 {
    entry.get("updatedAt").and_then(integer).unwrap_or(0)
}

fn migrated(mut entry: Entry) -> Entry {
    for (old, new) in RENAMED {
        if !entry.get(new).is_some_and(Value::is_string)
            && entry.get(old).is_some_and(Value::is_string)
        {
            if let Some(value) = entry.remove(old) {
                entry.insert(new.to_owned(), value);
            }
        }
    }
    entry
}

/// Two entries of one session: the newer one counts, and takes from the older what it lacks.
fn merged(one: Entry, other: Entry) -> Entry {
    let (mut newer, older) =
        if updated_at(&other) > updated_at(&one) { (other, one) } else { (one, other) };
    let same = newer.get("sessionId") == older.get("sessionId");
    if !same {
        let mut lost: Vec<Value> = Vec::new();
        for entry in [&newer, &older] {
            lost.extend(entry.get(MERGED).and_then(Value::as_array).into_iter().flatten().cloned());
        }
        if newer.contains_key("sessionId") {
            lost.extend(older.get("sessionId").cloned());
        }
        if !lost.is_empty() {
            newer.insert(MERGED.to_owned(), Value::Array(lost));
        }
    }
    for (name, value) in older {
        let belongs = same || !OF_ITS_TRANSCRIPT.contains(&&*name);
        if belongs && !newer.contains_key(&name) {
            newer.insert(name, value);
        }
    }
    newer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(text: &str) -> Book {
        Book::parse(text.as_bytes()).unwrap()
    }

    fn written(book: &Book) -> Value {
        serde_json::from_slice(&book.to_json().unwrap()).unwrap()
    }

    #[test]
    fn spellings_of_one_session_are_merged_and_nothing_else_is_lost() {
        let old = r#"{"sessionId":"a","updatedAt":5,"label":"x","sessionFile":"a.jsonl","q":1}"#;
        let new = r#"{"sessionId":"b","updatedAt":7.5,"model":"m","inputTokens":3}"#;
        let expected = json!({"agent:main:main": {
            "sessionId": "b", "updatedAt": 7.5, "label": "x", "q": 1, "model": "m",
            "inputTokens": 3, "mergedSessionIds": ["a"],
        }});
        for text in [
            format!(r#"{{"main":{old},"agent:main:main":{new}}}"#),
            format!(r#"{{"main":{new},"agent:main:main":{old}}}"#),
        ] {
            assert_eq!(written(&parse(&text)), expected);
        }
        let book =
            parse(r#"{"x":{"sessionId":"a","sessionFile":"f"},"agent::x":{"sessionId":"a"}}"#);
        let one = json!({"agent:main:x": {"sessionId": "a", "sessionFile": "f"}});
        assert_eq!(written(&book), one);
    }

    #[test]
    fn old_names_are_replaced_and_strange_things_kept() {
        let book = parse(
            "// by hand\n{ a: {updatedAt: 1, provider: 'slack', lastProvider: 'x', lastChannel: 'y',
                room: '#r', own: {deep: [1,]}}, version: 3, meta: {x: 1}, note: null, 'agent:main:a': 5 }",
        );
        let expected = json!({
            "agent:main:a": {"updatedAt": 1, "channel": "slack", "lastProvider": "x", "lastChannel": "y",
                "groupChannel": "#r", "own": {"deep": [1]}},
            "version": 3,
            "meta": {"x": 1},
            "note": null,
        });
        assert_eq!(written(&book), expected);
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        let deep = format!("{{a:{}", "[".repeat(100_000));
        for text in ["", " ", "[]", "null", "5", "{", "{\"a\":{}", "{} {}", &deep] {
            assert!(Book::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Book::parse(b"{\"a\":\"\xff\"}").is_err());
        assert!(parse("{}").entries.is_empty());
    }

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
