//! Asking to be paired, approving, rejecting, expiring (protocol sections 2.3, 2.4 and 4).
//!
//! What differs from the old gateway on purpose: a request belongs to node id, address and
//! profile, so that nobody can put a second request under one the operator has looked at and
//! collect its token; one connection waits for each request; an approval that finds nobody
//! waiting is kept, and the token is made when the node comes for it; whoever was rejected cools
//! down.

use crate::protocol::operator::{OperatorEvent, PairResolved};
use crate::protocol::{limits, GatewayFrame, NodeId, PairRequest, WireError};
use crate::router::deadlines::Reminder;
use crate::router::saved::AfterSave;
use crate::router::{
    CloseReason, ConnId, Mono, Output, PairedNode, PairingRequest, RequestId, Requester, Router,
};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

impl Router {
    pub(super) fn pair_request(&mut self, conn: ConnId, request: PairRequest) {
        let node = match self.identity(conn, request.node.clone()) {
            Ok(node) => node,
            Err(error) => return self.refuse_for_good(conn, error),
        };
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let peer = connection.peer;
        let same = self.book.same_request(&node, peer, &request.profile);
        if let Some((id, known)) = same.map(|(id, known)| (id.clone(), Arc::clone(known))) {
            if known.approved_at.is_some() {
                return self.deliver(conn, &id, &known, None);
            }
            return self.wait_for(conn, id, node);
        }
        if let Some(ends) = self.cool_downs.ends(self.now.mono, &node, peer) {
            return self.hold(conn, &node, request, ends);
        }
        if let Err(error) = self.room_for_request(&node, peer) {
            return self.refuse_for_good(conn, error);
        }
        let conflict = self.book.requests_of(&node).next().is_some();
        let request = PairingRequest {
            is_repair: self.book.paired.contains_key(&node),
            profile: request.profile,
            silent: request.silent,
            remote_ip: peer,
            conflict,
            ts: self.now.wall,
            approved_at: None,
            node,
        };
        let id = RequestId(self.ids.unique().into());
        let book = self.book.with_request(id.clone(), request);
        self.save(book, AfterSave::Requested { conn, id });
    }

    /// A request in a cool-down waits where nobody sees it: one of each node and address, and not
    /// more of them than could be shown. The connection stays a stranger like any other.
    fn hold(&mut self, conn: ConnId, node: &NodeId, request: PairRequest, ends: Mono) {
        let Some(peer) = self.connections.get(&conn).map(|connection| connection.peer) else {
            return;
        };
        let held = self.connections.iter().filter(|(other, c)| **other != conn && c.held.is_some());
        let held: Vec<(ConnId, bool)> = held
            .map(|(other, c)| {
                let same = |held: &PairRequest| held.node.as_ref() == Ok(node) && c.peer == peer;
                (*other, c.held.as_ref().is_some_and(same))
            })
            .collect();
        if let Some((older, _)) = held.iter().find(|(_, same)| *same) {
            self.give_way(*older);
        } else if held.len() >= self.policy.pending_pairings {
            return self.refuse_for_good(conn, too_many());
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.held = Some(request);
            connection.waiting = None;
        }
        self.remind_connection(ends, conn, Reminder::Held(conn));
    }

    /// A newer connection of the same node waits in this one's place.
    fn give_way(&mut self, older: ConnId) {
        let error = WireError::unavailable("a newer connection of this node waits instead");
        self.send(older, GatewayFrame::Error(error));
        self.close(older, CloseReason::TakenOver);
    }

    /// The cool-down of a held request is over.
    pub(super) fn check_held(&mut self, conn: ConnId) {
        let held = self.connections.get_mut(&conn).and_then(|connection| connection.held.take());
        if let Some(request) = held {
            self.pair_request(conn, request);
        }
    }

    /// Loopback carries everybody's SSH tunnels, so there the node id is counted instead of the
    /// address.
    fn room_for_request(&self, node: &NodeId, peer: IpAddr) -> Result<(), WireError> {
        let mut pending = 0;
        let mut of_same_origin = 0;
        for request in self.book.pending.values() {
            pending += 1;
            let same = if peer.is_loopback() {
                request.node == *node
            } else {
                network(request.remote_ip) == network(peer)
            };
            of_same_origin += usize::from(same);
        }
        if pending >= self.policy.pending_pairings
            || of_same_origin >= self.policy.pending_pairings_per_address
        {
            return Err(too_many());
        }
        Ok(())
    }

    /// The connection waits for the operator's answer to this request, and no other does.
    pub(super) fn wait_for(&mut self, conn: ConnId, id: RequestId, node: NodeId) {
        if let Some(older) = self.waiter(&id).filter(|older| *older != conn) {
            if self.connections.get(&older).is_some_and(|older| older.node.is_some()) {
                // It has proven who it is; a stranger that says the same has not.
                let error = WireError::unavailable("the node itself waits for this already");
                return self.refuse_for_good(conn, error);
            }
            self.give_way(older);
            *self.replaced.entry(id.clone()).or_default() += 1;
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.waiting = Some(id);
            connection.held = None;
            self.out.push(Output::Wait { conn, node });
        }
    }

    pub(super) fn waiter(&self, id: &RequestId) -> Option<ConnId> {
        let waits = |(_, c): &(&ConnId, &super::Connection)| c.waiting.as_ref() == Some(id);
        self.connections.iter().find(waits).map(|(conn, _)| *conn)
    }

