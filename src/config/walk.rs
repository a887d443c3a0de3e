//! One walk through a document: every value is put in its place, every problem is kept.

use super::error::Problem;
use super::schema::{self, Key, Kind, SECTIONS};
use super::{paths, Config};
use crate::suggest::closest;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// What a walk needs to know, and what it found.
#[derive(Default)]
pub(super) struct Walk {
    /// What `~` means.
    pub(super) home: Option<PathBuf>,
    /// Where relative paths start; `None` leaves them to the working directory.
    pub(super) base: Option<PathBuf>,
    /// All that is wrong.
    pub(super) problems: Vec<Problem>,
    /// The keys that were written.
    pub(super) written: Vec<&'static str>,
    /// The top-level sections that belong to other programs.
    pub(super) ignored: Vec<String>,
}

impl Walk {
    /// Puts the whole document into `config`.
    pub(super) fn document(&mut self, document: &Value, config: &mut Config) {
        let Some(sections) = document.as_object() else {
            return self.mismatch("the document", Kind::Open, document);
        };
        for (name, value) in sections {
            if SECTIONS.contains(&name.as_str()) {
                self.entry(name, value, config);
            } else if let Some(meant) = misspelt_section(name) {
                self.unknown(name, Some(meant));
            } else {
                self.ignored.push(name.clone());
            }
        }
    }

    /// Puts one value, or what is below it, into `config`.
    fn entry(&mut self, at: &str, value: &Value, config: &mut Config) {
        if let Some(key) = schema::find(at) {
            self.put(key, at, value, config);
        } else if keys_below(at).next().is_some() {
            match value {
                Value::Object(entries) => self.entries(at, entries, config),
                _ => self.mismatch(at, Kind::Open, value),
            }
        } else {
            self.unknown(at, meant(at).as_deref());
        }
    }

    fn entries(&mut self, at: &str, entries: &Map<String, Value>, config: &mut Config) {
        for (name, value) in entries {
            // A name with a dot must not pass for a path.
            let name = if name.contains('.') { format!("{name:?}") } else { name.clone() };
            self.entry(&format!("{at}.{name}"), value, config);
        }
    }

    /// Puts `value`, which came from `at`, into the place of `key`.
    pub(super) fn put(&mut self, key: &'static Key, at: &str, value: &Value, config: &mut Config) {
        if let Some(setting) = key.setting(config) {
            setting.put(value, key.kind, at, self);
            self.written.push(key.path);
        }
    }

    /// Checks an entry of a section that is kept as it was written. Entries this program does not
    /// know belong to somebody else.
    pub(super) fn check_entry(&mut self, at: &str, value: &Value) {
        if let Some(key) = schema::find(at) {
            self.written.push(key.path);
            if !value.is_null() && !key.kind.accepts(value) {
                self.mismatch(at, key.kind, value);
            }
        }
    }

    /// A path as it was written, made absolute as far as that is known.
    pub(super) fn resolve(&self, text: &str) -> Result<PathBuf, &'static str> {
        let path = paths::expand(text, self.home.as_deref())?;
        Ok(self.base.as_ref().map(|base| base.join(&path)).unwrap_or(path))
    }

    pub(super) fn unknown(&mut self, at: &str, suggestion: Option<&str>) {
        self.problem(at, "unknown key", suggestion);
    }

    pub(super) fn mismatch(&mut self, at: &str, kind: Kind, value: &Value) {
        let suggestion =
            value.as_str().and_then(|text| closest(text, kind.words().iter().copied()));
        let reason = format!("must be {}, not {}", kind.expects(), describe(at, value));
        self.problem(at, reason, suggestion);
    }

    pub(super) fn problem(
        &mut self,
        at: &str,
        reason: impl Into<String>,
        suggestion: Option<&str>,
    ) {
        self.problems.push(Problem {
            place: at.to_owned(),
            reason: reason.into(),
            suggestion: suggestion.map(str::to_owned),
        });
    }
}

/// The owned section that was probably meant. Sections of other programs that happen to look like
/// one of ours are not misspelt.
fn misspelt_section(name: &str) -> Option<&'static str> {
    const OTHERS: &[&str] = &["agents", "model", "skill", "sessions", "tasks", "tools", "cli"];
    if OTHERS.contains(&name) {
        return None;
    }
    closest(name, SECTIONS.iter().copied())
}

fn keys_below(at: &str) -> impl Iterator<Item = &'static str> + '_ {
    let below = move |key: &'static Key| key.path.strip_prefix(at)?.strip_prefix('.');
    schema::KEYS.iter().filter_map(below)
}

/// The path that was probably meant: a neighbour with a similar name, or the same name elsewhere.
fn meant(at: &str) -> Option<String> {
    let (parent, name) = at.rsplit_once('.')?;
    let neighbours = keys_below(parent).filter_map(|path| path.split('.').next());
    if let Some(neighbour) = closest(name, neighbours) {
        return Some(format!("{parent}.{neighbour}"));
    }
    let same_name = |key: &&Key| key.path.rsplit('.').next() == Some(name);
    let mut elsewhere = schema::KEYS.iter().filter(same_name).map(|key| key.path.to_owned());
    elsewhere.next().filter(|_| elsewhere.next().is_none())
}

