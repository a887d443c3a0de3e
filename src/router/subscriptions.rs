//! Which node wants the chat events of which session.
//!
//! A subscription belongs to the node, not to its connection: it outlives a short loss. Different
//! spellings of a session are one session (protocol section 9.2), and the node is told its own.

use crate::protocol::json::Fields;
use crate::protocol::{limits, session, NodeId, Payload};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Subscriptions by node: canonical session key to the spelling the node used.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_node: BTreeMap<NodeId, BTreeMap<String, Arc<str>>>,
}

impl Subscriptions {
    /// The node wants the session's events. Beyond the limit, nothing happens.
    pub(super) fn add(&mut self, node: &NodeId, key: &str) {
        let keys = self.by_node.entry(node.clone()).or_default();
        let canonical = session::canonical(key);
        if keys.contains_key(&canonical) || keys.len() < limits::SUBSCRIPTIONS {
            keys.insert(canonical, key.into());
        }
    }

    /// The node does not want them any more.
    pub(super) fn remove(&mut self, node: &NodeId, key: &str) {
        if let Some(keys) = self.by_node.get_mut(node) {
            keys.remove(&session::canonical(key));
            if keys.is_empty() {
                self.by_node.remove(node);
            }
        }
    }

    /// The node is gone for good.
    pub(super) fn forget(&mut self, node: &NodeId) {
        self.by_node.remove(node);
    }

    /// The nodes that want the session's events, each with the payload in its own spelling.
    pub(super) fn to_session(
        &self,
        key: &str,
        payload: Option<&Payload>,
    ) -> Vec<(NodeId, Option<Payload>)> {
        let canonical = session::canonical(key);
        let mut spelled: BTreeMap<&str, Option<Payload>> = BTreeMap::new();
        let mut to = Vec::new();
        for (node, keys) in &self.by_node {
            let Some(own) = keys.get(&canonical) else { continue };
            let payload = spelled.entry(own).or_insert_with(|| payload.map(|p| respelled(p, own)));
            to.push((node.clone(), payload.clone()));
        }
        to
    }

    /// The nodes that want any session's events.
    pub(super) fn all(&self) -> Vec<NodeId> {
        self.by_node.keys().cloned().collect()
    }
}

/// The payload with this `sessionKey`. The apps drop chat events whose key is not, letter for
/// letter, the one they use (protocol section 7.1).
fn respelled(payload: &Payload, key: &str) -> Payload {
    let place = || {
        let fields = Fields::read(payload, &["sessionKey"]).ok()?;
        let raw = fields.json("sessionKey")?;
        // The field is a part of the payload's own text.
        let start = (raw.as_ptr() as usize).checked_sub(payload.as_ptr() as usize)?;
        let (before, rest) = payload.split_at_checked(start)?;
        Some((before, raw, rest.strip_prefix(raw)?))
    };
    let key = serde_json::Value::from(key).to_string();
    match place() {
        Some((before, raw, after)) if raw != key => [before, &key, after].concat().into(),
        _ => payload.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_session_key_is_spelled_anew() {
        for (before, key, after) in [
            (
                r#"{"a":"main","sessionKey":"main","b":1}"#,
                "x",
                r#"{"a":"main","sessionKey":"x","b":1}"#,
            ),
            (
                r#"{"m":{"sessionKey":"main"},"sessionKey" : "a\"b" }"#,
                "q\"",
                r#"{"m":{"sessionKey":"main"},"sessionKey" : "q\"" }"#,
            ),
            (r#"{"m":{"sessionKey":"main"}}"#, "x", r#"{"m":{"sessionKey":"main"}}"#),
            ("nonsense", "x", "nonsense"),
        ] {
            assert_eq!(&*respelled(&before.into(), key), after);
        }
    }
}
