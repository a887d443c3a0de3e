//! Asking nodes to do something (protocol section 8.1): who asked, who was asked, how long it may
//! take, and what a second request with the same key gets.
//!
//! Phones and tablets carry out one invoke at a time and read nothing meanwhile, so theirs are
//! queued here and the clock of each starts when it is sent.

use crate::protocol::operator::{Answer, InvokeNode, InvokePayload, Invoked};
use crate::protocol::{
    limits, ErrorCode, GatewayFrame, InvokeFailure, NodeCommand, NodeId, Payload, WireError,
};
use crate::router::deadlines::Reminder;
use crate::router::{ConnId, Mono, OperatorId, Output, Requester, Router};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

type Outcome = Result<Answer, WireError>;

/// Invokes under way, and those lately finished.
#[derive(Debug, Default)]
pub(super) struct Invokes {
    open: BTreeMap<Arc<str>, Invoke>,
    /// In the order in which they were asked for: the queue of a sequential node.
    order: BTreeMap<u64, Arc<str>>,
    last: u64,
    /// By node and idempotency key.
    keyed: BTreeMap<(NodeId, String), Keyed>,
}

#[derive(Debug)]
struct Invoke {
    number: u64,
    node: NodeId,
    conn: ConnId,
    command: Arc<str>,
    params: Option<Payload>,
    timeout: Duration,
    key: Option<String>,
    requesters: Vec<Requester>,
    /// When the node has to have answered; `None` while it is queued.
    ends: Option<Mono>,
}

/// What is known under an idempotency key.
#[derive(Debug)]
struct Keyed {
    command: Arc<str>,
    params: Option<Payload>,
    state: KeyedState,
}

#[derive(Debug)]
enum KeyedState {
    UnderWay(Arc<str>),
    Done { outcome: Outcome, until: Mono },
}

impl Invokes {
    /// The operator does not wait any more. What is sent cannot be called back, what is queued
    /// for nobody else is dropped.
    pub(super) fn operator_gone(&mut self, op: OperatorId) {
        let mut dropped = Vec::new();
        for (id, invoke) in &mut self.open {
            invoke.requesters.retain(|requester| requester.op != op);
            if invoke.requesters.is_empty() && invoke.ends.is_none() {
                dropped.push(id.clone());
            }
        }
        for id in dropped {
            if let Some(invoke) = self.take(&id) {
                self.forget_key(&invoke);
            }
        }
    }

    /// A finished invoke has been remembered long enough.
    pub(super) fn forget(&mut self, now: Mono, node: &NodeId, key: &str) {
        let key = (node.clone(), key.to_owned());
        let over = |k: &Keyed| matches!(&k.state, KeyedState::Done { until, .. } if *until <= now);
        if self.keyed.get(&key).is_some_and(over) {
            self.keyed.remove(&key);
        }
    }

    fn take(&mut self, id: &str) -> Option<Invoke> {
        let invoke = self.open.remove(id)?;
        self.order.remove(&invoke.number);
        Some(invoke)
    }

    fn forget_key(&mut self, invoke: &Invoke) {
        if let Some(key) = &invoke.key {
            self.keyed.remove(&(invoke.node.clone(), key.clone()));
        }
    }

    fn of_connection(&self, conn: ConnId) -> Vec<Arc<str>> {
        let ids =
            self.order.values().filter(|id| self.open.get(*id).is_some_and(|i| i.conn == conn));
        ids.cloned().collect()
    }

    /// The next invoke to send on a connection that takes one at a time.
    fn next_queued(&self, conn: ConnId) -> Option<Arc<str>> {
        let ids = self.of_connection(conn);
        let first = ids.first()?;
        self.open.get(first)?.ends.is_none().then(|| first.clone())
    }
}

