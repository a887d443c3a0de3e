//! `sessions.*` (protocol section 5.3).
#![allow(missing_docs, reason = "PROTOCOL.md describes the fields; comments add to it")]

use super::{Kind, Params, Rule};
use crate::protocol::{limits, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Blank keys are refused with a text of their own.
const KEY: Rule = Rule::required("key", Kind::Text(0, limits::SESSION_KEY_CHARS));

const LABEL: Rule = Rule::optional("label", Kind::Text(1, limits::SESSION_LABEL_CHARS));

const SPAWNED_BY: Rule = Rule::optional("spawnedBy", Kind::Text(1, limits::SESSION_KEY_CHARS));

const AGENT_ID: Rule = Rule::optional("agentId", Kind::Text(1, limits::SHORT_TEXT_CHARS));

const INCLUDE_GLOBAL: Rule = Rule::optional("includeGlobal", Kind::Flag);

const INCLUDE_UNKNOWN: Rule = Rule::optional("includeUnknown", Kind::Flag);

/// Which sessions are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionFilter {
    #[serde(default)]
    pub include_global: bool,
    #[serde(default)]
    pub include_unknown: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spawned_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
}

/// Parameters of `sessions.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsList {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Only those used within so many minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_minutes: Option<u64>,
    #[serde(flatten)]
    pub filter: SessionFilter,
}

impl Params for SessionsList {
    const METHOD: Method = Method::SessionsList;
    const RULES: &'static [Rule] = &[
        Rule::optional("limit", Kind::Integer(1, u64::MAX)),
        Rule::optional("activeMinutes", Kind::Integer(1, u64::MAX)),
        INCLUDE_GLOBAL,
        INCLUDE_UNKNOWN,
        LABEL,
        SPAWNED_BY,
        AGENT_ID,
    ];
    type Result = SessionList;
}

/// Result of `sessions.list`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionList {
    pub ts: u64,
    pub path: String,
    pub count: usize,
    pub defaults: SessionDefaults,
    /// The one used last comes first.
    pub sessions: Vec<SessionRow>,
}

/// Always null: the agent decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionDefaults {
    pub model_provider: Option<String>,
    pub model: Option<String>,
    pub context_tokens: Option<u64>,
}

/// One session in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRow {
    pub key: String,
    /// `direct`, `group`, `global` or `unknown`.
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// When it was last used, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tokens read and written.
    pub total_tokens: i64,
    /// The other fields of protocol section 5.3, where the store has them.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// Parameters of `sessions.resolve`: exactly one of `key` and `filter.label`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsResolve {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(flatten)]
    pub filter: SessionFilter,
}

impl Params for SessionsResolve {
    const METHOD: Method = Method::SessionsResolve;
    const RULES: &'static [Rule] = &[
        Rule::optional("key", Kind::Text(1, limits::SESSION_KEY_CHARS)),
        LABEL,
        AGENT_ID,
        SPAWNED_BY,
        INCLUDE_GLOBAL,
        INCLUDE_UNKNOWN,
    ];
    type Result = SessionResolved;
}

/// Result of `sessions.resolve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionResolved {
    pub ok: bool,
    pub key: String,
}

/// Parameters of `sessions.patch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsPatch {
    /// The session, which is created if there is none.
    pub key: String,
    /// The fields to change: `None` (null) removes one.
    #[serde(flatten)]
    pub changes: BTreeMap<String, Option<String>>,
}

const fn text_or_null(name: &'static str) -> Rule {
    Rule::optional(name, Kind::TextOrNull(0, limits::SHORT_TEXT_CHARS))
}

impl Params for SessionsPatch {
    const METHOD: Method = Method::SessionsPatch;
    const RULES: &'static [Rule] = &[
        KEY,
        Rule::optional("label", Kind::TextOrNull(1, limits::SESSION_LABEL_CHARS)),
        Rule::optional("spawnedBy", Kind::TextOrNull(1, limits::SESSION_KEY_CHARS)),
        text_or_null("model"),
        text_or_null("execNode"),
        text_or_null("thinkingLevel"),
        text_or_null("verboseLevel"),
        text_or_null("reasoningLevel"),
        text_or_null("elevatedLevel"),
        text_or_null("execHost"),
        text_or_null("execSecurity"),
        text_or_null("execAsk"),
        Rule::optional("responseUsage", Kind::ChoiceOrNull(&["off", "tokens", "full", "on"])),
        Rule::optional("sendPolicy", Kind::ChoiceOrNull(&["allow", "deny"])),
        Rule::optional("groupActivation", Kind::ChoiceOrNull(&["mention", "always"])),
    ];
    type Result = SessionPatched;
}

/// Result of `sessions.patch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionPatched {
    pub ok: bool,
    pub path: String,
    pub key: String,
    pub entry: Map<String, Value>,
}

/// Parameters of `sessions.reset`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsReset {
    /// The session, which is created if there is none.
    pub key: String,
}

impl Params for SessionsReset {
    const METHOD: Method = Method::SessionsReset;
    const RULES: &'static [Rule] = &[KEY];
    type Result = SessionAnew;
}

/// Result of `sessions.reset`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionAnew {
    pub ok: bool,
    pub key: String,
    pub entry: Map<String, Value>,
}

/// Parameters of `sessions.delete`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsDelete {
    /// The session; not the main one.
    pub key: String,
    /// Whether its transcript is put aside; absent means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_transcript: Option<bool>,
}

impl Params for SessionsDelete {
    const METHOD: Method = Method::SessionsDelete;
    const RULES: &'static [Rule] = &[KEY, Rule::optional("deleteTranscript", Kind::Flag)];
    type Result = SessionDeleted;
}

/// Result of `sessions.delete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDeleted {
    pub ok: bool,
    pub key: String,
    pub deleted: bool,
    /// The new names of its transcripts.
    pub archived: Vec<String>,
}

/// Parameters of `sessions.compact`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsCompact {
    pub key: String,
    /// Lines to keep; absent for 400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lines: Option<u64>,
}

impl Params for SessionsCompact {
    const METHOD: Method = Method::SessionsCompact;
    const RULES: &'static [Rule] = &[KEY, Rule::optional("maxLines", Kind::Integer(1, u64::MAX))];
    type Result = SessionCompacted;
}

/// Result of `sessions.compact`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCompacted {
    pub ok: bool,
    pub key: String,
    pub compacted: bool,
    /// Why there was nothing to shorten: `no sessionId` or `no transcript`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
}
