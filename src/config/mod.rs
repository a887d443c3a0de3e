//! The configuration: what may be set, where it comes from, and what is wrong with it.
//!
//! [`load()`] reads one JSON5 file, applies environment variables and then flags, and returns either
//! every value or every problem. [`schema`] is the one table of keys that all of it uses.

mod agent;
mod backend;
mod bind;
mod checks;
mod document;
mod error;
mod gateway_url;
mod kind;
mod load;
mod names;
pub(crate) mod paths;
mod reader;
#[doc(hidden)] // For the manual page, which tests/manual.rs makes.
pub mod schema;
mod secrets;
mod sections;
mod show;
#[cfg(test)]
mod tests;
mod text_form;

pub use crate::protocol::{Allow, CommandPattern, NodeAllow};
pub use agent::{AgentConfig, AgentInput, AgentKind, AgentOutput};
pub use backend::{BackendConfig, BackendKind};
pub use bind::{Bind, ParseBindError};
pub use error::{Error, Problem};
pub use gateway_url::{GatewayUrl, NotAGatewayUrl};
pub(crate) use kind::is_color;
pub use kind::ValueKind;
pub use load::{load, Loaded, Sources};
pub use names::{domain_name, is_service_type, url_host, url_port};
pub use paths::{process_env, state_dir, Env};
pub use reader::Origin;
pub use secrets::hide_secrets;
pub use sections::{
    BridgeConfig, CanvasHostConfig, DiscoveryConfig, LimitsConfig, TlsConfig, WideAreaConfig,
};
pub use show::Shown;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

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
    /// `backend`
    pub backend: BackendConfig,
    /// `agent`
    pub agent: AgentConfig,
    /// `models`
    pub models: Section,
    /// `skills`
    pub skills: Section,
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
