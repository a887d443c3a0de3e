//! What a connection sends, and who deals with it.

use crate::origin::Origin;
use crate::protocol::{
    limits, session, BadFrame, ErrorCode, GatewayFrame, Hello, NodeFrame, NodeId, NodeProfile,
    PairRequest, WireError,
};
use crate::router::pairing::{Candidate, Waiter};
use crate::router::{CloseReason, ConnId, NodeNotice, Router};
use std::sync::Arc;

impl Router {
    /// Frames of a connection that was closed may still arrive; they change nothing.
    pub(super) fn frame(&mut self, conn: ConnId, frame: NodeFrame) {
        if !self.connections.accepts_frame(&mut self.ctx, conn) {
            return;
        }
        let (node, nodes) = (self.connections.node(conn).cloned(), self.node_counts());
        let ctx = &mut self.ctx;
        match (frame, node) {
            (NodeFrame::Hello(hello), _) => self.hello(conn, *hello),
            (NodeFrame::PairRequest(request), _) => self.pair_request(conn, *request),
            (NodeFrame::Pong { .. }, _) => {}
            (NodeFrame::Unknown, _) => self.refuse_bad(conn, WireError::invalid("unknown type")),
            (NodeFrame::NotForNodes(kind), _) => {
                let text = format!("{kind} not allowed from node");
                self.refuse_bad(conn, WireError::invalid(text));
            }
            (frame, None) => self.connections.refuse_frame(ctx, conn, frame),
            (NodeFrame::Req { id, method, params }, Some(node)) => {
                self.calls.request(ctx, conn, node, (id, method), params, nodes);
            }
            (NodeFrame::Event { event, payload }, Some(node)) => {
                self.subscriptions.node_event(ctx, (conn, node), event, payload);
            }
            (NodeFrame::InvokeRes { id, result }, Some(_)) => {
                self.invokes.answered(ctx, conn, &id, result);
            }
            (NodeFrame::Ping { id }, Some(_)) => ctx.send(conn, GatewayFrame::Pong { id }),
        }
    }

    pub(super) fn bad_frame(&mut self, conn: ConnId, bad: &BadFrame) {
        if self.connections.activity(&self.ctx, conn).is_none() {
            return;
        }
        let error = match bad {
            BadFrame::NotJson(what) => WireError::invalid(what.clone()),
            BadFrame::TooLong(limit) => {
                // It may have been the answer to any invoke; "connection closed" would not say why.
                let reason = format!("the node's answer is longer than {} MiB", limit >> 20);
                self.invokes.fail_sent(&mut self.ctx, conn, &reason);
                WireError::invalid(format!("line longer than {limit} bytes"))
            }
            BadFrame::LongName(field) => {
                let most = limits::SHORT_TEXT_CHARS;
                WireError::invalid(format!("{field} is longer than {most} characters"))
            }
            BadFrame::Tls => WireError::tls_on_plain_port(),
        };
        self.refuse_bad(conn, error);
    }

    /// Closes after the error: the headless node keeps a half-dead connection otherwise (protocol
    /// section 2.6).
    fn refuse_bad(&mut self, conn: ConnId, error: WireError) {
        self.ctx.counters.bad_frames += 1;
        self.ctx.send_error(conn, error);
        self.ctx.close(conn, CloseReason::BadFrame);
    }

    /// A node presents its token (protocol section 2.2).
    fn hello(&mut self, conn: ConnId, hello: Hello) {
        let Some(node) = self.identify(conn, hello.node) else { return };
        if let Some(version) = hello.protocol.filter(|version| version != "1") {
            let shown: String = version.chars().take(16).collect();
            let text = format!("unsupported protocol {shown}; this gateway speaks protocol 1");
            return self.ctx.refuse(conn, WireError::invalid(text));
        }
        // From here on the book's id, so that the frame's memory is not kept.
        let Some(connection) = self.connections.get(conn) else { return };
        let is_new = connection.node.is_none();
        let (from, token) = (is_new.then(|| Origin::of(connection.peer)), hello.token.as_ref());
        let (node, paired) = match self.pairing.authenticate(&self.ctx, from, &node, token) {
            Ok(known) => known,
            Err(error) if error.code == ErrorCode::Unavailable => {
                return self.ctx.refuse(conn, error)
            }
            Err(error) => {
                let from = Waiter { conn, is_admitted: !is_new };
                let peer = connection.peer;
                self.connections.refuse_hello(&mut self.ctx, conn, error);
                if let Some(token) = hello.token.filter(|_| self.pairing.paired(&node).is_none()) {
                    let (profile, silent) = (hello.profile, false);
                    let candidate = Candidate { from, peer, node, profile, silent };
                    self.pairing.presented(&mut self.ctx, candidate, &token);
                }
                return;
            }
        };
        let updated = paired.profile.updated_by(&hello.profile);
        let profile = match updated == *paired.profile {
            true => paired.profile.clone(),
            false => updated.into(),
        };
        let has_changed = connection.profile != profile;
        self.admit(conn, &node, profile.clone());
        let (id, told) = (node.clone(), profile.clone());
        if is_new {
            self.ctx.notify(NodeNotice::Online { node: id, profile: told });
        } else if has_changed {
            self.ctx.notify(NodeNotice::Changed { node: id, profile: told });
        }
        self.update_profile(conn, node, &paired, profile);
    }

    fn pair_request(&mut self, conn: ConnId, request: PairRequest) {
        let Some(node) = self.identify(conn, request.node) else { return };
        let Some(connection) = self.connections.get(conn) else { return };
        let from = Waiter { conn, is_admitted: connection.node.is_some() };
        let peer = connection.peer;
        let (profile, silent) = (request.profile, request.silent);
        let candidate = Candidate { from, peer, node, profile, silent };
        self.pairing.request(&mut self.ctx, candidate);
    }

    /// The node that a frame speaks for, or the frame is refused. A connection cannot change its
    /// node.
    fn identify(&mut self, conn: ConnId, claimed: Result<NodeId, &'static str>) -> Option<NodeId> {
        let node = claimed.and_then(|node| match self.connections.node(conn) {
            Some(own) if *own != node => Err("this connection belongs to another nodeId"),
            _ => Ok(node),
        });
        node.map_err(|why| self.ctx.refuse(conn, WireError::invalid(why))).ok()
    }

    /// The connection becomes the node's only one, and is greeted.
    pub(super) fn admit(&mut self, conn: ConnId, node: &NodeId, profile: Arc<NodeProfile>) {
        if let Some(older) = self.connections.of(node).filter(|older| *older != conn) {
            self.ctx.counters.take_overs += 1;
            self.ctx.close(older, CloseReason::TakenOver);
            self.forget_closed("node connection replaced by a newer one");
        }
        self.pairing.waiting.forget_connection(&mut self.ctx, conn);
        let paired = self.pairing.paired(node).map(AsRef::as_ref);
        self.connections.admit(&mut self.ctx, conn, node, profile, paired);
        let frame = GatewayFrame::HelloOk {
            server_name: self.ctx.policy.server_name.clone(),
            canvas_host_url: self.connections.get(conn).and_then(|c| c.canvas_host_url.clone()),
            main_session_key: Some(session::MAIN.into()),
        };
        self.ctx.send(conn, frame);
    }
}
