//! Commands sent to nodes (protocol section 8.1): requester, node, timeout, and the result of a
//! second request with the same idempotency key.
//!
//! Phones and tablets carry out one invoke at a time and read nothing meanwhile, so theirs are
//! queued here, and the timeout of each starts when it is sent.

use crate::protocol::operator::{Answer, InvokeNode, InvokePayload, Invoked};
use crate::protocol::{
    limits, Digest, ErrorCode, GatewayFrame, InvokeFailure, NodeCommand, NodeId, Payload, WireError,
};
use crate::router::connections::Connections;
use crate::router::context::Context;
use crate::router::timers::Timer;
use crate::router::{ConnId, Mono, OperatorId, Output, Requester};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

type Outcome = Result<Answer, WireError>;
/// A node, and the idempotency key of an invoke for it.
type Key = (NodeId, Arc<str>);

/// Invokes that are queued or under way, and the outcomes of those that had an idempotency key.
#[derive(Debug, Default)]
pub(super) struct Invokes {
    open: BTreeMap<Arc<str>, PendingInvoke>,
    queues: BTreeMap<ConnId, InvokeQueue>,
    done: BTreeMap<Key, FinishedInvoke>,
}

/// The invokes of one connection.
#[derive(Debug, Default)]
struct InvokeQueue {
    /// Open invokes in the order in which they were requested.
    ids: Vec<Arc<str>>,
    /// Until then the node may be silent because it carries one out.
    busy_until: Mono,
    /// Recordings that were requested and have not arrived. They make long lines.
    recordings: BTreeSet<Arc<str>>,
}

/// What the node is asked to do, as far as two requests with the same key are compared.
#[derive(Debug, PartialEq)]
struct Task {
    command: Arc<str>,
    /// Of its parameters: they may be long, and the key is remembered for minutes.
    params: Option<Digest>,
}

#[derive(Debug)]
struct PendingInvoke {
    node: NodeId,
    conn: ConnId,
    task: Task,
    /// Until it is sent.
    params: Option<Payload>,
    timeout: Duration,
    key: Option<Key>,
    requesters: Vec<Requester>,
    /// When it must have been answered; until it is sent, it is queued.
    ends: Option<Mono>,
}

#[derive(Debug)]
struct FinishedInvoke {
    task: Task,
    outcome: Outcome,
    /// When it is forgotten.
    until: Mono,
}

impl Invokes {
    /// Sends or queues the invoke; the answer comes later.
    pub(super) fn request(
        &mut self,
        ctx: &mut Context,
        connections: &Connections,
        requester: Requester,
        node: NodeId,
        request: InvokeNode,
    ) -> Result<(), WireError> {
        let timeout = request.timeout();
        let (params, key) = (request.params, request.idempotency_key);
        // Only those with a key are compared.
        let compared = key.as_ref().and(params.as_ref());
        let task = Task {
            command: request.command.trim().into(),
            params: compared.map(|params| params.digest()),
        };
        if task.command.is_empty() {
            return Err(WireError::invalid("command required"));
        }
        check_length("command", &task.command)?;
        check_length("idempotencyKey", key.as_deref().unwrap_or_default())?;
        let key = key.map(|key| (node.clone(), key.into()));
        if let Some(key) = &key {
            if self.join(ctx, &requester, key, &task)? {
                return Ok(());
            }
        }
        if !ctx.policy.allow.permits_command(node.as_str(), &task.command) {
            let text = format!("{} is not in bridge.allow.commands for node {node}", task.command);
            return Err(WireError::new(ErrorCode::Forbidden, text));
        }
        let Some(conn) = connections.of(&node) else {
            return Err(WireError::unavailable(format!("node not connected ({node})")));
        };
        let queue = self.queues.entry(conn).or_default();
        if self.open.len() >= limits::INVOKES || queue.ids.len() >= limits::INVOKES_PER_NODE {
            return Err(WireError::unavailable(format!("too many invokes in progress ({node})")));
        }
        let id: Arc<str> = ctx.ids.unique().into();
        queue.ids.push(id.clone());
        let requesters = vec![requester];
        let invoke =
            PendingInvoke { node, conn, task, params, timeout, key, requesters, ends: None };
        self.open.insert(id.clone(), invoke);
        if connections.get(conn).is_some_and(|connection| connection.profile.is_sequential()) {
            self.send_next(ctx, conn);
        } else {
            self.send(ctx, &id);
        }
        Ok(())
    }

