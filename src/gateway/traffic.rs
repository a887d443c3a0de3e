//! What is under way between a session and its gateway: requests without an answer, events that
//! wait, invokes without a result. Nothing here waits; the time comes in.

use crate::gateway::connection::Sender;
use crate::gateway::error::Error;
use crate::protocol::gateway::{event_params, result_params, Hello, Refusal};
use crate::protocol::gateway::{INVOKE_RESULT, NODE_EVENT};
use crate::protocol::{limits, InvokeFailure, NodeEvent, Payload, WireError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the answer of a call goes.
pub(super) type Answer = crossbeam_channel::Sender<Result<Option<Payload>, WireError>>;

#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// While there is a connection.
    sender: Option<Sender>,
    /// Bytes that one message to the gateway may have.
    most: usize,
    last_id: u64,
    open: BTreeMap<u64, (Instant, Request)>,
    /// Sessions whose events are wanted. A new connection begins without any.
    subscriptions: BTreeSet<String>,
    /// Those of which the gateway does not know that they are wanted, or are not any more.
    changes: VecDeque<(String, bool)>,
    events: VecDeque<Event>,
    event_bytes: usize,
    refusals: Refusals,
    /// Results that were refused for the moment, and when to send them again.
    results: Vec<(Instant, Delivery)>,
    invokes: BTreeMap<String, Invoke>,
}

/// What the node reports is sent one by one, so that it stays in order whatever is refused.
#[derive(Debug, Default)]
struct Refusals {
    /// The first report is under way.
    is_reporting: bool,
    count: u32,
    since: Option<Instant>,
    again_at: Option<Instant>,
}

#[derive(Debug)]
enum Request {
    Change(String, bool),
    Event(Event),
    Result(Delivery),
    Call(Answer),
}

#[derive(Debug)]
struct Event {
    name: Arc<str>,
    payload: Option<Payload>,
}

#[derive(Debug)]
struct Delivery {
    invoke: String,
    params: String,
    attempts: u32,
}

/// An invoke without a result.
#[derive(Debug)]
struct Invoke {
    until: Instant,
    _permit: InvokePermit,
}

/// One of [`limits::GATEWAY_INVOKES`].
#[derive(Debug)]
pub(super) struct InvokePermit(Arc<AtomicUsize>);

impl InvokePermit {
    pub(super) fn take(open: &Arc<AtomicUsize>) -> Option<Self> {
        let one_more = |count| (count < limits::GATEWAY_INVOKES).then_some(count + 1);
        let taken = open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Self(open.clone()))
    }
}

impl Drop for InvokePermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Event {
    fn bytes(&self) -> usize {
        self.name.len() + self.payload.as_deref().map_or(0, str::len)
    }
}

impl Traffic {
    /// A connection was admitted.
    pub(super) fn connected(&mut self, sender: Sender, hello: &Hello) -> Result<(), Error> {
        self.sender = Some(sender);
        self.most = hello.max_payload.saturating_sub(limits::GATEWAY_PAYLOAD_MARGIN);
        self.changes = self.subscriptions.iter().map(|key| (key.clone(), true)).collect();
        self.report_next()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.sender.is_some()
    }

    /// Ends the connection unless something is under way.
    pub(super) fn leave_if_idle(&self) {
        if let Some(sender) =
            self.sender.as_ref().filter(|_| self.invokes.is_empty() && self.open.is_empty())
        {
            sender.close();
        }
    }

    /// The connection is gone. Returns the invokes that were under way, whose results nobody
    /// wants any more; events are kept for the next connection.
    pub(super) fn disconnected(&mut self) -> Vec<String> {
        self.sender = None;
        for (_, request) in std::mem::take(&mut self.open).into_values() {
            if let Request::Event(event) = request {
                self.event_bytes += event.bytes();
                self.events.push_front(event);
            }
        }
        self.refusals = Refusals::default();
        self.results.clear();
        std::mem::take(&mut self.invokes).into_keys().collect()
    }

    /// A request whose answer somebody waits for.
    pub(super) fn call(&mut self, method: &str, params: &str, to: Answer) -> Result<(), WireError> {
        let away = || WireError::unavailable("not connected to the OpenClaw gateway");
        self.check_length(params.len()).map_err(WireError::invalid)?;
        self.send(method, params, Request::Call(to)).map_err(|_| away())?;
        Ok(())
    }

    /// Has the gateway send something.
    pub(super) fn nudge(&self) {
        if let Some(sender) = &self.sender {
            let _ = sender.ping();
        }
    }

