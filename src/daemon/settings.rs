//! What a bridge needs to know to start, worked out from the configuration.

use crate::config::{Config, Mdns};
use crate::daemon::Error;
use crate::discovery::{service, Facts, Service};
use crate::link::connections_for;
use crate::router::Policy;
use crate::transport::bind::{self, Endpoint};
use rustix::process::{getrlimit, setrlimit, Resource};
use std::path::PathBuf;

/// A bridge that could serve fewer would look alive and refuse everybody.
const FEWEST_CONNECTIONS: usize = 16;

/// Where the old gateway's WebSocket was. The apps show it and never connect to it.
const GATEWAY_PORT: u16 = 18789;

/// Everything about one bridge that is fixed at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where pairings and everything else is kept.
    pub state_dir: PathBuf,
    /// Where operators connect.
    pub control_socket: PathBuf,
    /// Where nodes connect.
    pub endpoints: Vec<Endpoint>,
    /// Connections in all.
    pub connections: usize,
    /// Connections that are not admitted.
    pub strangers: usize,
    /// The rules, which a reload may change.
    pub policy: Policy,
    /// How the bridge is announced in the local network; `None` is not at all.
    pub discovery: Option<Discovery>,
}

/// How a bridge is announced in the local network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// What is announced, which a reload may change. The port is the one that is listened on.
    pub facts: Facts,
    /// The only interfaces; empty is every one that leads to a local network.
    pub interfaces: Vec<String>,
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
        Ok(Self {
            state_dir,
            control_socket,
            endpoints,
            connections,
            strangers,
            policy: policy(config),
            discovery: facts(config).map(|facts| Discovery {
                facts,
                interfaces: config.discovery.interfaces.0.clone(),
            }),
        })
    }
}

/// What a bridge of this configuration announces in the local network; `None` is nothing.
pub fn facts(config: &Config) -> Option<Facts> {
    let is_minimal = match config.discovery.mdns {
        Mdns::Off => return None,
        Mdns::Minimal => true,
        Mdns::Full => false,
    };
    let types = config.discovery.service_types.0.clone();
    Some(Facts { service: service(config), types, is_minimal })
}

/// What nodes may learn of a bridge of this configuration before they connect.
fn service(config: &Config) -> Service {
    let name = config.bridge.name.clone().unwrap_or_else(host_name);
    let host = service::host_label(&rustix::system::uname().nodename().to_string_lossy());
    Service {
        name,
        host,
        port: config.bridge.port,
        fingerprint: None,
        gateway_port: GATEWAY_PORT,
        canvas_port: None,
        ssh_port: None,
        tailnet_dns: None,
        cli_path: None,
    }
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
