//! The values that `sessions.patch` accepts, with their aliases and the old gateway's error texts
//! (protocol section 5.3).

use super::book::Book;
use super::entry::{text, Entry};
use crate::protocol::WireError;
use std::collections::BTreeMap;

/// The changed fields; `None` removes an override.
pub(super) type Changes = BTreeMap<String, Option<String>>;

/// A field with a few values.
#[derive(Debug)]
struct Level {
    name: &'static str,
    values: &'static [Aliases],
    /// The value that is the same as having none.
    absent: Option<&'static str>,
    /// What the error for another value suggests; empty where the rules of the parameters allow no
    /// other.
    hint: &'static str,
}

/// A value and its aliases.
type Aliases = (&'static str, &'static [&'static str]);

const THINKING: &str = "thinkingLevel";

const LEVELS: &[Level] = &[
    Level {
        name: THINKING,
        values: &[
            ("off", &[]),
            ("minimal", &["min", "think"]),
            ("low", &["on", "enable", "enabled", "thinkhard", "think-hard", "think_hard"]),
            ("medium", &["mid", "med", "thinkharder", "think-harder", "harder"]),
            ("high", &["ultra", "ultrathink", "thinkhardest", "highest", "max"]),
            ("xhigh", &["x-high", "x_high"]),
        ],
        absent: Some("off"),
        hint: "use off|minimal|low|medium|high|xhigh",
    },
    Level {
        name: "verboseLevel",
        values: &[
            ("off", &["false", "no", "0"]),
            ("on", &["true", "yes", "1", "minimal"]),
            ("full", &["all", "everything"]),
        ],
        absent: None,
        hint: "use \"on\"|\"off\"|\"full\"",
    },
    Level {
        name: "reasoningLevel",
        values: &[
            ("off", &["false", "no", "0", "hide", "hidden", "disable", "disabled"]),
            ("on", &["true", "yes", "1", "show", "visible", "enable", "enabled"]),
            ("stream", &["streaming", "draft", "live"]),
        ],
        absent: Some("off"),
        hint: "use \"on\"|\"off\"|\"stream\"",
    },
    Level {
        name: "elevatedLevel",
        values: &[("off", &["false", "no", "0"]), ("on", &["true", "yes", "1"])],
        absent: None,
        hint: "use \"on\"|\"off\"",
    },
    Level {
        name: "execHost",
        values: &[("sandbox", &[]), ("gateway", &[]), ("node", &[])],
        absent: None,
        hint: "use \"sandbox\"|\"gateway\"|\"node\"",
    },
    Level {
        name: "execSecurity",
        values: &[("deny", &[]), ("allowlist", &[]), ("full", &[])],
        absent: None,
        hint: "use \"deny\"|\"allowlist\"|\"full\"",
    },
    Level {
        name: "execAsk",
        values: &[("off", &[]), ("on-miss", &[]), ("always", &[])],
        absent: None,
        hint: "use \"off\"|\"on-miss\"|\"always\"",
    },
    Level {
        name: "responseUsage",
        values: &[("off", &[]), ("tokens", &["on"]), ("full", &[])],
        absent: Some("off"),
        hint: "",
    },
    Level { name: "sendPolicy", values: &[("allow", &[]), ("deny", &[])], absent: None, hint: "" },
    Level {
        name: "groupActivation",
        values: &[("mention", &[]), ("always", &[])],
        absent: None,
        hint: "",
    },
];

/// The only models with the thinking level `xhigh`.
const XHIGH: [&str; 3] =
    ["openai/gpt-5.2", "openai-codex/gpt-5.2-codex", "openai-codex/gpt-5.1-codex"];

impl Level {
    fn value(&self, text: &str) -> Option<&'static str> {
        let text = text.trim().to_lowercase();
        let found =
            self.values.iter().find(|(value, other)| *value == text || other.contains(&&*text));
        found.map(|(value, _)| *value)
    }
}

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
    set_spawned_by(entry, key, change("spawnedBy"))?;
    set_text(entry, "label", change("label"))?;
    for level in LEVELS {
        set_level(entry, level, change(level.name))?;
    }
    set_text(entry, "execNode", change("execNode"))?;
    set_model(entry, change("model"))?;
    check_xhigh(entry, matches!(change(THINKING), Some(Some(_))))
}

/// Absent: leave the field. `None`: remove it.
type Change<'a> = Option<Option<&'a str>>;

fn set_text(entry: &mut Entry, name: &str, change: Change<'_>) -> Result<(), WireError> {
    match change {
        None => {}
        Some(None) => drop(entry.remove(name)),
        Some(Some(text)) if text.trim().is_empty() => {
            return Err(WireError::invalid(format!("invalid {name}: empty")));
        }
        Some(Some(text)) => drop(entry.insert(name.to_owned(), text.trim().into())),
    }
    Ok(())
}

fn set_level(entry: &mut Entry, level: &Level, change: Change<'_>) -> Result<(), WireError> {
    let name = level.name;
    match change {
        None => {}
        Some(None) => drop(entry.remove(name)),
        Some(Some(text)) => match level.value(text) {
            None => {
                let hint = level.hint;
                return Err(WireError::invalid(format!("invalid {name} ({hint})")));
            }
            value if value == level.absent => drop(entry.remove(name)),
            Some(value) => drop(entry.insert(name.to_owned(), value.into())),
        },
    }
    Ok(())
}

fn set_spawned_by(entry: &mut Entry, key: &str, change: Change<'_>) -> Result<(), WireError> {
    let current = text(entry, "spawnedBy").filter(|by| !by.is_empty());
    match change {
        None => Ok(()),
        Some(None) if current.is_some() => {
            Err(WireError::invalid("spawnedBy cannot be cleared once set"))
        }
        Some(None) => Ok(()),
        Some(Some(by)) => {
            let is_subagent = key.splitn(3, ':').nth(2).is_some_and(|k| k.starts_with("subagent:"));
            if !is_subagent {
                let what = "spawnedBy is only supported for subagent:* sessions";
                return Err(WireError::invalid(what));
            }
            if current.is_some_and(|current| current != by.trim()) {
                return Err(WireError::invalid("spawnedBy cannot be changed once set"));
            }
            set_text(entry, "spawnedBy", change)
        }
    }
}

/// `provider/model`, or a model of the usual provider.
fn set_model(entry: &mut Entry, change: Change<'_>) -> Result<(), WireError> {
    let text = match change {
        None => return Ok(()),
        Some(None) => "",
        Some(Some(text)) if text.trim().is_empty() => {
            return Err(WireError::invalid("invalid model: empty"));
        }
        Some(Some(text)) => text.trim(),
    };
    let (provider, model) = text.split_once('/').unwrap_or(("", text));
    for (name, value) in [("providerOverride", provider.trim()), ("modelOverride", model.trim())] {
        if value.is_empty() {
            entry.remove(name);
        } else {
            entry.insert(name.to_owned(), value.into());
        }
    }
    Ok(())
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
