//! `openclaw-bridge node --gateway`: joins a current OpenClaw gateway without a bridge between. What
//! the node does, and what its owner allows, is the same; it is only said in the gateway's words.

use super::screen::{self, Screen};
use super::{prepare, profile, NodeError, NodeOptions};
use crate::backend::openclaw::prepare as prepare_run;
use crate::client::{self, IdentityFile, Stop, Writer};
use crate::config::GatewayUrl;
use crate::gateway::{
    platform, Access, DialLimiter, Error, Gateway, Handler, Principal, Seed, Session, State,
};
use crate::lock::lock;
use crate::node_host::{Host, Security};
use crate::protocol::gateway::{failure, Credential, InvokeRequest, PAIR_RESOLVED, RUN_PREPARE};
use crate::protocol::{NodeFrame, NodeProfile, Payload, Token};
use crossbeam_channel::{bounded, Receiver, Sender};
use rustls::ClientConfig;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{io, thread};

/// Which gateway, and how it is met.
#[derive(Clone, Debug)]
pub(in crate::cli) struct GatewayOptions {
    pub url: GatewayUrl,
    /// For `wss://`.
    pub tls: Option<Arc<ClientConfig>>,
    /// The gateway's own token or a setup code, which is needed until it has given this node a token.
    pub credential: Option<Credential>,
}

struct Tokens {
    identity: Mutex<IdentityFile>,
    url: GatewayUrl,
    given: Option<Credential>,
    /// The gateway does not know the token of the file any more.
    is_refused: AtomicBool,
}

impl Tokens {
    /// The node's own, if this gateway gave it one and still knows it.
    fn own(&self) -> Option<Token> {
        let identity = lock(&self.identity);
        let is_its = identity.gateway() == Some((&self.url.host, self.url.port));
        let is_known = is_its && !self.is_refused.load(Ordering::Relaxed);
        identity.token().filter(|_| is_known).cloned()
    }

    fn current(&self) -> Option<Credential> {
        let own = self.own().map(|token| Credential::Token(token.reveal().to_owned()));
        own.or_else(|| self.given.clone())
    }

    /// The gateway did not accept the current one. Returns whether there is another to be tried.
    fn refused(&self) -> bool {
        let was_own = self.own().is_some() && self.given.is_some();
        self.is_refused.store(was_own, Ordering::Relaxed);
        was_own
    }

    fn keep(&self, token: &Token) -> Result<(), client::Error> {
        let mut identity = lock(&self.identity);
        let gateway = (&*self.url.host, self.url.port);
        if identity.token() == Some(token) && identity.gateway() == Some(gateway) {
            return Ok(());
        }
        identity.store_token(token.clone(), gateway, None)
    }
}

/// Runs the node until `stop` is requested or, with `once`, until the work is done.
pub(super) fn run(
    options: NodeOptions,
    gateway: GatewayOptions,
    screen: Screen,
    stop: &Stop,
) -> Result<(), NodeError> {
    let (identity, host) = prepare(&options, &screen)?;
    let may_run = host.security().is_ok_and(|security| security != Security::Deny);
    let principal = principal(&options, &identity, profile(&options, &identity, &host), may_run)?;
    let (access, tokens) = access(gateway, identity);
    let session = Session::new(Arc::new(access), principal).map_err(system)?;
    let writer = writer(&session, &host);
    host.connected(&writer);
    let (tells, admitted) = bounded(1);
    let screen = Arc::new(screen);
    let host = Arc::new(Mutex::new(host));
    let handler = HostHandler {
        tokens,
        host: host.clone(),
        writer,
        may_run,
        prints_events: !options.subscribe.is_empty(),
        is_once: options.once,
        is_hinted: AtomicBool::new(options.once),
        screen: screen.clone(),
        said: Mutex::default(),
        admitted: tells,
    };
    let thread = session.start("gateway".to_owned(), Duration::ZERO, Box::new(handler));
    let thread = thread.map_err(system)?;
    thread::scope(|scope| {
        let work = scope.spawn(|| {
            let result = work(&options, &session, &admitted, &screen);
            if options.once || result.is_err() {
                stop.request();
            }
            result
        });
        stop.wait(Duration::MAX);
        // Before the connection ends, so that the gateway hears of its programs' end.
        lock(&host).stop();
        session.stop();
        if thread.join().is_err() {
            log::error!("node: the gateway's thread panicked");
        }
        work.join().unwrap_or(Ok(()))
    })
}

fn system(_: io::Error) -> client::Error {
    client::Error::System("descriptors or threads")
}

fn access(gateway: GatewayOptions, identity: IdentityFile) -> (Access, Arc<Tokens>) {
    let GatewayOptions { url, tls, credential } = gateway;
    let tokens = Arc::new(Tokens {
        identity: Mutex::new(identity),
        url: url.clone(),
        given: credential,
        is_refused: AtomicBool::new(false),
    });
    let source = tokens.clone();
    let access = Access {
        gateway: Gateway { url, tls },
        credential: Box::new(move || Ok(source.current())),
        limiter: DialLimiter::default(),
        invokes: Arc::default(),
    };
    access.limiter.set_reachable(true);
    (access, tokens)
}

/// How the gateway is told about this node.
fn principal(
    options: &NodeOptions,
    identity: &IdentityFile,
    mut profile: NodeProfile,
    may_run: bool,
) -> Result<Principal, NodeError> {
    let path = options.token_file.with_extension("seed");
    let seed = Seed::open(&path);
    let seed = seed.map_err(|source| client::Error::File { path, verb: "use", source })?;
    let node = identity.node_id();
    let keys = seed.node(node.as_str()).ok_or(client::Error::System("keys"))?;
    if may_run {
        profile.commands.get_or_insert_default().push(RUN_PREPARE.to_owned());
    }
    let platform = platform(&profile);
    Ok(Principal::of_node(node, keys, platform, profile))
}

