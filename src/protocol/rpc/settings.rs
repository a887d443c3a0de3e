//! `config.*` (protocol section 5.2).

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
    /// Whether it exists.
    pub exists: bool,
    /// Always null: the text may hold secrets.
    pub raw: Option<String>,
    /// The document; empty if it is not valid.
    pub parsed: Value,
    /// Whether the document could be read.
    pub valid: bool,
    /// What applies: the document over the bridge's configuration.
    pub config: Value,
    /// SHA-256 of the document's text, in hex. `baseHash` of the next change.
    pub hash: String,
    /// What is wrong with the document.
    pub issues: Vec<Issue>,
    /// Always empty.
    pub legacy_issues: Vec<Issue>,
}

/// Something wrong with a settings document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The key, such as `ui.seamColor`; empty for the whole document.
    pub path: String,
    /// The reason.
    pub message: String,
}

/// Result of `config.schema`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaView {
    /// A JSON schema.
    pub schema: Value,
    /// How a user interface shows the keys.
    pub ui_hints: Value,
    /// The bridge's version.
    pub version: String,
    /// Milliseconds since 1970.
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
    /// A document in JSON5.
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
    /// Always true.
    pub ok: bool,
    /// See [`ConfigSnapshot::path`].
    pub path: String,
    /// See [`ConfigSnapshot::config`].
    pub config: Value,
}
