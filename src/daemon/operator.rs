//! An operator without a socket: the program that embeds the bridge.
//!
//! The same requests, answers and events as on the control socket, as values. It runs on the
//! caller's thread and blocks it.

use crate::link::{Inbox, Outbox, OutboxSender, ReplyHandle};
use crate::protocol::operator::{
    Answer, ApprovePairing, InvokeNode, InvokePayload, ListPairings, NodeView, OperatorCall,
    OperatorCommand, OperatorEvent, OperatorFrame, OperatorRequest, PendingView, SubscribeEvents,
};
use crate::protocol::{limits, Method, Payload, WireError};
use crate::router::{Input, OperatorId};
use crate::wait;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// An operator within the program. Give every thread that needs one its own
/// ([`Daemon::operator`](super::Daemon::operator)).
#[derive(Debug)]
pub struct Operator {
    op: OperatorId,
    inbox: Inbox,
    outbox: Arc<Outbox<OperatorFrame>>,
    last_request: u64,
    /// The requests that were sent and whose answers were not taken, with those that have come.
    open: BTreeMap<u64, Option<Result<Answer, WireError>>>,
    /// Events that came while an answer was waited for.
    events: VecDeque<Arc<OperatorEvent>>,
}

impl Operator {
    /// One more operator; `last` is the number of the last one.
    pub(super) fn join(inbox: &Inbox, last: &AtomicU64) -> io::Result<Self> {
        Ok(Self {
            op: OperatorId(last.fetch_add(1, Ordering::Relaxed) + 1),
            inbox: inbox.clone(),
            outbox: Arc::new(Outbox::new(limits::LINE_OPERATOR)?),
            last_request: 0,
            open: BTreeMap::new(),
            events: VecDeque::new(),
        })
    }

    /// Sends a request and waits for the answer: the bridge's own decisions come at once, a
    /// backend's result within [`limits::CALL_DEADLINE`], a node's within the invoke's timeout.
    /// Errors are those of the control socket; `UNAVAILABLE` if the bridge has ended.
    pub fn ask<C: OperatorCall>(&mut self, call: C) -> Result<C::Answer, WireError> {
        let answer = self.ask_command(call.into_command())?;
        C::answer(answer).ok_or_else(|| WireError::unavailable("unexpected answer"))
    }

    /// Sends a request; [`Operator::outcome`] waits for the answer. Up to
    /// [`limits::OPERATOR_REQUESTS`] may be open at once; the answers come in any order. Fails if
    /// too many are open, or the bridge has ended.
    pub fn begin<C: OperatorCall>(&mut self, call: C) -> Result<OpenRequest<C>, WireError> {
        let id = self.send(call.into_command())?;
        Ok(OpenRequest { id, call: PhantomData })
    }

    /// Waits for the answer to a request that was begun. Errors are those of [`Operator::ask`].
    pub fn outcome<C: OperatorCall>(
        &mut self,
        request: OpenRequest<C>,
    ) -> Result<C::Answer, WireError> {
        let answer = self.wait_for(request.id)?;
        C::answer(answer).ok_or_else(|| WireError::unavailable("unexpected answer"))
    }

    fn ask_command(&mut self, command: OperatorCommand) -> Result<Answer, WireError> {
        let id = self.send(command)?;
        self.wait_for(id)
    }

    fn send(&mut self, command: OperatorCommand) -> Result<u64, WireError> {
        if self.open.len() >= limits::OPERATOR_REQUESTS {
            // Answers that were never taken give way, the oldest first.
            let untaken = self.open.iter().find(|(_, answer)| answer.is_some());
            let oldest = untaken.map(|(id, _)| *id);
            let full = || WireError::unavailable("too many requests are open");
            self.open.remove(&oldest.ok_or_else(full)?);
        }
        self.last_request += 1;
        let id: Arc<str> = self.last_request.to_string().into();
        let request = OperatorRequest { id, command: Ok(command) };
        let input = Input::Operator { op: self.op, request };
        let reply = || ReplyHandle::Operator(OutboxSender(self.outbox.clone()));
        let posted = match self.last_request {
            // The first request tells the router where to send answers.
            1 => self.inbox.introduce(input, reply()),
            _ => self.inbox.post(input),
        };
        posted.map_err(|_| ended())?;
        self.open.insert(self.last_request, None);
        Ok(self.last_request)
    }

