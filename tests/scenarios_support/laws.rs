//! What the router promises whatever happens. Every test of this crate is watched by these laws;
//! breaking one is a panic that says which.

use openclaw_bridge::protocol::{GatewayFrame, NodeFrame, NodeId};
use openclaw_bridge::router::{
    ConnId, DaemonTask, Input, OperatorId, Output, PairingBook, Requester,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is known from the outside of what was asked and not yet answered.
#[derive(Debug, Default)]
pub(crate) struct Laws {
    /// Open connections, and the node each speaks for.
    pub(crate) open: BTreeMap<ConnId, Option<NodeId>>,
    /// Requests of nodes that were not answered yet; an id may be used several times.
    pub(crate) unanswered: BTreeMap<(ConnId, Arc<str>), usize>,
    /// Requests of operators that were not answered yet.
    pub(crate) asked: BTreeSet<(OperatorId, Arc<str>)>,
    /// Operators that hung up; answers to them go nowhere.
    gone: BTreeSet<OperatorId>,
    saving: bool,
}

impl Laws {
    /// Takes note of what happens.
    pub(crate) fn before(&mut self, input: &Input) {
        let outcome = matches!(input, Input::Saved | Input::SaveFailed { .. });
        assert_eq!(self.saving, outcome, "the input after a save is its outcome, no other");
        match input {
            Input::Connected { conn, .. } => {
                self.open.insert(*conn, None);
            }
            Input::Disconnected { conn } => self.forget(*conn),
            Input::Frame { conn, frame: NodeFrame::Req { id, .. } } => {
                if let Some(node) = self.open.get(conn) {
                    let instead = if node.is_some() { "invalid" } else { "" };
                    let id = id.clone().unwrap_or_else(|| instead.into());
                    *self.unanswered.entry((*conn, id)).or_default() += 1;
                }
            }
            Input::Operator { op, request } => {
                assert!(!self.gone.contains(op), "the test lets an operator ask who hung up");
                let is_new = self.asked.insert((*op, request.id.clone()));
                assert!(is_new, "the test used an operator's request id twice");
            }
            Input::OperatorGone { op } => {
                self.gone.insert(*op);
                self.asked.retain(|(requester, _)| requester != op);
            }
            _ => {}
        }
    }

    /// Checks what the router did.
    pub(crate) fn after(&mut self, outputs: &[Output], disk: &PairingBook) {
        let saves = outputs.iter().filter(|output| matches!(output, Output::Save { .. })).count();
        self.saving = matches!(outputs.last(), Some(Output::Save { .. }));
        assert_eq!(saves, usize::from(self.saving), "a save is the last output, and the only one");
        for output in outputs {
            self.check(output, disk);
        }
    }

    fn check(&mut self, output: &Output, disk: &PairingBook) {
        match output {
            Output::Send { to, frame } => {
                self.must_be_open(*to);
                self.check_frame(*to, frame, disk);
            }
            Output::Wait { conn, .. } | Output::LineLimit { conn, .. } => self.must_be_open(*conn),
            Output::Admit { conn, node } => {
                self.must_be_open(*conn);
                let twice = self.open.values().flatten().any(|other| other == node);
                assert!(!twice, "{node} would be admitted on two connections, or twice on one");
                let before = self.open.insert(*conn, Some(node.clone())).flatten();
                assert_eq!(before, None, "connection {conn} would speak for two nodes");
            }
            Output::Close { conn, .. } => {
                self.must_be_open(*conn);
                self.forget(*conn);
            }
            // The daemon answers at once, but for this one, whose answer comes back to the router.
            Output::Daemon { task: DaemonTask::Reload, .. } => {}
            Output::Reply { to, .. } | Output::Daemon { requester: to, .. } => self.replied(to),
            _ => {}
        }
    }

    fn check_frame(&mut self, to: ConnId, frame: &GatewayFrame, disk: &PairingBook) {
        match frame {
            GatewayFrame::Res { id, .. } => {
                let key = (to, id.clone());
                let open = self.unanswered.get_mut(&key);
                let open = open.unwrap_or_else(|| panic!("{id} on {to} is answered unasked"));
                *open -= 1;
                if *open == 0 {
                    self.unanswered.remove(&key);
                }
            }
            GatewayFrame::PairOk { token: Some(token) } => {
                let is_on_disk = disk.paired.values().any(|node| node.accepts(token));
                assert!(is_on_disk, "a token is on the wire before it is on disk");
            }
            GatewayFrame::Invoke { .. } | GatewayFrame::HelloOk { .. } => {
                assert!(self.open[&to].is_some(), "a stranger is sent {}", frame.kind());
            }
            _ => {}
        }
    }

    fn replied(&mut self, to: &Requester) {
        let was_open = self.asked.remove(&(to.op, to.id.clone()));
        assert!(
            was_open || self.gone.contains(&to.op),
            "request {} of operator {} is answered twice, or unasked",
            to.id,
            to.op
        );
    }

    fn must_be_open(&self, conn: ConnId) {
        assert!(self.open.contains_key(&conn), "connection {conn} is closed, or never was");
    }

    fn forget(&mut self, conn: ConnId) {
        self.open.remove(&conn);
        self.unanswered.retain(|(other, _), _| *other != conn);
    }

    /// How many nodes are admitted.
    pub(crate) fn admitted(&self) -> usize {
        self.open.values().flatten().count()
    }
}
