//! What nodes may call and what operators may have them do. These lists narrow, never widen.

use crate::protocol::{limits, GatewayEvent, Method, NodeEvent};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// The section `bridge.allow`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Allow {
    /// The methods nodes may call; `None` is the whole allowlist of the protocol.
    pub methods: Option<BTreeSet<Method>>,
    /// The events nodes may send; `None` is any. An event that does the same as a method needs that
    /// method as well.
    pub events: Option<BTreeSet<NodeEvent>>,
    /// The commands nodes may be asked to run; `None` is whatever a node offers.
    pub commands: Option<Vec<CommandPattern>>,
    /// Whether nodes may change settings (`config.set`, `config.patch`).
    pub config_write: bool,
    /// Narrower lists for single nodes, by node id.
    pub nodes: BTreeMap<String, NodeAllow>,
}

impl Allow {
    /// Whether both the general list and the node's own list contain `method`. Whether settings
    /// may be changed is a separate question: [`Allow::config_write`].
    pub fn permits_method(&self, node_id: &str, method: Method) -> bool {
        let own = self.nodes.get(node_id).and_then(|node| node.methods.as_ref());
        [self.methods.as_ref(), own].into_iter().flatten().all(|list| list.contains(&method))
    }

    /// Whether the node may send `event`: both lists contain it, and the method that does the same.
    /// An event that the protocol does not know is in no list.
    pub fn permits_event(&self, node_id: &str, event: &str) -> bool {
        let own = self.nodes.get(node_id).and_then(|node| node.events.as_ref());
        let known = NodeEvent::parse(event);
        let is_in = |list: &BTreeSet<NodeEvent>| known.is_some_and(|event| list.contains(&event));
        let needs = known.and_then(NodeEvent::method);
        [self.events.as_ref(), own].into_iter().flatten().all(is_in)
            && needs.is_none_or(|method| self.permits_method(node_id, method))
    }

    /// Whether the node may be sent `event`: whether it may call the method that tells the same.
    pub fn permits_event_to(&self, node_id: &str, event: &str) -> bool {
        let needs = GatewayEvent::parse(event).and_then(GatewayEvent::method);
        needs.is_none_or(|method| self.permits_method(node_id, method))
    }

    /// Whether both the general list and the node's own list contain `command`.
    pub fn permits_command(&self, node_id: &str, command: &str) -> bool {
        let own = self.nodes.get(node_id).and_then(|node| node.commands.as_ref());
        [self.commands.as_ref(), own]
            .into_iter()
            .flatten()
            .all(|list| list.iter().any(|pattern| pattern.matches(command)))
    }
}

/// One entry of `bridge.allow.nodes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeAllow {
    /// As [`Allow::methods`], for this node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<BTreeSet<Method>>,
    /// As [`Allow::events`], for this node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<BTreeSet<NodeEvent>>,
    /// As [`Allow::commands`], for this node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<CommandPattern>>,
}

/// A command (`camera.snap`), all commands of a family (`camera.*`), or all (`*`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct CommandPattern(String);

impl TryFrom<String> for CommandPattern {
    type Error = NotAPattern;

    fn try_from(text: String) -> Result<Self, NotAPattern> {
        text.parse()
    }
}

impl CommandPattern {
    /// Whether `command` is the one, or one of those, that were meant.
    pub fn matches(&self, command: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(family) => command.starts_with(family),
            None => command == self.0,
        }
    }
}

impl FromStr for CommandPattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let name = match text.strip_suffix('*') {
            // `cam*` would also mean commands nobody thought of.
            Some(family) if family.is_empty() || family.ends_with('.') => family,
            Some(_) => return Err(NotAPattern),
            None if text.is_empty() || text.ends_with('.') => return Err(NotAPattern),
            None => text,
        };
        let odd = |c: char| c == '*' || c.is_whitespace() || c.is_control();
        if name.chars().any(odd) || name.chars().count() > limits::SHORT_TEXT_CHARS {
            return Err(NotAPattern);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The text is neither the name of a command nor of a family of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a command such as \"camera.snap\", a family such as \"camera.*\", or \"*\"")]
