//! The values that `sessions.patch` accepts, with their other spellings and the old gateway's
//! words for what it refuses (protocol section 5.3).

use super::Entry;
use crate::backend::embedded::params::{Change, Params};
use crate::protocol::{limits, WireError};
use serde_json::Value;

/// What a patch wants. `null` takes an override away.
#[derive(Debug)]
pub(super) struct Patch {
    label: Change<String>,
    spawned_by: Change<String>,
    model: Change<String>,
    exec_node: Change<String>,
    levels: Vec<(&'static Level, Change<String>)>,
}

/// A field with a few values.
#[derive(Debug)]
struct Level {
    name: &'static str,
    values: &'static [Spelling],
    /// The value that is the same as having none.
    absent: Option<&'static str>,
    /// What is refused: by the validator already, or with a sentence.
    refusal: Option<&'static str>,
}

/// A value and its other spellings.
type Spelling = (&'static str, &'static [&'static str]);

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
        refusal: Some("use off|minimal|low|medium|high|xhigh"),
    },
    Level {
        name: "verboseLevel",
        values: &[
            ("off", &["false", "no", "0"]),
            ("on", &["true", "yes", "1", "minimal"]),
            ("full", &["all", "everything"]),
        ],
        absent: None,
        refusal: Some("use \"on\"|\"off\"|\"full\""),
    },
    Level {
        name: "reasoningLevel",
        values: &[
            ("off", &["false", "no", "0", "hide", "hidden", "disable", "disabled"]),
            ("on", &["true", "yes", "1", "show", "visible", "enable", "enabled"]),
            ("stream", &["streaming", "draft", "live"]),
        ],
        absent: Some("off"),
        refusal: Some("use \"on\"|\"off\"|\"stream\""),
    },
    Level {
        name: "elevatedLevel",
        values: &[("off", &["false", "no", "0"]), ("on", &["true", "yes", "1"])],
        absent: None,
        refusal: Some("use \"on\"|\"off\""),
    },
    Level {
        name: "execHost",
        values: &[("sandbox", &[]), ("gateway", &[]), ("node", &[])],
        absent: None,
        refusal: Some("use \"sandbox\"|\"gateway\"|\"node\""),
    },
    Level {
        name: "execSecurity",
        values: &[("deny", &[]), ("allowlist", &[]), ("full", &[])],
        absent: None,
        refusal: Some("use \"deny\"|\"allowlist\"|\"full\""),
    },
    Level {
        name: "execAsk",
        values: &[("off", &[]), ("on-miss", &[]), ("always", &[])],
        absent: None,
        refusal: Some("use \"off\"|\"on-miss\"|\"always\""),
    },
    Level {
        name: "responseUsage",
        values: &[("off", &[]), ("tokens", &["on"]), ("full", &[])],
        absent: Some("off"),
        refusal: None,
    },
    Level {
        name: "sendPolicy",
        values: &[("allow", &[]), ("deny", &[])],
        absent: None,
        refusal: None,
    },
    Level {
        name: "groupActivation",
        values: &[("mention", &[]), ("always", &[])],
        absent: None,
        refusal: None,
    },
];

/// Models that can think harder than the others.
const XHIGH: [&str; 3] =
    ["openai/gpt-5.2", "openai-codex/gpt-5.2-codex", "openai-codex/gpt-5.1-codex"];

impl Level {
    fn value(&self, text: &str) -> Option<&'static str> {
        let text = text.trim().to_lowercase();
        let found =
            self.values.iter().find(|(value, other)| *value == text || other.contains(&&*text));
        found.map(|(value, _)| *value)
    }

    fn read(&self, params: &mut Params) -> Change<String> {
        if self.refusal.is_some() {
            return params.nullable_text(self.name, 0..=limits::SHORT_TEXT_CHARS);
        }
        let spellings = self
            .values
            .iter()
            .flat_map(|(value, other)| std::iter::once(*value).chain(other.iter().copied()));
        params.nullable_choice(self.name, &spellings.collect::<Vec<_>>())
    }
}

impl Patch {
    /// Takes the fields of a patch out of the parameters.
    pub(super) fn read(params: &mut Params) -> Self {
        Self {
            label: params.nullable_text("label", 1..=limits::SESSION_LABEL_CHARS),
            spawned_by: params.nullable_text("spawnedBy", 1..=limits::SESSION_KEY_CHARS),
            model: params.nullable_text("model", 0..=limits::SHORT_TEXT_CHARS),
            exec_node: params.nullable_text("execNode", 0..=limits::SHORT_TEXT_CHARS),
            levels: LEVELS.iter().map(|level| (level, level.read(params))).collect(),
        }
    }

    /// The label that must not be another session's.
    pub(super) fn label(&self) -> Option<&str> {
        match &self.label {
            Change::Set(label) => Some(label.trim()),
            _ => None,
        }
    }

    /// Changes the entry of this key, or refuses.
    pub(super) fn apply(&self, key: &str, entry: &mut Entry) -> Result<(), WireError> {
        set_spawned_by(entry, key, &self.spawned_by)?;
        set_text(entry, "label", &self.label)?;
        for (level, change) in &self.levels {
            set_level(entry, level, change)?;
        }
        set_text(entry, "execNode", &self.exec_node)?;
        set_model(entry, &self.model)?;
        let asked = self
            .levels
            .iter()
            .any(|(level, change)| level.name == THINKING && matches!(change, Change::Set(_)));
        check_xhigh(entry, asked)
    }
}

fn set_text(entry: &mut Entry, name: &str, change: &Change<String>) -> Result<(), WireError> {
    match change {
        Change::Keep => {}
        Change::Clear => drop(entry.remove(name)),
        Change::Set(text) if text.trim().is_empty() => {
            return Err(WireError::invalid(format!("invalid {name}: empty")));
        }
        Change::Set(text) => drop(entry.insert(name.to_owned(), text.trim().into())),
    }
    Ok(())
}

fn set_level(entry: &mut Entry, level: &Level, change: &Change<String>) -> Result<(), WireError> {
    let name = level.name;
    match change {
        Change::Keep => {}
        Change::Clear => drop(entry.remove(name)),
        Change::Set(text) => match level.value(text) {
            None => {
                let hint = level.refusal.unwrap_or_default();
                return Err(WireError::invalid(format!("invalid {name} ({hint})")));
            }
            value if value == level.absent => drop(entry.remove(name)),
            Some(value) => drop(entry.insert(name.to_owned(), value.into())),
        },
    }
    Ok(())
}

fn set_spawned_by(entry: &mut Entry, key: &str, change: &Change<String>) -> Result<(), WireError> {
    let current = entry.get("spawnedBy").and_then(Value::as_str).filter(|by| !by.is_empty());
    match change {
        Change::Keep => Ok(()),
        Change::Clear if current.is_some() => {
            Err(WireError::invalid("spawnedBy cannot be cleared once set"))
        }
        Change::Clear => Ok(()),
        Change::Set(by) => {
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
fn set_model(entry: &mut Entry, change: &Change<String>) -> Result<(), WireError> {
    let text = match change {
        Change::Keep => return Ok(()),
        Change::Clear => "",
        Change::Set(text) if text.trim().is_empty() => {
            return Err(WireError::invalid("invalid model: empty"));
        }
        Change::Set(text) => text.trim(),
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
    if entry.get(THINKING).and_then(Value::as_str) != Some("xhigh") {
        return Ok(());
    }
    let text = |name| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let pick = |chosen, used| if text(chosen).is_empty() { text(used) } else { text(chosen) };
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
