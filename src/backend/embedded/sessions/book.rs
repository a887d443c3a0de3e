//! The content of `sessions.json`: entries by their canonical keys.
//!
//! Reading accepts everything the old gateway wrote: JSON5, old names of fields, two spellings of
//! one key. A damaged file is an error, and never an empty store.

use super::entry::{session_id, text, updated_at, Entry};
use super::names;
use crate::json5_text;
use crate::protocol::session;
use serde::Serialize;
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

/// All entries. Cheap to copy: a change is made on a copy, written, and only then applied.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Book {
    #[serde(flatten)]
    pub(super) entries: BTreeMap<String, Arc<Entry>>,
    /// What is in the file and is not an entry; it is written back.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

impl Book {
    /// Reads the file's text; the error says what is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        Self::parse_of(bytes, session::DEFAULT_AGENT)
    }

    /// As [`Book::parse`], for the store of this agent, whose keys need not name it.
    pub(super) fn parse_of(bytes: &[u8], agent: &str) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => json5_text::parse_leniently(text).map_err(|_| error.to_string())?,
        };
        let Value::Object(all) = value else { return Err("not an object".into()) };
        let mut book = Self::default();
        for (key, value) in all {
            let canonical = session::canonical_of(&key, agent);
            match value {
                Value::Object(entry) if canonical == key || is_entry(&entry) => {
                    book.add(canonical, migrated(entry));
                }
                other => {
                    book.others.insert(key, other);
                }
            }
        }
        // A name can be in the file only once, and an entry counts more than another value.
        book.others.retain(|key, _| !book.entries.contains_key(key));
        Ok(book)
    }

    /// Changes the entry of a canonical key, creating it if there is none, and returns its session
    /// id and its new content. A change that fails leaves the book as it was.
    pub(super) fn update<E>(
        &mut self,
        key: &str,
        now_ms: u64,
        change: impl FnOnce(&mut Entry) -> Result<(), E>,
    ) -> Result<(String, Arc<Entry>), E> {
        let mut entry = self.entries.get(key).map(|entry| Entry::clone(entry)).unwrap_or_default();
        change(&mut entry)?;
        let id = session_id(&entry).map_or_else(names::session_id, str::to_owned);
        entry.insert("sessionId".into(), id.clone().into());
        entry.insert("updatedAt".into(), now_ms.into());
        let entry = Arc::new(entry);
        self.entries.insert(key.to_owned(), entry.clone());
        Ok((id, entry))
    }

    pub(super) fn add(&mut self, key: String, entry: Entry) {
        let entry = match self.entries.remove(&key) {
            Some(other) => merged(Arc::unwrap_or_clone(other), entry),
            None => entry,
        };
        self.entries.insert(key, Arc::new(entry));
    }
}

/// Whether an object is a session, whatever its key; if not, it is kept under its name.
fn is_entry(object: &Entry) -> bool {
    object.contains_key("sessionId") || object.contains_key("updatedAt")
}

fn migrated(mut entry: Entry) -> Entry {
    for (old, new) in RENAMED {
        if text(&entry, new).is_none() && text(&entry, old).is_some() {
            let value = entry.remove(old).unwrap_or_default();
            entry.insert(new.to_owned(), value);
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
        serde_json::to_value(book).unwrap()
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
    fn old_names_are_replaced_and_other_values_kept() {
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
    fn a_damaged_file_is_an_error() {
        let deep = format!("{{a:{}", "[".repeat(100_000));
        for text in ["", " ", "[]", "null", "5", "{", "{\"a\":{}", "{} {}", &deep] {
            assert!(Book::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Book::parse(b"{\"a\":\"\xff\"}").is_err());
        assert!(parse("{}").entries.is_empty());
    }
}
