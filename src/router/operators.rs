//! Commands of operators.

use crate::protocol::operator::{
    Answer, Done, InvokePayload, NodeCounts, NodeDetails, NodeList, OperatorCommand,
    OperatorRequest, Status,
};
use crate::protocol::rpc::{self, system::HealthView};
use crate::protocol::{fields, Method, WireError};
use crate::router::calls::{check_length, CallOrigin};
use crate::router::{Caller, DaemonTask, OperatorId, Output, Requester, Router};

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
                return Ok(Some(Answer::Nodes(NodeList { ts, nodes: self.node_views() })));
            }
            OperatorCommand::DescribeNode(query) => {
                let node = self.find_node(&query.node_id)?;
                let view = self.node_view(&node);
                let node = view.ok_or_else(|| WireError::invalid("unknown nodeId"))?;
                let refused = self.pairing.refused.get(&node.node_id).copied().unwrap_or_default();
                return Ok(Some(Answer::Node(Box::new(NodeDetails { ts, node, refused }))));
            }
            OperatorCommand::ListPairings(_) => return Ok(Some(self.pairings())),
            OperatorCommand::SubscribeEvents(filter) => {
                self.ctx.subscribers.insert(requester.op, filter.only);
                return Ok(Some(Answer::Done(Done {})));
            }
            OperatorCommand::ApprovePairing(query) => {
                return self.approve(requester, &query.request_id);
            }
            OperatorCommand::RejectPairing(query) => self.reject(requester, &query.request_id)?,
            OperatorCommand::RenameNode(rename) => {
                let name = fields::short(&rename.display_name);
                let name = name.ok_or_else(|| WireError::invalid("displayName required"))?;
                let node = self.find_node(&rename.node_id)?;
                self.rename(requester, node, name);
            }
            OperatorCommand::RevokeNode(query) => {
                let node = self.find_node(&query.node_id)?;
                self.revoke(requester, node);
            }
            OperatorCommand::InvokeNode(request) => {
                let node = self.find_node(&request.node_id)?;
                self.invokes.request(&mut self.ctx, &self.connections, requester, node, request)?;
            }
            OperatorCommand::Call(Method::Health, _) if self.health().is_some() => {
                let text = self.health().as_ref().map(rpc::encode);
                return Ok(text.map(|text| Answer::Called(InvokePayload(text))));
            }
            OperatorCommand::Call(method, params) => {
                check_length(method, params.as_ref())?;
                let origin = CallOrigin::Operator(requester);
                self.calls.start(&mut self.ctx, origin, Caller::Operator, method, params);
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
        self.ctx.outputs.push(Output::Daemon { requester, task });
    }

    /// What the router knows of the status.
    fn status(&self) -> Status {
        Status {
            server_name: self.ctx.policy.server_name.to_string(),
            nodes: self.node_counts(),
            health: self.health(),
            gateway: self.calls.documents.gateway.as_deref().cloned(),
            connections: self.connections.counts(),
            save_error: self.ctx.save_error.clone(),
            counters: self.ctx.counters,
            ..Status::default()
        }
    }

    fn health(&self) -> Option<HealthView> {
        self.calls.documents.health(self.ctx.now, self.node_counts())
    }

    /// How many nodes there are, and how many of them are here or wait.
    pub fn node_counts(&self) -> NodeCounts {
        let book = &self.pairing.book;
        NodeCounts {
            paired: book.paired.len(),
            connected: self.connections.online().len(),
            pending: book.pending.len(),
        }
    }
}