pub struct NotAPattern;

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Option<Vec<CommandPattern>> {
        Some(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn a_family_covers_its_members_and_nothing_beside_them() {
        let camera: CommandPattern = "camera.*".parse().unwrap();
        assert!(camera.matches("camera.snap") && camera.matches("camera.clip.long"));
        assert!(!camera.matches("camera") && !camera.matches("cameras.snap"));
        let snap: CommandPattern = "camera.snap".parse().unwrap();
        assert!(snap.matches("camera.snap") && !snap.matches("camera.snapshot"));
        assert!("*".parse::<CommandPattern>().unwrap().matches("system.run"));
    }

    #[test]
    fn a_wildcard_stands_only_for_a_whole_family() {
        for text in ["", "cam*", "*.snap", "camera.*.x", "camera.**", "camera.", "a b", "a\n"] {
            assert_eq!(text.parse::<CommandPattern>(), Err(NotAPattern), "{text:?}");
        }
    }

    #[test]
    fn a_node_may_do_what_both_lists_allow() {
        let kitchen = NodeAllow {
            methods: Some(BTreeSet::from([Method::Health, Method::ChatSend])),
            events: None,
            commands: patterns(&["camera.snap", "system.run"]),
        };
        let allow = Allow {
            methods: Some(BTreeSet::from([Method::Health, Method::ChatHistory])),
            commands: patterns(&["camera.*"]),
            nodes: BTreeMap::from([("kitchen".to_owned(), kitchen)]),
            ..Allow::default()
        };
        assert!(allow.permits_method("kitchen", Method::Health));
        assert!(!allow.permits_method("kitchen", Method::ChatSend), "narrowed for all");
        assert!(!allow.permits_method("kitchen", Method::ChatHistory), "narrowed for the node");
        assert!(allow.permits_method("hall", Method::ChatHistory));
        assert!(allow.permits_command("kitchen", "camera.snap"));
        assert!(!allow.permits_command("kitchen", "camera.clip"));
        assert!(!allow.permits_command("kitchen", "system.run"));
        assert!(allow.permits_command("hall", "camera.clip"));
    }

    #[test]
    fn an_event_needs_the_method_that_does_the_same() {
        let only = |method| NodeAllow { methods: Some([method].into()), ..NodeAllow::default() };
        let nodes = [("asks", Method::ChatSend), ("reads", Method::ChatHistory)];
        let nodes = nodes.map(|(id, method)| (id.to_owned(), only(method))).into();
        let mut allow = Allow { nodes, ..Allow::default() };
        for (event, asks, reads) in [
            (NodeEvent::VoiceTranscript, true, false),
            (NodeEvent::AgentRequest, true, false),
            (NodeEvent::ChatSubscribe, false, true),
            (NodeEvent::ChatUnsubscribe, true, true),
            (NodeEvent::ExecFinished, true, true),
        ] {
            assert_eq!(allow.permits_event("asks", event.as_str()), asks, "{event}");
            assert_eq!(allow.permits_event("reads", event.as_str()), reads, "{event}");
            assert!(allow.permits_event("hall", event.as_str()));
        }
        assert!(allow.permits_event("hall", "of.its.own"));
        assert!(!allow.permits_event_to("asks", "chat") && allow.permits_event_to("reads", "chat"));
        assert!(
            !allow.permits_event_to("reads", "health") && allow.permits_event_to("x", "health")
        );
        assert!(allow.permits_event_to("reads", "tick"));
        allow.events = Some([NodeEvent::ExecFinished].into());
        assert!(allow.permits_event("asks", "exec.finished"));
        assert!(!allow.permits_event("asks", "voice.transcript"));
        assert!(!allow.permits_event("hall", "of.its.own"), "in no list");
    }

    #[test]
    fn without_lists_everything_of_the_protocol_is_allowed() {
        let allow = Allow::default();
        assert!(Method::ALL.iter().all(|method| allow.permits_method("kitchen", *method)));
        assert!(allow.permits_command("kitchen", "system.run"));
        assert!(!allow.config_write);
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        let allow = Allow { methods: Some(BTreeSet::new()), ..Allow::default() };
        assert!(Method::ALL.iter().all(|method| !allow.permits_method("kitchen", *method)));
    }
}
