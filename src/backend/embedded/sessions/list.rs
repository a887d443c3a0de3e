//! `sessions.list`: rows that the apps can decode (protocol section 5.3).

use super::book::Book;
use super::entry::{integer, is_one_of, text, updated_at, Entry};
use super::group::Group;
use crate::protocol::rpc::sessions::{
    SessionFilter, SessionRow, ROW_FLAGS, ROW_INTEGERS, ROW_TEXTS,
};
use crate::protocol::session;
use serde_json::{Map, Value};
use std::cmp::Reverse;

/// Fields that are objects and have no place of their own in [`SessionRow`].
const ROW_OBJECTS: &str = "origin deliveryContext";

/// The wanted sessions, the one used last first, without those last used before `active_since`
/// (milliseconds since 1970).
pub(super) fn select<'b>(
    book: &'b Book,
    filter: &SessionFilter,
    active_since: i64,
) -> Vec<(&'b str, &'b Entry)> {
    // The canonical form of any key of the agent begins like those of all its keys.
    let agent = filter.agent_id.as_ref().map(|id| session::canonical(&format!("agent:{id}:x")));
    let agent = agent.as_deref().and_then(|key| key.strip_suffix('x'));
    let is = |entry: &Entry, name, wanted: &Option<String>| {
        wanted.is_none() || text(entry, name) == wanted.as_deref()
    };
    let entries = book.entries.iter().map(|(key, entry)| (&**key, &**entry));
    let mut wanted: Vec<(&str, &Entry)> = entries
        .filter(|(key, entry)| {
            (filter.include_global || *key != "global")
                && (filter.include_unknown || *key != "unknown")
                && agent.is_none_or(|agent| key.starts_with(agent))
                && is(entry, "label", &filter.label)
                && is(entry, "spawnedBy", &filter.spawned_by)
                && updated_at(entry) >= active_since
        })
        .collect();
    wanted.sort_by_key(|(_, entry)| Reverse(updated_at(entry)));
    wanted
}

pub(super) fn row(key: &str, entry: &Entry) -> SessionRow {
    let owned = |name| text(entry, name).map(str::to_owned);
    let count = |name| entry.get(name).and_then(integer);
    let origin = entry.get("origin").and_then(|origin| origin.get("label"));
    let other_name = origin.or_else(|| entry.get("subject")).and_then(Value::as_str);
    let group = (kind(key, entry) == "group").then(|| Group::of(key, entry));
    let group_name = group.as_ref().and_then(|group| group.name(key, entry));
    let mut others = others(entry);
    if let Some(channel) = group.and_then(|group| group.channel) {
        others.entry("channel").or_insert_with(|| channel.into());
    }
    let sum = || {
        let count = |name| count(name).unwrap_or(0);
        count("inputTokens").saturating_add(count("outputTokens"))
    };
    SessionRow {
        key: key.to_owned(),
        kind: kind(key, entry).to_owned(),
        label: owned("label"),
        display_name: owned("displayName")
            .or_else(|| owned("label"))
            .or(group_name)
            .or_else(|| other_name.map(str::to_owned)),
        updated_at: count("updatedAt"),
        session_id: owned("sessionId"),
        model: owned("model"),
        total_tokens: count("totalTokens").unwrap_or_else(sum),
        others,
    }
}

fn others(entry: &Entry) -> Map<String, Value> {
    let fields = entry.iter().filter_map(|(name, value)| {
        let (names, value) = match value {
            Value::String(_) => (ROW_TEXTS, value.clone()),
            Value::Bool(_) => (ROW_FLAGS, value.clone()),
            Value::Object(_) => (ROW_OBJECTS, value.clone()),
            Value::Number(_) => (ROW_INTEGERS, integer(value)?.into()),
            _ => return None,
        };
        is_one_of(names, name).then(|| (name.clone(), value))
    });
    fields.collect()
}

fn kind(key: &str, entry: &Entry) -> &'static str {
    match key {
        "global" => "global",
        "unknown" => "unknown",
        _ if matches!(text(entry, "chatType"), Some("group" | "channel")) => "group",
        _ if key.contains(":group:") || key.contains(":channel:") => "group",
        _ => "direct",
    }
}
