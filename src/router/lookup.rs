//! What operators are shown.

use crate::protocol::operator::{Answer, Approved, NodeView, Pairings, PendingView};
use crate::protocol::{NodeId, WireError};
use crate::router::{views, PairedNode, PairingRequest, RequestId, Router};

impl Router {
    pub(super) fn node_view(&self, node: &NodeId) -> Option<NodeView> {
        self.pairing.paired(node).map(|paired| self.view(node, paired))
    }

    fn view(&self, node: &NodeId, paired: &PairedNode) -> NodeView {
        let mut view = self.connections.view(&self.ctx.policy.allow, node, paired);
        if view.connected {
            view.gateway = self.calls.documents.in_gateway(node);
        }
        view
    }

    /// Every paired node: connected first, then by name, then by id.
    pub(super) fn node_views(&self) -> Vec<NodeView> {
        let paired = self.pairing.book.paired.iter();
        let mut views: Vec<NodeView> =
            paired.map(|(node, paired)| self.view(node, paired)).collect();
        views.sort_by_cached_key(|view| {
            (!view.connected, views::name(view).to_lowercase(), view.node_id.clone())
        });
        views
    }

    /// Every request, and every paired node, newest first.
    pub(super) fn pairings(&self) -> Answer {
        let pending = self.pairing.book.pending.iter();
        let mut pending: Vec<PendingView> =
            pending.map(|(id, request)| self.pairing.pending_view(id, request)).collect();
        pending.sort_by(|a, b| b.ts.cmp(&a.ts).then_with(|| a.request_id.cmp(&b.request_id)));
        let mut paired = self.node_views();
        paired.sort_by_key(|view| std::cmp::Reverse(view.approved_at_ms));
        Answer::Pairings(Pairings { pending, paired })
    }

    /// The answer to an approval; of a node that has not collected its token, what it will be.
    pub(super) fn approved_answer(
        &self,
        id: &RequestId,
        request: &PairingRequest,
        delivered: bool,
    ) -> Result<Answer, WireError> {
        let future = || {
            let request = self.pairing.book.pending.get(id)?;
            let approved_at_ms = request.approved_at.map_or(0, |at| at.0);
            Some(NodeView {
                node_id: request.node.clone(),
                profile: request.profile.clone(),
                remote_ip: Some(request.remote_ip.to_string()),
                paired: false,
                connected: false,
                connected_at_ms: None,
                gateway: None,
                canvas_host_url: None,
                last_seen_at_ms: None,
                created_at_ms: approved_at_ms,
                approved_at_ms,
                forbidden_commands: Vec::new(),
            })
        };
        let node = self.node_view(&request.node).or_else(future);
        let node = node.ok_or_else(|| WireError::invalid("unknown requestId"))?;
        let (request_id, stale_token) = (id.0.clone(), request.stale_token.is_some());
        Ok(Answer::Approved(Box::new(Approved { request_id, delivered, stale_token, node })))
    }
}