impl Router {
    /// Sends or queues the invoke; the answer comes later.
    pub(super) fn invoke(
        &mut self,
        requester: Requester,
        request: InvokeNode,
    ) -> Result<(), WireError> {
        let node = self.find_node(&request.node_id)?;
        let command: Arc<str> = request.command.trim().into();
        if command.is_empty() {
            return Err(WireError::invalid("command required"));
        }
        let timeout = request.timeout();
        if let Some(key) = &request.idempotency_key {
            if self.answered_before(&requester, &node, key, &command, &request.params)? {
                return Ok(());
            }
        }
        if !self.policy.allow.permits_command(node.as_str(), &command) {
            let text = format!("{command} is not in bridge.allow.commands for node {node}");
            return Err(WireError::new(ErrorCode::Forbidden, text));
        }
        let Some(conn) = self.online.get(&node).copied() else {
            return Err(WireError::unavailable(format!("node not connected ({node})")));
        };
        if self.invokes.open.len() >= limits::INVOKES
            || self.invokes.of_connection(conn).len() >= limits::INVOKES_PER_NODE
        {
            return Err(WireError::unavailable(format!("too many invokes under way ({node})")));
        }
        self.invokes.last += 1;
        let id: Arc<str> = self.ids.unique().into();
        let invoke = Invoke {
            number: self.invokes.last,
            node: node.clone(),
            conn,
            command: command.clone(),
            params: request.params.clone(),
            timeout,
            key: request.idempotency_key.clone(),
            requesters: vec![requester],
            ends: None,
        };
        self.invokes.order.insert(invoke.number, id.clone());
        self.invokes.open.insert(id.clone(), invoke);
        if let Some(key) = request.idempotency_key {
            let state = KeyedState::UnderWay(id.clone());
            self.invokes
                .keyed
                .insert((node, key), Keyed { command, params: request.params, state });
        }
        self.send_invokes(conn, &id);
        Ok(())
    }

    /// A key that was used before brings the same outcome again, now or when it is there.
    fn answered_before(
        &mut self,
        requester: &Requester,
        node: &NodeId,
        key: &str,
        command: &str,
        params: &Option<Payload>,
    ) -> Result<bool, WireError> {
        let Some(keyed) = self.invokes.keyed.get(&(node.clone(), key.to_owned())) else {
            return Ok(false);
        };
        if *keyed.command != *command || keyed.params != *params {
            let text = "this idempotency key was used for another invoke; choose a new one";
            return Err(WireError::invalid(text));
        }
        match &keyed.state {
            KeyedState::Done { outcome, .. } => {
                let outcome = outcome.clone();
                self.reply(requester.clone(), outcome);
            }
            KeyedState::UnderWay(id) => {
                if let Some(invoke) = self.invokes.open.get_mut(id) {
                    if invoke.requesters.len() >= limits::OPERATOR_REQUESTS {
                        return Err(WireError::unavailable("too many wait for this invoke"));
                    }
                    invoke.requesters.push(requester.clone());
                }
            }
        }
        Ok(true)
    }

