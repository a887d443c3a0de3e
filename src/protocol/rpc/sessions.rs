//! `sessions.*` (protocol section 5.3).

use super::{params, Kind, Params, Rule};
use crate::protocol::records::records;
use crate::protocol::{limits, Method};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use Kind::{ChoiceOrNull, Flag, Integer, Text, TextOrNull};

/// Blank keys are refused with a text of their own.
const KEY: Kind = Text(0, limits::SESSION_KEY_CHARS);

const LABEL: Rule = Rule::optional("label", Text(1, limits::SESSION_LABEL_CHARS));
const SPAWNED_BY: Rule = Rule::optional("spawnedBy", Text(1, limits::SESSION_KEY_CHARS));
const AGENT_ID: Rule = Rule::optional("agentId", Text(1, limits::SHORT_TEXT_CHARS));
const INCLUDE_GLOBAL: Rule = Rule::optional("includeGlobal", Flag);
const INCLUDE_UNKNOWN: Rule = Rule::optional("includeUnknown", Flag);

/// Fields without a place of their own in [`SessionRow`], by the type they must have: an iPhone loses
/// the whole list over one value of the wrong type.
pub(crate) const ROW_TEXTS: &str = "channel subject groupChannel space chatType thinkingLevel \
    verboseLevel reasoningLevel elevatedLevel sendPolicy responseUsage modelProvider lastChannel \
    lastTo lastAccountId";
pub(crate) const ROW_FLAGS: &str = "systemSent abortedLastRun";
pub(crate) const ROW_INTEGERS: &str = "inputTokens outputTokens contextTokens";

records! {
    /// Which sessions are wanted.
    #[derive(Default)]
    SessionFilter {
        #[serde(default)]
        include_global: bool,
        #[serde(default)]
        include_unknown: bool,
        label?: String,
        spawned_by?: String,
        agent_id?: String,
    }
    #[derive(Default)]
    SessionsList {
        limit?: u64,
        /// Only those used within so many minutes.
        active_minutes?: u64,
        #[serde(flatten)]
        filter: SessionFilter,
    }
    /// Parameters of `sessions.resolve`: exactly one of `key` and `filter.label`.
    #[derive(Default)]
    SessionsResolve {
        key?: String,
        #[serde(flatten)]
        filter: SessionFilter,
    }
    #[derive(Default)]
    SessionsPatch {
        /// The session, which is created if there is none.
        key: String,
        /// The fields to change: `None` (null) removes one.
        #[serde(flatten)]
        changes: BTreeMap<String, Option<String>>,
    }
}

impl Params for SessionsList {
    const METHOD: Method = Method::SessionsList;
    const RULES: &'static [Rule] = &[
        Rule::optional("limit", Integer(1, u64::MAX)),
        Rule::optional("activeMinutes", Integer(1, u64::MAX)),
        INCLUDE_GLOBAL,
        INCLUDE_UNKNOWN,
        LABEL,
        SPAWNED_BY,
        AGENT_ID,
    ];
    type Result = SessionList;
}

impl Params for SessionsResolve {
    const METHOD: Method = Method::SessionsResolve;
    const RULES: &'static [Rule] = &[
        Rule::optional("key", Text(1, limits::SESSION_KEY_CHARS)),
        LABEL,
        AGENT_ID,
        SPAWNED_BY,
        INCLUDE_GLOBAL,
        INCLUDE_UNKNOWN,
    ];
    type Result = SessionResolved;
}

const fn text_or_null(name: &'static str) -> Rule {
    Rule::optional(name, TextOrNull(0, limits::SHORT_TEXT_CHARS))
}

impl Params for SessionsPatch {
    const METHOD: Method = Method::SessionsPatch;
    const RULES: &'static [Rule] = &[
        Rule::required("key", KEY),
        Rule::optional("label", TextOrNull(1, limits::SESSION_LABEL_CHARS)),
        Rule::optional("spawnedBy", TextOrNull(1, limits::SESSION_KEY_CHARS)),
        text_or_null("model"),
        text_or_null("execNode"),
        text_or_null("thinkingLevel"),
        text_or_null("verboseLevel"),
        text_or_null("reasoningLevel"),
        text_or_null("elevatedLevel"),
        text_or_null("execHost"),
        text_or_null("execSecurity"),
        text_or_null("execAsk"),
        Rule::optional("responseUsage", ChoiceOrNull(&["off", "tokens", "full", "on"])),
        Rule::optional("sendPolicy", ChoiceOrNull(&["allow", "deny"])),
        Rule::optional("groupActivation", ChoiceOrNull(&["mention", "always"])),
    ];
    type Result = SessionPatched;
}

params! {
    SessionsReset -> SessionAnew {
        /// The session, which is created if there is none.
        key: String = KEY,
    }
    SessionsDelete -> SessionDeleted {
        /// The session; not the main one.
        key: String = KEY,
        /// Whether its transcript is put aside; absent means yes.
        delete_transcript?: bool = Flag,
    }
    SessionsCompact -> SessionCompacted {
        key: String = KEY,
        /// Lines to keep; absent for 400.
        max_lines?: u64 = Integer(1, u64::MAX),
    }
}

records! {
    SessionList {
        ts: u64,
        path: String,
        count: usize,
        defaults: SessionDefaults,
        /// The one used last comes first.
        sessions: Vec<SessionRow>,
    }
    /// Always null: the agent decides.
    #[derive(Default)]
    SessionDefaults {
        model_provider: Option<String>,
        model: Option<String>,
        context_tokens: Option<u64>,
    }
    /// One session in a list.
    SessionRow {
        key: String,
        /// `direct`, `group`, `global` or `unknown`.
        kind: String,
        label?: String,
        display_name?: String,
        /// When it was last used, in milliseconds since 1970.
        updated_at?: i64,
        session_id?: String,
        model?: String,
        /// Tokens read and written.
        total_tokens: i64,
        /// The other fields of protocol section 5.3, where the store has them.
        #[serde(flatten)]
        others: Map<String, Value>,
    }
    SessionResolved {
        ok: bool,
        key: String,
    }
    SessionPatched {
        ok: bool,
        path: String,
        key: String,
        entry: Map<String, Value>,
    }
    SessionAnew {
        ok: bool,
        key: String,
        entry: Map<String, Value>,
    }
    SessionDeleted {
        ok: bool,
        key: String,
        deleted: bool,
        /// The new names of its transcripts.
        archived: Vec<String>,
    }
    #[derive(Default)]
    SessionCompacted {
        ok: bool,
        key: String,
        compacted: bool,
        /// Why there was nothing to shorten: `no sessionId` or `no transcript`.
        reason?: String,
        archived?: String,
        kept?: u64,
    }
}