    /// Says so if the gateway would close the connection for a message of this length.
    fn check_length(&self, length: usize) -> Result<(), String> {
        match length > self.most && self.sender.is_some() {
            true => Err(format!(
                "{length} bytes are more than the OpenClaw gateway takes ({})",
                self.most
            )),
            false => Ok(()),
        }
    }

    /// The node reports something. Returns what had to be dropped for it: how many events.
    pub(super) fn report(
        &mut self,
        name: Arc<str>,
        payload: Option<Payload>,
    ) -> Result<usize, Error> {
        let event = Event { name, payload };
        self.event_bytes += event.bytes();
        self.events.push_back(event);
        let mut dropped = 0;
        while self.events.len() > limits::GATEWAY_EVENTS
            || self.event_bytes > limits::GATEWAY_EVENT_BYTES && self.events.len() > 1
        {
            if let Some(oldest) = self.events.pop_front() {
                self.event_bytes -= oldest.bytes();
                dropped += 1;
            }
        }
        self.report_next()?;
        Ok(dropped)
    }

    /// The events of this session are wanted, or are not any more.
    pub(super) fn subscribe(&mut self, key: String, is_wanted: bool) -> Result<(), Error> {
        let has_changed = match is_wanted {
            true => self.subscriptions.insert(key.clone()),
            false => self.subscriptions.remove(&key),
        };
        if !has_changed || self.sender.is_none() {
            return Ok(());
        }
        // Of a key only the last change counts, so there are not more changes than keys.
        self.changes.retain(|(other, _)| *other != key);
        self.changes.push_back((key, is_wanted));
        self.report_next()
    }

    /// What was refused may be accepted now.
    pub(super) fn try_again(&mut self) -> Result<(), Error> {
        self.refusals.again_at = None;
        self.report_next()
    }

    /// Sends the next report, if there is one and none is under way.
    fn report_next(&mut self) -> Result<(), Error> {
        let waits = self.refusals.is_reporting || self.refusals.again_at.is_some();
        if self.sender.is_none() || waits {
            return Ok(());
        }
        let (params, request) = if let Some((key, is_wanted)) = self.changes.pop_front() {
            let name =
                if is_wanted { NodeEvent::ChatSubscribe } else { NodeEvent::ChatUnsubscribe };
            let payload = serde_json::json!({ "sessionKey": key }).to_string();
            (event_params(name.as_str(), Some(&payload)), Request::Change(key, is_wanted))
        } else if let Some(event) = self.events.pop_front() {
            self.event_bytes -= event.bytes();
            (event_params(&event.name, event.payload.as_deref()), Request::Event(event))
        } else {
            return Ok(());
        };
        self.refusals.is_reporting = true;
        self.send(NODE_EVENT, &params, request)
    }

    /// The gateway asks for a command; false if the node has enough of them, or this one already.
    pub(super) fn begin(&mut self, id: String, until: Instant, permit: InvokePermit) -> bool {
        let is_full = self.invokes.len() >= limits::GATEWAY_INVOKES_PER_NODE;
        if is_full || self.invokes.contains_key(&id) {
            return false;
        }
        self.invokes.insert(id, Invoke { until, _permit: permit });
        true
    }

    /// Nobody waits for this invoke any more. Returns whether it was under way.
    pub(super) fn cancel(&mut self, id: &str) -> bool {
        self.invokes.remove(id).is_some()
    }

    /// The result of an invoke; one for which nobody waits is dropped.
    pub(super) fn finish(
        &mut self,
        node: &str,
        id: &str,
        result: Result<Option<&str>, &InvokeFailure>,
    ) -> Result<(), Error> {
        match self.invokes.remove(id) {
            Some(_) => self.answer(node, id, result),
            None => Ok(()),
        }
    }

    /// Answers an invoke, whether or not it began.
    pub(super) fn answer(
        &mut self,
        node: &str,
        id: &str,
        result: Result<Option<&str>, &InvokeFailure>,
    ) -> Result<(), Error> {
        let mut params = result_params(id, node, result);
        if let Err(message) = self.check_length(params.len()) {
            let message = format!("the result was not sent: {message}");
            let failure = WireError::new("PAYLOAD_TOO_LARGE".into(), message);
            params = result_params(id, node, Err(&failure.into()));
        }
        self.deliver(Delivery { invoke: id.to_owned(), params, attempts: 1 })
    }

    fn deliver(&mut self, delivery: Delivery) -> Result<(), Error> {
        let params = delivery.params.clone();
        self.send(INVOKE_RESULT, &params, Request::Result(delivery))
    }

