//! The names of conversations. A gateway calls the main one `agent:main:main` and writes all names
//! in lowercase; an app that calls it `main` drops events under any other name. So the bridge keeps,
//! for each node, how the node spells the conversations that it follows.

use crate::protocol::fields::Fields;
use crate::protocol::{limits, session};
use std::collections::BTreeMap;

/// How a gateway makes one name of all spellings: `snapshot.sessionDefaults` of its `hello-ok`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backend::openclaw) struct SessionDefaults {
    agent: String,
    main_key: String,
    main_session: String,
}

impl Default for SessionDefaults {
    fn default() -> Self {
        let main_session = session::canonical(session::MAIN);
        Self { agent: session::DEFAULT_AGENT.into(), main_key: session::MAIN.into(), main_session }
    }
}

impl SessionDefaults {
    /// From JSON text; what is absent is as in a gateway without settings.
    pub(in crate::backend::openclaw) fn read(json: Option<&str>) -> Self {
        let Some(fields) = json.and_then(|json| Fields::read(json).ok()) else {
            return Self::default();
        };
        let text = |name| fields.short_text(name).map(|text| text.to_lowercase());
        let agent = text("defaultAgentId").unwrap_or_else(|| session::DEFAULT_AGENT.into());
        let main_key = text("mainKey").unwrap_or_else(|| session::MAIN.into());
        let main_session =
            text("mainSessionKey").unwrap_or_else(|| format!("agent:{agent}:{main_key}"));
        Self { agent, main_key, main_session }
    }

    /// The gateway's name of a conversation, however it is spelled.
    pub(in crate::backend::openclaw) fn canonical(&self, key: &str) -> String {
        let key = key.trim().to_lowercase();
        if key == session::MAIN || key == self.main_key {
            return self.main_session.clone();
        }
        match session::parts(&key) {
            Some((agent, session::MAIN)) => format!("agent:{agent}:{}", self.main_key),
            Some(_) => key,
            None if key == "global" || key == "unknown" => key,
            None => format!("agent:{}:{key}", self.agent),
        }
    }
}

/// The conversations that a node follows, by the gateway's name, each with the node's spellings.
#[derive(Debug, Default)]
pub(super) struct SessionKeys {
    defaults: SessionDefaults,
    followed: BTreeMap<String, Vec<String>>,
}

impl SessionKeys {
    pub(super) fn canonical(&self, key: &str) -> String {
        self.defaults.canonical(key)
    }

    /// Another gateway, or other settings of the same.
    pub(super) fn set_defaults(&mut self, defaults: SessionDefaults) {
        if defaults == self.defaults {
            return;
        }
        self.defaults = defaults;
        for spelling in std::mem::take(&mut self.followed).into_values().flatten() {
            self.subscribe(&spelling);
        }
    }

    /// The keys to subscribe to at the gateway, now that the node follows this one: as spelled and
    /// as the gateway calls it. Gateways up to 2026.7 send nothing for `main`. None if the node
    /// follows too many.
    pub(super) fn subscribe(&mut self, key: &str) -> Vec<String> {
        let canonical = self.canonical(key);
        if !self.spellings(key).iter().any(|spelling| spelling == key) {
            if self.followed.values().map(Vec::len).sum::<usize>() >= limits::SUBSCRIPTIONS {
                return Vec::new();
            }
            self.followed.entry(canonical.clone()).or_default().push(key.to_owned());
        }
        both(key, canonical)
    }

    /// The keys to unsubscribe from, now that the node does not follow this one.
    pub(super) fn unsubscribe(&mut self, key: &str) -> Vec<String> {
        let canonical = self.canonical(key);
        let Some(spellings) = self.followed.get_mut(&canonical) else { return Vec::new() };
        spellings.retain(|spelling| spelling != key);
        if !spellings.is_empty() {
            // It follows the same conversation under another name.
            return Vec::new();
        }
        self.followed.remove(&canonical);
        both(key, canonical)
    }

