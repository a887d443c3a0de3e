//! What a request may hold. The gateway's schemas are closed: one field too many, and it refuses.
//! The short form of them is here; [`Schema`] is the gateway's own, as it is published.

use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const CLIENT_IDS: &[&str] = &["node-host", "gateway-client", "cli"];
const MODES: &[&str] = &["node", "backend", "cli", "ui"];

/// The fields of a request's parameters: those it must have, and those it may have.
fn fields(method: &str) -> (&'static str, &'static str) {
    match method {
        "health" | "voicewake.get" | "skills.bins" | "config.get" | "config.schema"
        | "node.list" | "node.pair.list" => ("", ""),
        "node.pair.approve" => ("requestId", ""),
        "models.list" => ("", "agentId view"),
        "voicewake.set" => ("triggers", ""),
        "talk.mode" => ("enabled", "phase"),
        "sessions.list" => {
            ("", "limit activeMinutes includeGlobal includeUnknown label spawnedBy agentId")
        }
        "sessions.resolve" => ("", "key label agentId spawnedBy includeGlobal includeUnknown"),
        "sessions.patch" => {
            ("key", "label thinkingLevel verboseLevel reasoningLevel model sendPolicy")
        }
        "sessions.reset" => ("key", "reason"),
        "sessions.delete" => ("key", "deleteTranscript"),
        "sessions.compact" => ("key", "maxLines"),
        "chat.history" => ("sessionKey", "limit"),
        "chat.send" => {
            ("sessionKey message idempotencyKey", "thinking deliver attachments timeoutMs")
        }
        "chat.abort" => ("sessionKey", "runId"),
        "chat.inject" => ("sessionKey message", "label"),
        "config.set" | "config.patch" => ("raw", "baseHash"),
        "node.event" => ("event", "payload payloadJSON"),
        "node.invoke.result" => ("id nodeId ok", "payload payloadJSON error"),
        _ => ("", ""),
    }
}

fn closed(at: &str, object: &Value, required: &str, optional: &str) -> Result<(), String> {
    let Some(object) = object.as_object() else { return Err(format!("at {at}: must be object")) };
    for name in required.split_whitespace() {
        if !object.contains_key(name) {
            return Err(format!("at {at}: must have required property '{name}'"));
        }
    }
    let known = |name: &String| {
        required.split_whitespace().chain(optional.split_whitespace()).any(|known| known == name)
    };
    match object.keys().find(|name| !known(name)) {
        Some(name) => Err(format!("at {at}: unexpected property '{name}'")),
        None => Ok(()),
    }
}

fn one_of(at: &str, value: &Value, allowed: &[&str]) -> Result<(), String> {
    match value.as_str().is_some_and(|text| allowed.contains(&text)) {
        true => Ok(()),
        false => Err(format!("at {at}: must be equal to one of the allowed values")),
    }
}

/// The parameters of `connect`.
pub(crate) fn connect(params: &Value) -> Result<(), String> {
    closed(
        "root",
        params,
        "minProtocol maxProtocol client role auth",
        "scopes caps commands permissions device locale userAgent pathEnv",
    )?;
    let client = &params["client"];
    let more = "displayName deviceFamily modelIdentifier instanceId buildId timeZone";
    closed("/client", client, "id version platform mode", more)?;
    one_of("/client/id", &client["id"], CLIENT_IDS)?;
    one_of("/client/mode", &client["mode"], MODES)?;
    one_of("/role", &params["role"], &["node", "operator"])?;
    closed("/auth", &params["auth"], "", "token deviceToken bootstrapToken password")?;
    if !params["device"].is_null() {
        closed("/device", &params["device"], "id publicKey signature signedAt nonce", "")?;
    }
    for (name, value) in client.as_object().into_iter().flatten() {
        if value.as_str() == Some("") {
            return Err(format!("at /client/{name}: must NOT have fewer than 1 characters"));
        }
    }
    Ok(())
}

/// The parameters of any other method.
pub(crate) fn params(method: &str, params: &Value) -> Result<(), String> {
    let (required, optional) = fields(method);
    closed("root", params, required, optional)?;
    if !params["error"].is_null() {
        closed("/error", &params["error"], "", "code message")?;
    }
    match params.get("payloadJSON") {
        Some(payload) if !payload.is_string() => Err("at /payloadJSON: must be string".to_owned()),
        _ => Ok(()),
    }
}

/// `protocol.schema.json` of the package `@openclaw/gateway-protocol`.
pub(crate) struct Schema(Value);

/// The package. It is fetched once and kept beside what cargo builds; nothing of it is committed.
const PACKAGE: &str = "@openclaw/gateway-protocol@2026.9.1";

impl Schema {
    /// From the package registry; `None` without npm or without a network.
    pub(crate) fn fetch() -> Option<Self> {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("gateway-protocol-2026.9.1");
        let file = dir.join("package/protocol.schema.json");
        if !file.exists() {
            unpack(&dir)?;
        }
        serde_json::from_slice(&fs::read(file).ok()?).ok().map(Self)
    }

