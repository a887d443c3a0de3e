//! `hello`: who are you, and can you prove it? (protocol section 2.2)

use crate::protocol::{ErrorCode, GatewayFrame, Hello, NodeId, NodeProfile, WireError};
use crate::router::saved::AfterSave;
use crate::router::{CloseReason, ConnId, NodeNotice, Output, PairedNode, Router};
use std::sync::Arc;

impl Router {
    pub(super) fn hello(&mut self, conn: ConnId, hello: Hello) {
        let node = match self.identity(conn, hello.node) {
            Ok(node) => node,
            Err(error) => return self.refuse_for_good(conn, error),
        };
        if let Some(version) = hello.protocol.filter(|version| version != "1") {
            let shown: String = version.chars().take(16).collect();
            let text = format!("unsupported protocol {shown}; this gateway speaks protocol 1");
            return self.refuse_for_good(conn, WireError::invalid(text));
        }
        let Some(paired) = self.book.paired.get(&node).cloned() else {
            let error = match hello.token {
                None => WireError::new(ErrorCode::NotPaired, "pairing required"),
                Some(_) => WireError::unauthorized("invalid token"),
            };
            return self.refuse_hello(conn, error);
        };
        match hello.token {
            Some(token) if paired.accepts(&token) => {
                self.welcome(conn, &node, &paired, &hello.profile);
            }
            Some(_) => self.refuse_hello(conn, WireError::unauthorized("invalid token")),
            None => self.refuse_hello(conn, WireError::unauthorized("pairing required")),
        }
    }

    /// The node that a frame speaks for. A connection cannot change its node.
    pub(super) fn identity(
        &self,
        conn: ConnId,
        claimed: Result<NodeId, &'static str>,
    ) -> Result<NodeId, WireError> {
        let claimed = claimed.map_err(WireError::invalid)?;
        match self.connections.get(&conn).and_then(|connection| connection.node.as_ref()) {
            Some(node) if *node != claimed => {
                Err(WireError::invalid("this connection belongs to another nodeId"))
            }
            _ => Ok(claimed),
        }
    }

    fn welcome(
        &mut self,
        conn: ConnId,
        node: &NodeId,
        paired: &Arc<PairedNode>,
        said: &NodeProfile,
    ) {
        let profile = paired.profile.updated_by(said);
        let is_new = self.connections.get(&conn).is_some_and(|c| c.node.is_none());
        self.admit(conn, node, profile.clone());
        self.greet(conn);
        if is_new {
            self.out.push(Output::Notify(NodeNotice::Online(node.clone())));
        }
        // An address alone is not worth a write: phones change theirs several times a day.
        if profile != paired.profile {
            let remote_ip = self.connections.get(&conn).map(|c| c.peer.to_string());
            let entry = PairedNode { profile, remote_ip, ..PairedNode::clone(paired) };
            let book = self.book.with_node(node.clone(), entry);
            self.save(book, AfterSave::Nothing);
        }
    }

    /// The connection stays open: the node may ask to be paired on it. Not so on a connection
    /// that had been admitted, whose node would not expect the error.
    fn refuse_hello(&mut self, conn: ConnId, error: WireError) {
        self.counters.refused += 1;
        self.send(conn, GatewayFrame::Error(error));
        if self.connections.get(&conn).is_some_and(|connection| connection.node.is_some()) {
            self.close(conn, CloseReason::Refused);
        } else {
            self.count_refusal(conn);
        }
    }

    pub(super) fn refuse_for_good(&mut self, conn: ConnId, error: WireError) {
        self.counters.refused += 1;
        self.send(conn, GatewayFrame::Error(error));
        self.close(conn, CloseReason::Refused);
    }
}