    fn send(&mut self, method: &str, params: &str, request: Request) -> Result<(), Error> {
        let closed = || Error::Closed { code: None, reason: String::new() };
        let sender = self.sender.as_ref().ok_or_else(closed)?;
        self.last_id += 1;
        sender.request(self.last_id, method, params)?;
        self.open.insert(self.last_id, (Instant::now(), request));
        Ok(())
    }

    /// The gateway answered. Returns what should be in the log about it.
    pub(super) fn answered(
        &mut self,
        id: u64,
        result: Result<Option<Payload>, Box<Refusal>>,
        now: Instant,
    ) -> Result<Option<String>, Error> {
        let Some((_, request)) = self.open.remove(&id) else { return Ok(None) };
        let is_for_the_moment =
            |refusal: &Refusal| refusal.is_pairing_changed() || refusal.is_retryable;
        match request {
            Request::Call(to) => {
                // Whoever asked may have gone.
                let _ = to.try_send(result.map_err(|refusal| refusal.into_wire_error()));
                Ok(None)
            }
            Request::Result(delivery) => Ok(match result {
                Err(refusal) if is_for_the_moment(&refusal) => self.refused_result(delivery, now),
                Err(refusal) => Some(format!("a result was refused: {refusal}")),
                Ok(_) => None,
            }),
            report => {
                self.refusals.is_reporting = false;
                let refusal = match result {
                    Err(refusal) if is_for_the_moment(&refusal) => {
                        self.refused_report(report, now);
                        return Ok(None);
                    }
                    other => other.err(),
                };
                self.refusals = Refusals::default();
                self.report_next()?;
                Ok(refusal.map(|refusal| format!("an event was refused: {refusal}")))
            }
        }
    }

    fn refused_result(&mut self, mut delivery: Delivery, now: Instant) -> Option<String> {
        if delivery.attempts >= limits::GATEWAY_RESULT_ATTEMPTS {
            return Some(format!(
                "the result of an invoke was refused again and again id={:?}",
                delivery.invoke
            ));
        }
        let wait = limits::GATEWAY_RESULT_RETRY.saturating_mul(1 << (delivery.attempts - 1));
        delivery.attempts += 1;
        self.results.push((now + wait, delivery));
        None
    }

    fn refused_report(&mut self, report: Request, now: Instant) {
        match report {
            // Unless it has changed once more meanwhile.
            Request::Change(key, is_wanted) => {
                if !self.changes.iter().any(|(other, _)| *other == key) {
                    self.changes.push_front((key, is_wanted));
                }
            }
            Request::Event(event) => {
                self.event_bytes += event.bytes();
                self.events.push_front(event);
            }
            Request::Result(_) | Request::Call(_) => {}
        }
        let refusals = &mut self.refusals;
        let wait = limits::GATEWAY_EVENT_RETRY.saturating_mul(1 << refusals.count.min(10));
        refusals.count += 1;
        refusals.since.get_or_insert(now);
        refusals.again_at = Some(now + wait.min(limits::GATEWAY_EVENT_RETRY_MAX));
    }

    /// For how long the node's reports have been refused.
    pub(super) fn refused_for(&self, now: Instant) -> Duration {
        self.refusals.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Does what is due. Returns the invokes whose time is over.
    pub(super) fn due(&mut self, now: Instant) -> Result<Vec<String>, Error> {
        // A call may take long, and costs only whoever waits for it.
        let is_call = |request: &Request| matches!(request, Request::Call(_));
        let late = |since: &Instant, times| now >= *since + limits::GATEWAY_ANSWER * times;
        self.open.retain(|_, (since, request)| !(is_call(request) && late(since, 2)));
        if self.open.values().any(|(since, request)| !is_call(request) && late(since, 1)) {
            return Err(Error::NoAnswer { to: "a request", after: limits::GATEWAY_ANSWER });
        }
        if self.refusals.again_at.is_some_and(|at| at <= now) {
            self.try_again()?;
        }
        let (due, later) =
            std::mem::take(&mut self.results).into_iter().partition(|(at, _)| *at <= now);
        self.results = later;
        let due: Vec<(Instant, Delivery)> = due;
        due.into_iter().try_for_each(|(_, delivery)| self.deliver(delivery))?;
        let over = self.invokes.iter().filter(|(_, invoke)| invoke.until <= now);
        Ok(over.map(|(id, _)| id.clone()).collect())
    }

    /// When something is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let reports = self.open.values().filter(|(_, open)| !matches!(open, Request::Call(_)));
        let answers = reports.map(|(since, _)| *since + limits::GATEWAY_ANSWER);
        let results = self.results.iter().map(|(at, _)| *at);
        let invokes = self.invokes.values().map(|invoke| invoke.until);
        answers.chain(results).chain(invokes).chain(self.refusals.again_at).min()
    }
}
