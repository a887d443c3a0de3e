//! Who is connected, and as whom. Take-over, disconnect, and the grace after it.

use crate::protocol::operator::{NodeView, OperatorEvent};
use crate::protocol::{
    limits, session, BadFrame, GatewayFrame, NodeEvent, NodeFrame, NodeId, NodeProfile,
    PairRequest, Payload, WireError,
};
use crate::router::deadlines::Reminder;
use crate::router::{
    views, Absence, CloseReason, ConnId, Mono, NodeNotice, Output, PairedNode, RequestId, Router,
    Wall,
};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// One connection. A stranger until `node` is set.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: IpAddr,
    /// The node it speaks for.
    pub(super) node: Option<NodeId>,
    /// What the node said about itself on this connection.
    pub(super) profile: NodeProfile,
    /// Admitted when.
    pub(super) since: Wall,
    /// The pairing request whose token it waits for.
    pub(super) waiting: Option<RequestId>,
    /// A pairing request that is not shown before a cool-down is over.
    pub(super) held: Option<PairRequest>,
    /// How often it was refused something.
    pub(super) refusals: u32,
    /// Frames it sent before it was admitted.
    pub(super) stranger_frames: u32,
    /// Reminders that end with it.
    pub(super) reminders: Vec<(Mono, Reminder)>,
    /// The last time anything arrived.
    pub(super) heard: Mono,
    /// When it was pinged, if it has not been heard since.
    pub(super) pinged: Option<Mono>,
    /// It may be silent until then: it carries out an invoke and reads nothing meanwhile.
    pub(super) busy_until: Mono,
    /// Recordings it was asked for and has not sent. They make long lines.
    pub(super) recordings: BTreeSet<Arc<str>>,
}

impl Router {
    pub(super) fn connected(&mut self, conn: ConnId, peer: IpAddr) {
        self.counters.connections += 1;
        let connection = Connection {
            peer,
            node: None,
            profile: NodeProfile::default(),
            since: self.now.wall,
            waiting: None,
            held: None,
            refusals: 0,
            stranger_frames: 0,
            reminders: Vec::new(),
            heard: self.now.mono,
            pinged: None,
            busy_until: Mono::default(),
            recordings: BTreeSet::new(),
        };
        self.connections.insert(conn, connection);
        if self.stopping {
            // It was accepted before the stop, and is heard of after it.
            return self.close(conn, CloseReason::Stopping);
        }
        let ends = self.now.mono + limits::GREETING_DEADLINE;
        self.remind_connection(ends, conn, Reminder::Greeting(conn));
    }

    /// Frames of a connection that was closed may still be on their way; they change nothing.
    pub(super) fn frame(&mut self, conn: ConnId, frame: NodeFrame) {
        self.heard(conn);
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.node.is_none() {
            connection.stranger_frames += 1;
            if connection.stranger_frames > limits::STRANGER_FRAMES {
                return self.close(conn, CloseReason::Refused);
            }
        }
        match frame {
            NodeFrame::Hello(hello) => self.hello(conn, hello),
            NodeFrame::PairRequest(request) => self.pair_request(conn, request),
            NodeFrame::Pong { .. } => {}
            NodeFrame::Unknown => self.refuse_frame(conn, WireError::invalid("unknown type")),
            NodeFrame::NotForNodes(kind) => {
                let text = format!("{kind} not allowed from node");
                self.refuse_frame(conn, WireError::invalid(text));
            }
            frame => match connection.node.clone() {
                Some(node) => self.frame_of(conn, &node, frame),
                None => self.not_authenticated(conn, frame),
            },
        }
    }

    fn frame_of(&mut self, conn: ConnId, node: &NodeId, frame: NodeFrame) {
        match frame {
            NodeFrame::Req { id, method, params } => self.request(conn, node, id, method, params),
            NodeFrame::Event { event, payload } => self.node_event(node, event, payload),
            NodeFrame::InvokeRes { id, result } => self.invoke_answered(conn, &id, result),
            NodeFrame::Ping { id } => self.send(conn, GatewayFrame::Pong { id }),
            _ => {}
        }
    }

    /// The frames that only an admitted node may send (protocol section 2.1).
    fn not_authenticated(&mut self, conn: ConnId, frame: NodeFrame) {
        let error = WireError::unauthorized("not authenticated");
        if let NodeFrame::Req { id, .. } = frame {
            let id = id.unwrap_or_else(|| "".into());
            self.send(conn, GatewayFrame::Res { id, result: Err(error) });
        } else {
            self.send(conn, GatewayFrame::Error(error));
        }
        self.count_refusal(conn);
    }

