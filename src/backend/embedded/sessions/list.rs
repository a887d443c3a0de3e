//! `sessions.list`: rows that the apps can decode (protocol section 5.3).
//!
//! An iPhone loses the whole list over one value of the wrong type, so a value that is not what
//! its field says is left out.

use super::book::{self, Book};
use super::Entry;
use crate::protocol::session;
use serde_json::{Map, Value};

const TEXTS: [&str; 19] = [
    "label",
    "channel",
    "subject",
    "groupChannel",
    "space",
    "chatType",
    "sessionId",
    "thinkingLevel",
    "verboseLevel",
    "reasoningLevel",
    "elevatedLevel",
    "sendPolicy",
    "responseUsage",
    "modelProvider",
    "model",
    "lastChannel",
    "lastTo",
    "lastAccountId",
    "displayName",
];
const FLAGS: [&str; 2] = ["systemSent", "abortedLastRun"];
const INTEGERS: [&str; 5] =
    ["updatedAt", "inputTokens", "outputTokens", "totalTokens", "contextTokens"];
const OBJECTS: [&str; 2] = ["origin", "deliveryContext"];

/// Which sessions are wanted.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) include_global: bool,
    pub(super) include_unknown: bool,
    pub(super) label: Option<String>,
    pub(super) spawned_by: Option<String>,
    pub(super) agent: Option<String>,
    /// Milliseconds; sessions that were used before are left out.
    pub(super) active_since: i64,
}

/// The wanted sessions, the one used last first.
pub(super) fn select<'b>(book: &'b Book, filter: &Filter) -> Vec<(&'b str, &'b Entry)> {
    // The canonical form of any key of the agent begins like those of all its keys.
    let agent = filter.agent.as_ref().map(|agent| session::canonical(&format!("agent:{agent}:x")));
    let agent = agent.as_deref().and_then(|key| key.strip_suffix('x'));
    let mut wanted: Vec<(&str, &Entry)> = book
        .entries
        .iter()
        .map(|(key, entry)| (&**key, &**entry))
        .filter(|(key, entry)| is_wanted(key, entry, filter, agent))
        .collect();
    wanted.sort_by_key(|(_, entry)| std::cmp::Reverse(book::updated_at(entry)));
    wanted
}

fn is_wanted(key: &str, entry: &Entry, filter: &Filter, agent: Option<&str>) -> bool {
    let is = |name: &str, wanted: &Option<String>| {
        wanted.is_none() || entry.get(name).and_then(Value::as_str) == wanted.as_deref()
    };
    (filter.include_global || key != "global")
        && (filter.include_unknown || key != "unknown")
        && agent.is_none_or(|agent| key.starts_with(agent))
        && is("label", &filter.label)
        && is("spawnedBy", &filter.spawned_by)
        && book::updated_at(entry) >= filter.active_since
}

/// A session as the apps want it.
pub(super) fn row(key: &str, entry: &Entry) -> Value {
    let mut row = Map::new();
    row.insert("key".into(), key.into());
    row.insert("kind".into(), kind(key, entry).into());
    for (name, value) in entry {
        let name = name.as_str();
        let value = match value {
            Value::String(_) if TEXTS.contains(&name) => value.clone(),
            Value::Bool(_) if FLAGS.contains(&name) => value.clone(),
            Value::Object(_) if OBJECTS.contains(&name) => value.clone(),
            Value::Number(_) if INTEGERS.contains(&name) => match book::integer(value) {
                Some(integer) => integer.into(),
                None => continue,
            },
            _ => continue,
        };
        row.insert(name.to_owned(), value);
    }
    if !row.contains_key("displayName") {
        let origin = entry.get("origin").and_then(|origin| origin.get("label"));
        let name = entry.get("label").or(origin).or_else(|| entry.get("subject"));
        if let Some(name @ Value::String(_)) = name {
            row.insert("displayName".into(), name.clone());
        }
    }
    if !row.contains_key("totalTokens") {
        let count = |name| row.get(name).and_then(Value::as_i64).unwrap_or(0);
        let total = count("inputTokens").saturating_add(count("outputTokens"));
        row.insert("totalTokens".into(), total.into());
    }
    Value::Object(row)
}

fn kind(key: &str, entry: &Entry) -> &'static str {
    let chat_type = entry.get("chatType").and_then(Value::as_str);
    match key {
        "global" => "global",
        "unknown" => "unknown",
        _ if matches!(chat_type, Some("group" | "channel")) => "group",
        _ if key.contains(":group:") || key.contains(":channel:") => "group",
        _ => "direct",
    }
}
