//! The settings that nodes see: `config.get`, `config.schema`, `config.set`, `config.patch`
//! (protocol section 5.2).
//!
//! A document of its own, `settings/nodes.json`, laid over the `ui`, `talk` and `session` sections
//! of the configuration. It has only what the apps read, so nothing in it can make the daemon run
//! a program or open a port, and the only secret that leaves is the voice key that the apps need.

use crate::calendar;
use crate::config::is_color;
use crate::files;
use crate::json5_text;
use crate::lock::lock;
use crate::protocol::hash::{sha256, to_hex};
use crate::protocol::rpc::settings::{
    ConfigChange, ConfigChanged, ConfigSnapshot, Issue, SchemaView,
};
use crate::protocol::{session, WireError};
use serde_json::{json, Map, Value};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The document's path, relative to the state directory.
const PATH: &str = "settings/nodes.json";

/// The sections that the apps read, and their keys with what the values have to be.
pub(in crate::backend) const KEYS: &[(&str, &[(&str, SettingKind)])] = &[
    ("session", &[("mainKey", TEXT)]),
    (
        "talk",
        &[
            ("apiKey", TEXT),
            ("interruptOnSpeech", FLAG),
            ("modelId", TEXT),
            ("outputFormat", TEXT),
            ("voiceAliases", NAMES),
            ("voiceId", TEXT),
        ],
    ),
    ("ui", &[("seamColor", COLOUR)]),
];