    /// A key that was used before gives the same outcome again, now or when it is there. Returns
    /// whether it was used before.
    fn join(
        &mut self,
        ctx: &mut Context,
        requester: &Requester,
        key: &Key,
        task: &Task,
    ) -> Result<bool, WireError> {
        let mut open = self.open.values_mut().find(|invoke| invoke.key.as_ref() == Some(key));
        let done = self.done.get(key);
        let tasks = open.iter().map(|invoke| &invoke.task).chain(done.map(|done| &done.task));
        if tasks.into_iter().any(|before| before != task) {
            let text = "this idempotency key was used for another invoke; choose a new one";
            return Err(WireError::invalid(text));
        }
        if let Some(invoke) = &mut open {
            if invoke.requesters.len() >= limits::OPERATOR_REQUESTS {
                return Err(WireError::unavailable("too many wait for this invoke"));
            }
            invoke.requesters.push(requester.clone());
        } else if let Some(done) = done {
            ctx.reply(requester.clone(), done.outcome.clone());
        }
        Ok(open.is_some() || done.is_some())
    }

    /// Sends the first invoke of the connection if it is still queued.
    fn send_next(&mut self, ctx: &mut Context, conn: ConnId) {
        let first = self.queues.get(&conn).and_then(|queue| queue.ids.first().cloned());
        if let Some(id) =
            first.filter(|id| self.open.get(id).is_some_and(|first| first.ends.is_none()))
        {
            self.send(ctx, &id);
        }
    }

    fn send(&mut self, ctx: &mut Context, id: &Arc<str>) {
        let Some(invoke) = self.open.get_mut(id) else { return };
        ctx.counters.invokes += 1;
        let ends = ctx.after(invoke.timeout);
        invoke.ends = Some(ends);
        ctx.timers.start(ends, Timer::Invoke(id.clone()));
        let (conn, command, params) =
            (invoke.conn, invoke.task.command.clone(), invoke.params.take());
        let queue = self.queues.entry(conn).or_default();
        queue.busy_until = queue.busy_until.max(ends);
        // An id stays until its answer came, however late: the line is long then, too.
        let is_recording = NodeCommand::parse(&command).is_some_and(NodeCommand::is_recording);
        if is_recording && queue.recordings.len() < limits::INVOKES_PER_NODE {
            queue.recordings.insert(id.clone());
            ctx.outputs.push(Output::LineLimit { conn, bytes: limits::LINE_RECORDING });
        }
        ctx.send(conn, GatewayFrame::Invoke { id: id.clone(), command, params });
    }

    /// A node answered. Counts only on the connection that was asked.
    pub(super) fn answered(
        &mut self,
        ctx: &mut Context,
        conn: ConnId,
        id: &str,
        result: Result<Option<Payload>, InvokeFailure>,
    ) {
        if let Some(queue) = self.queues.get_mut(&conn) {
            if queue.recordings.remove(id) && queue.recordings.is_empty() {
                ctx.outputs.push(Output::LineLimit { conn, bytes: limits::LINE_NODE });
            }
        }
        let was_asked = |open: &&PendingInvoke| open.conn == conn && open.ends.is_some();
        let Some(invoke) = self.open.get(id).filter(was_asked) else { return };
        let outcome = match result {
            Ok(payload) => Ok(Answer::Invoked(Invoked {
                ok: true,
                node_id: invoke.node.clone(),
                command: invoke.task.command.clone(),
                payload: payload.map(InvokePayload),
            })),
            Err(failure) => Err(node_error(&failure)),
        };
        self.finish(ctx, id, outcome);
        self.send_next(ctx, conn);
    }

    /// The node did not answer in time.
    pub(super) fn timed_out(&mut self, ctx: &mut Context, id: &str) {
        let Some(conn) = self.open.get(id).map(|invoke| invoke.conn) else { return };
        self.finish(ctx, id, Err(WireError::unavailable("invoke timeout")));
        self.send_next(ctx, conn);
    }

    /// The node has sent something that cannot be read and may be the answer to any invoke that it
    /// was sent.
    pub(super) fn fail_sent(&mut self, ctx: &mut Context, conn: ConnId, reason: &str) {
        let ids = self.queues.get(&conn).map(|queue| queue.ids.clone()).unwrap_or_default();
        for id in ids {
            if self.open.get(&id).is_some_and(|invoke| invoke.ends.is_some()) {
                self.finish(ctx, &id, Err(WireError::unavailable(reason.to_owned())));
            }
        }
    }