/// The value as the writer will recognise it, unless it is a secret or too long to repeat.
fn describe(at: &str, value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null => "null".to_owned(),
        Value::String(_) | Value::Number(_) if super::load::is_secret(at) => "this".to_owned(),
        Value::String(text) if text.chars().count() > 60 => "this long text".to_owned(),
        Value::String(_) | Value::Number(_) | Value::Bool(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Method;
    use serde_json::json;

    fn problems(document: Value) -> Vec<String> {
        let mut walk = Walk::default();
        walk.document(&document, &mut Config::default());
        walk.problems.iter().map(ToString::to_string).collect()
    }

    fn read(document: Value) -> Config {
        let (mut walk, mut config) = (Walk::default(), Config::default());
        walk.document(&document, &mut config);
        assert_eq!(walk.problems, []);
        config
    }

    #[test]
    fn every_problem_is_told_with_its_path_and_what_was_meant() {
        let document = json!({
            "brigde": {},
            "bridge": {
                "prot": 1,
                "port": 70000,
                "bind": "lna",
                "log": "inf",
                "autoGenerate": true,
                "tls": { "enabled": "yes" },
                "limits": { "connections": 0, "strangers": 1.5 },
                "allow": {
                    "methods": ["health", "chat.sned", 7],
                    "commands": ["cam*"],
                    "nodes": { "kitchen": { "method": [] }, "": {} },
                },
            },
            "canvasHost": [],
        });
        let mut told = problems(document);
        told.sort();
        let mut expected = [
            "brigde: unknown key (did you mean bridge?)",
            "bridge.prot: unknown key (did you mean bridge.port?)",
            "bridge.port: must be a whole number from 0 to 65535, not 70000",
            "bridge.bind: must be loopback, lan, tailnet, auto or an IP address, not \"lna\" (did \
             you mean lan?)",
            "bridge.log: must be one of off, error, warn, info, debug, trace, not \"inf\" (did you \
             mean info?)",
            "bridge.autoGenerate: unknown key (did you mean bridge.tls.autoGenerate?)",
            "bridge.tls.enabled: must be true or false, not \"yes\"",
            "bridge.limits.connections: must be a whole number from 1 to 100000, not 0",
            "bridge.limits.strangers: must be a whole number from 1 to 100000, not 1.5",
            "bridge.allow.methods[1]: unknown method \"chat.sned\" (did you mean chat.send?)",
            "bridge.allow.methods[2]: must be a text that is not empty, not 7",
            "bridge.allow.commands[0]: must be a command such as \"camera.snap\", a family such as \
             \"camera.*\", or \"*\", not \"cam*\"",
            "bridge.allow.nodes.: nodeId required",
            "bridge.allow.nodes.kitchen.method: unknown key (did you mean methods?)",
            "canvasHost: must be an object, not a list",
        ];
        expected.sort_unstable();
        assert_eq!(told, expected);
    }

    #[test]
    fn sections_of_other_programs_are_listed_and_left_alone() {
        let mut walk = Walk::default();
        let openclaw = json!({
            "agents": {}, "channels": {}, "gateway": {}, "meta": {}, "wizard": {}, "tools": {},
            "messages": {}, "plugins": {}, "hooks": {}, "auth": {}, "commands": {}, "cron": {},
            "browser": {}, "logging": {}, "env": {}, "bindings": [], "bridge": {}, "web": {},
            "broadcast": {}, "audio": {}, "media": {}, "memory": {}, "approvals": {}, "update": {},
            "session": { "dmScope": "main", "mainKey": "main" },
            "models": { "providers": {} }, "skills": { "entries": {} },
        });
        walk.document(&openclaw, &mut Config::default());
        assert_eq!(walk.problems, []);
        assert!(walk.ignored.contains(&"gateway".to_owned()));
        assert!(!walk.ignored.contains(&"session".to_owned()));
        assert_eq!(walk.written, ["models", "session.mainKey", "session", "skills"]);
    }

    #[test]
    fn open_sections_are_kept_as_written_and_checked_where_they_are_known() {
        let config = read(json!({
            "talk": { "voiceAliases": { "Ada": "v1" }, "provider": { "x": 1 } },
            "ui": { "seamColor": "#FF4500" },
        }));
        assert_eq!(config.talk.0["provider"], json!({ "x": 1 }));
        let told = problems(json!({
            "talk": { "apiKey": 12345678, "voiceAliases": { "Ada": 1 } },
            "ui": { "seamColor": "red" },
            "session": { "scope": "everybody" },
            "skills": { "bins": [1] },
            "models": "echo",
        }));
        assert_eq!(told.len(), 6, "{told:?}");
        assert!(told.iter().all(|problem| !problem.contains("12345678")), "{told:?}");
    }

    #[test]
    fn values_arrive_in_their_fields() {
        let config = read(json!({ "bridge": {
            "name": " Attic ", "port": 1e4, "bind": "192.168.1.5", "log": "off",
            "allow": {
                "methods": ["health"], "commands": null,
                "nodes": { "ios.7": { "commands": ["camera.*"] } },
            },
        }, "discovery": { "mdns": { "mode": "off" } } }));
        assert_eq!(config.bridge.name.as_deref(), Some("Attic"));
        assert_eq!(config.bridge.port, 10_000);
        assert_eq!(config.bridge.bind.to_string(), "192.168.1.5");
        assert_eq!(config.bridge.log, log::LevelFilter::Off);
        assert!(!config.bridge.allow.permits_method("x", Method::ChatSend));
        assert!(!config.bridge.allow.permits_command("ios.7", "system.run"));
        assert!(config.bridge.allow.permits_command("x", "system.run"));
        assert_eq!(config.discovery.mdns, crate::config::Mdns::Off);
    }

    #[test]
    fn a_name_with_a_dot_does_not_pass_for_a_path() {
        let told = problems(json!({ "bridge": { "tls.enabled": true } }));
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("bridge.\"tls.enabled\": unknown key"), "{told:?}");
    }
}
