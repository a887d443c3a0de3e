//! `openclaw-bridge node`: runs a node. It connects, pairs, keeps the token, answers the invokes
//! that its owner allows, and makes requests.

mod gateway;
mod policy;
mod screen;
#[cfg(test)]
mod tests;

use crate::cli::signals;
use crate::cli::text::safe;
use crate::client::{self, Backoff, ConnectOptions, IdentityFile};
use crate::client::{Progress, Session, Stop, Trust};
use crate::config::paths::{self, Env};
use crate::node_host::{Host, HostOptions, Security};
use crate::protocol::limits;
use crate::protocol::{
    GatewayFrame, Method, NodeCommand, NodeEvent, NodeFrame, NodeProfile, WireError,
};
use crate::random;
pub(super) use gateway::GatewayOptions;
use screen::Screen;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long to wait for frames when there is nothing else to wait for.
const IDLE: Duration = Duration::from_secs(3600);

/// What the command line asks for.
#[derive(Clone, Debug)]
pub(super) struct NodeOptions {
    pub host: String,
    pub port: u16,
    /// A current OpenClaw gateway to join instead of a bridge.
    pub gateway: Option<GatewayOptions>,
    /// Encryption, and which certificate is accepted. Without it, TLS is spoken all the same to a
    /// gateway whose certificate is in the identity file.
    pub tls: Option<Trust>,
    /// The id for a new identity; an existing one must match.
    pub node_id: Option<String>,
    /// The name operators see; else the one in the identity file, else the host's name.
    pub display_name: Option<String>,
    /// The identity file.
    pub token_file: PathBuf,
    pub work: HostOptions,
    /// A method to call after being admitted, and its parameters as a line of JSON.
    pub request: Option<(String, Option<String>)>,
    /// Events to send once after being admitted: a name, and its payload as a line of JSON.
    pub events: Vec<(String, String)>,
    /// Session keys to subscribe to. With any, all events are printed.
    pub subscribe: Vec<String>,
    /// End after being admitted, or after the request was answered; never reconnect.
    pub once: bool,
    /// Print every line.
    pub trace: bool,
}

/// Where the token is kept by default; `None` without a home.
pub(super) fn default_token_file(env: Env<'_>) -> Option<PathBuf> {
    Some(paths::user_state_dir(env)?.join("node.json"))
}

/// SIGINT and SIGTERM stop the node; the second one ends the process at once.
pub(super) fn stop_on_signals(stop: &Stop) -> io::Result<()> {
    let stop = stop.clone();
    signals::end_at_second()?;
    signals::on_each(&[SIGINT, SIGTERM], move |_| stop.request())
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NodeError {
    #[error("{}", told(.0))]
    Node(#[from] client::Error),
    #[error("{}", safe(&.0.to_string()))]
    Refused(WireError),
    /// The connection was lost while the request waited for its answer.
    #[error("{0} was not answered; it may or may not have been carried out")]
    Unanswered(String),
    #[error("could not print the result: {0}")]
    Output(io::Error),
    /// With `--once`, the gateway did not admit the node.
    #[error("{}", safe(.0))]
    NotAdmitted(String),
}

/// The error with what to do about it and its cause.
fn told(error: &client::Error) -> String {
    match error {
        client::Error::Connect { address, .. } if error.is_not_listening() => format!(
            "nothing listens at {address}; start the bridge there with `openclaw-bridge serve`"
        ),
        _ => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{}{}{cause}", safe(&error.to_string()), advice(error))
        }
    }
}

/// The hint to append to the text of the error.
fn advice(error: &client::Error) -> &'static str {
    match error {
        client::Error::PinMismatch { .. } => {
            "; if its certificate was renewed, compare the presented fingerprint with the one that \
             `openclaw-bridge fingerprint` prints on the gateway's machine, and start again with \
             --tls-fingerprint; for a different gateway, use a different --token-file"
        }
        client::Error::NotTls => {
            "; if that is intended, leave out --tls; if TLS was used before, set `tls` to false \
             under `gateway` in the token file"
        }
        client::Error::SpeaksTls => "; start again with --tls",
        client::Error::HungUp => "; if it uses TLS, start again with --tls",
        _ => "",
    }
}