    /// Checks a request, and its parameters by the definition with the method's name.
    pub(crate) fn check(&self, frame: &Value) -> Result<(), String> {
        self.valid("frame", &self.0["definitions"]["RequestFrame"], frame)?;
        let method = frame["method"].as_str().unwrap_or_default();
        if self.0["methods"][method].is_null() && method != "connect" {
            return Err(format!("{method} is no method"));
        }
        let name = method.split(['.', '-']).map(|word| word[..1].to_uppercase() + &word[1..]);
        let name = format!("{}Params", name.collect::<String>());
        match &self.0["definitions"][&name] {
            // Some methods have no parameters, and no definition.
            Value::Null if frame["params"].as_object().is_none_or(Map::is_empty) => Ok(()),
            Value::Null if method.starts_with("voicewake.") => Ok(()),
            Value::Null => Err(format!("there is no {name}")),
            definition => self.valid(method, definition, &frame["params"]),
        }
    }

    /// The part of JSON Schema that the package uses; a word that is not known here is an error.
    fn valid(&self, at: &str, schema: &Value, value: &Value) -> Result<(), String> {
        let Some(rules) = schema.as_object() else { return Ok(()) };
        for (word, rule) in rules {
            if !self.follows(at, rules, (word, rule), value)? {
                let shown: String = value.to_string().chars().take(200).collect();
                return Err(format!("{at}: {word} {rule} does not hold for {shown}"));
            }
        }
        Ok(())
    }

    fn follows(
        &self,
        at: &str,
        rules: &Map<String, Value>,
        (word, rule): (&str, &Value),
        value: &Value,
    ) -> Result<bool, String> {
        if let Some(holds) = plain(word, rule, value) {
            return Ok(holds);
        }
        let list = |rule: &Value| rule.as_array().cloned().unwrap_or_default();
        Ok(match word {
            "required" => list(rule).iter().all(|name| {
                value.get(name.as_str().unwrap_or_default()).is_some() || !value.is_object()
            }),
            "properties" => {
                for (name, schema) in rule.as_object().into_iter().flatten() {
                    if let Some(inner) = value.get(name) {
                        self.valid(&format!("{at}/{name}"), schema, inner)?;
                    }
                }
                true
            }
            "additionalProperties" if *rule == Value::Bool(false) => {
                let known = rules.get("properties").and_then(Value::as_object);
                let names = value.as_object().map(|object| object.keys().collect::<Vec<_>>());
                names
                    .unwrap_or_default()
                    .iter()
                    .all(|name| known.is_some_and(|k| k.contains_key(*name)))
            }
            "patternProperties" => {
                for inner in value.as_object().into_iter().flatten().map(|(_, inner)| inner) {
                    self.valid(at, &rule["^.*$"], inner)?;
                }
                true
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    self.valid(&format!("{at}/[]"), rule, item)?;
                }
                true
            }
            "anyOf" => list(rule).iter().any(|schema| self.valid(at, schema, value).is_ok()),
            "not" => self.valid(at, rule, value).is_err(),
            "$ref" => {
                let name = rule.as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
                self.valid(at, &self.0["definitions"][name], value)?;
                true
            }
            "additionalProperties" | "default" | "description" | "title" | "$id" => true,
            word if word.starts_with("x-") => true,
            word => return Err(format!("{at}: {word} is not checked")),
        })
    }
}

/// Words that look at the value alone.
fn plain(word: &str, rule: &Value, value: &Value) -> Option<bool> {
    let number = rule.as_f64().unwrap_or_default();
    let length = value.as_str().map(|text| text.chars().count() as f64);
    let items = value.as_array().map(|items| items.len() as f64);
    Some(match word {
        "type" => is_of_type(rule.as_str().unwrap_or_default(), value),
        "enum" => rule.as_array().is_some_and(|list| list.contains(value)),
        "const" => rule == value,
        "minLength" => length.is_none_or(|length| length >= number),
        "maxLength" => length.is_none_or(|length| length <= number),
        "minimum" => value.as_f64().is_none_or(|value| value >= number),
        "maximum" => value.as_f64().is_none_or(|value| value <= number),
        "minItems" => items.is_none_or(|items| items >= number),
        "maxItems" => items.is_none_or(|items| items <= number),
        _ => return None,
    })
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// Fetches the package into this directory.
fn unpack(dir: &Path) -> Option<()> {
    let partial = dir.with_extension(format!("part{}", std::process::id()));
    fs::create_dir_all(&partial).ok()?;
    let quiet = ["--silent", "--fetch-retries=0", "--fetch-timeout=20000", "--ignore-scripts"];
    let mut npm = Command::new("npm");
    npm.current_dir(&partial).args(["pack", PACKAGE]).args(quiet);
    let fetched = npm.env("npm_config_cache", partial.join("cache")).output().ok()?;
    if !fetched.status.success() {
        return None;
    }
    let name = String::from_utf8_lossy(&fetched.stdout).lines().last()?.trim().to_owned();
    let mut tar = Command::new("tar");
    let unpacked = tar.current_dir(&partial).args(["-xzf", &name]).status().ok()?;
    // Another test may have been faster; then this one is only in the way.
    let _ = fs::rename(&partial, dir);
    unpacked.success().then_some(())
}