    /// Sends `id` at once, or whichever is next if the node takes one at a time.
    fn send_invokes(&mut self, conn: ConnId, id: &Arc<str>) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let next = if connection.profile.is_sequential() {
            self.invokes.next_queued(conn)
        } else {
            Some(id.clone())
        };
        if let Some(id) = next {
            self.send_invoke(&id);
        }
    }

    fn send_invoke(&mut self, id: &Arc<str>) {
        let Some(invoke) = self.invokes.open.get_mut(id) else { return };
        let ends = self.now.mono + invoke.timeout;
        invoke.ends = Some(ends);
        let conn = invoke.conn;
        let frame = GatewayFrame::Invoke {
            id: id.clone(),
            command: invoke.command.clone(),
            params: invoke.params.take(),
        };
        let is_recording =
            NodeCommand::parse(&invoke.command).is_some_and(NodeCommand::is_recording);
        self.counters.invokes += 1;
        self.deadlines.remind(ends, Reminder::Invoke(id.clone()));
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.busy_until = connection.busy_until.max(ends);
            // An id stays until its answer came, however late: the line is long then, too.
            if is_recording && connection.recordings.len() < limits::INVOKES_PER_NODE {
                connection.recordings.insert(id.clone());
                self.out.push(Output::LineLimit { conn, bytes: limits::LINE_RECORDING });
            }
        }
        self.send(conn, frame);
    }

    /// A node answered. Counts only on the connection that was asked.
    pub(super) fn invoke_answered(
        &mut self,
        conn: ConnId,
        id: &str,
        result: Result<Option<Payload>, InvokeFailure>,
    ) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            if connection.recordings.remove(id) && connection.recordings.is_empty() {
                self.out.push(Output::LineLimit { conn, bytes: limits::LINE_NODE });
            }
        }
        let asked = |invoke: &Invoke| invoke.conn == conn && invoke.ends.is_some();
        if !self.invokes.open.get(id).is_some_and(asked) {
            return;
        }
        let Some(invoke) = self.invokes.take(id) else { return };
        let outcome = match result {
            Ok(payload) => Ok(Answer::Invoked(Invoked {
                ok: true,
                node_id: invoke.node.clone(),
                command: invoke.command.clone(),
                payload: payload.map(InvokePayload),
            })),
            Err(failure) => Err(node_error(&failure)),
        };
        self.finish_invoke(id, invoke, outcome);
        self.send_next(conn);
    }

    pub(super) fn check_invoke(&mut self, id: &str) {
        let Some(invoke) = self.invokes.take(id) else { return };
        let conn = invoke.conn;
        self.finish_invoke(id, invoke, Err(WireError::unavailable("invoke timeout")));
        self.send_next(conn);
    }

    fn send_next(&mut self, conn: ConnId) {
        if let Some(next) = self.invokes.next_queued(conn) {
            self.send_invoke(&next);
        }
    }

    /// The node has sent something that cannot be read and may be the answer to any of them. What
    /// was not sent yet fails when the connection is closed.
    pub(super) fn fail_invokes_under_way(&mut self, conn: ConnId, reason: &str) {
        for id in self.invokes.of_connection(conn) {
            if self.invokes.open.get(&id).is_none_or(|invoke| invoke.ends.is_none()) {
                continue;
            }
            let Some(invoke) = self.invokes.take(&id) else { continue };
            self.finish_invoke(&id, invoke, Err(WireError::unavailable(reason.to_owned())));
        }
    }

    /// The connection is gone: nobody will answer.
    pub(super) fn fail_invokes_of(&mut self, conn: ConnId, reason: &'static str) {
        for id in self.invokes.of_connection(conn) {
            let Some(invoke) = self.invokes.take(&id) else { continue };
            let error = WireError::unavailable(reason);
            if invoke.ends.is_none() {
                // The node never saw it, so the key may be used again.
                self.invokes.forget_key(&invoke);
                for requester in invoke.requesters {
                    self.reply(requester, Err(error.clone()));
                }
            } else {
                self.finish_invoke(&id, invoke, Err(error));
            }
        }
    }

    /// Tells everybody who asked, and remembers the outcome for the key.
    fn finish_invoke(&mut self, id: &str, invoke: Invoke, outcome: Outcome) {
        if let Some(ends) = invoke.ends {
            self.deadlines.cancel(ends, Reminder::Invoke(id.into()));
        }
        self.counters.invokes_failed += u64::from(outcome.is_err());
        if let Some(key) = &invoke.key {
            self.remember(invoke.node.clone(), key.clone(), &outcome);
        }
        for requester in invoke.requesters {
            self.reply(requester, outcome.clone());
        }
    }

    fn remember(&mut self, node: NodeId, key: String, outcome: &Outcome) {
        let until = self.now.mono + limits::INVOKE_REMEMBERED;
        let outcome = match outcome {
            Ok(Answer::Invoked(Invoked { payload: Some(payload), .. }))
                if payload.0.len() > limits::INVOKE_REMEMBERED_BYTES =>
            {
                let text = "this invoke was carried out before; its result was too large to keep";
                Err(WireError::unavailable(text))
            }
            other => other.clone(),
        };
        if let Some(keyed) = self.invokes.keyed.get_mut(&(node.clone(), key.clone())) {
            keyed.state = KeyedState::Done { outcome, until };
        }
        self.deadlines.remind(until, Reminder::Forget(node, key));
        self.forget_oldest_outcome();
    }

    fn forget_oldest_outcome(&mut self) {
        if self.invokes.keyed.len() <= limits::INVOKES + limits::INVOKES_REMEMBERED {
            return;
        }
        let done = self.invokes.keyed.iter().filter_map(|(key, keyed)| match keyed.state {
            KeyedState::Done { until, .. } => Some((until, key.clone())),
            KeyedState::UnderWay(_) => None,
        });
        if let Some((_, key)) = done.min() {
            self.invokes.keyed.remove(&key);
        }
    }
}

/// What an operator is told when the node refused (protocol section 12).
fn node_error(failure: &InvokeFailure) -> WireError {
    let message = failure.message.clone().or_else(|| failure.code.clone());
    let details = serde_json::json!({
        "nodeError": { "code": failure.code, "message": failure.message }
    });
    WireError::unavailable(message.unwrap_or_else(|| "node invoke failed".into()))
        .with_details(&details)
}