    /// A connection that keeps sending what is refused is closed in the end.
    pub(super) fn count_refusal(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.refusals += 1;
        if connection.refusals >= limits::REFUSALS {
            self.close(conn, CloseReason::Refused);
        }
    }

    pub(super) fn bad_frame(&mut self, conn: ConnId, bad: &BadFrame) {
        self.heard(conn);
        if !self.connections.contains_key(&conn) {
            return;
        }
        let error = match bad {
            BadFrame::NotJson(what) => WireError::invalid(what.clone()),
            BadFrame::TooLong(limit) => {
                // Which one it was cannot be read; nobody shall hear of a lost connection only.
                let reason = format!("the node's answer is longer than {} MiB", limit >> 20);
                self.fail_invokes_under_way(conn, &reason);
                WireError::invalid(format!("line longer than {limit} bytes"))
            }
            BadFrame::Tls => WireError::tls_on_plain_port(),
        };
        self.refuse_frame(conn, error);
    }

    /// Closing after an error is kinder than going on: the headless node keeps a half-dead
    /// connection otherwise (protocol section 2.6).
    fn refuse_frame(&mut self, conn: ConnId, error: WireError) {
        self.counters.bad_frames += 1;
        self.send(conn, GatewayFrame::Error(error));
        self.close(conn, CloseReason::BadFrame);
    }

    fn node_event(&mut self, node: &NodeId, event: Arc<str>, payload: Option<Payload>) {
        self.counters.events += 1;
        let known = NodeEvent::parse(&event);
        let limit = match known {
            Some(NodeEvent::ExecFinished) => limits::EVENT_BYTES_EXEC_FINISHED,
            _ => limits::EVENT_BYTES,
        };
        let Some(payload) = payload.filter(|text| text.len() <= limit) else { return };
        match known {
            Some(NodeEvent::ChatSubscribe) => {
                let Some(key) = session::key_in(&payload) else { return };
                self.subscriptions.add(node, &key);
            }
            Some(NodeEvent::ChatUnsubscribe) => {
                let Some(key) = session::key_in(&payload) else { return };
                self.subscriptions.remove(node, &key);
            }
            _ => self.out.push(Output::Notify(NodeNotice::Event {
                node: node.clone(),
                event,
                payload,
            })),
        }
    }

    /// The connection becomes the node's only one.
    pub(super) fn admit(&mut self, conn: ConnId, node: &NodeId, profile: NodeProfile) {
        let older = self.online.get(node).copied().filter(|older| *older != conn);
        if let Some(older) = older {
            self.counters.take_overs += 1;
            self.out.push(Output::Close { conn: older, why: CloseReason::TakenOver });
            // The node is not away, so nobody is told that it is.
            self.forget_connection(older, "node connection replaced by a newer one");
        }
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let repeated = connection.node.is_some();
        connection.profile = profile;
        connection.waiting = None;
        connection.held = None;
        connection.node = Some(node.clone());
        if repeated {
            return;
        }
        connection.since = self.now.wall;
        connection.refusals = 0;
        self.counters.admitted += 1;
        self.remind_connection(self.now.mono + limits::PING_AFTER, conn, Reminder::Silence(conn));
        self.last_seen.remove(node);
        self.online.insert(node.clone(), conn);
        self.out.push(Output::Admit { conn, node: node.clone() });
        let unnoticed = self.is_back(node);
        if older.is_none() && !unnoticed {
            self.tell_presence(node, true);
        }
    }

    /// What an admitted node is told first.
    pub(super) fn greet(&mut self, conn: ConnId) {
        let frame = GatewayFrame::HelloOk {
            server_name: self.policy.server_name.clone(),
            canvas_host_url: self.policy.canvas_host_url.clone(),
            main_session_key: Some(session::MAIN.into()),
        };
        self.send(conn, frame);
    }

    pub(super) fn send(&mut self, to: ConnId, frame: GatewayFrame) {
        self.out.push(Output::Send { to, frame });
    }

    /// Ends a connection from our side and forgets it.
    pub(super) fn close(&mut self, conn: ConnId, why: CloseReason) {
        if !self.connections.contains_key(&conn) {
            return;
        }
        self.out.push(Output::Close { conn, why });
        self.disconnected(conn);
    }

