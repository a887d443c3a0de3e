//! A node that is connected to the bridge, and therefore to the gateway: what is known of it.

use super::translate::{Conversations, ExecRuns, Incoming, Request};
use crate::backend::{InvokeNumber, NodeId};
use crate::client::Backoff;
use crate::gateway::Session;
use crate::lock::lock;
use crate::protocol::operator::{GatewayState, NodeInGateway};
use crate::protocol::{limits, NodeProfile};
use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::Mutex;
use std::time::{Duration, Instant};

pub(super) struct BridgedNode {
    pub(super) id: NodeId,
    pub(super) retained: Mutex<Retained>,
    pub(super) running: Mutex<Option<Running>>,
    /// Counts its sessions, so that one that is ending changes nothing any more.
    pub(super) session_number: AtomicU64,
    pub(super) starts: Mutex<Starts>,
    pub(super) status: Mutex<NodeStatus>,
    /// Invokes of the gateway under way, as they are known on either side.
    pub(super) invokes: Mutex<VecDeque<(String, InvokeNumber)>>,
}

/// When its sessions began. A node that comes and goes, or describes itself anew, again and again
/// waits longer and longer, so that it does not take the others' turns to connect.
#[derive(Debug, Default)]
pub(super) struct Starts {
    last: Option<Instant>,
    backoff: Backoff,
}

impl Starts {
    /// How long the session has to wait that begins now.
    pub(super) fn delay(&mut self, now: Instant, chance: u32) -> Duration {
        let before = self.last.replace(now);
        match before.map(|before| now.saturating_duration_since(before)) {
            Some(lived) if lived < limits::BACKOFF_RESET => self.backoff.next_delay(chance),
            _ => {
                self.backoff = Backoff::default();
                Duration::ZERO
            }
        }
    }
}

/// What outlives a short absence of the node.
#[derive(Debug, Default)]
pub(super) struct Retained {
    pub(super) conversations: Conversations,
    pub(super) exec: ExecRuns,
    /// Events that follow the answer to a call.
    pub(super) follow_ups: Vec<Incoming>,
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

/// What operators are told about it.
#[derive(Debug, Default)]
pub(super) struct NodeStatus {
    pub(super) state: Option<GatewayState>,
    pub(super) problem: Option<String>,
    pub(super) remedy: Option<String>,
    pub(super) missing: Vec<String>,
    /// Since when it is connected.
    pub(super) since: Option<Instant>,
    /// What was published last.
    pub(super) published: Option<NodeInGateway>,
}

impl BridgedNode {
    pub(super) fn new(id: NodeId) -> Self {
        Self {
            id,
            retained: Mutex::default(),
            running: Mutex::default(),
            session_number: AtomicU64::new(0),
            starts: Mutex::default(),
            status: Mutex::default(),
            invokes: Mutex::default(),
        }
    }

    /// Its session, if it is online.
    pub(super) fn session(&self) -> Option<Session> {
        lock(&self.running).as_ref().map(|running| running.session.clone())
    }

    /// Sends events after the answer to a call, which is on its way now.
    pub(super) fn send_later(&self, events: Vec<Incoming>) {
        lock(&self.retained).follow_ups.extend(events);
        if let Some(session) = self.session() {
            session.nudge();
        }
    }

    /// Whether somebody has to look again what was approved.
    pub(super) fn is_waiting(&self) -> bool {
        let state = lock(&self.status).state;
        matches!(state, Some(GatewayState::Connecting | GatewayState::SurfacePending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_comes_and_goes_waits_longer_and_longer() {
        let (mut starts, mut now) = (Starts::default(), Instant::now());
        let mut delay = |passed| {
            now += passed;
            starts.delay(now, u32::MAX)
        };
        assert_eq!(delay(Duration::ZERO), Duration::ZERO, "it has just come");
        let waits: Vec<Duration> = (0..8).map(|_| delay(Duration::from_millis(1))).collect();
        assert_eq!(waits[0], limits::BACKOFF_MIN);
        assert_eq!(waits[7], limits::BACKOFF_MAX);
        assert_eq!(delay(limits::BACKOFF_RESET), Duration::ZERO, "it has stayed");
        assert_eq!(delay(Duration::from_millis(1)), limits::BACKOFF_MIN);
    }
}
