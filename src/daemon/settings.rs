//! What a bridge needs to know to start, worked out from the configuration.

use crate::config::{Config, Mdns};
use crate::daemon::Error;
use crate::discovery::profile::{machine_name, Profile};
use crate::link::connections_for;
use crate::router::Policy;
use crate::tls::CertificateFiles;
use crate::transport::bind::Plan;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
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
    pub listen: Plan,
    /// How connections are encrypted; `None` if they are not.
    pub tls: Option<Tls>,
    /// Connections in all.
    pub connections: usize,
    /// Connections that are not admitted.
    pub strangers: usize,
    /// The rules, which a reload may change.
    pub policy: Policy,
    /// What is told about the bridge before anybody connects, which a reload may change.
    pub profile: Profile,
    /// How the bridge is announced in the local network; `None` is not at all.
    pub discovery: Option<Discovery>,
}

/// How connections are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and its key.
    pub files: CertificateFiles,
    /// Whether nodes without TLS are welcome at the same port.
    pub allows_plaintext: bool,
}

/// How a bridge is announced in the local network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// The types of service it is announced as.
    pub types: Vec<String>,
    /// Whether strangers are spared what only operators need.
    pub is_minimal: bool,
    /// The only interfaces; empty is every one that leads to a local network.
    pub interfaces: Vec<String>,
}

impl Settings {
    /// The settings for a configuration.
    ///
    /// # Errors
    /// The limit on open files leaves no room for nodes.
    pub fn new(
        config: &Config,
        state_dir: PathBuf,
        control_socket: PathBuf,
    ) -> Result<Self, Error> {
        let bridge = &config.bridge;
        let listen = Plan { bind: bridge.bind, port: bridge.port, wait: bridge.wait_for_tailnet };
        let limits = &config.bridge.limits;
        let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
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
        let strangers = limits.unauthenticated.min(connections);
        let tls = &config.bridge.tls;
        let tls = tls.enabled.then(|| Tls {
            files: tls_files(config, &state_dir),
            allows_plaintext: tls.allow_plaintext,
        });
        Ok(Self {
            state_dir,
            control_socket,
            listen,
            tls,
            connections,
            strangers,
            policy: policy(config),
            profile: profile(config),
            discovery: discovery(config),
        })
    }
}

/// The certificate and the key that a bridge with this configuration serves with.
pub fn tls_files(config: &Config, state_dir: &Path) -> CertificateFiles {
    let tls = &config.bridge.tls;
    let (certificate, key) = (tls.cert_path.as_deref(), tls.key_path.as_deref());
    // A path that somebody wrote down means a certificate that is there, or will be when a disk is:
    // another one in its place would lock out every node that pins the right one.
    let generate = tls.auto_generate && certificate.is_none() && key.is_none();
    CertificateFiles::new(state_dir, certificate, key, generate)
}

fn discovery(config: &Config) -> Option<Discovery> {
    let is_minimal = match config.discovery.mdns {
        Mdns::Off => return None,
        Mdns::Minimal => true,
        Mdns::Full => false,
    };
    Some(Discovery {
        types: config.discovery.service_types.clone(),
        is_minimal,
        interfaces: config.discovery.interfaces.clone(),
    })
}

/// The part of a configuration that a running bridge can change.
pub fn policy(config: &Config) -> Policy {
    let limits = &config.bridge.limits;
    let name = config.bridge.name.clone().unwrap_or_else(machine_name);
    Policy {
        server_name: name.into(),
        // The apps put a path behind it that begins with a slash.
        canvas_host_url: config.canvas_host.url.as_deref().map(|u| u.trim_end_matches('/').into()),
        allow: config.bridge.allow.clone(),
        pending_pairings: limits.pending_pairings,
        pending_pairings_per_address: limits.pending_pairings_per_address,
        paired_nodes: limits.paired_nodes,
    }
}

/// What a configuration says about announcements.
pub fn profile(config: &Config) -> Profile {
    Profile::new(config, &machine_name())
}

/// Raises this process's soft limit on open files to its hard one: each connection takes two
/// descriptors, and the usual soft limit is for programs that use `select`. For the main function
/// of a program that is a bridge; one that only embeds a bridge decides by itself.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, ..limit };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            log::debug!("daemon: the limit on open files stays as it is: {error}");
        }
    }
}
