//! A session with a gateway: one thread that connects, stays connected, and connects again. It
//! knows neither a backend nor a router; what happens on it goes to a [`Handler`].

use crate::client::Backoff;
use crate::gateway::connection::{Connection, Gateway, Incoming, Login};
use crate::gateway::dial_limiter::DialLimiter;
use crate::gateway::error::Error;
use crate::gateway::identity::Identity;
use crate::gateway::traffic::{InvokePermit, Traffic};
use crate::link::Stop;
use crate::lock::lock;
use crate::protocol::gateway::{
    cancelled_invoke, ClientInfo, Credential, Hello, InvokeRequest, Refusal, Role, INVOKE_CANCEL,
    INVOKE_REQUEST, PAIR_RESOLVED,
};
use crate::protocol::{limits, InvokeFailure, NodeProfile, Payload, WireError};
use crate::{random, wait};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// What every session with one gateway shares.
pub(crate) struct Access {
    pub(crate) gateway: Gateway,
    /// Reads the gateway's token; an error says what is wrong with where it should be.
    pub(crate) credential: Box<dyn Fn() -> Result<Option<Credential>, String> + Send + Sync>,
    pub(crate) limiter: DialLimiter,
    /// Invokes under way, of all nodes.
    pub(crate) invokes: Arc<AtomicUsize>,
}

/// Who connects.
pub(crate) struct Principal {
    pub(crate) role: Role,
    pub(crate) client: ClientInfo,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) identity: Identity,
    /// Whether the gateway may be content with the token: it is, of programs on its own machine.
    pub(crate) may_be_anonymous: bool,
    /// What a node can do.
    pub(crate) profile: Option<NodeProfile>,
}

