//! The content of an exec-approvals file (protocol section 8.2): its shape, and the rules in it.
//! Keys that are not known are kept and mean nothing.

use crate::node_host::pattern::Pattern;
use crate::node_host::policy::{Ask, OwnerPolicy, Rules, Security};
use crate::protocol::limits;
use serde::Serialize;
use serde_json::{json, Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// The agent that is meant if the gateway names none, what it was called before, and the entry that
/// counts for every agent.
const MAIN: &str = "main";
const MAIN_BEFORE: &str = "default";
const EVERY: &str = "*";

/// A content whose known keys have the right types.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ApprovalsDocument(Map<String, Value>);

impl ApprovalsDocument {
    pub(super) fn empty() -> Self {
        let content = [("version".to_owned(), json!(1)), ("agents".to_owned(), json!({}))];
        Self(content.into_iter().collect())
    }

    /// Checks everything that is known; or what is wrong, with the path of its key.
    pub(super) fn new(value: Value) -> Result<Self, String> {
        let Value::Object(content) = value else { return Err("is not a JSON object".to_owned()) };
        if content.get("version").and_then(Value::as_u64) != Some(1) {
            return Err("version must be 1".to_owned());
        }
        if let Some(socket) = known(&content, "", "socket", OBJECT, Value::as_object)? {
            known(socket, "socket.", "path", TEXT, Value::as_str)?;
            known(socket, "socket.", "token", TEXT, Value::as_str)?;
        }
        let mut patterns = 0;
        if let Some(defaults) = known(&content, "", "defaults", OBJECT, Value::as_object)? {
            patterns += check_rules(defaults, "defaults.")?;
        }
        let agents = known(&content, "", "agents", OBJECT, Value::as_object)?;
        if agents.is_some_and(|agents| agents.len() > limits::APPROVALS_AGENTS) {
            return Err(format!("has more than {} agents", limits::APPROVALS_AGENTS));
        }
        for (name, agent) in agents.into_iter().flatten() {
            let agent =
                agent.as_object().ok_or_else(|| format!("agents.{name} must be {OBJECT}"))?;
            patterns += check_rules(agent, &format!("agents.{name}."))?;
        }
        if patterns > limits::APPROVALS_PATTERNS {
            return Err(format!("has more than {} patterns", limits::APPROVALS_PATTERNS));
        }
        Ok(Self(content))
    }

    /// Without the token of the socket, which is the owner's.
    pub(super) fn redacted(&self) -> Value {
        let mut content = self.0.clone();
        if let Some(Value::Object(socket)) = content.get_mut("socket") {
            socket.remove("token");
        }
        Value::Object(content)
    }

    /// The same without the socket.
    #[cfg(feature = "cli")]
    pub(super) fn without_socket(mut self) -> Self {
        self.0.remove("socket");
        self
    }

    /// The same with the socket of `other`, whole or, where this one says nothing, its parts: what
    /// was shown without its token is given back without it.
    pub(super) fn with_socket_of(mut self, other: &Self, whole: bool) -> Self {
        let mine = self.0.remove("socket").filter(|_| !whole);
        let socket = match (other.0.get("socket").cloned(), mine) {
            (Some(Value::Object(mut parts)), Some(Value::Object(mine))) => {
                parts.extend(mine);
                Some(parts.into())
            }
            (theirs, mine) => theirs.or(mine),
        };
        self.0.extend(socket.map(|socket| ("socket".to_owned(), socket)));
        self
    }

    /// The names of the agents that have entries of their own, and two that stand for the rest.
    pub(super) fn agents(&self) -> BTreeSet<&str> {
        let named = self.0.get("agents").and_then(Value::as_object).into_iter().flatten();
        named.map(|(name, _)| name.as_str()).chain([MAIN, EVERY]).collect()
    }

    /// What counts for an agent: its own settings, those of `*`, the defaults, the owner's policy;
    /// and never more than the owner allows.
    pub(super) fn rules(
        &self,
        agent: Option<&str>,
        owner: &OwnerPolicy,
        home: Option<&Path>,
    ) -> Rules {
        let levels = self.levels(agent);
        let most = owner.security.unwrap_or(Security::Full);
        let security =
            setting(&levels, "security", as_security).or(owner.security).unwrap_or(Security::Deny);
        let fallback = setting(&levels, "askFallback", as_security).unwrap_or(Security::Deny);
        let entries = levels.iter().filter_map(|level| level.get("allowlist")?.as_array());
        let patterns = entries.flatten().filter_map(|entry| entry.get("pattern")?.as_str());
        let patterns = patterns.filter_map(|pattern| Pattern::new(pattern, home));
        let adds = !owner.allow_only;
        let skills = setting(&levels, "autoAllowSkills", Value::as_bool).unwrap_or(false);
        Rules {
            security: security.min(most),
            // Nobody can be asked here, so that is not what happens unless it was wished for.
            ask: setting(&levels, "ask", as_ask).unwrap_or(Ask::Off),
            ask_fallback: fallback.min(most),
            auto_allow_skills: adds && skills,
            allowlist: owner.allow.iter().cloned().chain(patterns.filter(|_| adds)).collect(),
        }
    }

    /// The most that any agent may run: the sender of the invoke chooses the agent.
    pub(super) fn most(&self, owner: &OwnerPolicy, home: Option<&Path>) -> Security {
        let agents = self.agents().into_iter();
        let effect = |agent| self.rules(Some(agent), owner, home).effect();
        agents.map(effect).max().unwrap_or(Security::Deny)
    }

    /// Notes the last use of every entry that `is_meant`; whether there is one.
    pub(super) fn note_use(
        &mut self,
        agent: Option<&str>,
        is_meant: impl Fn(&str) -> bool,
        (now_ms, command, path): (u64, &str, &str),
    ) -> bool {
        let names = names(agent);
        let Some(Value::Object(agents)) = self.0.get_mut("agents") else { return false };
        let agents = agents.iter_mut().filter(|(name, _)| names.contains(&name.as_str()));
        let lists = agents.filter_map(|(_, agent)| agent.get_mut("allowlist")?.as_array_mut());
        let mut noted = false;
        for entry in lists.flatten().filter_map(Value::as_object_mut) {
            if entry.get("pattern").and_then(Value::as_str).is_some_and(&is_meant) {
                entry.insert("lastUsedAt".into(), now_ms.into());
                entry.insert("lastUsedCommand".into(), command.into());
                entry.insert("lastResolvedPath".into(), path.into());
                noted = true;
            }
        }
        noted
    }

    /// The settings that count for an agent, the closest first.
    fn levels(&self, agent: Option<&str>) -> Vec<&Map<String, Value>> {
        let agents = self.0.get("agents");
        let named = names(agent).into_iter().filter_map(|name| agents?.get(name)?.as_object());
        named.chain(self.0.get("defaults").and_then(Value::as_object)).collect()
    }
}

/// The entries that count for an agent, the closest first.
fn names(agent: Option<&str>) -> Vec<&str> {
    match agent.map(str::trim).filter(|agent| !agent.is_empty()).unwrap_or(MAIN) {
        MAIN => vec![MAIN, MAIN_BEFORE, EVERY],
        agent => vec![agent, EVERY],
    }
}

/// The first level that says something.
fn setting<T>(
    levels: &[&Map<String, Value>],
    key: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    levels.iter().find_map(|level| read(level.get(key)?))
}

fn as_security(value: &Value) -> Option<Security> {
    value.as_str().and_then(Security::parse)
}

fn as_ask(value: &Value) -> Option<Ask> {
    value.as_str().and_then(Ask::parse)
}

/// Checks what counts for one agent or for all; how many patterns there are.
fn check_rules(rules: &Map<String, Value>, path: &str) -> Result<usize, String> {
    for key in ["security", "askFallback"] {
        let what = "\"deny\", \"allowlist\" or \"full\"";
        known(rules, path, key, what, as_security)?;
    }
    let what = "\"off\", \"on-miss\" or \"always\"";
    known(rules, path, "ask", what, as_ask)?;
    known(rules, path, "autoAllowSkills", "true or false", Value::as_bool)?;
    let entries = known(rules, path, "allowlist", "a list", Value::as_array)?;
    let entries = entries.map_or(&[][..], Vec::as_slice);
    if entries.iter().any(|entry| entry.get("pattern").and_then(Value::as_str).is_none()) {
        return Err(format!("{path}allowlist has an entry without a pattern"));
    }
    Ok(entries.len())
}

const OBJECT: &str = "an object";
const TEXT: &str = "a text";

/// A value that may be missing; an error if it is not `what` it must be.
fn known<'a, T>(
    parent: &'a Map<String, Value>,
    path: &str,
    key: &str,
    what: &str,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<Option<T>, String> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| format!("{path}{key} must be {what}")),
    }
}
