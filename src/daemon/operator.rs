//! An operator without a socket: the program that embeds the bridge.
//!
//! The same commands, answers and events as on the control socket, as values. It runs on the
//! caller's thread and waits where the caller says so.

use crate::link::{Door, Inbox, Inlet, Outbox};
use crate::protocol::operator::{
    Answer, EventFilter, InvokePayload, InvokeRequest, NodeQuery, NodeView, OperatorCommand,
    OperatorEvent, OperatorFrame, OperatorRequest, PendingView, RequestQuery,
};
use crate::protocol::{limits, Body, Method, WireError};
use crate::router::{Input, OperatorId};
use crate::wait;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// An operator within the program. Give every thread that needs one its own
/// ([`Daemon::operator`](super::Daemon::operator)).
#[derive(Debug)]
pub struct Operator {
    op: OperatorId,
    inbox: Inbox,
    outbox: Arc<Outbox<OperatorFrame>>,
    /// Brought along with the first request.
    introduced: bool,
    last_request: u64,
    /// Events that came while an answer was waited for.
    events: VecDeque<Arc<OperatorEvent>>,
}

impl Operator {
    pub(super) fn new(op: OperatorId, inbox: Inbox) -> io::Result<Self> {
        Ok(Self {
            op,
            inbox,
            outbox: Arc::new(Outbox::new(limits::LINE_OPERATOR)?),
            introduced: false,
            last_request: 0,
            events: VecDeque::new(),
        })
    }

    /// Asks for anything and waits for the answer: what the bridge decides itself comes at once, a
    /// call within [`limits::CALL_DEADLINE`], an invoke within its own time limit.
    ///
    /// # Errors
    /// What an operator at the command line would be told; `UNAVAILABLE` if the bridge has ended.
    pub fn ask(&mut self, command: OperatorCommand) -> Result<Answer, WireError> {
        self.last_request += 1;
        let id: Arc<str> = self.last_request.to_string().into();
        let request = OperatorRequest { id: id.clone(), command: Ok(command) };
        let input = Input::Operator { op: self.op, request };
        let posted = if self.introduced {
            self.inbox.post(input)
        } else {
            self.inbox.introduce(input, Door::Operator(Inlet::new(self.outbox.clone())))
        };
        posted.map_err(|_| ended())?;
        self.introduced = true;
        loop {
            match self.outbox.wait(None) {
                Some(OperatorFrame::Reply { id: answered, result }) if answered == id => {
                    return result;
                }
                // Answers to nothing: an earlier question was given up by a panic.
                Some(OperatorFrame::Reply { .. }) => {}
                Some(OperatorFrame::Event(event)) => self.keep(event),
                None => return Err(ended()),
            }
        }
    }

    /// Who asks to be paired, newest first.
    ///
    /// # Errors
    /// The bridge has ended.
    pub fn pending(&mut self) -> Result<Vec<PendingView>, WireError> {
        match self.ask(OperatorCommand::PairList)? {
            Answer::Pairings { pending, .. } => Ok(pending),
            other => Err(unexpected(&other)),
        }
    }

    /// Every known node, connected ones first.
    ///
    /// # Errors
    /// The bridge has ended.
    pub fn nodes(&mut self) -> Result<Vec<NodeView>, WireError> {
        match self.ask(OperatorCommand::NodeList)? {
            Answer::Nodes { nodes, .. } => Ok(nodes),
            other => Err(unexpected(&other)),
        }
    }

    /// Lets a node in. `request` is the request's id or its beginning, or the node's id or name.
    /// When this returns, the pairing is on disk.
    ///
    /// # Errors
    /// There is no such request, or it could not be saved.
    pub fn approve(&mut self, request: &str) -> Result<NodeView, WireError> {
        let query = RequestQuery { request_id: request.to_owned() };
        match self.ask(OperatorCommand::PairApprove(query))? {
            Answer::Approved { node, .. } => Ok(*node),
            other => Err(unexpected(&other)),
        }
    }

    /// Turns a node away.
    ///
    /// # Errors
    /// There is no such request, or it could not be saved.
    pub fn reject(&mut self, request: &str) -> Result<(), WireError> {
        let query = RequestQuery { request_id: request.to_owned() };
        self.ask(OperatorCommand::PairReject(query)).map(drop)
    }

    /// Deletes a pairing and cuts the connection. `node` is an id, an address, a name, or the
    /// beginning of an id.
    ///
    /// # Errors
    /// There is no such node, or it could not be saved.
    pub fn revoke(&mut self, node: &str) -> Result<(), WireError> {
        self.ask(OperatorCommand::NodeRevoke(NodeQuery { node_id: node.to_owned() })).map(drop)
    }

    /// Has a node run a command (protocol section 8). `params` is JSON text; the answer is the
    /// node's JSON text, if it sent any. Waits for at most `timeout`, which counts from when the
    /// node is sent the command.
    ///
    /// # Errors
    /// The node is not connected, does not answer in time, or says no.
    pub fn invoke(
        &mut self,
        node: &str,
        command: &str,
        params: Option<&str>,
        timeout: Duration,
    ) -> Result<Option<InvokePayload<Body>>, WireError> {
        let request = InvokeRequest {
            node_id: node.to_owned(),
            command: command.to_owned(),
            params: params.map(Into::into),
            timeout_ms: u64::try_from(timeout.as_millis().max(1)).ok(),
            idempotency_key: None,
        };
        match self.ask(OperatorCommand::NodeInvoke(request))? {
            Answer::Invoked { payload, .. } => Ok(payload),
            other => Err(unexpected(&other)),
        }
    }

    /// Calls a method as a node would (protocol section 5); the answer is JSON text.
    ///
    /// # Errors
    /// The backend's.
    pub fn call(
        &mut self,
        method: Method,
        params: Option<&str>,
    ) -> Result<InvokePayload, WireError> {
        match self.ask(OperatorCommand::Call(method, params.map(Into::into)))? {
            Answer::Called(payload) => Ok(payload),
            other => Err(unexpected(&other)),
        }
    }

    /// Follows events from now on; `only` names those that are wanted, empty means all.
    ///
    /// # Errors
    /// The bridge has ended.
    pub fn subscribe(&mut self, only: &[&str]) -> Result<(), WireError> {
        let only: BTreeSet<String> = only.iter().map(|name| (*name).to_owned()).collect();
        let filter = EventFilter { only: Some(only).filter(|only| !only.is_empty()) };
        self.ask(OperatorCommand::EventsSubscribe(filter)).map(drop)
    }

    /// The next event, if one comes within `patience` and the bridge has not ended. Whoever asks
    /// for events and then takes none is cut off after [`limits::OUTBOX_FRAMES`] of them.
    pub fn next_event(&mut self, patience: Duration) -> Option<Arc<OperatorEvent>> {
        let deadline = wait::after(patience);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.outbox.wait(Some(deadline))? {
                OperatorFrame::Event(event) => return Some(event),
                OperatorFrame::Reply { .. } => {}
            }
        }
    }

    /// Bounded like the outbox: the newest are of more use than the oldest.
    fn keep(&mut self, event: Arc<OperatorEvent>) {
        if self.events.len() >= limits::OUTBOX_FRAMES {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // If the router is gone, it does not need to know.
        let _ = self.inbox.post(Input::OperatorGone { op: self.op });
    }
}

fn ended() -> WireError {
    WireError::unavailable("the bridge has ended, or too many events were left unread")
}

fn unexpected(answer: &Answer) -> WireError {
    WireError::unavailable(format!("an answer to another question: {answer:?}"))
}
