//! A current OpenClaw gateway as the backend: every node that is connected here has a connection of
//! its own there, and the bridge one more, over which it calls what operators may call.
//!
//! A gateway that is away costs no node its connection: calls are answered with the reason, events
//! wait, and the sessions come back by themselves.

mod approvals;
mod bridge;
mod known;
mod node;
mod node_handler;
mod node_status;
mod nodes;
mod translate;

use crate::backend::{Backend, Caller, Method, NodeNotice, Outlet, Payload, WireError};
use crate::config::BackendConfig;
use crate::files;
use crate::gateway::{Access, DialLimiter, Gateway, Seed};
use crate::lock::lock;
use crate::protocol::gateway::Credential;
use crate::protocol::limits;
use crate::tls;
use bridge::Bridge;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use translate::Over;

#[cfg(feature = "cli")]
pub(crate) use translate::prepare;

/// Where its files are, below the state directory.
const DIR: &str = "openclaw";

/// The backend that is an OpenClaw gateway somewhere else.
pub struct Openclaw {
    bridge: Arc<Bridge>,
    running: OnceLock<approvals::Approvals>,
}

/// Why there is no such backend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `backend.url` is missing or wrong.
    #[error("backend.url is not the URL of a gateway")]
    Url,
    /// A file cannot be used.
    #[error("could not use `{0}`: {1}")]
    File(String, io::Error),
    /// There is nothing to verify the gateway's certificate with.
    #[error(
        "could not prepare TLS for backend.url: {0}; backend.tlsFingerprint names the one \
         certificate to be trusted"
    )]
    Tls(io::Error),
}

impl Openclaw {
    /// A backend that keeps who its nodes are below `state_dir`. It connects when the bridge starts.
    ///
    /// # Errors
    /// What has to be changed on this machine before it can work.
    pub fn new(state_dir: &Path, config: &BackendConfig) -> Result<Self, Error> {
        let url = config.gateway_url().ok_or(Error::Url)?;
        // A pin that cannot be read must not become the trust in everybody whom the system trusts.
        let pin = config.tls_fingerprint.as_deref().map(str::parse).transpose();
        let pin = pin.map_err(|why: tls::NotAFingerprint| Error::Tls(io::Error::other(why)))?;
        let tls = match (url.is_secure, pin) {
            (false, _) => None,
            (true, None) => Some(tls::system_config().map_err(Error::Tls)?),
            (true, Some(pin)) => {
                let config = tls::client_config(tls::Trust::Pinned(pin));
                Some(config.map_err(|error| Error::Tls(io::Error::other(error)))?)
            }
        };
        let dir = state_dir.join(DIR);
        let fail = |path: &Path| {
            let path = path.display().to_string();
            move |error| Error::File(path, error)
        };
        let (seed_file, nodes_file) = (dir.join("identity.seed"), dir.join("nodes.json"));
        let seed = Seed::open(&seed_file).map_err(fail(&seed_file))?;
        let known = known::KnownNodes::open(&nodes_file).map_err(fail(&nodes_file))?;
        let access = Access {
            gateway: Gateway { url, tls },
            credential: token_source(config),
            limiter: DialLimiter::default(),
            invokes: Arc::default(),
        };
        Ok(Self {
            bridge: Arc::new(Bridge::new(access, seed, known, config)),
            running: OnceLock::new(),
        })
    }
}

/// Reads the token where the configuration says; its text is in no error.
fn token_source(
    config: &BackendConfig,
) -> Box<dyn Fn() -> Result<Option<Credential>, String> + Send + Sync> {
    let BackendConfig { token, token_file, token_env, .. } = config.clone();
    Box::new(move || {
        let read = if let Some(path) = &token_file {
            let text = files::read_text(path, limits::GATEWAY_TOKEN_BYTES);
            Some(text.map_err(|error| format!("backend.tokenFile {}: {error}", path.display()))?)
        } else if let Some(name) = &token_env {
            let text = std::env::var(name);
            Some(text.map_err(|_| format!("backend.tokenEnv: there is no variable {name}"))?)
        } else {
            token.clone()
        };
        let read = read.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(read.map(Credential::Token))
    })
}

impl Backend for Openclaw {
    fn start(&self, outlet: Arc<dyn Outlet>) {
        match approvals::Approvals::start(&self.bridge, outlet) {
            // A second start would be a second bridge; the first one keeps the backend.
            Ok(running) => drop(self.running.set(running)),
            Err(error) => log::error!("backend: not connecting to the gateway: {error}"),
        }
    }

    fn call(
        &self,
        caller: &Caller,
        method: Method,
        params: Option<&str>,
    ) -> Result<Payload, WireError> {
        let request = translate::request(method, params, self.bridge.allows_admin)?;
        let node = caller.node().and_then(|node| self.bridge.node(node));
        let session = match request.over {
            Over::Operator => self.bridge.operator(),
            Over::Node => {
                node.as_ref().map_or_else(|| self.bridge.any_session(), |node| node.session())
            }
        };
        let away = || WireError::unavailable(self.bridge.why_away());
        let session = session.filter(|session| session.is_connected()).ok_or_else(away)?;
        let result = session
            .call(method.as_str(), &request.params)
            .map_err(|error| translate::refused(method, error.code.as_str(), &error.message))?;
        let result = result.as_deref().unwrap_or("{}");
        let Some(node) = node else {
            return Ok(translate::answer(&request, result, None)?.result);
        };
        let answer =
            translate::answer(&request, result, Some(&mut lock(&node.retained).conversations))?;
        if !answer.events.is_empty() {
            node.send_later(answer.events);
        }
        Ok(answer.result)
    }

    fn notice(&self, notice: NodeNotice) {
        self.bridge.notice(notice);
    }

    fn stop(&self, timeout: Duration) {
        if let Some(running) = self.running.get() {
            running.stop(&self.bridge, timeout);
        }
    }
}

impl fmt::Debug for Openclaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Openclaw")
            .field("gateway", &self.bridge.access.gateway.url)
            .finish_non_exhaustive()
    }
}
