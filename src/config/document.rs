//! Reads documents and single values into one tree of checked values, from which serde makes the
//! configuration. Every mistake is kept, and the origin of every value.

use super::kind::{mismatch, ValueKind};
use super::reader::{Origin, Reader};
use super::schema::{self, Key, SECTIONS};
use super::Config;
use crate::suggest::closest;
use serde::Deserialize;
use serde_json::{Map, Value};

impl Reader {
    /// The configuration that the valid values make; defaults elsewhere.
    pub(super) fn config(&mut self) -> Config {
        match Option::<Config>::deserialize(&self.values) {
            Ok(config) => config.unwrap_or_default(),
            Err(error) => {
                self.problem("the configuration", error.to_string());
                Config::default()
            }
        }
    }

    pub(super) fn document(&mut self, document: &Value, origin: &Origin) {
        let Some(sections) = document.as_object() else {
            let problem = mismatch("the document", ValueKind::Open, document);
            return self.problems.push(problem);
        };
        for (name, value) in sections {
            if SECTIONS.contains(&name.as_str()) {
                self.entry(name, value, origin);
            } else if let Some(meant) = misspelt_section(name) {
                self.unknown(name, Some(meant));
            } else {
                self.ignored.push(name.clone());
            }
        }
    }

    /// Reads the value at `at`, or what is below it.
    fn entry(&mut self, at: &str, value: &Value, origin: &Origin) {
        if let Some(key) = schema::find(at) {
            self.put(key, at, value, origin);
        } else if keys_below(at).next().is_none() {
            self.unknown(at, meant(at).as_deref());
        } else if let Value::Object(entries) = value {
            for (name, value) in entries {
                // A name with a dot must not pass for a path.
                let name = if name.contains('.') { format!("{name:?}") } else { name.clone() };
                self.entry(&format!("{at}.{name}"), value, origin);
            }
        } else {
            self.problems.push(mismatch(at, ValueKind::Open, value));
        }
    }

    /// Checks the value of `key`, which is written at `place`, and keeps it.
    pub(super) fn put(&mut self, key: &'static Key, place: &str, value: &Value, origin: &Origin) {
        self.origins.insert(key.path, origin.clone());
        let Some(mut value) = self.check(key.kind, place, value) else { return };
        if let (ValueKind::Open, Some(entries)) = (key.kind, value.as_object_mut()) {
            self.check_known_entries(place, entries, origin);
        }
        let slot = key.path.split('.').fold(&mut self.values, |value, name| &mut value[name]);
        *slot = value;
    }

    /// Checks what is known in a section that is kept as it was written. Entries this program does
    /// not know belong to other programs.
    fn check_known_entries(&mut self, at: &str, entries: &mut Map<String, Value>, origin: &Origin) {
        for (name, value) in entries {
            let at = format!("{at}.{name}");
            let Some(key) = schema::find(&at) else { continue };
            self.origins.insert(key.path, origin.clone());
            if !value.is_null() {
                let checked = self.check(key.kind, &at, value);
                // The path of a program starts at the file's directory.
                if let (ValueKind::Program, Some(checked)) = (key.kind, checked) {
                    *value = checked;
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Method;
    use serde_json::json;

    fn problems(document: Value) -> Vec<String> {
        let mut reader = Reader::default();
        reader.document(&document, &Origin::Default);
        reader.problems.iter().map(ToString::to_string).collect()
    }

    fn read(document: Value) -> Config {
        let mut reader = Reader::default();
        reader.document(&document, &Origin::Default);
        let config = reader.config();
        assert_eq!(reader.problems, []);
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
                    "events": ["exec.finish"],
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
            "bridge.allow.methods[2]: must be text that is not empty, not 7",
            "bridge.allow.events[0]: unknown event \"exec.finish\" (did you mean exec.finished?)",
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
        let mut reader = Reader::default();
        let openclaw = json!({
            "agents": {}, "channels": {}, "gateway": {}, "meta": {}, "wizard": {}, "tools": {},
            "messages": {}, "plugins": {}, "hooks": {}, "auth": {}, "commands": {}, "cron": {},
            "browser": {}, "logging": {}, "env": {}, "bindings": [], "bridge": {}, "web": {},
            "broadcast": {}, "audio": {}, "media": {}, "memory": {}, "approvals": {}, "update": {},
            "session": { "dmScope": "main", "mainKey": "main" },
            "models": { "providers": {} }, "skills": { "entries": {} },
        });
        reader.document(&openclaw, &Origin::Default);
        assert_eq!(reader.problems, []);
        assert!(reader.ignored.contains(&"gateway".to_owned()));
        assert!(!reader.ignored.contains(&"session".to_owned()));
        let written: Vec<_> = reader.origins.into_keys().collect();
        assert_eq!(written, ["models", "session", "session.mainKey", "skills"]);
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
                "nodes": { "ios.7": { "commands": ["camera.*"], "events": [] } },
            },
        }, "discovery": { "mdns": { "mode": "off" } } }));
        assert_eq!(config.bridge.name.as_deref(), Some("Attic"));
        assert_eq!(config.bridge.port, 10_000);
        assert_eq!(config.bridge.bind.to_string(), "192.168.1.5");
        assert_eq!(config.bridge.log, log::LevelFilter::Off);
        assert!(!config.bridge.allow.permits_method("x", Method::ChatSend));
        assert!(!config.bridge.allow.permits_command("ios.7", "system.run"));
        assert!(config.bridge.allow.permits_command("x", "system.run"));
        assert!(!config.bridge.allow.permits_event("ios.7", "exec.finished"));
        assert!(config.bridge.allow.permits_event("x", "exec.finished"));
        assert_eq!(config.discovery.mdns, crate::config::Mdns::Off);
    }

    #[test]
    fn a_name_with_a_dot_does_not_pass_for_a_path() {
        let told = problems(json!({ "bridge": { "tls.enabled": true } }));
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("bridge.\"tls.enabled\": unknown key"), "{told:?}");
    }
}
