//! Calls of nodes (and operators) on their way to the backend and back. Each is answered once.

use crate::protocol::operator::OperatorEvent;
use crate::protocol::operator::{Answer, InvokePayload};
use crate::protocol::{limits, session, GatewayFrame, Method, NodeId, Payload, WireError};
use crate::router::deadlines::Reminder;
use crate::router::{
    Audience, BackendEvent, CallId, Caller, ConnId, Mono, Output, Requester, Router,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Calls under way.
#[derive(Debug, Default)]
pub(super) struct Calls {
    last: u64,
    open: BTreeMap<CallId, Call>,
    per_connection: BTreeMap<ConnId, usize>,
}

#[derive(Debug)]
struct Call {
    from: From,
    ends: Mono,
}

#[derive(Debug)]
enum From {
    Node { conn: ConnId, id: Arc<str> },
    Operator(Requester),
}

impl Calls {
    fn open(&mut self, from: From, ends: Mono) -> CallId {
        self.last += 1;
        if let From::Node { conn, .. } = &from {
            *self.per_connection.entry(*conn).or_default() += 1;
        }
        let id = CallId(self.last);
        self.open.insert(id, Call { from, ends });
        id
    }

    fn finish(&mut self, id: CallId) -> Option<Call> {
        let call = self.open.remove(&id)?;
        if let From::Node { conn, .. } = &call.from {
            if let Some(count) = self.per_connection.get_mut(conn) {
                *count -= 1;
                if *count == 0 {
                    self.per_connection.remove(conn);
                }
            }
        }
        Some(call)
    }

    /// The answers have nowhere to go any more; they are dropped when they come. Returns the
    /// reminders that are worth nothing now.
    pub(super) fn forget_connection(&mut self, conn: ConnId) -> Vec<(Mono, Reminder)> {
        if self.per_connection.remove(&conn).is_none() {
            return Vec::new();
        }
        let theirs = |call: &Call| matches!(call.from, From::Node { conn: c, .. } if c == conn);
        let gone = self.open.iter().filter(|(_, call)| theirs(call));
        let reminders = gone.map(|(id, call)| (call.ends, Reminder::Call(*id))).collect();
        self.open.retain(|_, call| !theirs(call));
        reminders
    }
}

impl Router {
    pub(super) fn request(
        &mut self,
        conn: ConnId,
        node: &NodeId,
        id: Option<Arc<str>>,
        method: Option<Arc<str>>,
        params: Option<Payload>,
    ) {
        self.counters.requests += 1;
        let (id, method) = match (id, method) {
            (Some(id), Some(method)) => (id, method),
            (id, _) => {
                let id = id.unwrap_or_else(|| "invalid".into());
                let error = WireError::invalid("id and method required");
                return self.send(conn, GatewayFrame::Res { id, result: Err(error) });
            }
        };
        let allowed = Method::parse(&method)
            .filter(|method| self.policy.allow.permits_method(node.as_str(), *method));
        let Some(allowed) = allowed else {
            let error = WireError::method_not_allowed(&shown(&method));
            return self.send(conn, GatewayFrame::Res { id, result: Err(error) });
        };
        // The transport stops reading before this; the rule stands for any transport.
        if self.calls.per_connection.get(&conn).is_some_and(|open| *open >= limits::UNANSWERED) {
            let error = WireError::unavailable("too many requests at once");
            return self.send(conn, GatewayFrame::Res { id, result: Err(error) });
        }
        self.call(From::Node { conn, id }, Caller::Node(node.clone()), allowed, params);
    }

    /// An operator uses a method that nodes have.
    pub(super) fn operator_call(
        &mut self,
        requester: Requester,
        method: Method,
        params: Option<Payload>,
    ) {
        self.call(From::Operator(requester), Caller::Operator, method, params);
    }

    fn call(&mut self, from: From, caller: Caller, method: Method, params: Option<Payload>) {
        let ends = self.now.mono + limits::CALL_DEADLINE;
        let call = self.calls.open(from, ends);
        self.deadlines.remind(ends, Reminder::Call(call));
        self.out.push(Output::Call { call, caller, method, params });
    }

    /// The backend's answer; nobody may be waiting for it any more.
    pub(super) fn answered(&mut self, id: CallId, result: Result<Payload, WireError>) {
        let Some(call) = self.calls.finish(id) else { return };
        self.deadlines.cancel(call.ends, Reminder::Call(id));
        match call.from {
            From::Node { conn, id } => {
                self.send(conn, GatewayFrame::Res { id, result: result.map(Some) })
            }
            From::Operator(requester) => {
                self.reply(requester, result.map(|payload| Answer::Called(InvokePayload(payload))));
            }
        }
    }

    /// Android waits forever for an answer, so there is one even when the backend hangs.
    pub(super) fn check_call(&mut self, id: CallId) {
        self.answered(id, Err(WireError::unavailable("the gateway took too long to answer")));
    }

    /// The backend wants somebody told.
    pub(super) fn news(&mut self, news: BackendEvent) {
        let BackendEvent { to, event, payload } = news;
        let nodes: Vec<NodeId> = match &to {
            Audience::Everyone => self.online.keys().cloned().collect(),
            Audience::Node(node) => vec![node.clone()],
            Audience::Subscribers => self.subscriptions.all(),
            Audience::Operators => Vec::new(),
            Audience::Session(key) => return self.session_news(key, &event, payload),
        };
        for node in nodes {
            if let Some(conn) = self.online.get(&node).copied() {
                let (event, payload) = (event.clone(), payload.clone());
                self.send(conn, GatewayFrame::Event { event, payload });
            }
        }
        if !matches!(to, Audience::Node(_)) {
            self.tell(OperatorEvent::Backend { event, payload });
        }
    }

    /// Apps drop news whose session key is not spelled as they spell it (protocol section 7.1).
    fn session_news(&mut self, key: &str, event: &Arc<str>, payload: Option<Payload>) {
        let payload = payload.unwrap_or_else(|| "{}".into());
        let canonical = session::canonical(key);
        for (node, session_key) in self.subscriptions.to_session(&canonical) {
            if let Some(conn) = self.online.get(&node).copied() {
                let (event, payload) = (event.clone(), payload.clone());
                self.send(conn, GatewayFrame::SessionEvent { event, session_key, payload });
            }
        }
        let (event, session_key) = (event.clone(), canonical.into());
        self.tell(OperatorEvent::Session { event, session_key, payload });
    }
}

/// A method name as it may be repeated to the node: not longer than any we know.
fn shown(method: &str) -> String {
    method.chars().take(limits::SHORT_TEXT_CHARS).collect()
}