    /// All keys to subscribe to on a new connection.
    pub(super) fn all(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.followed.keys().cloned().collect();
        keys.extend(self.followed.values().flatten().cloned());
        keys.sort();
        keys.dedup();
        keys
    }

    /// How the node spells a conversation that it follows; nothing if it does not.
    pub(super) fn spellings(&self, key: &str) -> &[String] {
        self.followed.get(&self.canonical(key)).map_or(&[], Vec::as_slice)
    }
}

fn both(key: &str, canonical: String) -> Vec<String> {
    if key == canonical {
        vec![canonical]
    } else {
        vec![key.to_owned(), canonical]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 2026.5.22 and 2026.9.6 send them.
    const OLD: &str = r#"{"defaultAgentId":"main","mainKey":"main","mainSessionKey":"agent:main:main","scope":"per-sender"}"#;
    const NEW: &str = r#"{"defaultAgentId":"main","modelConfigured":true,"ownership":"sole","selectionRequired":false,"mainKey":"main","mainSessionKey":"agent:main:main","scope":"per-sender"}"#;

    #[test]
    fn all_spellings_of_a_conversation_get_the_name_that_the_gateway_gave_them() {
        for json in [Some(OLD), Some(NEW), None, Some("5")] {
            let defaults = SessionDefaults::read(json);
            for (key, name) in [
                ("main", "agent:main:main"),
                (" Main ", "agent:main:main"),
                ("agent:main:main", "agent:main:main"),
                ("node-abc-DEF", "agent:main:node-abc-def"),
                ("agent:main:node-abc-DEF", "agent:main:node-abc-def"),
                ("agent:work:x:y", "agent:work:x:y"),
                ("global", "global"),
            ] {
                assert_eq!(defaults.canonical(key), name, "{json:?}");
            }
        }
    }

    #[test]
    fn a_gateway_with_another_main_agent_is_believed() {
        let defaults = SessionDefaults::read(Some(
            r#"{"defaultAgentId":"Work","mainKey":"home","mainSessionKey":"agent:work:home"}"#,
        ));
        for (key, name) in [
            ("main", "agent:work:home"),
            ("home", "agent:work:home"),
            ("agent:work:main", "agent:work:home"),
            ("node-x", "agent:work:node-x"),
        ] {
            assert_eq!(defaults.canonical(key), name);
        }
        let global = SessionDefaults::read(Some(r#"{"mainSessionKey":"global"}"#));
        assert_eq!(global.canonical("main"), "global");
    }

    #[test]
    fn pitfall_2_a_subscription_is_made_under_the_raw_and_the_canonical_key() {
        let mut keys = SessionKeys::default();
        assert_eq!(keys.subscribe("main"), ["main", "agent:main:main"]);
        assert_eq!(keys.subscribe("agent:main:main"), ["agent:main:main"]);
        assert_eq!(keys.all(), ["agent:main:main", "main"]);
        // One screen is closed, the other one still follows the conversation.
        assert!(keys.unsubscribe("agent:main:main").is_empty());
        assert_eq!(keys.spellings("agent:main:main"), ["main"]);
        assert_eq!(keys.unsubscribe("main"), ["main", "agent:main:main"]);
        assert!(keys.unsubscribe("main").is_empty() && keys.all().is_empty());
        for number in 0..=limits::SUBSCRIPTIONS {
            keys.subscribe(&format!("agent:main:{number}"));
        }
        assert_eq!(keys.all().len(), limits::SUBSCRIPTIONS);
        assert_eq!(keys.subscribe("agent:main:0"), ["agent:main:0"], "a repetition");
    }

    #[test]
    fn what_a_node_follows_is_known_to_a_gateway_with_other_settings() {
        let mut keys = SessionKeys::default();
        keys.subscribe("main");
        let other = r#"{"defaultAgentId":"work","mainSessionKey":"agent:work:main"}"#;
        keys.set_defaults(SessionDefaults::read(Some(other)));
        assert_eq!(keys.all(), ["agent:work:main", "main"]);
        assert_eq!(keys.spellings("agent:work:main"), ["main"]);
        assert!(keys.spellings("agent:main:main").is_empty());
    }
}