impl NodeError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Node(error) if error.is_not_listening() => 69,
            _ => 1,
        }
    }
}

/// Runs the node until `stop` is requested or, with `once`, until the work is done. An error is one
/// that a new connection would not mend; with `once`, any.
pub(super) fn run(
    options: NodeOptions,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    stop: &Stop,
) -> Result<(), NodeError> {
    let screen = Screen::new(out, err);
    if let Some(gateway) = options.gateway.clone() {
        return gateway::run(options, gateway, screen, stop);
    }
    let mut node = NodeRunner::new(options, screen)?;
    match node.live(stop) {
        Err(NodeError::Node(client::Error::Stopped)) => Ok(()),
        // The reader of the output has closed it: no error.
        Err(NodeError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        end => end,
    }
}

/// Who this node is, and what it does. Says what it may.
fn prepare(options: &NodeOptions, screen: &Screen) -> Result<(IdentityFile, Host), NodeError> {
    let identity = IdentityFile::open(&options.token_file, options.node_id.as_deref())?;
    let host = Host::new(options.work.clone());
    let host = host.map_err(|_| client::Error::System("descriptors"))?;
    if !options.once {
        policy::tell(&options.work, host.security(), screen);
    }
    Ok((identity, host))
}

struct NodeRunner {
    options: NodeOptions,
    identity: IdentityFile,
    host: Host,
    screen: Screen,
    backoff: Backoff,
}

impl NodeRunner {
    fn new(options: NodeOptions, screen: Screen) -> Result<Self, NodeError> {
        let (identity, host) = prepare(&options, &screen)?;
        if let Some((host, port)) = identity.gateway() {
            if (host, port) != (&options.host, options.port) && identity.token().is_some() {
                log::info!("using the token of another address gateway={host:?} port={port}");
            }
        }
        Ok(Self { options, identity, host, screen, backoff: Backoff::default() })
    }

    /// Connects again and again.
    fn live(&mut self, stop: &Stop) -> Result<(), NodeError> {
        loop {
            let error = match self.connect_and_serve(stop) {
                Err(NodeError::Node(error)) if error.is_transient() && !self.options.once => error,
                end => return end,
            };
            let delay = self.backoff.next_delay(random::chance());
            let (why, seconds) = (told(&error), delay.as_secs_f32());
            self.screen.say(format_args!("{why}; trying again in {seconds:.1} s"));
            if stop.wait(delay) {
                return Ok(());
            }
        }
    }

    /// One connection, from its beginning to its end.
    fn connect_and_serve(&mut self, stop: &Stop) -> Result<(), NodeError> {
        let trace = self.options.trace.then(|| self.screen.trace());
        let (host, port) = (&self.options.host, self.options.port);
        let tls = self.identity.trust_for((host, port), self.options.tls);
        let connect_options = ConnectOptions { tls, trace, ..ConnectOptions::default() };
        let connection = client::connect(host, port, connect_options, stop)?;
        let file = self.options.token_file.display();
        let profile = profile(&self.options, &self.identity, &self.host);
        let Self { identity, screen, .. } = self;
        let mut session =
            client::join(connection, identity, &profile, &mut |progress| match progress {
                Progress::AskedForPairing(node_id) => screen.say(format_args!(
                    "waiting for approval; on the gateway's machine, run `openclaw-bridge nodes \
                     approve {node_id}`"
                )),
                Progress::Trusted(fingerprint) => screen.say(format_args!(
                    "from now on, trusting only this gateway's certificate: {fingerprint}; compare \
                     it with the one that `openclaw-bridge fingerprint` prints on the gateway's \
                     machine"
                )),
                Progress::Paired => screen.say(format_args!("approved; the token is in {file}")),
            })?;
        let admitted = Instant::now();
        self.host.connected(session.writer());
        let end = self.work(&mut session);
        if matches!(end, Ok(()) | Err(NodeError::Node(client::Error::Stopped))) {
            // Before the connection ends, so that the gateway hears of its programs' end.
            self.host.stop();
        }
        self.host.disconnected(session.close());
        self.backoff.admitted_for(admitted.elapsed());
        end
    }

    /// Subscriptions, events, the request, then whatever the gateway wants.
    fn work(&mut self, session: &mut Session) -> Result<(), NodeError> {
        self.screen.say(format_args!("connected to {}", session.admission().server_name));
        for key in &self.options.subscribe {
            let payload = serde_json::json!({ "sessionKey": key }).to_string();
            let event = NodeFrame::event(NodeEvent::ChatSubscribe.as_str(), payload);
            session.writer().send(&event)?;
        }
        self.tell_events(session)?;
        // Once only: after a loss it is not known whether the gateway has carried it out.
        if let Some((method, params)) = self.options.request.take() {
            let result = self.ask(session, &method, params.as_deref());
            let result = result.map_err(|error| match error {
                NodeError::Node(error) if error.is_transient() => {
                    log::warn!("lost a request method={method:?} reason={error}");
                    NodeError::Unanswered(safe(&method))
                }
                error => error,
            })?;
            self.screen.print_json(&result).map_err(NodeError::Output)?;
        }
        while !self.options.once {
            if let Some(frame) = session.next(Instant::now() + IDLE)? {
                self.take(frame, session)?;
            }
        }
        Ok(())
    }

    /// Sends what was to be sent, once. An answer of the gateway to anything shows that it has
    /// read this far: leaving at once could take the events away from it.
    fn tell_events(&mut self, session: &mut Session) -> Result<(), NodeError> {
        let events = std::mem::take(&mut self.options.events);
        for (event, payload) in &events {
            let frame = NodeFrame::event(event, payload.as_str());
            session.writer().send(&frame)?;
        }
        if events.is_empty() || !self.options.once {
            return Ok(());
        }
        match self.ask(session, Method::Health.as_str(), None) {
            Ok(_) | Err(NodeError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes a request and serves until its answer is there.
    fn ask(
        &mut self,
        session: &mut Session,
        method: &str,
        params: Option<&str>,
    ) -> Result<String, NodeError> {
        let request = session.request(method, params.map(Into::into))?;
        let deadline = Instant::now() + limits::REQUEST_DEADLINE;
        loop {
            match session.next(deadline)? {
                Some(GatewayFrame::Res { id, result }) if id == request => {
                    let payload = result.map_err(NodeError::Refused)?;
                    return Ok(payload.as_deref().unwrap_or("null").to_owned());
                }
                Some(frame) => self.take(frame, session)?,
                None => {
                    let after = limits::REQUEST_DEADLINE;
                    return Err(client::Error::NoAnswer { to: "the request", after }.into());
                }
            }
        }
    }

    /// A frame that is not the answer to a request.
    fn take(&mut self, frame: GatewayFrame, session: &Session) -> Result<(), NodeError> {
        match frame {
            GatewayFrame::Invoke { id, command, params } => {
                self.host.answer(id, command, params, session.writer())?;
            }
            GatewayFrame::Res { id, result } if self.host.take_answer(&id, &result) => {}
            GatewayFrame::Event { event, payload } if !self.options.subscribe.is_empty() => {
                let line = screen::event_line(&event, payload.as_deref());
                self.screen.print_json(&line).map_err(NodeError::Output)?;
            }
            // News nobody asked for, a late answer, a frame of a newer gateway.
            _ => log::debug!("ignored a frame"),
        }
        Ok(())
    }
}

/// What this node says about itself, as the old node host did.
fn profile(options: &NodeOptions, identity: &IdentityFile, host: &Host) -> NodeProfile {
    let name = options.display_name.as_deref().or_else(|| identity.display_name());
    let system = rustix::system::uname();
    let machine = system.nodename().to_string_lossy().into_owned();
    let runs = host.security().is_ok_and(|security| security != Security::Deny);
    NodeProfile {
        display_name: Some(name.unwrap_or(&machine).to_owned()),
        platform: Some(env::consts::OS.to_owned()),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        core_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        device_family: Some(env::consts::OS.to_owned()),
        model_identifier: Some(machine),
        caps: Some(vec!["system".to_owned()]),
        commands: Some(host.commands()),
        permissions: Some([(NodeCommand::SystemRun.to_string(), runs)].into()),
        ..NodeProfile::default()
    }
}