/// What a value has to be: a check, its rule in words, and its JSON schema.
pub(in crate::backend) type SettingKind = (fn(&Value) -> bool, &'static str, fn() -> Value);

const TEXT: SettingKind = (Value::is_string, "must be string", || json!({ "type": "string" }));
const FLAG: SettingKind = (Value::is_boolean, "must be boolean", || json!({ "type": "boolean" }));
const NAMES: SettingKind = (
    |value| value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
    "must be an object of strings",
    || json!({ "type": "object", "additionalProperties": { "type": "string" } }),
);
const COLOUR: SettingKind = (
    |value| value.as_str().is_some_and(is_color),
    "must be a colour of six hex digits",
    || json!({ "type": "string", "pattern": "^#?[0-9a-fA-F]{6}$" }),
);

pub(super) struct Settings {
    path: PathBuf,
    defaults: Value,
    /// Held while reading, checking and writing, so that no change is lost between two writers.
    writer: Mutex<()>,
}

impl Settings {
    /// Settings below this state directory, over the sections of the configuration.
    pub(super) fn new(state_dir: &Path, sections: &Value) -> Self {
        let mut defaults = only_known(sections);
        let key = std::env::var("ELEVENLABS_API_KEY").unwrap_or_default();
        if defaults["talk"]["apiKey"].is_null() && !key.trim().is_empty() {
            defaults["talk"]["apiKey"] = key.trim().into();
        }
        // Whatever was configured: the old gateway knew no other main key either.
        defaults["session"]["mainKey"] = session::MAIN.into();
        Self { path: state_dir.join(PATH), defaults, writer: Mutex::new(()) }
    }

    pub(super) fn get(&self) -> Result<ConfigSnapshot, WireError> {
        let stored = self.read()?;
        let (document, issues) = match parse(stored.as_deref()) {
            Ok(document) => (document, Vec::new()),
            Err(message) => (json!({}), vec![Issue { path: String::new(), message }]),
        };
        Ok(ConfigSnapshot {
            path: PATH.to_owned(),
            exists: stored.is_some(),
            raw: None,
            valid: issues.is_empty(),
            config: self.effective(&document),
            parsed: document,
            hash: hash(stored.as_deref().unwrap_or_default()),
            issues,
            legacy_issues: Vec::new(),
        })
    }

    pub(super) fn schema(now_ms: u64) -> SchemaView {
        let object = |properties: Map<String, Value>| {
            json!({
                "type": "object", "additionalProperties": false, "properties": properties,
            })
        };
        let sections = KEYS.iter().map(|(section, keys)| {
            let properties = keys.iter().map(|(key, (.., schema))| ((*key).to_owned(), schema()));
            ((*section).to_owned(), object(properties.collect()))
        });
        SchemaView {
            schema: object(sections.collect()),
            ui_hints: json!({ "talk.apiKey": { "label": "ElevenLabs API key", "sensitive": true } }),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generated_at: calendar::iso(now_ms),
        }
    }

    pub(super) fn set(&self, change: &ConfigChange) -> Result<ConfigChanged, WireError> {
        self.change(change, |_, given| Ok(given))
    }

    pub(super) fn patch(&self, change: &ConfigChange) -> Result<ConfigChanged, WireError> {
        self.change(change, |stored, given| {
            if !given.is_object() {
                return Err(WireError::invalid("config.patch raw must be an object"));
            }
            let mut document = parse(stored)
                .map_err(|_| WireError::invalid("invalid config; fix before patching"))?;
            merge(&mut document, given);
            Ok(document)
        })
    }

    /// Replaces the document by what `combine` makes of its text and the given value.
    fn change(
        &self,
        change: &ConfigChange,
        combine: impl FnOnce(Option<&str>, Value) -> Result<Value, WireError>,
    ) -> Result<ConfigChanged, WireError> {
        let _guard = lock(&self.writer);
        let stored = self.read()?;
        if let Some(stored) = &stored {
            let retry = |what| WireError::invalid(format!("{what}; re-run config.get and retry"));
            let base = change.base_hash.as_deref();
            if base.ok_or_else(|| retry("config base hash required"))? != hash(stored) {
                return Err(retry("config changed since last load"));
            }
        }
        let given = json5_text::parse_strictly(&change.raw)
            .map_err(|error| WireError::invalid(error.to_string()))?;
        let document = combine(stored.as_deref(), given)?;
        let issues = issues(&document);
        if !issues.is_empty() {
            let details = json!({ "issues": issues });
            return Err(WireError::invalid("invalid config").with_details(&details));
        }
        store(&self.path, &document).map_err(|error| self.failed("write", &error))?;
        Ok(ConfigChanged { ok: true, path: PATH.to_owned(), config: self.effective(&document) })
    }

    /// What the apps use: the document over the configuration.
    fn effective(&self, document: &Value) -> Value {
        let mut config = self.defaults.clone();
        merge(&mut config, only_known(document));
        config
    }

    fn read(&self) -> Result<Option<String>, WireError> {
        let bytes =
            files::read_if_exists(&self.path).map_err(|error| self.failed("read", &error))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The reason is for the log; a node learns only that it did not work.
    fn failed(&self, doing: &str, error: &io::Error) -> WireError {
        log::error!("settings: could not {doing} `{}`: {error}", self.path.display());
        WireError::unavailable(format!("the gateway could not {doing} its settings; try later"))
    }
}

/// Writes a document of the state directory; it is on disk when this returns.
pub(super) fn store(path: &Path, document: &Value) -> io::Result<()> {
    files::create_private_dir(files::dir_of(path))?;
    files::write_atomically(path, format!("{document:#}").as_bytes())
}

fn parse(text: Option<&str>) -> Result<Value, String> {
    let Some(text) = text else { return Ok(json!({})) };
    let document = json5_text::parse_strictly(text).map_err(|error| error.to_string())?;
    match issues(&document).into_iter().next() {
        None => Ok(document),
        Some(Issue { path, message }) => Err(format!("{path:?}: {message:?}")),
    }
}

/// SHA-256 of the text, as the old gateway made it.
fn hash(text: &str) -> String {
    to_hex(&sha256(text.as_bytes()))
}

/// Merges like RFC 7396: null deletes, objects merge, everything else replaces.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().map(|target| target.remove(&key));
        } else {
            merge(&mut target[&key], value);
        }
    }
}

/// The part of a document that the apps read.
fn only_known(document: &Value) -> Value {
    let mut known = json!({});
    for (section, keys) in KEYS {
        known[section] = json!({});
        for (key, (fits, ..)) in *keys {
            let value = &document[section][key];
            if fits(value) {
                known[section][key] = value.clone();
            }
        }
    }
    known
}

