//! A node that is connected to the bridge, and therefore to the gateway: what is known of it.

use super::translate::{Conversations, ExecRuns, Incoming, Request};
use crate::backend::{InvokeNumber, NodeId};
use crate::gateway::Session;
use crate::lock::lock;
use crate::protocol::operator::{GatewayState, NodeInGateway};
use crate::protocol::NodeProfile;
use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::Mutex;
use std::time::Instant;

pub(super) struct BridgedNode {
    pub(super) id: NodeId,
    pub(super) talk: Mutex<Talk>,
    pub(super) running: Mutex<Option<Running>>,
    /// Counts its sessions, so that one that is ending changes nothing any more.
    pub(super) session_number: AtomicU64,
    pub(super) standing: Mutex<Standing>,
    /// Invokes of the gateway under way, as they are known on either side.
    pub(super) invokes: Mutex<VecDeque<(String, InvokeNumber)>>,
}

/// What outlives a short absence of the node.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pub(super) conversations: Conversations,
    pub(super) exec: ExecRuns,
    /// Events that follow the answer to a call.
    pub(super) soon: Vec<Incoming>,
    /// Messages for a gateway that is away.
    pub(super) messages: VecDeque<Request>,
}

/// The session of a node that is online.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) session: Session,
    /// What the session tells the gateway about the node.
    pub(super) profile: NodeProfile,
    /// What the node offers.
    pub(super) offered: Vec<String>,
}

/// What operators are told.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) state: Option<GatewayState>,
    pub(super) problem: Option<String>,
    pub(super) remedy: Option<String>,
    pub(super) missing: Vec<String>,
    /// Since when it is connected.
    pub(super) since: Option<Instant>,
    /// What they were told last.
    pub(super) told: Option<NodeInGateway>,
}

impl BridgedNode {
    pub(super) fn new(id: NodeId) -> Self {
        Self {
            id,
            talk: Mutex::default(),
            running: Mutex::default(),
            session_number: AtomicU64::new(0),
            standing: Mutex::default(),
            invokes: Mutex::default(),
        }
    }

    /// Its session, if it is online.
    pub(super) fn session(&self) -> Option<Session> {
        lock(&self.running).as_ref().map(|running| running.session.clone())
    }

    /// Sends events after the answer to a call, which is on its way now.
    pub(super) fn send_soon(&self, events: Vec<Incoming>) {
        lock(&self.talk).soon.extend(events);
        if let Some(session) = self.session() {
            session.nudge();
        }
    }

    /// Whether somebody has to look again what was approved.
    pub(super) fn is_waiting(&self) -> bool {
        let state = lock(&self.standing).state;
        matches!(state, Some(GatewayState::Connecting | GatewayState::SurfacePending))
    }
}
