//! How far each node is at the gateway, for operators.

use super::bridge::{problem_and_remedy, Bridge};
use super::node::{BridgedNode, NodeStatus};
use super::translate;
use crate::backend::Document;
use crate::gateway::State;
use crate::lock::lock;
use crate::protocol::gateway::{shell_word, ListedNode};
use crate::protocol::limits;
use crate::protocol::operator::{GatewayState, NodeInGateway};
use std::time::Instant;

impl Bridge {
    /// The node is here. Its session may have to wait for the gateway.
    pub(super) fn begin_status(&self, node: &BridgedNode) {
        let mut status = lock(&node.status);
        let published = status.published.take();
        let state = Some(GatewayState::Connecting);
        *status = NodeStatus { state, published, ..NodeStatus::default() };
        self.publish(node, &mut status);
    }

    /// The session has changed.
    pub(super) fn set_state(&self, node: &BridgedNode, state: &State<'_>) {
        let mut status = lock(&node.status);
        status.missing.clear();
        status.since = matches!(state, State::Connected(_)).then(Instant::now);
        status.state = Some(match state {
            State::PairingRequired(_) => GatewayState::PairingRequired,
            State::Away(_) | State::Connected(_) => GatewayState::Connecting,
        });
        (status.problem, status.remedy) = problem_and_remedy(state);
        if let State::Connected(_) = state {
            status.problem = Some("what the gateway has approved is not known yet".to_owned());
        }
        self.publish(node, &mut status);
    }

    /// What the gateway says about the node.
    pub(super) fn listed(&self, node: &BridgedNode, row: &ListedNode) {
        let Some(running) = lock(&node.running).clone() else { return };
        if !running.session.is_connected() {
            return;
        }
        let pending = row.pending.as_ref();
        let is_approved = row.is_approved(!running.offered.is_empty());
        // Which commands it would approve is known when there is a request.
        let is_known = is_approved || pending.is_some();
        let offered = if is_known { &*running.offered } else { &[] };
        let missing = translate::missing(
            offered,
            &row.commands,
            pending.map_or(&[], |pending| &pending.commands),
        );
        let mut status = lock(&node.status);
        let not_allowed = format!("the gateway does not allow {}", missing.join(", "));
        let allow = translate::allow_line(&self.version(), &missing);
        let approve = match pending {
            Some(pending) => format!("openclaw nodes approve {}", shell_word(&pending.request_id)),
            None => "openclaw nodes pending".to_owned(),
        };
        let (state, problem, remedy) = match (is_approved, missing.is_empty()) {
            (true, true) => (GatewayState::Ok, None, None),
            (true, false) => (GatewayState::Limited, Some(not_allowed), Some(allow)),
            (false, true) => {
                let problem = "the gateway has to approve its commands".to_owned();
                (GatewayState::SurfacePending, Some(problem), Some(approve))
            }
            (false, false) => {
                let problem = format!("the gateway has to approve its commands, and {not_allowed}");
                (GatewayState::SurfacePending, Some(problem), Some(format!("{approve}; {allow}")))
            }
        };
        running.session.set_approved(is_approved);
        // What the gateway allows now, it finds out when a node connects.
        let is_old = status.since.is_some_and(|at| at.elapsed() >= limits::GATEWAY_LIMITED);
        if is_old && !missing.is_empty() {
            running.session.reconnect();
        }
        status.state = Some(state);
        (status.problem, status.remedy, status.missing) = (problem, remedy, missing);
        self.publish(node, &mut status);
    }

    /// The node is gone.
    pub(super) fn forget_status(&self, node: &BridgedNode) {
        *lock(&node.status) = NodeStatus::default();
        self.set_document(Document::NodeInGateway { node: node.id.clone(), view: None });
    }

    fn publish(&self, node: &BridgedNode, status: &mut NodeStatus) {
        let (Some(session), Some(state)) = (node.session(), status.state) else { return };
        let view = NodeInGateway {
            node_id: session.id().to_owned(),
            state,
            problem: status.problem.clone(),
            remedy: status.remedy.clone(),
            missing_commands: status.missing.clone(),
        };
        if status.published.as_ref() == Some(&view) {
            return;
        }
        if status.published.as_ref().is_none_or(|before| before.state != state) {
            if let Some(more) = self.log.admit_from(state.as_str(), node.id.as_str()) {
                let why = view.problem.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                let (id, state) = (node.id.as_str(), state.as_str());
                log::info!("backend: at the gateway node={id:?} state={state:?}{why}{more}");
            }
        }
        status.published = Some(view.clone());
        let view = Some(Box::new(view));
        self.set_document(Document::NodeInGateway { node: node.id.clone(), view });
    }
}
