//! What a bridge needs to know to start, worked out from the configuration.

use crate::config::Config;
use crate::daemon::Error;
use crate::link::connections_for;
use crate::router::Policy;
use crate::tls::Files;
use crate::transport::bind::{self, Endpoint};
use rustix::process::{getrlimit, setrlimit, Resource};
use std::path::{Path, PathBuf};

/// A bridge that could serve fewer would look alive and refuse everybody.
const FEWEST_CONNECTIONS: usize = 16;

/// Everything about one bridge that is fixed at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where pairings and everything else is kept.
    pub state_dir: PathBuf,
    /// Where operators connect.
    pub control_socket: PathBuf,
    /// Where nodes connect.
    pub endpoints: Vec<Endpoint>,
    /// How connections are encrypted; `None` if they are not.
    pub tls: Option<Tls>,
    /// Connections in all.
    pub connections: usize,
    /// Connections that are not admitted.
    pub strangers: usize,
    /// The rules, which a reload may change.
    pub policy: Policy,
}

/// How connections are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and its key.
    pub files: Files,
    /// Whether nodes without TLS are welcome at the same port.
    pub allows_plaintext: bool,
}

impl Settings {
    /// The settings for a configuration.
    ///
    /// # Errors
    /// There is no address to listen on, or the limit on open files leaves no room for nodes.
    pub fn new(
        config: &Config,
        state_dir: PathBuf,
        control_socket: PathBuf,
    ) -> Result<Self, Error> {
        let endpoints =
            bind::endpoints(config.bridge.bind, config.bridge.port).map_err(Error::NoAddress)?;
        let limits = &config.bridge.limits;
        let open_files = raise_open_files();
        let connections = limits.connections.min(connections_for(open_files));
        if connections < FEWEST_CONNECTIONS.min(limits.connections) {
            return Err(Error::TooFewFiles { open_files });
        }
        if connections < limits.connections {
            log::warn!(
                "daemon: the limit on open files allows only {connections} connections instead of \
                 bridge.limits.connections = {}",
                limits.connections
            );
        }
        let strangers = limits.strangers.min(connections);
        let tls = &config.bridge.tls;
        let tls = tls.enabled.then(|| Tls {
            files: tls_files(config, &state_dir),
            allows_plaintext: tls.allow_plaintext,
        });
        Ok(Self {
            state_dir,
            control_socket,
            endpoints,
            tls,
            connections,
            strangers,
            policy: policy(config),
        })
    }
}

/// The certificate and the key that a bridge with this configuration serves with.
pub fn tls_files(config: &Config, state_dir: &Path) -> Files {
    let tls = &config.bridge.tls;
    let (certificate, key) = (tls.cert_path.as_deref(), tls.key_path.as_deref());
    Files::new(state_dir, certificate, key, tls.auto_generate)
}

/// The part of a configuration that a running bridge can change.
pub fn policy(config: &Config) -> Policy {
    let limits = &config.bridge.limits;
    let name = config.bridge.name.clone().unwrap_or_else(host_name);
    Policy {
        server_name: name.into(),
        canvas_host_url: config.canvas_host.url.as_deref().map(Into::into),
        allow: config.bridge.allow.clone(),
        pending_pairings: limits.pending_pairings,
        pending_pairings_per_address: limits.pending_pairings_per_address,
        paired_nodes: limits.paired_nodes,
    }
}

/// The machine's name without `.local`.
fn host_name() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy();
    let name = name.trim().trim_end_matches(".local");
    if name.is_empty() { "openclaw-bridge" } else { name }.to_owned()
}

/// Each connection takes two descriptors, and the usual soft limit is for programs that use
/// `select`. Returns the limit now in force.
fn raise_open_files() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let before = limit.current;
        limit.current = limit.maximum;
        if setrlimit(Resource::Nofile, limit).is_err() {
            return before.unwrap_or(u64::MAX);
        }
    }
    limit.current.unwrap_or(u64::MAX)
}
