//! The configuration: what may be set, where it comes from, and what is wrong with it.
//!
//! [`load()`] reads one JSON5 file, applies environment variables and then flags, and returns either
//! every value or every problem. [`schema`] is the one table of keys that all of it uses.

mod agent;
mod bind;
mod checks;
mod document;
mod error;
mod kind;
mod load;
mod names;
pub(crate) mod paths;
#[doc(hidden)] // For the manual page, which tests/manual.rs makes.
pub mod schema;
mod secrets;
mod show;
#[cfg(test)]
mod tests;
mod text_form;

pub use crate::protocol::{Allow, CommandPattern, NodeAllow};
pub use agent::{AgentConfig, AgentInput, AgentKind, AgentOutput};
pub use bind::{Bind, ParseBindError};
pub use document::Origin;
pub use error::{Error, Problem};
pub(crate) use kind::is_color;
pub use kind::ValueKind;
pub use load::{load, Loaded, Sources};
pub use names::{domain_name, is_service_type, url_host, url_port};
pub use paths::{process_env, state_dir, Env};
pub use secrets::hide_secrets;
pub use show::Shown;

use crate::protocol::limits;
use log::LevelFilter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Every setting. `Config::default()` is the configuration of a machine without a file.
///
/// [`load()`] checks ranges and contradictions; deserialising with serde does not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Config {
    /// `bridge`
    pub bridge: BridgeConfig,
    /// `canvasHost`
    pub canvas_host: CanvasHostConfig,
    /// `discovery`
    pub discovery: DiscoveryConfig,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct BridgeConfig {
    /// Whether nodes are accepted at all.
    pub enabled: bool,
    /// The server's name as nodes show it; `None` is the name of the machine.
    pub name: Option<String>,
    /// The TCP port; 0 takes a free one.
    pub port: u16,
    /// The addresses to listen on.
    #[serde(with = "text_form")]
    pub bind: Bind,
    /// Whether to wait for an address of `bind` that is missing.
    pub wait_for_tailnet: bool,
    /// The state directory; `None` is the default of [`state_dir`].
    pub state_dir: Option<PathBuf>,
    /// How much is logged.
    #[serde(with = "text_form::level")]
    pub log: LevelFilter,
    /// `bridge.tls`
    pub tls: TlsConfig,
    /// `bridge.allow`
    pub allow: Allow,
    /// `bridge.limits`
    pub limits: LimitsConfig,
}

impl Default for BridgeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            name: None,
            port: 18790,
            bind: Bind::default(),
            wait_for_tailnet: false,
            state_dir: None,
            log: LevelFilter::Info,
            tls: TlsConfig::default(),
            allow: Allow::default(),
            limits: LimitsConfig::default(),
        }
    }
}

/// `bridge.tls`: whether connections are encrypted, and with which certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct TlsConfig {
    /// Whether connections are encrypted.
    pub enabled: bool,
    /// Whether a certificate is generated if there is none.
    pub auto_generate: bool,
    /// The certificate, PEM; `None` is a file in the state directory.
    pub cert_path: Option<PathBuf>,
    /// Its key, PEM; `None` is a file in the state directory.
    pub key_path: Option<PathBuf>,
    /// A legacy key; not used by this version.
    pub ca_path: Option<PathBuf>,
    /// Whether the same port also serves nodes without TLS.
    pub allow_plaintext: bool,
}

impl Default for TlsConfig {
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

/// `bridge.limits`: the limits an operator may want to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Simultaneous connections.
    pub connections: usize,
    /// Simultaneous unauthenticated connections.
    #[serde(rename = "strangers")]
    pub unauthenticated: usize,
    /// Pairing requests waiting for the operator.
    pub pending_pairings: usize,
    /// Pairing requests waiting for the operator, from one address.
    pub pending_pairings_per_address: usize,
    /// Paired nodes.
    pub paired_nodes: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS,
            unauthenticated: limits::UNAUTHENTICATED_CONNECTIONS,
            pending_pairings: limits::PENDING_PAIRINGS,
            pending_pairings_per_address: limits::PENDING_PAIRINGS_PER_ADDRESS,
            paired_nodes: limits::PAIRED_NODES,
        }
    }
}

/// `canvasHost`: who serves canvas files to the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct CanvasHostConfig {
    /// A legacy key; not used by this version.
    pub enabled: bool,
    /// A legacy key; not used by this version.
    pub root: Option<PathBuf>,
    /// A legacy key; not used by this version.
    pub port: u16,
    /// A legacy key; not used by this version.
    pub live_reload: bool,
    /// The address of the canvas host that is sent to nodes.
    pub url: Option<String>,
}

impl Default for CanvasHostConfig {
    fn default() -> Self {
        Self { enabled: true, root: None, port: 18793, live_reload: true, url: None }
    }
}

/// `discovery`: how nodes find the bridge, and what is announced before they connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct DiscoveryConfig {
    /// Whether the bridge is announced on the local network, and with how much detail.
    #[serde(with = "mdns_form")]
    pub mdns: Mdns,
    /// The DNS-SD service types to announce.
    pub service_types: Vec<String>,
    /// The only interfaces to announce on; empty is every one of a local network.
    pub interfaces: Vec<String>,
    /// The port of the gateway's WebSocket, which apps show; `None` is the bridge's minus one.
    pub gateway_port: Option<u16>,
    /// The SSH port of this machine, if it is not 22.
    pub ssh_port: Option<u16>,
    /// The path of the operator's program; announced if it is set.
    pub cli_path: Option<PathBuf>,
    /// The machine's name in the tailnet; `None` asks the `tailscale` program.
    pub tailnet_dns: Option<String>,
    /// `discovery.wideArea`
    pub wide_area: WideAreaConfig,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self {
            mdns: Mdns::default(),
            service_types: vec!["_clawdbot-bridge._tcp".to_owned()],
            interfaces: Vec::new(),
            gateway_port: None,
            ssh_port: None,
            cli_path: None,
            tailnet_dns: None,
            wide_area: WideAreaConfig::default(),
        }
    }
}

/// `discovery.mdns`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mdns {
    /// Nothing is announced.
    Off,
    /// Everything but what only operators need: the path of the old command line, the SSH port.
    Minimal,
    /// Everything.
    #[default]
    Full,
}

/// `discovery.mdns` is a switch; OpenClaw also writes an object.
mod mdns_form {
    use super::Mdns;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written {
        Switch(bool),
        Object { mode: Mdns },
    }

    pub(super) fn serialize<S: Serializer>(mdns: &Mdns, to: S) -> Result<S::Ok, S::Error> {
        let written = match mdns {
            Mdns::Off => Written::Switch(false),
            Mdns::Minimal => Written::Object { mode: Mdns::Minimal },
            Mdns::Full => Written::Switch(true),
        };
        written.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Mdns, D::Error> {
        Ok(match Written::deserialize(from)? {
            Written::Switch(false) => Mdns::Off,
            Written::Switch(true) => Mdns::Full,
            Written::Object { mode } => mode,
        })
    }
}

/// `discovery.wideArea`: DNS-SD beyond the local network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct WideAreaConfig {
    /// Whether a zone is maintained.
    pub enabled: bool,
    /// The domain of the zone; `None` is the one that the apps browse.
    pub domain: Option<String>,
    /// The address of this machine in the zone; `None` is the tailnet's.
    pub address: Option<Ipv4Addr>,
}

/// A section that is kept as it was written. Its `Debug` form shows the keys only: `talk` and
/// `models` hold the keys of other services.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
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