    /// An operator approves. With the node waiting, it gets its token; otherwise the approval
    /// waits for the node.
    pub(super) fn approve(
        &mut self,
        requester: Requester,
        id: RequestId,
        request: &Arc<PairingRequest>,
    ) {
        let known = self.book.paired.contains_key(&request.node);
        if !known
            && self.book.paired.len() + self.promised(&request.node) >= self.policy.paired_nodes
        {
            let text =
                "too many paired nodes; revoke one first, or raise bridge.limits.pairedNodes";
            return self.reply(requester, Err(WireError::unavailable(text)));
        }
        if let Some(conn) = self.waiter(&id) {
            return self.deliver(conn, &id, request, Some(requester));
        }
        if request.approved_at.is_some() {
            let answer = self.approved_answer(&id, &request.node, false);
            return self.reply(requester, answer);
        }
        let book = self.book.with_approval(&id, self.now.wall);
        self.save(book, AfterSave::Approved { id, node: request.node.clone(), requester });
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

    /// Makes the token, and hands it over once it is on disk.
    fn deliver(
        &mut self,
        conn: ConnId,
        id: &RequestId,
        request: &PairingRequest,
        requester: Option<Requester>,
    ) {
        let token = self.ids.token();
        let book = self.book.with_pairing(request, &token, self.now.wall);
        let node = request.node.clone();
        self.save(book, AfterSave::Paired { conn, id: id.clone(), node, token, requester });
    }

    pub(super) fn reject(&mut self, requester: Requester, id: RequestId, request: &PairingRequest) {
        let book = self.book.without_requests(|other, _| *other == id);
        let (node, peer) = (request.node.clone(), request.remote_ip);
        self.save(book, AfterSave::Rejected { id, node, peer, requester });
    }

    pub(super) fn rename(&mut self, requester: Requester, node: NodeId, name: String) {
        let Some(paired) = self.book.paired.get(&node) else { return };
        let mut entry = PairedNode::clone(paired);
        entry.profile.display_name = Some(name.clone());
        entry.renamed = true;
        let book = self.book.with_node(node.clone(), entry);
        self.save(book, AfterSave::Renamed { node, name, requester });
    }

    pub(super) fn revoke(&mut self, requester: Requester, node: NodeId) {
        let book = self.book.without_node(&node);
        self.save(book, AfterSave::Revoked { node, requester });
    }

    /// Tells the connection that waits for a request that it waits in vain.
    pub(super) fn turn_away(
        &mut self,
        id: &RequestId,
        node: NodeId,
        peer: IpAddr,
        text: &'static str,
    ) {
        if let Some(conn) = self.waiter(id) {
            self.send(conn, GatewayFrame::Error(WireError::unauthorized(text)));
            self.close(conn, CloseReason::NotApproved);
        }
        self.cool_downs.start(self.now.mono, node, peer);
    }

    /// A request's or an approval's time may be over. The file is not rewritten for it: what has
    /// expired is not read from it either.
    pub(super) fn check_pairing(&mut self, id: &RequestId) {
        let Some(request) = self.book.pending.get(id).cloned() else { return };
        self.book = self.book.without_requests(|other, _| other == id);
        if request.approved_at.is_none() {
            self.counters.expired += 1;
            self.turn_away(id, request.node.clone(), request.remote_ip, "pairing expired");
        }
        self.resolved(id, &request.node, "expired");
    }

    /// A request is forgotten after `span`, counted from now. An approval moves the reminder.
    pub(super) fn remind_of(&mut self, id: &RequestId, span: Duration) {
        let at = self.now.mono + span;
        if let Some(before) = self.pairing_ends.insert(id.clone(), at) {
            self.deadlines.cancel(before, Reminder::Pairing(id.clone()));
        }
        self.pairing_ends.retain(|id, _| self.book.pending.contains_key(id));
        self.replaced.retain(|id, _| self.book.pending.contains_key(id));
        self.deadlines.remind(at, Reminder::Pairing(id.clone()));
    }

    /// Requests that outlived a restart keep what is left of their time, by the calendar clock;
    /// should that have jumped, at most the whole of it.
    pub(super) fn remind_of_pending(&mut self) {
        let wall = self.now.wall.0;
        let left = |since: u64, span: Duration| {
            let age = Duration::from_millis(wall.saturating_sub(since));
            span.saturating_sub(age)
        };
        let pending = Arc::clone(&self.book.pending);
        for (id, request) in pending.iter() {
            let span = match request.approved_at {
                Some(at) => left(at.0, limits::APPROVAL_KEPT),
                None => left(request.ts.0, limits::PAIRING_TTL),
            };
            self.remind_of(id, span);
        }
    }

    pub(super) fn resolved(&mut self, id: &RequestId, node: &NodeId, decision: &'static str) {
        self.tell(OperatorEvent::PairResolved(PairResolved {
            request_id: id.0.clone(),
            node_id: node.clone(),
            decision: decision.into(),
            ts: self.now.wall.0,
        }));
    }
}

fn too_many() -> WireError {
    WireError::unavailable("too many pairing requests are waiting; try later")
}

/// What counts as one address: with IPv6, one machine has a whole /64 to choose from.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}
