//! `config.*` (protocol section 5.2).
#![allow(missing_docs, reason = "PROTOCOL.md describes the fields; comments add to it")]

use super::{Kind, Params, Rule};
use crate::protocol::{limits, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Result of `config.get`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSnapshot {
    /// Where the document is, relative to the state directory.
    pub path: String,
    pub exists: bool,
    /// Always null: the text may hold secrets.
    pub raw: Option<String>,
    /// The document; empty if it is not valid.
    pub parsed: Value,
    pub valid: bool,
    /// What applies: the document over the bridge's configuration.
    pub config: Value,
    /// SHA-256 of the document's text, in hex. `baseHash` of the next change.
    pub hash: String,
    pub issues: Vec<Issue>,
    /// Always empty.
    pub legacy_issues: Vec<Issue>,
}

/// Something wrong with a settings document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The key, such as `ui.seamColor`; empty for the whole document.
    pub path: String,
    pub message: String,
}

/// Result of `config.schema`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaView {
    pub schema: Value,
    pub ui_hints: Value,
    pub version: String,
    pub generated_at: u64,
}

/// Parameters of `config.set`: replaces the document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigSet(pub ConfigChange);

/// Parameters of `config.patch`: merges into the document, as in RFC 7396.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigPatch(pub ConfigChange);

/// The parameters that `config.set` and `config.patch` share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigChange {
    pub raw: String,
    /// [`ConfigSnapshot::hash`]; required if the document exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_hash: Option<String>,
}

const CHANGE_RULES: &[Rule] = &[
    Rule::required("raw", Kind::Text(1, limits::SETTINGS_CHARS)),
    Rule::optional("baseHash", Kind::Text(1, 256)),
];

impl Params for ConfigSet {
    const METHOD: Method = Method::ConfigSet;
    const RULES: &'static [Rule] = CHANGE_RULES;
    type Result = ConfigChanged;
}

impl Params for ConfigPatch {
    const METHOD: Method = Method::ConfigPatch;
    const RULES: &'static [Rule] = CHANGE_RULES;
    type Result = ConfigChanged;
}

/// Result of `config.set` and `config.patch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigChanged {
    pub ok: bool,
    /// See [`ConfigSnapshot::path`].
    pub path: String,
    /// See [`ConfigSnapshot::config`].
    pub config: Value,
}
