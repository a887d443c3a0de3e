//! What every part of the router needs while it handles an input: the time, the rules, the
//! timers, and where its outputs go.

use crate::protocol::operator::{Answer, Counters, OperatorEvent};
use crate::protocol::{GatewayFrame, WireError};
use crate::router::timers::Timers;
use crate::router::{
    CloseReason, ConnId, Ids, Mono, NodeNotice, Now, OperatorId, Output, Policy, Requester,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Passed to every operation of the router's parts.
pub(super) struct Context {
    /// The time of the input being handled.
    pub(super) now: Now,
    pub(super) policy: Policy,
    pub(super) ids: Box<dyn Ids>,
    pub(super) timers: Timers,
    pub(super) counters: Counters,
    /// Why the last save failed, if it did.
    pub(super) save_error: Option<String>,
    /// Operators who follow events, with the names of the events they want; `None` is all.
    pub(super) subscribers: BTreeMap<OperatorId, Option<BTreeSet<String>>>,
    pub(super) outputs: Vec<Output>,
    /// Connections closed during this input whose state is not dropped yet.
    pub(super) closed: Vec<ConnId>,
}

impl Context {
    pub(super) fn new(now: Now, policy: Policy, ids: Box<dyn Ids>) -> Self {
        Self {
            now,
            policy,
            ids,
            timers: Timers::default(),
            counters: Counters::default(),
            save_error: None,
            subscribers: BTreeMap::new(),
            outputs: Vec::new(),
            closed: Vec::new(),
        }
    }

    pub(super) fn after(&self, span: Duration) -> Mono {
        self.now.mono + span
    }

    pub(super) fn send(&mut self, to: ConnId, frame: GatewayFrame) {
        self.outputs.push(Output::Send { to, frame });
    }

    pub(super) fn send_error(&mut self, to: ConnId, error: WireError) {
        self.send(to, GatewayFrame::Error(error));
    }

    /// Closes an open connection. The router drops its state right after the part that closed it
    /// returns.
    pub(super) fn close(&mut self, conn: ConnId, why: CloseReason) {
        self.outputs.push(Output::Close { conn, why });
        self.closed.push(conn);
    }

    /// Answers a hello or a pairing request with an error and closes the connection.
    pub(super) fn refuse(&mut self, conn: ConnId, error: WireError) {
        self.counters.refused += 1;
        self.send_error(conn, error);
        self.close(conn, CloseReason::Refused);
    }

    pub(super) fn reply(&mut self, to: Requester, result: Result<Answer, WireError>) {
        self.outputs.push(Output::Reply { to, result });
    }

    pub(super) fn notify(&mut self, notice: NodeNotice) {
        self.outputs.push(Output::Notify(notice));
    }

    /// Sends the event to the operators who subscribed to it.
    pub(super) fn publish(&mut self, event: OperatorEvent) {
        let wants = |only: &Option<BTreeSet<String>>| {
            only.as_ref().is_none_or(|names| names.contains(event.name()))
        };
        let wanting = self.subscribers.iter().filter(|(_, only)| wants(only));
        let to: Vec<OperatorId> = wanting.map(|(op, _)| *op).collect();
        if !to.is_empty() {
            self.outputs.push(Output::Publish { to, event: Arc::new(event) });
        }
    }
}
