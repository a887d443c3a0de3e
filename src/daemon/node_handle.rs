//! A connection of a node as the router thread knows it: how to reach it, and what the log calls it.

use crate::link::{ConnectionLimiter, OutboxSender};
use crate::log_limit::LogLimit;
use crate::origin::Origin;
use crate::protocol::{limits, GatewayFrame, NodeFrame, NodeId};
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

pub(super) struct NodeHandle {
    /// `None` before it is admitted.
    pub(super) node: Option<NodeId>,
    pub(super) outbox: OutboxSender<GatewayFrame>,
    pub(super) limiter: Arc<ConnectionLimiter>,
    peer: IpAddr,
    /// What it called itself last, before it is admitted.
    claims: String,
}

/// Limits the lines that connections cause: of strangers by origin, of nodes by node.
pub(super) struct ConnectionLog {
    pub(super) strangers: Arc<LogLimit>,
    nodes: LogLimit,
}

impl NodeHandle {
    pub(super) fn new(
        peer: IpAddr,
        outbox: OutboxSender<GatewayFrame>,
        limiter: Arc<ConnectionLimiter>,
    ) -> Self {
        Self { node: None, outbox, limiter, peer, claims: String::new() }
    }

    /// Notes what an unauthenticated connection calls itself.
    pub(super) fn note_claims(&mut self, frame: &NodeFrame) {
        let (node, profile) = match frame {
            NodeFrame::Hello(hello) => (&hello.node, &hello.profile),
            NodeFrame::PairRequest(request) => (&request.node, &request.profile),
            _ => return,
        };
        self.claims = String::new();
        if self.node.is_some() {
            return;
        }
        let claims = [
            ("claims", node.as_ref().ok().map(NodeId::as_str)),
            ("name", profile.display_name.as_deref()),
        ];
        for (label, text) in claims {
            if let Some(text) = text {
                let text: String = text.chars().take(limits::LOG_NAME_CHARS).collect();
                let _ = write!(self.claims, " {label}={text:?}");
            }
        }
    }

    /// Where it comes from, and what it is called, or calls itself, for the log.
    pub(super) fn who(&self) -> String {
        match &self.node {
            Some(node) => format!("ip={} node={:?}", self.peer, node.as_str()),
            None => format!("ip={}{}", self.peer, self.claims),
        }
    }
}

impl ConnectionLog {
    pub(super) fn new(strangers: Arc<LogLimit>) -> Self {
        Self { strangers, nodes: LogLimit::new(limits::PAIRED_NODES, limits::LOG_BURST) }
    }

    /// Whether one more line that this connection causes may be written; if so, what to add to it.
    pub(super) fn admit(&self, kind: &'static str, handle: &NodeHandle) -> Option<String> {
        match &handle.node {
            Some(node) => self.nodes.admit_from(kind, node.as_str()),
            None => self.strangers.admit_from(kind, &Origin::of(handle.peer).to_string()),
        }
    }
}
