//! The values that `sessions.patch` accepts, with their aliases and the old gateway's error texts
//! (protocol section 5.3).

use super::book::Book;
use super::entry::{text, Entry};
use crate::protocol::WireError;
use std::collections::BTreeMap;

/// The changed fields; `None` removes an override.
pub(super) type Changes = BTreeMap<String, Option<String>>;

const THINKING: &str = "thinkingLevel";

/// The fields with a few values, each value with its aliases behind it.
const LEVELS: &[(&str, &[&str])] = &[
    (
        THINKING,
        &[
            "off",
            "minimal min think",
            "low on enable enabled thinkhard think-hard think_hard",
            "medium mid med thinkharder think-harder harder",
            "high ultra ultrathink thinkhardest highest max",
            "xhigh x-high x_high",
        ],
    ),
    ("verboseLevel", &["on true yes 1 minimal", "off false no 0", "full all everything"]),
    (
        "reasoningLevel",
        &[
            "on true yes 1 show visible enable enabled",
            "off false no 0 hide hidden disable disabled",
            "stream streaming draft live",
        ],
    ),
    ("elevatedLevel", &["on true yes 1", "off false no 0"]),
    ("execHost", &["sandbox", "gateway", "node"]),
    ("execSecurity", &["deny", "allowlist", "full"]),
    ("execAsk", &["off", "on-miss", "always"]),
    ("responseUsage", &["off", "tokens on", "full"]),
    ("sendPolicy", &["allow", "deny"]),
    ("groupActivation", &["mention", "always"]),
];

/// Where `off` is the same as having no value.
const OFF_IS_NONE: [&str; 3] = [THINKING, "reasoningLevel", "responseUsage"];

/// The only models with the thinking level `xhigh`.
const XHIGH: [&str; 3] =
    ["openai/gpt-5.2", "openai-codex/gpt-5.2-codex", "openai-codex/gpt-5.1-codex"];

/// A label must not be another session's.
pub(super) fn check_label(book: &Book, key: &str, changes: &Changes) -> Result<(), WireError> {
    let Some(Some(label)) = changes.get("label") else { return Ok(()) };
    let label = label.trim();
    let mut others = book.entries.iter().filter(|(other, _)| *other != key);
    if others.any(|(_, entry)| text(entry, "label") == Some(label)) {
        return Err(WireError::invalid(format!("label already in use: {label}")));
    }
    Ok(())
}

/// Changes the entry of this key. On an error the entry is to be discarded.
pub(super) fn apply(changes: &Changes, key: &str, entry: &mut Entry) -> Result<(), WireError> {
    let change = |name| changes.get(name).map(Option::as_deref);
    if let Some(by) = change("spawnedBy") {
        let by = spawned_by(entry, key, by)?;
        set(entry, "spawnedBy", by);
    }
    if let Some(label) = change("label") {
        set(entry, "label", filled("label", label)?);
    }
    for (name, values) in LEVELS {
        if let Some(text) = change(name) {
            set(entry, name, text.map(|text| level(name, values, text)).transpose()?.flatten());
        }
    }
    if let Some(node) = change("execNode") {
        set(entry, "execNode", filled("execNode", node)?);
    }
    if let Some(text) = change("model") {
        // `provider/model`, or a model of the usual provider.
        let text = filled("model", text)?.unwrap_or_default();
        let (provider, model) = text.split_once('/').unwrap_or(("", text));
        let named = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        set(entry, "providerOverride", named(provider).as_deref());
        set(entry, "modelOverride", named(model).as_deref());
    }
    check_xhigh(entry, matches!(change(THINKING), Some(Some(_))))
}

/// Stores a thinking level that was chosen with a message. One that cannot be stored is for that
/// message only.
pub(super) fn keep_thinking(level: &str, key: &str, entry: &mut Entry) {
    let changes = Changes::from([(THINKING.to_owned(), Some(level.to_owned()))]);
    let mut changed = entry.clone();
    if apply(&changes, key, &mut changed).is_ok() {
        *entry = changed;
    }
}

fn set(entry: &mut Entry, name: &str, value: Option<&str>) {
    match value {
        Some(value) => entry.insert(name.to_owned(), value.into()),
        None => entry.remove(name),
    };
}

/// The text trimmed; blank text is an error.
fn filled<'a>(name: &str, text: Option<&'a str>) -> Result<Option<&'a str>, WireError> {
    let text = text.map(str::trim);
    if text == Some("") {
        return Err(WireError::invalid(format!("invalid {name}: empty")));
    }
    Ok(text)
}

/// The value that is meant; `None` if it is not stored.
fn level<'v>(name: &str, values: &[&'v str], text: &str) -> Result<Option<&'v str>, WireError> {
    let text = text.trim().to_lowercase();
    let mut words = values.iter().map(|words| words.split(' '));
    let Some(mut words) = words.find(|words| words.clone().any(|word| word == text)) else {
        let names = values.iter().filter_map(|words| words.split(' ').next());
        let names: Vec<String> = match name {
            THINKING => names.map(str::to_owned).collect(),
            _ => names.map(|name| format!("{name:?}")).collect(),
        };
        return Err(WireError::invalid(format!("invalid {name} (use {})", names.join("|"))));
    };
    Ok(words.next().filter(|value| *value != "off" || !OFF_IS_NONE.contains(&name)))
}

fn spawned_by<'a>(
    entry: &Entry,
    key: &str,
    by: Option<&'a str>,
) -> Result<Option<&'a str>, WireError> {
    let current = text(entry, "spawnedBy").filter(|by| !by.is_empty());
    let Some(by) = by else {
        return match current {
            Some(_) => Err(WireError::invalid("spawnedBy cannot be cleared once set")),
            None => Ok(None),
        };
    };
    if !key.splitn(3, ':').nth(2).is_some_and(|name| name.starts_with("subagent:")) {
        return Err(WireError::invalid("spawnedBy is only supported for subagent:* sessions"));
    }
    if current.is_some_and(|current| current != by.trim()) {
        return Err(WireError::invalid("spawnedBy cannot be changed once set"));
    }
    filled("spawnedBy", Some(by))
}

/// Only some models know `xhigh`. Asking for it with another one is a mistake; changing the model
/// underneath it leaves the next best.
fn check_xhigh(entry: &mut Entry, asked: bool) -> Result<(), WireError> {
    if text(entry, THINKING) != Some("xhigh") {
        return Ok(());
    }
    let pick = |chosen, used| {
        let chosen = text(entry, chosen).filter(|text| !text.is_empty());
        chosen.or_else(|| text(entry, used)).unwrap_or_default()
    };
    let provider = pick("providerOverride", "modelProvider");
    let model = format!("{provider}/{}", pick("modelOverride", "model")).to_lowercase();
    if XHIGH.contains(&&*model) {
        return Ok(());
    }
    if asked {
        let [a, b, c] = XHIGH;
        let what = format!("thinkingLevel \"xhigh\" is only supported for {a}, {b} or {c}");
        return Err(WireError::invalid(what));
    }
    entry.insert(THINKING.to_owned(), "high".into());
    Ok(())
}
