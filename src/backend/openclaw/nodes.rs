//! Nodes come, go, and report.

use super::bridge::Bridge;
use super::node::{BridgedNode, Running};
use super::node_handler::NodeHandler;
use super::translate::{self, Outgoing, Request};
use crate::backend::{NodeId, NodeNotice};
use crate::gateway::{self, Principal, Session};
use crate::lock::lock;
use crate::protocol::gateway::RUN_PREPARE;
use crate::protocol::{limits, session, ErrorCode, NodeCommand, NodeEvent, NodeProfile};
use crate::random;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Instant;

impl Bridge {
    pub(super) fn notice(self: &Arc<Self>, notice: NodeNotice) {
        match notice {
            NodeNotice::Online { node, profile } | NodeNotice::Changed { node, profile } => {
                if let Err(error) = self.online(&node, &profile) {
                    let node = node.as_str();
                    log::error!("backend: a node is not at the gateway: {error} node={node:?}");
                }
            }
            NodeNotice::Offline(node) => self.offline(&node),
            NodeNotice::Event { node, event, payload } => self.event(&node, &event, &payload),
            NodeNotice::Subscription { node, session_key, is_wanted } => {
                let event =
                    if is_wanted { NodeEvent::ChatSubscribe } else { NodeEvent::ChatUnsubscribe };
                let payload = serde_json::json!({ "sessionKey": &*session_key }).to_string();
                self.event(&node, event.as_str(), &payload);
            }
        }
    }

    fn online(self: &Arc<Self>, id: &NodeId, profile: &NodeProfile) -> io::Result<()> {
        let Some(thread) = self.thread() else { return Ok(()) };
        let node = self.known_node(id);
        let offered = profile.commands.clone().unwrap_or_default();
        let may_run = self.exec_nodes.contains(id.as_str())
            && offered.iter().any(|command| *command == NodeCommand::SystemRun.as_str());
        let profile = introduced(profile.clone(), may_run);
        let before = lock(&node.running).clone();
        if let Some(before) = before {
            if before.profile == profile {
                return Ok(());
            }
            before.session.stop();
        }
        let session = Session::new(self.access.clone(), self.principal(id, &profile)?)?;
        let number = node.session_number.fetch_add(1, Ordering::SeqCst) + 1;
        let chance = random::chance();
        let delay = lock(&node.starts).delay(Instant::now(), chance);
        let running = Running { session: session.clone(), profile, offered };
        *lock(&node.running) = Some(running);
        self.begin_status(&node);
        let handler = NodeHandler {
            bridge: self.clone(),
            node,
            session: session.clone(),
            number,
            may_run,
            _thread: thread,
        };
        session.start(format!("gateway-{number}"), delay, Box::new(handler)).map(drop)
    }

    fn known_node(&self, id: &NodeId) -> Arc<BridgedNode> {
        let mut nodes = lock(&self.nodes);
        let new = || Arc::new(BridgedNode::new(id.clone()));
        nodes.entry(id.clone()).or_insert_with(new).clone()
    }

    /// How the gateway is told about a node.
    fn principal(&self, id: &NodeId, profile: &NodeProfile) -> io::Result<Principal> {
        let identity = self.seed.node(id.as_str());
        let identity = identity.ok_or_else(|| io::Error::other("no key could be derived"))?;
        let platform = self.known.introduction(id, gateway::platform(profile))?;
        Ok(Principal::of_node(id, identity, platform, profile.clone()))
    }

    fn offline(&self, id: &NodeId) {
        let Some(node) = self.node(id) else { return };
        node.session_number.fetch_add(1, Ordering::SeqCst);
        let running = lock(&node.running).take();
        if let Some(running) = running {
            running.session.stop();
        }
        self.forget_status(&node);
    }

    fn event(&self, id: &NodeId, event: &str, payload: &str) {
        if starts_run(event) && !self.rates.admit(id, Instant::now()) {
            return log::debug!("backend: too many runs node={:?}", id.as_str());
        }
        let node = self.known_node(id);
        let mut retained = lock(&node.retained);
        let retained = &mut *retained;
        let (conversations, exec) = (&mut retained.conversations, &mut retained.exec);
        let run = random::uuid(random::bits());
        let all = translate::outgoing(id, conversations, exec, (event, payload), &run);
        let mut calls = Vec::new();
        for outgoing in all {
            match outgoing {
                Outgoing::Event { event, payload } => self.report(&node, event, payload),
                Outgoing::Call(request) => calls.push(request),
            }
        }
        if !calls.is_empty() {
            self.check_approvals();
        }
        for call in calls {
            if retained.messages.len() >= limits::GATEWAY_MESSAGES {
                retained.messages.pop_front();
                self.log_dropped(id, 1);
            }
            retained.messages.push_back(call);
        }
    }

    fn report(&self, node: &BridgedNode, event: NodeEvent, payload: String) {
        let Some(session) = node.session() else { return };
        let is_wanted = event == NodeEvent::ChatSubscribe;
        if is_wanted || event == NodeEvent::ChatUnsubscribe {
            if let Some(key) = session::key_in(&payload) {
                session.subscribe(key, is_wanted);
            }
            return;
        }
        let dropped = session.report(event.as_str().into(), Some(payload.into()));
        if dropped > 0 {
            self.log_dropped(&node.id, dropped);
        }
    }

    fn log_dropped(&self, node: &NodeId, count: usize) {
        let id = node.as_str();
        if let Some(more) = self.log.admit_from("dropped", id) {
            log::warn!(
                "backend: dropped what waited for the gateway for too long node={id:?} \
                 events={count}{more}"
            );
        }
    }

    /// Sends the messages that have waited. False if the gateway is away.
    pub(super) fn send_messages(&self, node: &BridgedNode) -> bool {
        let Some(operator) = self.operator() else { return false };
        loop {
            // It stays where it is until the gateway has it; a repetition does no harm.
            let first: Option<Request> = lock(&node.retained).messages.front().cloned();
            let Some(request) = first else { return true };
            match operator.call(request.method.as_str(), &request.params) {
                Err(error) if error.code == ErrorCode::Unavailable => return false,
                result => {
                    let mut retained = lock(&node.retained);
                    if retained.messages.front() == Some(&request) {
                        retained.messages.pop_front();
                    }
                    if let Err(error) = result {
                        let node = node.id.as_str();
                        log::warn!("backend: dropped a message node={node:?}: {error}");
                    }
                }
            }
        }
    }
}

/// What the gateway is told that the node can do.
fn introduced(mut profile: NodeProfile, may_run: bool) -> NodeProfile {
    profile.caps = Some(profile.caps_or_guess());
    let commands = profile.commands.get_or_insert_default();
    if may_run && !commands.iter().any(|command| command == RUN_PREPARE) {
        commands.push(RUN_PREPARE.to_owned());
    }
    profile
}

/// Whether the event asks the agent something, and so may start a run.
fn starts_run(event: &str) -> bool {
    matches!(NodeEvent::parse(event), Some(NodeEvent::VoiceTranscript | NodeEvent::AgentRequest))
}