/// Everything that is wrong with a document, by path.
fn issues(document: &Value) -> Vec<Issue> {
    let mut issues = Vec::new();
    let mut issue = |path: String, message: &str| {
        issues.push(Issue { path, message: message.to_owned() });
    };
    let Some(sections) = document.as_object() else {
        issue(String::new(), "must be object");
        return issues;
    };
    for (section, value) in sections {
        let known = KEYS.iter().find(|(name, _)| name == section);
        let (Some((_, keys)), Some(values)) = (known, value.as_object()) else {
            let what = if known.is_some() { "must be object" } else { "unknown section" };
            issue(section.clone(), what);
            continue;
        };
        for (key, value) in values {
            match keys.iter().find(|(name, _)| name == key) {
                None => issue(format!("{section}.{key}"), "unknown key"),
                Some((_, (fits, ..))) if fits(value) => {}
                Some((_, (_, rule, _))) => issue(format!("{section}.{key}"), rule),
            }
        }
    }
    issues
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(dir: &tempfile::TempDir) -> Settings {
        let sections = json!({
            "ui": { "seamColor": "#112233", "secret": 1 },
            "talk": { "voiceId": "v", "apiKey": "k" },
            "session": { "mainKey": "other", "store": "/x" },
        });
        Settings::new(dir.path(), &sections)
    }

    fn change(raw: &str, base_hash: Option<&str>) -> ConfigChange {
        ConfigChange { raw: raw.to_owned(), base_hash: base_hash.map(str::to_owned) }
    }

    #[test]
    fn nodes_see_what_they_read_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let snapshot = settings(&dir).get().unwrap();
        let expected = json!({
            "ui": { "seamColor": "#112233" },
            "talk": { "voiceId": "v", "apiKey": "k" },
            "session": { "mainKey": "main" },
        });
        assert_eq!(snapshot.config, expected);
        assert_eq!((snapshot.exists, snapshot.raw), (false, None));
        assert_eq!((snapshot.valid, snapshot.issues), (true, Vec::new()));
    }

    #[test]
    fn a_change_needs_the_hash_of_what_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&dir);
        let first = change("{ui: {seamColor: 'ff8800'}, // mine\n}", None);
        assert_eq!(settings.set(&first).unwrap().config["ui"]["seamColor"], "ff8800");
        let error = settings.set(&first).unwrap_err();
        assert_eq!(error.message, "config base hash required; re-run config.get and retry");
        let raw = r#"{"talk":{"voiceId":null,"modelId":"m"}}"#;
        let error = settings.patch(&change(raw, Some("x"))).unwrap_err();
        assert_eq!(error.message, "config changed since last load; re-run config.get and retry");
        let hash = settings.get().unwrap().hash;
        let config = settings.patch(&change(raw, Some(&hash))).unwrap().config;
        assert_eq!(
            (&config["ui"]["seamColor"], &config["talk"]["modelId"]),
            (&json!("ff8800"), &json!("m"))
        );
    }

    #[test]
    fn nothing_but_settings_gets_into_the_document() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&dir);
        for (raw, path) in [
            ("{\"agent\":{\"command\":[\"sh\"]}}", "agent"),
            ("{\"ui\":{\"seamColor\":\"red\"}}", "ui.seamColor"),
            ("{\"ui\":{\"x\":1}}", "ui.x"),
            ("[]", ""),
        ] {
            let error = settings.set(&change(raw, None)).unwrap_err();
            let details: Value = serde_json::from_str(&error.details.unwrap()).unwrap();
            assert_eq!(details["issues"][0]["path"], path);
        }
        assert!(settings.set(&change(&"[".repeat(200_000), None)).is_err());
        let error = settings.patch(&change("[]", None)).unwrap_err();
        assert_eq!(error.message, "config.patch raw must be an object");
        assert!(!dir.path().join(PATH).exists());
    }
}
