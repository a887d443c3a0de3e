//! What operators ask for.

use crate::protocol::operator::{
    Answer, ConnectionCounts, Done, NodeCounts, NodeDetails, NodeList, NodeView, OperatorCommand,
    OperatorEvent, OperatorRequest, Pairings, Status,
};
use crate::protocol::{json, WireError};
use crate::router::{DaemonTask, OperatorId, Output, Requester, Router};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Operators who follow events, and which ones; `None` is all.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    by_operator: BTreeMap<OperatorId, Option<BTreeSet<String>>>,
}

impl Router {
    pub(super) fn operator(&mut self, op: OperatorId, request: OperatorRequest) {
        let requester = Requester { op, id: request.id };
        match request.command.and_then(|command| self.command(&requester, command)) {
            Ok(Some(answer)) => self.reply(requester, Ok(answer)),
            Ok(None) => {}
            Err(error) => self.reply(requester, Err(error)),
        }
    }

    /// Carries the command out; `None` if the answer comes later.
    fn command(
        &mut self,
        requester: &Requester,
        command: OperatorCommand,
    ) -> Result<Option<Answer>, WireError> {
        let ts = self.now.wall.0;
        let daemon = |task| Output::Daemon { requester: requester.clone(), task };
        match command {
            OperatorCommand::ListNodes(_) => {
                return Ok(Some(Answer::Nodes(NodeList { ts, nodes: self.node_views() })));
            }
            OperatorCommand::DescribeNode(query) => {
                let node = self.find_node(&query.node_id)?;
                let node = self.view(&node).ok_or_else(|| WireError::invalid("unknown nodeId"))?;
                return Ok(Some(Answer::Node(Box::new(NodeDetails { ts, node }))));
            }
            OperatorCommand::ListPairings(_) => {
                let (pending, paired) = (self.pending_views(), self.paired_views());
                return Ok(Some(Answer::Pairings(Pairings { pending, paired })));
            }
            OperatorCommand::SubscribeEvents(filter) => {
                self.watchers.by_operator.insert(requester.op, filter.only);
                return Ok(Some(Answer::Done(Done {})));
            }
            OperatorCommand::ApprovePairing(query) => {
                let (id, request) = self.find_request(&query.request_id)?;
                self.approve(requester.clone(), id, &request);
            }
            OperatorCommand::RejectPairing(query) => {
                let (id, request) = self.find_request(&query.request_id)?;
                self.reject(requester.clone(), id, &request);
            }
            OperatorCommand::RenameNode(rename) => {
                let name = json::short(&rename.display_name);
                let name = name.ok_or_else(|| WireError::invalid("displayName required"))?;
                let node = self.find_node(&rename.node_id)?;
                self.rename(requester.clone(), node, name);
            }
            OperatorCommand::RevokeNode(query) => {
                let node = self.find_node(&query.node_id)?;
                self.revoke(requester.clone(), node);
            }
            OperatorCommand::InvokeNode(request) => self.invoke(requester.clone(), request)?,
            OperatorCommand::Call(method, params) => {
                self.operator_call(requester.clone(), method, params);
            }
            OperatorCommand::GetStatus(_) => {
                let status = Box::new(self.status());
                self.out.push(daemon(DaemonTask::Status(status)));
            }
            OperatorCommand::SetLogLevel(log) => self.out.push(daemon(DaemonTask::Log(log.level))),
            OperatorCommand::Reload(_) => self.out.push(daemon(DaemonTask::Reload)),
            OperatorCommand::Stop(_) => self.out.push(daemon(DaemonTask::Stop)),
        }
        Ok(None)
    }

    fn paired_views(&self) -> Vec<NodeView> {
        let mut views = self.node_views();
        views.sort_by_key(|view| std::cmp::Reverse(view.approved_at_ms));
        views
    }

    /// What the router knows of the status.
    fn status(&self) -> Status {
        let unauthenticated = self.connections.values().filter(|c| c.node.is_none()).count();
        Status {
            server_name: self.policy.server_name.to_string(),
            nodes: NodeCounts {
                paired: self.book.paired.len(),
                connected: self.online.len(),
                pending: self.book.pending.len(),
            },
            connections: ConnectionCounts { open: self.connections.len(), unauthenticated },
            counters: self.counters,
            ..Status::default()
        }
    }

    pub(super) fn operator_gone(&mut self, op: OperatorId) {
        self.watchers.by_operator.remove(&op);
        self.invokes.operator_gone(op);
    }

    pub(super) fn reply(&mut self, to: Requester, result: Result<Answer, WireError>) {
        self.out.push(Output::Reply { to, result });
    }

    /// Tells the operators who want to know.
    pub(super) fn tell(&mut self, event: OperatorEvent) {
        let wants = |only: &Option<BTreeSet<String>>| {
            only.as_ref().is_none_or(|names| names.contains(event.name()))
        };
        let to: Vec<OperatorId> = self
            .watchers
            .by_operator
            .iter()
            .filter(|(_, only)| wants(only))
            .map(|(op, _)| *op)
            .collect();
        if !to.is_empty() {
            self.out.push(Output::Publish { to, event: Arc::new(event) });
        }
    }
}