    pub(super) fn disconnected(&mut self, conn: ConnId) {
        if let Some(node) = self.forget_connection(conn, "bridge connection closed") {
            self.went_away(node);
        }
    }

    /// Removes the connection and whatever waits for it; returns the node that is offline now.
    /// What belongs to a newer connection of the same node is not touched.
    fn forget_connection(&mut self, conn: ConnId, reason: &'static str) -> Option<NodeId> {
        let connection = self.connections.remove(&conn)?;
        let calls = self.calls.forget_connection(conn);
        for (at, reminder) in connection.reminders.into_iter().chain(calls) {
            self.deadlines.cancel(at, reminder);
        }
        self.fail_invokes_of(conn, reason);
        let node = connection.node?;
        if self.online.get(&node) != Some(&conn) {
            return None;
        }
        self.online.remove(&node);
        Some(node)
    }

    /// Operators and subscriptions get a grace: phones connect twice, and come back after a
    /// lift, a tunnel, a switch from Wi-Fi.
    fn went_away(&mut self, node: NodeId) {
        self.last_seen.insert(node.clone(), self.now.wall);
        if self.last_seen.len() > self.book.paired.len() {
            self.last_seen.retain(|node, _| self.book.paired.contains_key(node));
        }
        let absence = Absence { since: self.now.mono, announced: false };
        self.absent.insert(node.clone(), absence);
        self.deadlines
            .remind(self.now.mono + limits::ABSENCE_GRACE, Reminder::Absence(node.clone()));
        self.deadlines
            .remind(self.now.mono + limits::SUBSCRIPTION_GRACE, Reminder::Subscriptions(node));
    }

    /// The node came back; whether operators never noticed that it was gone.
    fn is_back(&mut self, node: &NodeId) -> bool {
        let Some(absence) = self.absent.remove(node) else { return false };
        let (told, dropped) =
            (absence.since + limits::ABSENCE_GRACE, absence.since + limits::SUBSCRIPTION_GRACE);
        self.deadlines.cancel(told, Reminder::Absence(node.clone()));
        self.deadlines.cancel(dropped, Reminder::Subscriptions(node.clone()));
        !absence.announced
    }

    /// Sets a reminder that is worth nothing once the connection is gone.
    pub(super) fn remind_connection(&mut self, at: Mono, conn: ConnId, what: Reminder) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.reminders.retain(|(_, other)| *other != what);
            connection.reminders.push((at, what.clone()));
            self.deadlines.remind(at, what);
        }
    }

    pub(super) fn check_absence(&mut self, node: &NodeId) {
        let Some(absence) = self.absent.get_mut(node) else { return };
        if absence.announced || self.now.mono.since(absence.since) < limits::ABSENCE_GRACE {
            return;
        }
        absence.announced = true;
        self.out.push(Output::Notify(NodeNotice::Offline(node.clone())));
        self.tell_presence(node, false);
    }

    /// The node's pairing is gone: it will not come back, so there is no grace.
    pub(super) fn left_for_good(&mut self, node: &NodeId, was: &PairedNode) {
        self.subscriptions.forget(node);
        if self.absent.remove(node).is_some_and(|absence| !absence.announced) {
            self.out.push(Output::Notify(NodeNotice::Offline(node.clone())));
            self.tell_presence_of(&self.view_of(node, was), false);
        }
    }

    pub(super) fn check_subscriptions(&mut self, node: &NodeId) {
        let gone = |a: &Absence| self.now.mono.since(a.since) >= limits::SUBSCRIPTION_GRACE;
        if self.absent.get(node).is_some_and(gone) {
            self.absent.remove(node);
            self.subscriptions.forget(node);
        }
    }

    /// Closes a connection that has not said anything useful.
    pub(super) fn check_greeting(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        if connection.node.is_none() && connection.waiting.is_none() && connection.held.is_none() {
            self.close(conn, CloseReason::NoGreeting);
        }
    }

    fn tell_presence(&mut self, node: &NodeId, connected: bool) {
        if let Some(view) = self.view(node) {
            self.tell_presence_of(&view, connected);
        }
    }

    fn tell_presence_of(&mut self, view: &NodeView, connected: bool) {
        let presence = views::presence(view, connected, self.now.wall);
        self.tell(OperatorEvent::Presence(Box::new(presence)));
    }
}
