//! The operator's rules, as the router applies them. Made from the configuration; replaced as a
//! whole by a reload.

use crate::protocol::{limits, Method, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names, permissions and limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What the apps show as the gateway's name.
    pub server_name: Arc<str>,
    /// Where the canvas host is, if there is one.
    pub canvas_host_url: Option<Arc<str>>,
    /// What every node may do.
    pub allow: Allow,
    /// What single nodes may do; narrows `allow`.
    pub allow_node: BTreeMap<String, Allow>,
    /// Pairing requests waiting, in all.
    pub pending_pairings: usize,
    /// Pairing requests waiting, of one address.
    pub pending_pairings_per_address: usize,
    /// Paired nodes.
    pub paired_nodes: usize,
}

/// Allowed methods and commands; `None` is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// RPC methods that nodes may call.
    pub methods: Option<BTreeSet<Method>>,
    /// Commands that may be invoked on nodes; `camera.*` stands for all that begin so.
    pub commands: Option<Vec<String>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            server_name: "openclaw-bridge".into(),
            canvas_host_url: None,
            allow: Allow::default(),
            allow_node: BTreeMap::new(),
            pending_pairings: limits::PENDING_PAIRINGS,
            pending_pairings_per_address: limits::PENDING_PAIRINGS_PER_ADDRESS,
            paired_nodes: limits::PAIRED_NODES,
        }
    }
}

impl Policy {
    /// Whether the node may call the method.
    pub fn allows_method(&self, node: &NodeId, method: Method) -> bool {
        self.rules_for(node)
            .all(|allow| allow.methods.as_ref().is_none_or(|set| set.contains(&method)))
    }

    /// Whether operators may invoke the command on the node.
    pub fn allows_command(&self, node: &NodeId, command: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => command.starts_with(start),
            None => pattern == command,
        };
        self.rules_for(node)
            .all(|allow| allow.commands.as_ref().is_none_or(|list| list.iter().any(matches)))
    }

    fn rules_for(&self, node: &NodeId) -> impl Iterator<Item = &Allow> {
        std::iter::once(&self.allow).chain(self.allow_node.get(node.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(list: &[&str]) -> Allow {
        let commands = list.iter().map(|text| (*text).to_owned()).collect();
        Allow { commands: Some(commands), methods: None }
    }

    #[test]
    fn a_nodes_own_list_narrows_the_common_one_and_never_widens_it() {
        let phone = NodeId::new("phone").unwrap();
        let other = NodeId::new("other").unwrap();
        let mut policy =
            Policy { allow: commands(&["camera.*", "canvas.hide"]), ..Policy::default() };
        policy.allow_node.insert("phone".into(), commands(&["camera.snap", "sms.send"]));
        assert!(policy.allows_command(&other, "camera.clip"));
        assert!(!policy.allows_command(&other, "sms.send"));
        assert!(policy.allows_command(&phone, "camera.snap"));
        assert!(!policy.allows_command(&phone, "camera.clip"));
        assert!(!policy.allows_command(&phone, "sms.send"));
    }

    #[test]
    fn methods_are_all_allowed_until_somebody_narrows_them() {
        let phone = NodeId::new("phone").unwrap();
        let mut policy = Policy::default();
        assert!(policy.allows_method(&phone, Method::ChatSend));
        policy.allow.methods = Some([Method::Health].into());
        assert!(policy.allows_method(&phone, Method::Health));
        assert!(!policy.allows_method(&phone, Method::ChatSend));
    }
}