/// How a session is.
#[derive(Debug)]
pub(crate) enum State<'a> {
    Connected(&'a Hello),
    /// The gateway has to approve it first; the id of the request.
    PairingRequired(Option<String>),
    /// For this reason, and it will be tried again.
    Away(&'a Error),
}

/// Receives what happens on a session. Called by its thread, one call after another.
pub(crate) trait Handler: Send + Sync {
    fn state(&self, state: State<'_>);

    /// The gateway tells something. `is_copy`: it has told it before.
    fn event(&self, event: &str, payload: Option<Payload>, is_copy: bool);

    /// The gateway asks for a command. [`Session::finish`] takes its result; must not wait for it.
    fn invoke(&self, session: &Session, invoke: InvokeRequest) {
        let failure = WireError::unavailable("this is no node");
        session.finish(&invoke.id, Err(&failure.into()));
    }

    /// Nobody waits for the result of this invoke any more.
    fn cancel(&self, invoke: &str) {
        let _ = invoke;
    }

    /// Sends what has waited for its time. Returns when to ask again.
    fn due(&self, now: Instant) -> Option<Instant> {
        let _ = now;
        None
    }
}

/// A session; clones are the same one.
#[derive(Clone)]
pub(crate) struct Session(Arc<Shared>);

struct Shared {
    access: Arc<Access>,
    principal: Principal,
    traffic: Mutex<Traffic>,
    stop: Stop,
    /// The gateway has approved what the node can do.
    is_approved: AtomicBool,
    /// The gateway was not content with the token.
    must_prove: AtomicBool,
}

impl Session {
    /// A session that does nothing before it is started.
    pub(crate) fn new(access: Arc<Access>, principal: Principal) -> io::Result<Self> {
        Ok(Self(Arc::new(Shared {
            access,
            principal,
            traffic: Mutex::default(),
            stop: Stop::new()?,
            is_approved: AtomicBool::new(false),
            must_prove: AtomicBool::new(false),
        })))
    }

    /// Connects after `delay`, and connects again, until [`Session::stop`].
    pub(crate) fn start(
        &self,
        name: String,
        delay: Duration,
        handler: Box<dyn Handler>,
    ) -> io::Result<JoinHandle<()>> {
        let session = self.clone();
        let thread = Builder::new().name(name).stack_size(limits::STACK);
        thread.spawn(move || {
            if !session.0.stop.wait(delay) {
                session.run(&*handler);
            }
        })
    }

    /// The gateway's id of the node.
    pub(crate) fn id(&self) -> &str {
        self.0.principal.identity.id()
    }

    /// Ends the session; returns at once.
    pub(crate) fn stop(&self) {
        self.0.stop.request();
        self.0.access.limiter.wake();
    }

    /// Whether the gateway has admitted it.
    pub(crate) fn is_connected(&self) -> bool {
        lock(&self.0.traffic).is_connected()
    }

    /// Leaves the connection, if nothing is under way on it, and makes a new one.
    pub(crate) fn reconnect(&self) {
        lock(&self.0.traffic).leave_if_idle();
    }

    /// Calls a method and waits for its result.
    pub(crate) fn call(&self, method: &str, params: &str) -> Result<Option<Payload>, WireError> {
        let (to, answer) = crossbeam_channel::bounded(1);
        lock(&self.0.traffic).call(method, params, to)?;
        let within = limits::GATEWAY_ANSWER;
        answer.recv_timeout(within).unwrap_or_else(|error| {
            Err(WireError::unavailable(match error.is_timeout() {
                true => {
                    format!("the OpenClaw gateway did not answer within {} s", within.as_secs())
                }
                false => "the connection to the OpenClaw gateway was lost".to_owned(),
            }))
        })
    }

    /// The node reports an event; it waits if the gateway is away. Returns how many older ones had
    /// to be dropped for it.
    pub(crate) fn report(&self, event: Arc<str>, payload: Option<Payload>) -> usize {
        // A connection that fails is left by its thread, and the event kept.
        lock(&self.0.traffic).report(event, payload).unwrap_or_default()
    }

    /// Has [`Handler::due`] called soon, by asking the gateway for a sign of life.
    pub(crate) fn nudge(&self) {
        lock(&self.0.traffic).nudge();
    }

    /// The events of this session are wanted, or are not any more.
    pub(crate) fn subscribe(&self, key: String, is_wanted: bool) {
        let _ = lock(&self.0.traffic).subscribe(key, is_wanted);
    }

    /// The result of an invoke.
    pub(crate) fn finish(&self, invoke: &str, result: Result<Option<&str>, &InvokeFailure>) {
        let _ = lock(&self.0.traffic).finish(self.id(), invoke, result);
    }

    /// Whether the gateway has approved what the node can do, as far as somebody else has found out.
    pub(crate) fn set_approved(&self, is_approved: bool) {
        let was_approved = self.0.is_approved.swap(is_approved, Ordering::Relaxed);
        if is_approved && !was_approved {
            let _ = lock(&self.0.traffic).try_again();
        }
    }

    fn run(&self, handler: &dyn Handler) {
        let mut backoff = Backoff::default();
        while !self.0.stop.is_requested() {
            let began = Instant::now();
            let Some(connected) = self.connect() else { break };
            let result = connected.and_then(|connection| {
                let lived = Instant::now();
                let end = self.serve(connection, handler);
                backoff.admitted_for(lived.elapsed());
                end
            });
            let invokes = lock(&self.0.traffic).disconnected();
            invokes.iter().for_each(|invoke| handler.cancel(invoke));
            let Err(error) = result;
            if matches!(error, Error::Stopped) {
                break;
            }
            let wait = self.after(&error, handler, &mut backoff);
            log::debug!("gateway: {} after {:?}", error.text(), began.elapsed());
            self.0.stop.wait(wait);
        }
    }

    /// `None` if the session has to stop.
    fn connect(&self) -> Option<Result<Connection, Error>> {
        let Shared { access, principal, stop, .. } = &*self.0;
        let finds_out = principal.role == Role::Operator;
        let _permit = access.limiter.acquire(finds_out, stop)?;
        let credential = match (access.credential)() {
            Ok(credential) => credential,
            Err(error) => return Some(Err(Error::Token(error))),
        };
        let proves = !principal.may_be_anonymous || self.0.must_prove.load(Ordering::Relaxed);
        let login = Login {
            role: principal.role,
            client: &principal.client,
            scopes: &principal.scopes,
            credential: credential.as_ref(),
            identity: proves.then_some(&principal.identity),
            profile: principal.profile.as_ref(),
        };
        let mut is_there = false;
        let result = access.gateway.connect(&login, stop, || is_there = true);
        if finds_out {
            // The nodes have no other token, and too many attempts with a wrong one lock them out.
            let is_refused = result.as_ref().is_err_and(Error::is_about_token);
            access.limiter.set_reachable(is_there && !is_refused);
        }
        Some(result)
    }

    /// Serves a connection until its end.
    fn serve(
        &self,
        mut connection: Connection,
        handler: &dyn Handler,
    ) -> Result<std::convert::Infallible, Error> {
        let traffic = || lock(&self.0.traffic);
        self.0.is_approved.store(false, Ordering::Relaxed);
        traffic().connected(connection.sender().clone(), &connection.hello)?;
        handler.state(State::Connected(&connection.hello));
        loop {
            let now = Instant::now();
            let over = traffic().due(now)?;
            over.iter().for_each(|invoke| self.time_is_over(invoke, handler));
            let refused = traffic().refused_for(now);
            if refused >= limits::GATEWAY_REFUSED && self.0.is_approved.load(Ordering::Relaxed) {
                return Err(Error::Forgotten);
            }
            let due = [handler.due(now), traffic().next_due()].into_iter().flatten().min();
            let deadline = due.unwrap_or_else(|| wait::after(limits::GATEWAY_SILENCE));
            match connection.next(deadline)? {
                Some(Incoming::Response { id, result }) => {
                    let line = traffic().answered(id, result, Instant::now())?;
                    if let Some(line) = line {
                        log::warn!("gateway: {line} node={:?}", self.name());
                    }
                }
                Some(Incoming::Event { event, payload, numbered }) => {
                    self.event(&event, payload, numbered, handler)?;
                }
                Some(Incoming::Unknown) | None => {}
            }
        }
    }

    fn event(
        &self,
        event: &str,
        payload: Option<Payload>,
        is_copy: bool,
        handler: &dyn Handler,
    ) -> Result<(), Error> {
        let text = payload.as_deref().unwrap_or_default();
        match event {
            INVOKE_REQUEST => {
                if let Some(invoke) = InvokeRequest::read(text) {
                    self.begin(invoke, handler)?;
                }
            }
            INVOKE_CANCEL => {
                let id = cancelled_invoke(text);
                if let Some(id) = id.filter(|id| lock(&self.0.traffic).cancel(id)) {
                    handler.cancel(&id);
                }
            }
            PAIR_RESOLVED => {
                lock(&self.0.traffic).try_again()?;
                handler.event(event, payload, is_copy);
            }
            _ => handler.event(event, payload, is_copy),
        }
        Ok(())
    }

    fn begin(&self, invoke: InvokeRequest, handler: &dyn Handler) -> Result<(), Error> {
        let permit = InvokePermit::take(&self.0.access.invokes);
        let until = wait::after(invoke.timeout);
        let mut traffic = lock(&self.0.traffic);
        if permit.is_some_and(|permit| traffic.begin(invoke.id.clone(), until, permit)) {
            drop(traffic);
            handler.invoke(self, invoke);
            return Ok(());
        }
        let failure = WireError::unavailable("too many invokes in progress");
        traffic.answer(self.id(), &invoke.id, Err(&failure.into()))
    }

    fn time_is_over(&self, invoke: &str, handler: &dyn Handler) {
        handler.cancel(invoke);
        let failure = WireError::new("TIMEOUT".into(), "the node did not answer in time");
        self.finish(invoke, Err(&failure.into()));
    }

    fn name(&self) -> &str {
        self.0.principal.client.display_name.as_deref().unwrap_or_default()
    }

    /// Tells why there is no connection, and returns when to try again.
    fn after(&self, error: &Error, handler: &dyn Handler, backoff: &mut Backoff) -> Duration {
        let refusal: Option<&Refusal> = match error {
            Error::Refused(refusal) => Some(refusal),
            _ => None,
        };
        if let Some(request) = refusal.and_then(Refusal::pairing_required) {
            handler.state(State::PairingRequired(request));
            return limits::GATEWAY_PAIRING_RETRY;
        }
        handler.state(State::Away(error));
        let is_first = || !self.0.must_prove.swap(true, Ordering::Relaxed);
        if refusal.is_some_and(Refusal::wants_device) && is_first() {
            return Duration::ZERO;
        }
        if error.is_about_token() {
            return limits::GATEWAY_TOKEN_RETRY;
        }
        let chance = random::chance();
        if refusal.is_some_and(Refusal::is_starting) || error.is_restart() {
            let spread = limits::GATEWAY_STARTING.mul_f64(f64::from(chance) / f64::from(u32::MAX));
            return (limits::GATEWAY_STARTING + spread) / 2;
        }
        let most = if error.is_absence() { limits::GATEWAY_AWAY_RETRY } else { Duration::MAX };
        backoff.next_delay(chance).min(most)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.id())
    }
}
