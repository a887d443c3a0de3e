//! The settings that nodes see: `config.get`, `config.schema`, `config.set`, `config.patch`
//! (protocol section 5.2).
//!
//! A document of its own, `settings/nodes.json`, laid over the `ui`, `talk` and `session` sections
//! of the configuration. Only what the apps read is in it, so nothing in it can make the daemon
//! run a program or open a port, and no secret but the one voice key the apps need leaves.

use crate::backend::embedded::params::Params;
use crate::files;
use crate::json5_text;
use crate::protocol::{session, Method, Payload, WireError};
use ring::digest;
use serde_json::{json, Map, Value};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// Bytes of a settings document; a real one has a few hundred.
const LONGEST: usize = 256 * 1024;

/// The sections and keys, and what their values have to be.
const KEYS: &[(&str, &[(&str, Kind)])] = &[
    ("session", &[("mainKey", Kind::Text)]),
    (
        "talk",
        &[
            ("apiKey", Kind::Text),
            ("interruptOnSpeech", Kind::Flag),
            ("modelId", Kind::Text),
            ("outputFormat", Kind::Text),
            ("voiceAliases", Kind::Names),
            ("voiceId", Kind::Text),
        ],
    ),
    ("ui", &[("seamColor", Kind::Colour)]),
];

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    /// A map of names to texts.
    Names,
    /// Six hex digits, a `#` before them if wanted.
    Colour,
}

/// The document and what it is laid over.
pub(super) struct Settings {
    path: PathBuf,
    defaults: Value,
    /// Held over reading, checking and writing, so that no change is lost between two writers.
    change: Mutex<()>,
}

impl Settings {
    /// Settings below this state directory, over the sections of the configuration.
    pub(super) fn new(state_dir: &Path, sections: &Value) -> Self {
        let mut defaults = only_known(sections);
        if defaults["talk"]["apiKey"].is_null() {
            if let Ok(key) = std::env::var("ELEVENLABS_API_KEY") {
                if !key.trim().is_empty() {
                    defaults["talk"]["apiKey"] = key.trim().into();
                }
            }
        }
        // Whatever was configured: the old gateway knew no other main key either.
        defaults["session"]["mainKey"] = session::MAIN.into();
        Self { path: state_dir.join("settings/nodes.json"), defaults, change: Mutex::new(()) }
    }

    /// The snapshot of `config.get`.
    pub(super) fn get(&self, params: Option<&str>) -> Result<Payload, WireError> {
        Params::read(Method::ConfigGet, params)?.finish()?;
        let stored = self.read()?;
        let parsed = stored.as_deref().map(parse);
        let issues = match &parsed {
            Some(Err(what)) => json!([{ "path": "", "message": what }]),
            _ => json!([]),
        };
        let valid = !matches!(parsed, Some(Err(_)));
        let document = parsed.and_then(Result::ok).unwrap_or_else(|| json!({}));
        let snapshot = json!({
            "path": "settings/nodes.json",
            "exists": stored.is_some(),
            "raw": null,
            "parsed": document,
            "valid": valid,
            "config": self.effective(&document),
            "hash": hash(stored.as_deref().unwrap_or_default()),
            "issues": issues,
            "legacyIssues": [],
        });
        Ok(snapshot.to_string().into())
    }

    /// The schema of the document.
    pub(super) fn schema(&self, params: Option<&str>, now_ms: u64) -> Result<Payload, WireError> {
        Params::read(Method::ConfigSchema, params)?.finish()?;
        let sections = KEYS.iter().map(|(section, keys)| {
            let properties = keys.iter().map(|(key, kind)| ((*key).to_owned(), kind.schema()));
            let properties: Map<String, Value> = properties.collect();
            let schema = json!({
                "type": "object", "additionalProperties": false, "properties": properties,
            });
            ((*section).to_owned(), schema)
        });
        let sections: Map<String, Value> = sections.collect();
        let answer = json!({
            "schema": {
                "type": "object", "additionalProperties": false, "properties": sections,
            },
            "uiHints": { "talk.apiKey": { "label": "ElevenLabs API key", "sensitive": true } },
            "version": env!("CARGO_PKG_VERSION"),
            "generatedAt": now_ms,
        });
        Ok(answer.to_string().into())
    }