    /// The connection is gone, so nobody will answer.
    pub(super) fn forget_connection(
        &mut self,
        ctx: &mut Context,
        conn: ConnId,
        reason: &'static str,
    ) {
        let Some(queue) = self.queues.remove(&conn) else { return };
        for id in queue.ids {
            self.finish(ctx, &id, Err(WireError::unavailable(reason)));
        }
    }

    /// The operator does not wait any more. What is sent cannot be called back; what is queued for
    /// nobody else is dropped.
    pub(super) fn operator_gone(&mut self, op: OperatorId) {
        self.drop_requesters(|requester| requester.op == op);
    }

    fn drop_requesters(&mut self, is_gone: impl Fn(&Requester) -> bool) {
        let mut dropped = Vec::new();
        for (id, invoke) in &mut self.open {
            invoke.requesters.retain(|requester| !is_gone(requester));
            if invoke.requesters.is_empty() && invoke.ends.is_none() {
                dropped.push(id.clone());
            }
        }
        for id in dropped {
            self.take(&id);
        }
    }

    /// This requester does not wait any more; as when its operator is gone.
    pub(super) fn cancelled(&mut self, requester: &Requester) {
        self.drop_requesters(|other| other == requester);
    }

    /// Until when the node on this connection may be silent.
    pub(super) fn busy_until(&self, conn: ConnId) -> Mono {
        self.queues.get(&conn).map(|queue| queue.busy_until).unwrap_or_default()
    }

    /// Removes an open invoke.
    fn take(&mut self, id: &str) -> Option<(Arc<str>, PendingInvoke)> {
        let (id, invoke) = self.open.remove_entry(id)?;
        if let Some(queue) = self.queues.get_mut(&invoke.conn) {
            if let Some(at) = queue.ids.iter().position(|other| *other == id) {
                queue.ids.remove(at);
            }
        }
        Some((id, invoke))
    }

    /// Answers everybody who asked, and remembers the outcome for the key. The key of an invoke that
    /// the node never saw may be used again.
    fn finish(&mut self, ctx: &mut Context, id: &str, outcome: Outcome) {
        let Some((id, invoke)) = self.take(id) else { return };
        if let Some(ends) = invoke.ends {
            ctx.timers.stop(ends, Timer::Invoke(id));
            ctx.counters.invokes_failed += u64::from(outcome.is_err());
            if let Some(key) = invoke.key {
                self.remember(ctx, key, invoke.task, &outcome);
            }
        }
        for requester in invoke.requesters {
            ctx.reply(requester, outcome.clone());
        }
    }

    fn remember(&mut self, ctx: &mut Context, key: Key, task: Task, outcome: &Outcome) {
        let until = ctx.after(limits::INVOKE_REMEMBERED);
        let outcome = match outcome {
            Ok(Answer::Invoked(Invoked { payload: Some(payload), .. }))
                if payload.0.len() > limits::INVOKE_REMEMBERED_BYTES =>
            {
                let text = "this invoke was carried out before; its result was too large to keep";
                Err(WireError::unavailable(text))
            }
            other => other.clone(),
        };
        ctx.timers.set(until, Timer::Outcome(key.0.clone(), key.1.clone()));
        self.done.insert(key, FinishedInvoke { task, outcome, until });
        if self.done.len() > limits::INVOKES_REMEMBERED {
            let oldest = self.done.iter().min_by_key(|(_, done)| done.until);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.done.remove(&key);
                ctx.timers.cancel(&Timer::Outcome(key.0, key.1));
            }
        }
    }

    /// A finished invoke has been remembered long enough.
    pub(super) fn forget_outcome(&mut self, node: NodeId, key: Arc<str>) {
        self.done.remove(&(node, key));
    }
}

/// What is kept, or sent to a node, is as short as what a node may send.
fn check_length(name: &str, text: &str) -> Result<(), WireError> {
    let most = limits::SHORT_TEXT_CHARS;
    if text.len() > most && text.chars().count() > most {
        return Err(WireError::invalid(format!("{name} is longer than {most} characters")));
    }
    Ok(())
}

/// The operator's error when the node refused (protocol section 12).
fn node_error(failure: &InvokeFailure) -> WireError {
    let message = failure.message.clone().or_else(|| failure.code.clone());
    let details = serde_json::json!({
        "nodeError": { "code": failure.code, "message": failure.message }
    });
    WireError::unavailable(message.unwrap_or_else(|| "node invoke failed".into()))
        .with_details(&details)
}
