//! What operators decide about requests and pairings, and the expiry of what they did not decide.

use super::{Change, PairedNode, Pairing, PairingBook, PairingRequest, RequestId};
use crate::protocol::operator::{Answer, OperatorEvent, PairResolved, Rejected};
use crate::protocol::{limits, NodeId, WireError};
use crate::router::context::Context;
use crate::router::timers::Timer;
use crate::router::{CloseReason, Requester};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

impl Pairing {
    /// An operator approves a request. If its node waits, it gets its token; otherwise the approval
    /// is kept for it. Returns `false` if the approval was kept already.
    ///
    /// # Errors
    /// There are too many paired nodes.
    pub(in crate::router) fn approve(
        &mut self,
        ctx: &mut Context,
        requester: Requester,
        id: &RequestId,
        request: &PairingRequest,
    ) -> Result<bool, WireError> {
        let node = &request.node;
        if !self.book.paired.contains_key(node)
            && self.book.paired.len() + self.promised(node) >= ctx.policy.paired_nodes
        {
            let text =
                "too many paired nodes; revoke one first, or raise bridge.limits.pairedNodes";
            return Err(WireError::unavailable(text));
        }
        if let Some(waiter) = self.waiting.waiter(id) {
            self.deliver(ctx, waiter.conn, id, request, Some(requester));
            return Ok(true);
        }
        if request.approved_at.is_some() {
            return Ok(false);
        }
        let book = self.book.with_approval(id, ctx.now.wall);
        let (id, node) = (id.clone(), node.clone());
        self.save(ctx, book, Change::Approval { id, node, requester });
        Ok(true)
    }

    /// How many nodes other than this one are not paired yet, but have an approval that waits.
    fn promised(&self, but: &NodeId) -> usize {
        let waits = |request: &&Arc<PairingRequest>| {
            request.approved_at.is_some()
                && request.node != *but
                && !self.book.paired.contains_key(&request.node)
        };
        let nodes = self.book.pending.values().filter(waits).map(|request| &request.node);
        nodes.collect::<BTreeSet<_>>().len()
    }

    /// An operator rejects a request.
    pub(in crate::router) fn reject(
        &mut self,
        ctx: &mut Context,
        requester: Requester,
        id: RequestId,
        request: &PairingRequest,
    ) {
        let book = self.book.without_requests(|other, _| *other == id);
        let (node, peer) = (request.node.clone(), request.remote_ip);
        self.save(ctx, book, Change::Rejection { id, node, peer, requester });
    }

    /// An operator names a paired node.
    pub(in crate::router) fn rename(
        &mut self,
        ctx: &mut Context,
        requester: Requester,
        node: NodeId,
        name: String,
    ) {
        let Some(paired) = self.paired(&node) else { return };
        let mut entry = PairedNode::clone(paired);
        entry.profile.display_name = Some(name.clone());
        entry.renamed = true;
        let book = self.book.with_node(node.clone(), entry);
        self.save(ctx, book, Change::Rename { node, name, requester });
    }

    /// An operator revokes a pairing.
    pub(in crate::router) fn revoke(
        &mut self,
        ctx: &mut Context,
        requester: Requester,
        node: NodeId,
    ) {
        let book = self.book.without_node(&node);
        self.save(ctx, book, Change::Revocation { node, requester });
    }

    /// An approval is on disk and waits for the node.
    pub(in crate::router) fn approved(&mut self, ctx: &mut Context, id: &RequestId, node: &NodeId) {
        self.cool_downs.clear(node);
        ctx.timers.set(ctx.after(limits::APPROVAL_KEPT), Timer::Pairing(id.clone()));
        publish_resolved(ctx, id, node, "approved");
    }

    /// A pairing is on disk and its token sent: other requests of the same node are rejected. One
    /// of them at the same address must not make the approved node wait.
    pub(in crate::router) fn reject_others(
        &mut self,
        ctx: &mut Context,
        id: &RequestId,
        node: &NodeId,
        before: &PairingBook,
    ) {
        self.cool_downs.clear(node);
        for (other, request) in before.requests_of(node).filter(|(other, _)| *other != id) {
            self.rejected(ctx, other, node, request.remote_ip, None);
        }
        if let Some(request) = before.pending.get(id) {
            self.cool_downs.forgive(node, request.remote_ip);
        }
    }

    /// A rejection is on disk. Without a requester, it follows from the approval of another
    /// request.
    pub(in crate::router) fn rejected(
        &mut self,
        ctx: &mut Context,
        id: &RequestId,
        node: &NodeId,
        peer: IpAddr,
        requester: Option<Requester>,
    ) {
        self.dismiss(ctx, id, node, peer, "pairing rejected");
        if let Some(requester) = requester {
            ctx.counters.rejected += 1;
            let answer = Rejected { request_id: id.0.clone(), node_id: node.clone() };
            ctx.reply(requester, Ok(Answer::Rejected(answer)));
        }
        publish_resolved(ctx, id, node, "rejected");
    }

    /// The time of a request or of a kept approval is over. The file is not rewritten for it:
    /// what has expired is not read from it either.
    pub(in crate::router) fn expired(&mut self, ctx: &mut Context, id: &RequestId) {
        let Some(request) = self.book.pending.get(id).cloned() else { return };
        self.book = self.book.without_requests(|other, _| other == id);
        if request.approved_at.is_none() {
            ctx.counters.expired += 1;
            self.dismiss(ctx, id, &request.node, request.remote_ip, "pairing expired");
        }
        publish_resolved(ctx, id, &request.node, "expired");
    }

    /// Closes the connection that waits for the request, and starts a cool-down.
    fn dismiss(
        &mut self,
        ctx: &mut Context,
        id: &RequestId,
        node: &NodeId,
        peer: IpAddr,
        text: &'static str,
    ) {
        if let Some(waiter) = self.waiting.waiter(id) {
            ctx.send_error(waiter.conn, WireError::unauthorized(text));
            ctx.close(waiter.conn, CloseReason::NotApproved);
        }
        self.cool_downs.start(ctx.now.mono, node.clone(), peer);
    }
}

pub(in crate::router) fn publish_resolved(
    ctx: &mut Context,
    id: &RequestId,
    node: &NodeId,
    decision: &'static str,
) {
    let (request_id, node_id, ts) = (id.0.clone(), node.clone(), ctx.now.wall.0);
    let decision = decision.into();
    ctx.publish(OperatorEvent::PairResolved(PairResolved { request_id, node_id, decision, ts }));
}