    /// Replaces the document (`config.set`) or merges into it (`config.patch`).
    pub(super) fn change(
        &self,
        method: Method,
        params: Option<&str>,
    ) -> Result<Payload, WireError> {
        let mut params = Params::read(method, params)?;
        let raw = params.required_text("raw", 1..=LONGEST);
        let base_hash = params.text("baseHash", 1..=256);
        params.finish()?;
        let _guard = self.lock();
        let stored = self.read()?;
        if let Some(stored) = &stored {
            let current = hash(stored);
            match base_hash {
                None => return Err(retry("config base hash required")),
                Some(base) if base != current => {
                    return Err(retry("config changed since last load"));
                }
                Some(_) => {}
            }
        }
        let given = json5_text::parse_strictly(&raw);
        let given = given.map_err(|error| WireError::invalid(error.to_string()))?;
        let document = if method == Method::ConfigPatch {
            if !given.is_object() {
                return Err(WireError::invalid("config.patch raw must be an object"));
            }
            let mut document = match stored.as_deref().map(parse) {
                None => json!({}),
                Some(Ok(document)) => document,
                Some(Err(_)) => {
                    return Err(WireError::invalid("invalid config; fix before patching"));
                }
            };
            merge(&mut document, given);
            document
        } else {
            given
        };
        let issues = issues(&document);
        if !issues.is_empty() {
            let details = json!({ "issues": issues });
            return Err(WireError::invalid("invalid config").with_details(&details));
        }
        self.write(&document)?;
        let answer = json!({
            "ok": true, "path": "settings/nodes.json", "config": self.effective(&document),
        });
        Ok(answer.to_string().into())
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

    fn write(&self, document: &Value) -> Result<(), WireError> {
        let text = format!("{document:#}");
        let dir = self.path.parent().map_or(Ok(()), files::create_private_dir);
        dir.and_then(|()| files::write_atomically(&self.path, text.as_bytes()))
            .map_err(|error| self.failed("write", &error))
    }

    /// The reason is for the log; a node is told that it did not work.
    fn failed(&self, doing: &str, error: &std::io::Error) -> WireError {
        log::error!("settings: could not {doing} `{}`: {error}", self.path.display());
        WireError::unavailable(format!("the gateway could not {doing} its settings; try later"))
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.change.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn retry(what: &str) -> WireError {
    WireError::invalid(format!("{what}; re-run config.get and retry"))
}

fn parse(text: &str) -> Result<Value, String> {
    let document = json5_text::parse_strictly(text).map_err(|error| error.to_string())?;
    match issues(&document).into_iter().next() {
        None => Ok(document),
        Some(issue) => Err(format!("{}: {}", issue["path"], issue["message"])),
    }
}

/// SHA-256 of the text, as the old gateway made it.
fn hash(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
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
        for (key, kind) in *keys {
            let value = &document[section][key];
            if kind.fits(value) {
                known[section][key] = value.clone();
            }
        }
    }
    known
}

/// Everything that is wrong with a document, by path.
fn issues(document: &Value) -> Vec<Value> {
    let mut issues = Vec::new();
    let mut issue = |path: String, message: &str| {
        issues.push(json!({ "path": path, "message": message }));
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
                Some((_, kind)) if !kind.fits(value) => {
                    issue(format!("{section}.{key}"), kind.expectation());
                }
                Some(_) => {}
            }
        }
    }
    issues
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Names => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
            Self::Colour => value.as_str().is_some_and(|text| {
                let digits = text.strip_prefix('#').unwrap_or(text);
                digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit())
            }),
        }
    }

    fn expectation(self) -> &'static str {
        match self {
            Self::Text => "must be string",
            Self::Flag => "must be boolean",
            Self::Names => "must be an object of strings",
            Self::Colour => "must be a colour of six hex digits",
        }
    }

    fn schema(self) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Names => {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            }
            Self::Colour => json!({ "type": "string", "pattern": "^#?[0-9a-fA-F]{6}$" }),
        }
    }
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

    fn get(settings: &Settings) -> Value {
        serde_json::from_str(&settings.get(None).unwrap()).unwrap()
    }

    fn set(settings: &Settings, method: Method, params: &Value) -> Result<Value, WireError> {
        let answer = settings.change(method, Some(&params.to_string()))?;
        Ok(serde_json::from_str(&answer).unwrap())
    }

    #[test]
    fn nodes_see_what_they_read_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let snapshot = get(&settings(&dir));
        let expected = json!({
            "ui": { "seamColor": "#112233" },
            "talk": { "voiceId": "v", "apiKey": "k" },
            "session": { "mainKey": "main" },
        });
        assert_eq!(snapshot["config"], expected);
        assert_eq!((&snapshot["exists"], &snapshot["raw"]), (&json!(false), &Value::Null));
        assert_eq!((&snapshot["valid"], &snapshot["issues"]), (&json!(true), &json!([])));
    }

    #[test]
    fn a_change_needs_the_hash_of_what_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&dir);
        let first = json!({ "raw": "{ui: {seamColor: 'ff8800'}, // mine\n}" });
        let answer = set(&settings, Method::ConfigSet, &first).unwrap();
        assert_eq!(answer["config"]["ui"]["seamColor"], "ff8800");
        let error = set(&settings, Method::ConfigSet, &first).unwrap_err();
        assert_eq!(error.message, "config base hash required; re-run config.get and retry");
        let mut patch =
            json!({ "raw": "{\"talk\":{\"voiceId\":null,\"modelId\":\"m\"}}", "baseHash": "x" });
        let error = set(&settings, Method::ConfigPatch, &patch).unwrap_err();
        assert_eq!(error.message, "config changed since last load; re-run config.get and retry");
        patch["baseHash"] = get(&settings)["hash"].clone();
        let answer = set(&settings, Method::ConfigPatch, &patch).unwrap();
        assert_eq!(answer["config"]["ui"]["seamColor"], "ff8800");
        assert_eq!(answer["config"]["talk"]["modelId"], "m");
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
            let error = set(&settings, Method::ConfigSet, &json!({ "raw": raw })).unwrap_err();
            let details: Value = serde_json::from_str(&error.details.unwrap()).unwrap();
            assert_eq!(details["issues"][0]["path"], path);
        }
        let deep = json!({ "raw": "[".repeat(200_000) });
        assert!(set(&settings, Method::ConfigSet, &deep).is_err());
        let error = set(&settings, Method::ConfigPatch, &json!({ "raw": "[]" })).unwrap_err();
        assert_eq!(error.message, "config.patch raw must be an object");
        assert!(!dir.path().join("settings/nodes.json").exists());
    }
}
