//! What operators decide about requests and pairings, the expiry of what they did not decide, and
//! what follows once the book is on disk, or could not be saved (see `output.rs`).

use super::crowd::too_many;
use super::{Change, PairedNode, PairingBook, PairingRequest, RequestId, Unsaved, Waiter};
use crate::protocol::operator::{Answer, OperatorEvent, PairResolved, Rejected, Renamed, Revoked};
use crate::protocol::{limits, GatewayFrame, NodeId, NodeProfile, Token, WireError};
use crate::router::timers::Timer;
use crate::router::{CloseReason, ConnId, NodeNotice, Requester, Router};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Router {
    /// If the request's node waits, it gets its token; otherwise the approval is kept for it.
    /// Returns the answer if the approval was kept already.
    pub(in crate::router) fn approve(
        &mut self,
        requester: Requester,
        query: &str,
    ) -> Result<Option<Answer>, WireError> {
        let (id, request) = self.find_request_to_approve(query)?;
        let book = &self.pairing.book;
        let is_new = !book.paired.contains_key(&request.node);
        if is_new
            && book.paired.len() + promised(book, &request.node) >= self.ctx.policy.paired_nodes
        {
            let text =
                "too many paired nodes; revoke one first, or raise bridge.limits.pairedNodes";
            return Err(WireError::unavailable(text));
        }
        if let Some(&Waiter { conn, .. }) = self.pairing.waiting.waiters.get(&id) {
            self.pairing.deliver(&mut self.ctx, conn, id, &request, Some(requester));
        } else if request.approved_at.is_some() {
            return self.approved_answer(&id, &request, false).map(Some);
        } else if let Some(token) = request.stale_token.filter(|_| is_new) {
            let book = book.with_pairing(&request, token, self.ctx.now.wall);
            self.pairing.save(&mut self.ctx, book, Change::Restoration { id }, Some(requester));
        } else {
            let book = book.with_approval(&id, self.ctx.now.wall);
            self.pairing.save(&mut self.ctx, book, Change::Approval { id }, Some(requester));
        }
        Ok(None)
    }

    pub(in crate::router) fn reject(
        &mut self,
        requester: Requester,
        query: &str,
    ) -> Result<(), WireError> {
        let (id, _) = self.find_request(query)?;
        let book = self.pairing.book.without_requests(|other, _| *other == id);
        self.pairing.save(&mut self.ctx, book, Change::Rejection { id }, Some(requester));
        Ok(())
    }

    pub(in crate::router) fn rename(&mut self, requester: Requester, node: NodeId, name: String) {
        let Some(paired) = self.pairing.paired(&node) else { return };
        let mut entry = PairedNode::clone(paired);
        Arc::make_mut(&mut entry.profile).display_name = Some(name.clone());
        entry.renamed = true;
        let book = self.pairing.book.with_node(node.clone(), entry);
        self.pairing.save(&mut self.ctx, book, Change::Rename { node, name }, Some(requester));
    }

    pub(in crate::router) fn revoke(&mut self, requester: Requester, node: NodeId) {
        let book = self.pairing.book.without_node(&node);
        self.pairing.save(&mut self.ctx, book, Change::Revocation { node }, Some(requester));
    }

    /// Notes what an admitted node said about itself, if it is new; it is saved with the next change,
    /// or within a minute. An address alone is not worth a write: phones change theirs several
    /// times a day.
    pub(in crate::router) fn update_profile(
        &mut self,
        conn: ConnId,
        node: NodeId,
        paired: &PairedNode,
        profile: Arc<NodeProfile>,
    ) {
        if profile != paired.profile {
            let remote_ip =
                self.connections.get(conn).map(|connection| connection.peer.to_string());
            let entry = PairedNode { profile, remote_ip, ..paired.clone() };
            self.pairing.book.set_node(node, entry);
            self.pairing.save_profiles_later(&mut self.ctx);
        }
    }

    /// Saves what nodes said about themselves since the last time.
    pub(in crate::router) fn save_profiles(&mut self) {
        if self.pairing.has_unsaved_profiles {
            let book = self.pairing.book.clone();
            self.pairing.save(&mut self.ctx, book, Change::Profiles, None);
        }
    }

    /// The time of a request or of a kept approval is over. The file is not rewritten for it:
    /// what has expired is not read from it either.
    pub(in crate::router) fn expired(&mut self, id: &RequestId) {
        let Some(request) = self.pairing.book.pending.get(id).cloned() else { return };
        self.pairing.book = self.pairing.book.without_requests(|other, _| other == id);
        if request.approved_at.is_none() {
            self.ctx.counters.expired += 1;
            self.dismiss(id, &request, "pairing expired");
        }
        self.publish_resolved(id, &request.node, "expired");
    }

    /// The book is on disk: now it is in force, and its change may be seen.
    pub(in crate::router) fn saved(&mut self) {
        self.ctx.save_error = None;
        let Some(Unsaved { book, change, requester }) = self.pairing.unsaved.take() else { return };
        let before = std::mem::replace(&mut self.pairing.book, book);
        self.pairing.has_unsaved_profiles = false;
        self.ctx.timers.cancel(&Timer::Profiles);
        let pending = &self.pairing.book.pending;
        self.pairing.waiting.replaced.retain(|id, _| pending.contains_key(id));
        let answer = match change {
            Change::Profiles => return,
            Change::Request { waiter, id, evicted } => {
                if let Some(evicted) = evicted {
                    self.evicted(&evicted, &id, waiter, &before);
                }
                return self.pairing.requested(&mut self.ctx, waiter, id);
            }
            Change::Pairing { conn, id, token } => {
                return self.paired(conn, &id, token, requester, &before);
            }
            Change::Restoration { id } => {
                let Some(request) = before.pending.get(&id) else { return };
                self.ctx.counters.approved += 1;
                self.reply(requester, self.approved_answer(&id, request, true));
                self.publish_resolved(&id, &request.node, "approved");
                return self.decided(&id, request, &before);
            }
            Change::Approval { id } => {
                let Some(request) = before.pending.get(&id) else { return };
                self.reply(requester, self.approved_answer(&id, request, false));
                self.pairing.cool_downs.clear(&request.node);
                self.pairing.cool_downs.forgive(request.asker());
                let until = self.ctx.after(limits::APPROVAL_KEPT);
                self.ctx.timers.set(until, Timer::Pairing(id.clone()));
                return self.publish_resolved(&id, &request.node, "approved");
            }
            Change::Rejection { id } => {
                let Some(request) = before.pending.get(&id) else { return };
                return self.rejected(&id, request, requester);
            }
            Change::Rename { node, name } => {
                Answer::Renamed(Renamed { node_id: node, display_name: name })
            }
            Change::Revocation { node } => {
                let conn = self.connections.of(&node);
                if let Some(conn) = conn {
                    self.close(conn, CloseReason::Revoked);
                }
                if let Some(was) = before.paired.get(&node) {
                    self.connections.forget_node(&mut self.ctx, &node, was);
                }
                self.subscriptions.forget(&mut self.ctx, &node);
                self.pairing.refused.remove(&node);
                Answer::Revoked(Revoked { node_id: node, was_connected: conn.is_some() })
            }
        };
        self.reply(requester, Ok(answer));
    }

    /// A pairing is on disk: its node gets the token, and its other requests are rejected.
    fn paired(
        &mut self,
        conn: ConnId,
        id: &RequestId,
        token: Token,
        requester: Option<Requester>,
        before: &PairingBook,
    ) {
        let Some(request) = before.pending.get(id) else { return };
        let node = &request.node;
        self.ctx.counters.approved += 1;
        self.ctx.send(conn, GatewayFrame::PairOk { token: Some(token) });
        let profile = self.pairing.paired(node).map(|paired| paired.profile.clone());
        let profile = profile.unwrap_or_default();
        self.admit(conn, node, profile.clone());
        self.ctx.notify(NodeNotice::Online { node: node.clone(), profile });
        // Without a requester, the approval was kept, and has been published.
        if requester.is_some() {
            self.reply(requester, self.approved_answer(id, request, true));
            self.publish_resolved(id, node, "approved");
        }
        self.decided(id, request, before);
    }

    /// A node is paired: its other requests are rejected, and nothing of it is held back.
    fn decided(&mut self, id: &RequestId, request: &PairingRequest, before: &PairingBook) {
        let node = &request.node;
        self.pairing.cool_downs.clear(node);
        for (other, rejected) in before.pending.iter() {
            if rejected.node == *node && other != id {
                self.rejected(other, rejected, None);
            }
        }
        // A rejected one from the same address must not make the approved node wait, nor its
        // owner's next one.
        self.pairing.cool_downs.forgive(request.asker());
    }

    /// That a request gave way to another one is on disk.
    fn evicted(
        &mut self,
        id: &RequestId,
        newcomer: &RequestId,
        waiter: Option<Waiter>,
        before: &PairingBook,
    ) {
        let Some(request) = before.pending.get(id) else { return };
        self.ctx.timers.cancel(&Timer::Pairing(id.clone()));
        let new = self.pairing.book.pending.get(newcomer);
        if !new.is_some_and(|new| request.is_superseded_by(&new.node, new.remote_ip)) {
            // Or a crowd that keeps evicting its own would have every request written to the disk.
            self.pairing.cool_downs.start_origin(self.ctx.now.mono, request.asker().0);
        }
        let is_other = |conn: &ConnId| waiter.is_none_or(|waiter| waiter.conn != *conn);
        if let Some(conn) = self.pairing.waiting.conn(id).filter(is_other) {
            self.ctx.refuse(conn, too_many());
        }
        self.publish_resolved(id, &request.node, "evicted");
    }

    /// A rejection is on disk. Without a requester, it follows from the approval of another
    /// request.
    fn rejected(&mut self, id: &RequestId, request: &PairingRequest, requester: Option<Requester>) {
        self.dismiss(id, request, "pairing rejected");
        self.pairing.cool_downs.start_origin(self.ctx.now.mono, request.asker().0);
        if requester.is_some() {
            self.ctx.counters.rejected += 1;
            let answer = Rejected { request_id: id.0.clone(), node_id: request.node.clone() };
            self.reply(requester, Ok(Answer::Rejected(answer)));
        }
        self.publish_resolved(id, &request.node, "rejected");
    }

    /// Closes the connection that waits for the request, and starts a cool-down.
    fn dismiss(&mut self, id: &RequestId, request: &PairingRequest, text: &'static str) {
        if let Some(waiter) = self.pairing.waiting.waiters.get(id) {
            self.ctx.send_error(waiter.conn, WireError::unauthorized(text));
            self.ctx.close(waiter.conn, CloseReason::NotApproved);
        }
        self.pairing.cool_downs.start(self.ctx.now.mono, request.asker());
    }

    fn publish_resolved(&mut self, id: &RequestId, node: &NodeId, decision: &'static str) {
        let (request_id, node_id) = (id.0.clone(), node.clone());
        let (decision, ts) = (decision.into(), self.ctx.now.wall.0);
        let resolved = PairResolved { request_id, node_id, decision, ts };
        self.ctx.publish(OperatorEvent::PairResolved(resolved));
    }

    fn reply(&mut self, to: Option<Requester>, result: Result<Answer, WireError>) {
        if let Some(to) = to {
            self.ctx.reply(to, result);
        }
    }

    /// The files hold what they held, and so does the router.
    pub(in crate::router) fn save_failed(&mut self, reason: &str) {
        self.ctx.counters.save_failures += 1;
        self.ctx.save_error = Some(reason.to_owned());
        let Some(Unsaved { change, requester, .. }) = self.pairing.unsaved.take() else { return };
        if requester.is_some() {
            let text = format!("could not save the pairings: {reason}");
            return self.reply(requester, Err(WireError::unavailable(text)));
        }
        if matches!(change, Change::Profiles) {
            return self.pairing.save_profiles_later(&mut self.ctx);
        }
        if let Change::Request { waiter: Some(Waiter { conn, .. }), .. }
        | Change::Pairing { conn, .. } = change
        {
            // A node is not given the reason, which is for the operator.
            let text = "the gateway could not save the pairing; try later";
            self.ctx.refuse(conn, WireError::unavailable(text));
        }
    }
}

/// How many nodes other than this one are not paired yet, but have an approval that waits.
fn promised(book: &PairingBook, but: &NodeId) -> usize {
    let waits = |request: &&Arc<PairingRequest>| {
        request.approved_at.is_some()
            && request.node != *but
            && !book.paired.contains_key(&request.node)
    };
    let nodes = book.pending.values().filter(waits).map(|request| &request.node);
    nodes.collect::<BTreeSet<_>>().len()
}