    fn wait_for(&mut self, id: u64) -> Result<Answer, WireError> {
        while let Some(None) = self.open.get(&id) {
            match self.next_frame() {
                Some(OperatorFrame::Reply { id, result }) => self.answered(&id, result),
                Some(OperatorFrame::Event(event)) => self.keep(event),
                None => return Err(ended()),
            }
        }
        let late = || Err(WireError::invalid("the answer was not taken in time"));
        self.open.remove(&id).flatten().unwrap_or_else(late)
    }

    /// The next frame; looks for it for a moment before it sleeps, unless somebody else does.
    fn next_frame(&self) -> Option<OperatorFrame> {
        let soon = self.inbox.stay_awake(|| self.outbox.pop());
        soon.or_else(|| self.outbox.wait(None))
    }

    fn answered(&mut self, id: &str, result: Result<Answer, WireError>) {
        if let Some(answer) = id.parse().ok().and_then(|id: u64| self.open.get_mut(&id)) {
            *answer = Some(result);
        }
    }

    /// The pairing requests that wait for a decision, newest first. Fails if the bridge has ended.
    pub fn pending(&mut self) -> Result<Vec<PendingView>, WireError> {
        Ok(self.ask(ListPairings {})?.pending)
    }

    /// Lets a node in. `request` is the request's id or its beginning, or the node's id or name; one
    /// that may be mistaken for another request or node is only approved by its full id.
    /// When this returns, the pairing is on disk. Fails if there is no such request, or it could
    /// not be saved.
    pub fn approve(&mut self, request: &str) -> Result<NodeView, WireError> {
        Ok(self.ask(ApprovePairing { request_id: request.to_owned() })?.node)
    }

    /// Has a node run a command (protocol section 8). `params` is JSON text; the answer is the
    /// node's JSON text, if it sent any. Waits for at most `timeout`, which counts from when the
    /// node is sent the command. Fails if the node is not connected, does not answer in time, or
    /// refuses.
    pub fn invoke(
        &mut self,
        node: &str,
        command: &str,
        params: Option<&str>,
        timeout: Duration,
    ) -> Result<Option<InvokePayload>, WireError> {
        let call = InvokeNode {
            node_id: node.to_owned(),
            command: command.to_owned(),
            params: params.map(Into::into),
            timeout_ms: u64::try_from(timeout.as_millis().max(1)).ok(),
            idempotency_key: None,
        };
        Ok(self.ask(call)?.payload)
    }

    /// Calls a method as a node would (protocol section 5); the answer is JSON text.
    pub fn call(&mut self, method: Method, params: Option<&str>) -> Result<Payload, WireError> {
        match self.ask_command(OperatorCommand::Call(method, params.map(Into::into)))? {
            Answer::Called(payload) => Ok(payload.0),
            _ => Err(WireError::unavailable("unexpected answer")),
        }
    }

    /// Subscribes to the events with these names, or to all if none is named. Fails if the bridge
    /// has ended.
    pub fn subscribe(&mut self, only: &[&str]) -> Result<(), WireError> {
        let only: BTreeSet<String> = only.iter().map(|name| (*name).to_owned()).collect();
        let only = Some(only).filter(|only| !only.is_empty());
        self.ask(SubscribeEvents { only }).map(drop)
    }

    /// The next event; `None` if none comes within `timeout` or the bridge has ended. An operator
    /// that subscribes and then takes no events is disconnected after [`limits::OUTBOX_FRAMES`].
    pub fn next_event(&mut self, timeout: Duration) -> Option<Arc<OperatorEvent>> {
        let deadline = wait::after(timeout);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.outbox.wait(Some(deadline))? {
                OperatorFrame::Event(event) => return Some(event),
                OperatorFrame::Reply { id, result } => self.answered(&id, result),
            }
        }
    }

    /// Keeps as many events as the outbox would; the oldest are dropped.
    fn keep(&mut self, event: Arc<OperatorEvent>) {
        if self.events.len() >= limits::OUTBOX_FRAMES {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

/// A request that was begun and whose answer [`Operator::outcome`] waits for.
#[derive(Debug)]
#[must_use = "its answer is kept until it is taken"]
pub struct OpenRequest<C> {
    id: u64,
    call: PhantomData<C>,
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Fails only if the router has ended.
        let _ = self.inbox.post(Input::OperatorGone { op: self.op });
    }
}

fn ended() -> WireError {
    WireError::unavailable("the bridge has ended, or too many events were left unread")
}