/// The way of the host's frames to the gateway.
fn writer(session: &Session, host: &Host) -> Writer {
    let (session, take_answer) = (session.clone(), host.answer_taker());
    Writer::translated(move |frame| {
        match frame {
            NodeFrame::InvokeRes { id, result } => match result {
                Ok(payload) => session.finish(id, Ok(payload.as_deref())),
                Err(error) => session.finish(id, Err(error)),
            },
            NodeFrame::Event { event, payload, .. } => {
                let dropped = session.report(event.clone(), payload.clone());
                if dropped > 0 {
                    log::warn!("node: dropped events that waited for the gateway count={dropped}");
                }
            }
            // The thread that asks is the one of an invoke, and waits for the answer anyway.
            NodeFrame::Req { id: Some(id), method: Some(method), params } => {
                let result = session.call(method, params.as_deref().unwrap_or("{}"));
                take_answer(id, &result);
            }
            _ => {}
        }
        Ok(())
    })
}

/// Subscriptions, events, the request.
fn work(
    options: &NodeOptions,
    session: &Session,
    admitted: &Receiver<Result<(), String>>,
    screen: &Screen,
) -> Result<(), NodeError> {
    for key in &options.subscribe {
        session.subscribe(key.clone(), true);
    }
    for (event, payload) in &options.events {
        session.report(event.as_str().into(), Some(payload.as_str().into()));
    }
    if !options.once && options.request.is_none() {
        return Ok(());
    }
    loop {
        match admitted.recv() {
            Ok(Ok(())) => break,
            Ok(Err(why)) if options.once => return Err(NodeError::NotAdmitted(why)),
            Ok(Err(_)) => {}
            // Stopped before.
            Err(_) => return Ok(()),
        }
    }
    let Some((method, params)) = &options.request else { return Ok(()) };
    let result = session.call(method, params.as_deref().unwrap_or("{}"));
    let payload = result.map_err(NodeError::Refused)?;
    screen.print_json(payload.as_deref().unwrap_or("null")).map_err(NodeError::Output)
}

const APPROVE_COMMANDS: &str =
    "if the gateway has not approved this node's commands yet, run `openclaw nodes pending` there, \
     and `openclaw nodes approve` with the id of the request";

/// This machine, behind the session.
struct HostHandler {
    tokens: Arc<Tokens>,
    host: Arc<Mutex<Host>>,
    writer: Writer,
    /// Whether agents may run programs here at all.
    may_run: bool,
    prints_events: bool,
    is_once: bool,
    /// What to do at the gateway was said.
    is_hinted: AtomicBool,
    screen: Arc<Screen>,
    /// What was said last: a gateway that is away for a night fills no log.
    said: Mutex<String>,
    admitted: Sender<Result<(), String>>,
}

impl HostHandler {
    fn say(&self, line: String) {
        let mut said = lock(&self.said);
        if *said != line {
            self.screen.say(format_args!("{line}"));
            *said = line;
        }
    }

    fn away(&self, error: &Error) {
        const TOKEN: &str = "--gateway-token-file or OPENCLAW_GATEWAY_TOKEN";
        let is_other_tried = error.is_about_token() && self.tokens.refused();
        let why = match error.remedy(TOKEN, "--tls-fingerprint") {
            Some(remedy) if !is_other_tried => format!("{}; {remedy}", error.text()),
            _ => error.text(),
        };
        let _ = self.admitted.try_send(Err(why.clone()));
        // Else it is the error with which the program ends.
        if !self.is_once {
            self.say(format!("{why}; trying again"));
        }
    }
}

impl Handler for HostHandler {
    fn state(&self, state: State<'_>) {
        match state {
            State::Connected(hello) => {
                if let Some(Err(error)) = hello.device_token.as_ref().map(|t| self.tokens.keep(t)) {
                    self.say(error.to_string());
                }
                let (version, url) = (&hello.version, &self.tokens.url);
                self.say(format!("connected to OpenClaw {version} at {url}"));
                if !self.is_hinted.swap(true, Ordering::Relaxed) {
                    self.say(APPROVE_COMMANDS.to_owned());
                }
                let _ = self.admitted.try_send(Ok(()));
            }
            State::PairingRequired(request) => {
                let request = request.unwrap_or_else(|| "--latest".to_owned());
                let what = format!(
                    "waiting for approval; on the gateway's machine, run `openclaw devices approve \
                     {request}`"
                );
                let _ = self.admitted.try_send(Err(what.clone()));
                if !self.is_once {
                    self.say(what);
                }
            }
            State::Away(error) => self.away(error),
        }
    }

    fn event(&self, event: &str, payload: Option<Payload>, is_copy: bool) {
        if event == PAIR_RESOLVED {
            self.say("the gateway has decided about this node's commands".to_owned());
        } else if self.prints_events && !is_copy {
            let line = screen::event_line(event, payload.as_deref());
            // A reader who has gone misses events, and the node has other work.
            let _ = self.screen.print_json(&line);
        }
    }

    fn invoke(&self, session: &Session, invoke: InvokeRequest) {
        let InvokeRequest { id, command, params, .. } = invoke;
        if command == RUN_PREPARE && self.may_run {
            return match prepare_run(params.as_deref()) {
                Ok(plan) => session.finish(&id, Ok(Some(&plan))),
                Err(error) => session.finish(&id, Err(&failure(&error))),
            };
        }
        // The way to the gateway never fails.
        let _ = lock(&self.host).answer(id.into(), command.into(), params, &self.writer);
    }
}
