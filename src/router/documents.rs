//! What the backend has published: results that seldom change, so that the router gives them
//! without asking anybody.

use crate::protocol::operator::{GatewayView, NodeInGateway};
use crate::protocol::rpc;
use crate::protocol::rpc::system::{HealthView, NodeCounts};
use crate::protocol::{Method, NodeId, Payload};
use crate::router::input::{Document, Now};
use std::collections::BTreeMap;

/// The documents that were published last.
#[derive(Debug, Default)]
pub(super) struct Documents {
    health: Option<Box<HealthView>>,
    pub(super) gateway: Option<Box<GatewayView>>,
    /// Of paired nodes that are online.
    nodes_in_gateway: BTreeMap<NodeId, Box<NodeInGateway>>,
    results: BTreeMap<&'static str, Payload>,
}

impl Documents {
    /// Replaces the document of the same method.
    pub(super) fn publish(&mut self, document: Document) {
        match document {
            Document::Health(health) => self.health = Some(health),
            Document::Gateway(view) => self.gateway = Some(view),
            Document::NodeInGateway { node, view: Some(view) } => {
                self.nodes_in_gateway.insert(node, view);
            }
            Document::NodeInGateway { node, view: None } => {
                self.nodes_in_gateway.remove(&node);
            }
            Document::Result { method, text } => drop(self.results.insert(method.as_str(), text)),
        }
    }

    /// The result of a method for a node, if it was published. Parameters are for the backend to
    /// judge; `health` has none (protocol section 5.1).
    pub(super) fn result(
        &self,
        method: Method,
        params: Option<&Payload>,
        now: Now,
        nodes: NodeCounts,
    ) -> Option<Payload> {
        if method == Method::Health {
            let mut health = self.with_counts(now, nodes)?;
            // It may tell something about another node's conversation.
            health.agent.iter_mut().for_each(|agent| agent.last_error = None);
            return Some(rpc::encode(&health));
        }
        if params.is_some_and(|params| !matches!(params.trim_ascii(), "" | "{}")) {
            return None;
        }
        self.results.get(method.as_str()).cloned()
    }

    /// What the gateway makes of a node.
    pub(super) fn in_gateway(&self, node: &NodeId) -> Option<NodeInGateway> {
        self.nodes_in_gateway.get(node).map(|view| NodeInGateway::clone(view))
    }

    /// What `health` says to operators. For them a failing agent is not well; to an app that would
    /// mean not to send the next message, with which the agent may work again.
    pub(super) fn health(&self, now: Now, nodes: NodeCounts) -> Option<HealthView> {
        let mut health = self.with_counts(now, nodes)?;
        health.ok &= !health.agent.as_ref().is_some_and(|agent| agent.failing);
        Some(health)
    }

    fn with_counts(&self, now: Now, nodes: NodeCounts) -> Option<HealthView> {
        let mut health = HealthView::clone(self.health.as_ref()?);
        health.ts = now.wall.0;
        health.uptime_ms = u64::try_from(now.mono.0.as_millis()).ok();
        health.nodes = Some(nodes);
        Some(health)
    }
}
