//! What follows when the pairing book is on disk, or could not be put there (see `output.rs`).

use crate::protocol::operator::{Answer, OperatorEvent, Rejected, Renamed, Revoked};
use crate::protocol::{limits, GatewayFrame, NodeId, Token, WireError};
use crate::router::{
    CloseReason, ConnId, NodeNotice, Output, PairingBook, RequestId, Requester, Router,
};
use std::net::IpAddr;

/// What happens when the book is on disk.
#[derive(Debug)]
pub(super) enum AfterSave {
    /// Nothing that anybody waits for.
    Nothing,
    /// The request is shown to operators.
    Requested { conn: ConnId, id: RequestId },
    /// The node gets its token.
    Paired { conn: ConnId, id: RequestId, node: NodeId, token: Token, requester: Option<Requester> },
    /// The approval waits for the node.
    Approved { id: RequestId, node: NodeId, requester: Requester },
    /// The node is told.
    Rejected { id: RequestId, node: NodeId, peer: IpAddr, requester: Requester },
    /// The operator is told.
    Renamed { node: NodeId, name: String, requester: Requester },
    /// The connection is cut.
    Revoked { node: NodeId, requester: Requester },
}

impl Router {
    /// The book is on disk: now it is true, and may be told.
    pub(super) fn saved(&mut self) {
        let Some((book, after)) = self.unsaved.take() else { return };
        let before = std::mem::replace(&mut self.book, book);
        match after {
            AfterSave::Nothing => {}
            AfterSave::Requested { conn, id } => self.after_request(conn, id),
            AfterSave::Paired { conn, id, node, token, requester } => {
                self.after_pairing(conn, &id, &node, token, requester, &before);
            }
            AfterSave::Approved { id, node, requester } => {
                self.cool_downs.clear(&node);
                self.remind_of(&id, limits::APPROVAL_KEPT);
                let answer = self.approved_answer(&id, &node, false);
                self.reply(requester, answer);
                self.resolved(&id, &node, "approved");
            }
            AfterSave::Rejected { id, node, peer, requester } => {
                self.turn_away(&id, node.clone(), peer, "pairing rejected");
                self.counters.rejected += 1;
                let answer = Rejected { request_id: id.0.clone(), node_id: node.clone() };
                self.reply(requester, Ok(Answer::Rejected(answer)));
                self.resolved(&id, &node, "rejected");
            }
            AfterSave::Renamed { node, name, requester } => {
                if let Some(conn) = self.online.get(&node) {
                    if let Some(connection) = self.connections.get_mut(conn) {
                        connection.profile.display_name = Some(name.clone());
                    }
                }
                let answer = Renamed { node_id: node, display_name: name };
                self.reply(requester, Ok(Answer::Renamed(answer)));
            }
            AfterSave::Revoked { node, requester } => {
                let conn = self.online.get(&node).copied();
                if let Some(conn) = conn {
                    self.close(conn, CloseReason::Revoked);
                }
                if let Some(was) = before.paired.get(&node) {
                    self.left_for_good(&node, was);
                }
                let answer = Revoked { node_id: node, was_connected: conn.is_some() };
                self.reply(requester, Ok(Answer::Revoked(answer)));
            }
        }
    }

    /// The files hold what they held: so does the router, and whoever waited is told.
    pub(super) fn save_failed(&mut self, reason: &str) {
        self.counters.save_failures += 1;
        let Some((_, after)) = self.unsaved.take() else { return };
        let error = WireError::unavailable(format!("could not save the pairings: {reason}"));
        match after {
            AfterSave::Nothing => {}
            AfterSave::Requested { conn, .. } | AfterSave::Paired { conn, requester: None, .. } => {
                // The reason is the operator's business, not a stranger's.
                let text = "the gateway could not save the pairing; try later";
                self.refuse_for_good(conn, WireError::unavailable(text));
            }
            AfterSave::Paired { requester: Some(requester), .. }
            | AfterSave::Approved { requester, .. }
            | AfterSave::Rejected { requester, .. }
            | AfterSave::Renamed { requester, .. }
            | AfterSave::Revoked { requester, .. } => self.reply(requester, Err(error)),
        }
    }

    fn after_request(&mut self, conn: ConnId, id: RequestId) {
        self.counters.pairing_requests += 1;
        self.remind_of(&id, limits::PAIRING_TTL);
        let Some(request) = self.book.pending.get(&id) else { return };
        self.wait_for(conn, id.clone(), request.node.clone());
        if let Some(view) = self.pending_view(&id) {
            self.tell(OperatorEvent::PairRequested(Box::new(view)));
        }
    }

    fn after_pairing(
        &mut self,
        conn: ConnId,
        id: &RequestId,
        node: &NodeId,
        token: Token,
        requester: Option<Requester>,
        before: &PairingBook,
    ) {
        self.cool_downs.clear(node);
        self.send(conn, GatewayFrame::PairOk { token: Some(token) });
        let paired = self.book.paired.get(node).map(|paired| paired.profile.clone());
        self.admit(conn, node, paired.unwrap_or_default());
        self.greet(conn);
        self.out.push(Output::Notify(NodeNotice::Online(node.clone())));
        self.counters.approved += 1;
        if let Some(requester) = requester {
            let answer = self.approved_answer(id, node, true);
            self.reply(requester, answer);
            self.resolved(id, node, "approved");
        }
        let others = before.requests_of(node).filter(|(other, _)| *other != id);
        for (other, request) in others {
            self.turn_away(other, node.clone(), request.remote_ip, "pairing rejected");
            self.resolved(other, node, "rejected");
        }
        // A rival at the same address must not make the approved node wait.
        if let Some(request) = before.pending.get(id) {
            self.cool_downs.forgive(node, request.remote_ip);
        }
    }
}
