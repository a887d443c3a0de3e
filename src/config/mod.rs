//! The configuration: what may be set, where it comes from, and what is wrong with it.
//!
//! Floor 1: the words of the protocol, durations and suggestions. [`load()`] is the way in; it reads one
//! JSON5 file, lets environment variables and then flags override it, and either returns every
//! value or every problem. [`schema`] is the one table all of it is made from.

mod agent;
mod bind;
mod error;
mod hosts;
mod load;
mod mdns;
pub mod paths;
pub mod schema;
mod setting;
#[cfg(test)]
mod tests;
mod walk;

pub use crate::protocol::{Allow, CommandPattern, NodeAllow};
pub use agent::{AgentConfig, AgentInput, AgentKind, AgentOutput};
pub use bind::{Bind, NotABind};
pub use error::{Error, Problem};
pub use hosts::{domain_name, url_host, url_port};
pub use load::{hide_secrets, load, process_env, Env, Loaded, Origin, Shown, Sources};
pub use mdns::{is_service_type, Interfaces, Mdns, ServiceTypes};

use crate::protocol::limits;
use log::LevelFilter;
use schema::Effect;
use serde_json::{Map, Value};
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Every setting. `Config::default()` is the configuration of a machine that has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `bridge`
    pub bridge: Bridge,
    /// `canvasHost`
    pub canvas_host: CanvasHost,
    /// `discovery`
    pub discovery: Discovery,
    /// `session`
    pub session: Section,
    /// `talk`
    pub talk: Section,
    /// `ui`
    pub ui: Section,
    /// `agent`
    pub agent: AgentConfig,
    /// `models`
    pub models: Section,
    /// `skills`
    pub skills: Section,
}

/// `bridge`: the listener and its rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Bridge {
    /// Whether nodes are served at all.
    pub enabled: bool,
    /// What nodes see as the name of the server; `None` is the name of the machine.
    pub name: Option<String>,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The addresses.
    pub bind: Bind,
    /// Whether an address of `bind` that is not there yet is waited for.
    pub wait_for_tailnet: bool,
    /// Where everything is kept; [`paths::state_dir`] knows what `None` means.
    pub state_dir: Option<PathBuf>,
    /// How much is logged.
    pub log: LevelFilter,
    /// `bridge.tls`
    pub tls: Tls,
    /// `bridge.allow`
    pub allow: Allow,
    /// `bridge.limits`
    pub limits: Limits,
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            enabled: true,
            name: None,
            port: 18790,
            bind: Bind::default(),
            wait_for_tailnet: false,
            state_dir: None,
            log: LevelFilter::Info,
            tls: Tls::default(),
            allow: Allow::default(),
            limits: Limits::default(),
        }
    }
}

/// `bridge.tls`: whether and with what connections are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Whether connections are encrypted.
    pub enabled: bool,
    /// Whether a certificate is made if there is none.
    pub auto_generate: bool,
    /// The certificate, PEM; `None` is a place in the state directory.
    pub cert_path: Option<PathBuf>,
    /// Its key, PEM; `None` is a place in the state directory.
    pub key_path: Option<PathBuf>,
    /// A legacy key without effect.
    pub ca_path: Option<PathBuf>,
    /// Whether the same port serves nodes without TLS as well.
    pub allow_plaintext: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            enabled: false,
            auto_generate: true,
            cert_path: None,
            key_path: None,
            ca_path: None,
            allow_plaintext: false,
        }
    }
}

/// `bridge.limits`: the numbers an operator may want to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// See [`limits::CONNECTIONS`].
    pub connections: usize,
    /// See [`limits::STRANGERS`].
    pub strangers: usize,
    /// See [`limits::PENDING_PAIRINGS`].
    pub pending_pairings: usize,
    /// See [`limits::PENDING_PAIRINGS_PER_ADDRESS`].
    pub pending_pairings_per_address: usize,
    /// See [`limits::PAIRED_NODES`].
    pub paired_nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS,
            strangers: limits::STRANGERS,
            pending_pairings: limits::PENDING_PAIRINGS,
            pending_pairings_per_address: limits::PENDING_PAIRINGS_PER_ADDRESS,
            paired_nodes: limits::PAIRED_NODES,
        }
    }
}

/// `canvasHost`: who serves canvas files to the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanvasHost {
    /// A legacy key; not used by this version.
    pub enabled: bool,
    /// A legacy key; not used by this version.
    pub root: Option<PathBuf>,
    /// A legacy key; not used by this version.
    pub port: u16,
    /// A legacy key; not used by this version.
    pub live_reload: bool,
    /// The canvas host that nodes are told of.
    pub url: Option<String>,
}

impl Default for CanvasHost {
    fn default() -> Self {
        Self { enabled: true, root: None, port: 18793, live_reload: true, url: None }
    }
}

/// `discovery`: how nodes find the bridge, and what they are told before they connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Whether the bridge is announced in the local network, and how much is told.
    pub mdns: Mdns,
    /// What it is announced as.
    pub service_types: ServiceTypes,
    /// On which interfaces.
    pub interfaces: Interfaces,
    /// The port of the gateway's WebSocket, which apps show; `None` is the bridge's minus one.
    pub gateway_port: Option<u16>,
    /// The SSH port of this machine, if it is not 22.
    pub ssh_port: Option<u16>,
    /// Where the operator's program is; not announced unless it is said here.
    pub cli_path: Option<PathBuf>,
    /// The machine's name in the tailnet; `None` asks the `tailscale` program.
    pub tailnet_dns: Option<String>,
    /// `discovery.wideArea`
    pub wide_area: WideArea,
}

/// `discovery.wideArea`: DNS-SD beyond the local network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WideArea {
    /// Whether a zone is kept.
    pub enabled: bool,
    /// The domain of the zone; `None` is the one that the apps browse.
    pub domain: Option<String>,
    /// The address of this machine in the zone; `None` is the tailnet's.
    pub address: Option<Ipv4Addr>,
}

/// A section whose content is kept as it was written, for whoever uses it. Its `Debug` form shows
/// the keys only: `talk` and `models` hold the keys of other services.
#[derive(Clone, Default, PartialEq)]
pub struct Section(pub Map<String, Value>);

impl Section {
    /// The text under `key`, if there is one.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Config {
    /// The keys whose values differ from those of `new` and that a running daemon cannot change.
    pub fn changes_needing_restart(&self, new: &Self) -> Vec<&'static str> {
        let (mut old, mut new) = (self.clone(), new.clone());
        schema::KEYS
            .iter()
            .filter(|key| key.effect == Effect::Restart)
            .filter(|key| key.show(&mut old) != key.show(&mut new))
            .map(|key| key.path)
            .collect()
    }
}
