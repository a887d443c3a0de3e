//! What happens on the session of a node: it is passed on to the node, by way of the router.

use super::bridge::Bridge;
use super::node::BridgedNode;
use super::translate::{self, Incoming, SessionDefaults};
use crate::backend::{Audience, BackendEvent};
use crate::gateway::{Handler, Session, State};
use crate::lock::lock;
use crate::protocol::gateway::{failure, InvokeRequest, PAIR_RESOLVED, RUN_PREPARE};
use crate::protocol::operator::InvokeNode;
use crate::protocol::{limits, NodeCommand, Payload};
use crossbeam_channel::Sender;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Instant;

/// Passes on what happens on the session of a node.
pub(super) struct NodeHandler {
    pub(super) bridge: Arc<Bridge>,
    pub(super) node: Arc<BridgedNode>,
    pub(super) session: Session,
    /// Which of the node's sessions it is.
    pub(super) number: u64,
    /// Whether agents may run programs on the node.
    pub(super) may_run: bool,
    pub(super) _thread: Sender<()>,
}

impl NodeHandler {
    fn is_current(&self) -> bool {
        self.node.session_number.load(Ordering::SeqCst) == self.number
    }

    fn send(&self, events: Vec<Incoming>) {
        let Some(outlet) = self.bridge.outlet.get().filter(|_| self.is_current()) else { return };
        for Incoming { event, payload } in events {
            let to = Audience::Node(self.node.id.clone());
            outlet.send(BackendEvent { to, event: event.as_str().into(), payload: Some(payload) });
        }
    }

    /// Passes an invoke on to the node. Its result comes from another thread.
    fn pass_on(&self, session: &Session, invoke: InvokeRequest) {
        let Some(outlet) = self.bridge.outlet.get() else { return };
        let call = InvokeNode {
            node_id: self.node.id.to_string(),
            command: invoke.command,
            params: invoke.params,
            // The session's own clock cancels it in time; with two of them, the answer would depend on
            // which one is faster.
            timeout_ms: u64::try_from(2 * invoke.timeout.as_millis().max(1)).ok(),
            idempotency_key: None,
        };
        let (id, session) = (invoke.id.clone(), session.clone());
        let number = outlet.invoke(
            call,
            Box::new(move |result| match &result {
                Ok(payload) => session.finish(&id, Ok(payload.as_deref())),
                Err(error) => session.finish(&id, Err(&failure(error))),
            }),
        );
        // Those that are over are found out by their number.
        let mut invokes = lock(&self.node.invokes);
        while invokes.len() >= 2 * limits::GATEWAY_INVOKES_PER_NODE {
            invokes.pop_front();
        }
        invokes.push_back((invoke.id, number));
    }
}

impl Handler for NodeHandler {
    fn state(&self, state: State<'_>) {
        if !self.is_current() {
            return;
        }
        self.bridge.set_state(&self.node, &state);
        if let State::Connected(hello) = state {
            let defaults = SessionDefaults::read(hello.session_defaults.as_deref());
            for key in lock(&self.node.retained).conversations.connected(defaults) {
                self.session.subscribe(key, true);
            }
            self.bridge.check_approvals();
        }
    }

    fn event(&self, event: &str, payload: Option<Payload>, is_copy: bool) {
        if event == PAIR_RESOLVED {
            return self.bridge.check_approvals();
        }
        let text = payload.as_deref().unwrap_or("{}");
        let mut retained = lock(&self.node.retained);
        let events = retained.conversations.incoming(event, text, is_copy, Instant::now());
        drop(retained);
        self.send(events);
    }

    fn invoke(&self, session: &Session, invoke: InvokeRequest) {
        if self.may_run && invoke.command == RUN_PREPARE {
            let plan = translate::prepare(invoke.params.as_deref());
            return match &plan {
                Ok(plan) => session.finish(&invoke.id, Ok(Some(plan))),
                Err(error) => session.finish(&invoke.id, Err(&failure(error))),
            };
        }
        if NodeCommand::parse(&invoke.command) == Some(NodeCommand::SystemRun) {
            lock(&self.node.retained).exec.issued(invoke.params.as_deref());
        }
        self.pass_on(session, invoke);
    }

    fn cancel(&self, invoke: &str) {
        let mut invokes = lock(&self.node.invokes);
        let at = invokes.iter().position(|(id, _)| id == invoke);
        let number = at.and_then(|at| invokes.remove(at));
        drop(invokes);
        if let (Some((_, number)), Some(outlet)) = (number, self.bridge.outlet.get()) {
            outlet.cancel(number);
        }
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        let mut retained = lock(&self.node.retained);
        let mut events = std::mem::take(&mut retained.follow_ups);
        events.extend(retained.conversations.due(now));
        let next = retained.conversations.next_due();
        drop(retained);
        self.send(events);
        next
    }
}
