//! Which node wants the chat events of which session.
//!
//! A subscription belongs to the node, not to its connection: it outlives a short loss. Different
//! spellings of a session are one session (protocol section 9.2), and the node is told its own.

use crate::protocol::{limits, session, NodeId};
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

    /// The nodes that want the session's events, and how they call it.
    pub(super) fn to_session(&self, canonical: &str) -> Vec<(NodeId, Arc<str>)> {
        let wanting =
            self.by_node.iter().filter_map(|(node, keys)| Some((node, keys.get(canonical)?)));
        wanting.map(|(node, spelling)| (node.clone(), spelling.clone())).collect()
    }

    /// The nodes that want any session's events.
    pub(super) fn all(&self) -> Vec<NodeId> {
        self.by_node.keys().cloned().collect()
    }
}
