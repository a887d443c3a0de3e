//! Commands of operators.

use crate::protocol::operator::{
    Answer, Done, NodeCounts, NodeDetails, NodeList, OperatorCommand, OperatorRequest, Status,
};
use crate::protocol::{json, WireError};
use crate::router::{DaemonTask, OperatorId, Output, Requester, Router};

impl Router {
    pub(super) fn operator(&mut self, op: OperatorId, request: OperatorRequest) {
        let requester = Requester { op, id: request.id };
        match request.command.and_then(|command| self.command(&requester, command)) {
            Ok(Some(answer)) => self.ctx.reply(requester, Ok(answer)),
            Ok(None) => {}
            Err(error) => self.ctx.reply(requester, Err(error)),
        }
    }

    /// Carries the command out; `None` if the answer comes later.
    fn command(
        &mut self,
        requester: &Requester,
        command: OperatorCommand,
    ) -> Result<Option<Answer>, WireError> {
        let ts = self.ctx.now.wall.0;
        let requester = requester.clone();
        match command {
            OperatorCommand::ListNodes(_) => {
                return Ok(Some(Answer::Nodes(NodeList { ts, nodes: self.lookup().nodes() })));
            }
            OperatorCommand::DescribeNode(query) => {
                let node = self.lookup().node(&query.node_id)?;
                let view = self.lookup().view(&node);
                let node = view.ok_or_else(|| WireError::invalid("unknown nodeId"))?;
                return Ok(Some(Answer::Node(Box::new(NodeDetails { ts, node }))));
            }
            OperatorCommand::ListPairings(_) => return Ok(Some(self.lookup().pairings())),
            OperatorCommand::SubscribeEvents(filter) => {
                self.ctx.subscribe(requester.op, filter.only);
                return Ok(Some(Answer::Done(Done {})));
            }
            OperatorCommand::ApprovePairing(query) => {
                let (id, request) = self.lookup().request(&query.request_id)?;
                if !self.pairing.approve(&mut self.ctx, requester, &id, &request)? {
                    return self.lookup().approved(&id, &request.node, false).map(Some);
                }
            }
            OperatorCommand::RejectPairing(query) => {
                let (id, request) = self.lookup().request(&query.request_id)?;
                self.pairing.reject(&mut self.ctx, requester, id, &request);
            }
            OperatorCommand::RenameNode(rename) => {
                let name = json::short(&rename.display_name);
                let name = name.ok_or_else(|| WireError::invalid("displayName required"))?;
                let node = self.lookup().node(&rename.node_id)?;
                self.pairing.rename(&mut self.ctx, requester, node, name);
            }
            OperatorCommand::RevokeNode(query) => {
                let node = self.lookup().node(&query.node_id)?;
                self.pairing.revoke(&mut self.ctx, requester, node);
            }
            OperatorCommand::InvokeNode(request) => {
                let node = self.lookup().node(&request.node_id)?;
                self.invokes.request(&mut self.ctx, &self.presence, requester, node, request)?;
            }
            OperatorCommand::Call(method, params) => {
                self.calls.operator_call(&mut self.ctx, requester, method, params);
            }
            OperatorCommand::GetStatus(_) => {
                let task = DaemonTask::Status(Box::new(self.status()));
                self.daemon(requester, task);
            }
            OperatorCommand::SetLogLevel(log) => self.daemon(requester, DaemonTask::Log(log.level)),
            OperatorCommand::Reload(_) => self.daemon(requester, DaemonTask::Reload),
            OperatorCommand::Stop(_) => self.daemon(requester, DaemonTask::Stop),
        }
        Ok(None)
    }

    /// Leaves a task, and its answer, to the daemon.
    fn daemon(&mut self, requester: Requester, task: DaemonTask) {
        self.ctx.push(Output::Daemon { requester, task });
    }

    /// What the router knows of the status.
    fn status(&self) -> Status {
        let book = self.pairing.book();
        Status {
            server_name: self.ctx.policy.server_name.to_string(),
            nodes: NodeCounts {
                paired: book.paired.len(),
                connected: self.presence.online_count(),
                pending: book.pending.len(),
            },
            connections: self.presence.counts(),
            counters: self.ctx.counters,
            ..Status::default()
        }
    }

    pub(super) fn operator_gone(&mut self, op: OperatorId) {
        self.ctx.unsubscribe(op);
        self.invokes.operator_gone(op);
    }
}
