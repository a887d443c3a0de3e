//! What follows when the pairing book is on disk, or could not be saved (see `output.rs`).

use crate::protocol::operator::{Answer, Renamed, Revoked};
use crate::protocol::{GatewayFrame, WireError};
use crate::router::pairing::{self, Change};
use crate::router::{CloseReason, NodeNotice, Router};

impl Router {
    /// The book is on disk: now it is in force, and may be told.
    pub(super) fn saved(&mut self) {
        let Some((change, before)) = self.pairing.commit() else { return };
        let ctx = &mut self.ctx;
        match change {
            Change::Profile => {}
            Change::Request { waiter, id } => self.pairing.requested(ctx, waiter, id),
            Change::Pairing { conn, id, node, token, requester } => {
                ctx.counters.approved += 1;
                ctx.send(conn, GatewayFrame::PairOk { token: Some(token) });
                let paired = self.pairing.paired(&node).map(|paired| paired.profile.clone());
                self.admit(conn, &node, paired.unwrap_or_default());
                self.ctx.notify(NodeNotice::Online(node.clone()));
                if let Some(requester) = requester {
                    let answer = self.lookup().approved(&id, &node, true);
                    self.ctx.reply(requester, answer);
                    pairing::publish_resolved(&mut self.ctx, &id, &node, "approved");
                }
                self.pairing.reject_others(&mut self.ctx, &id, &node, &before);
            }
            Change::Approval { id, node, requester } => {
                let answer = self.lookup().approved(&id, &node, false);
                self.ctx.reply(requester, answer);
                self.pairing.approved(&mut self.ctx, &id, &node);
            }
            Change::Rejection { id, node, peer, requester } => {
                self.pairing.rejected(ctx, &id, &node, peer, Some(requester));
            }
            Change::Rename { node, name, requester } => {
                let answer = Renamed { node_id: node, display_name: name };
                ctx.reply(requester, Ok(Answer::Renamed(answer)));
            }
            Change::Revocation { node, requester } => {
                let conn = self.presence.connection_of(&node);
                if let Some(conn) = conn {
                    self.close(conn, CloseReason::Revoked);
                }
                if let Some(was) = before.paired.get(&node) {
                    self.presence.forget_node(&mut self.ctx, &node, was);
                }
                self.subscriptions.forget(&node);
                let answer = Revoked { node_id: node, was_connected: conn.is_some() };
                self.ctx.reply(requester, Ok(Answer::Revoked(answer)));
            }
        }
    }

    /// The files hold what they held, and so does the router.
    pub(super) fn save_failed(&mut self, reason: &str) {
        self.ctx.counters.save_failures += 1;
        let Some(change) = self.pairing.roll_back() else { return };
        let error = WireError::unavailable(format!("could not save the pairings: {reason}"));
        // A node is not given the reason, which is for the operator.
        let text = "the gateway could not save the pairing; try later";
        match change {
            Change::Profile => {}
            Change::Request { waiter, .. } => {
                self.ctx.refuse(waiter.conn, WireError::unavailable(text));
            }
            Change::Pairing { conn, requester: None, .. } => {
                self.ctx.refuse(conn, WireError::unavailable(text));
            }
            Change::Pairing { requester: Some(requester), .. }
            | Change::Approval { requester, .. }
            | Change::Rejection { requester, .. }
            | Change::Rename { requester, .. }
            | Change::Revocation { requester, .. } => self.ctx.reply(requester, Err(error)),
        }
    }
}
