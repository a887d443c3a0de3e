//! From files, environment and flags to one configuration.

use super::error::Error;
use super::schema::{self, Kind, KEYS};
use super::walk::Walk;
use super::{paths, url_host, AgentKind, Config, Mdns};
use crate::json5_text;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// How environment variables are read, so that tests have their own.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The environment of this process.
pub fn process_env(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// A configuration is a few kilobytes; an old `openclaw.json` with everything in it, some hundred.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

/// What was said on the command line. Kept by a daemon, so that a reload hears the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// `--config`
    pub file: Option<PathBuf>,
    /// `--state-dir`
    pub state_dir: Option<String>,
    /// `--bind`
    pub bind: Option<String>,
    /// `--port`
    pub port: Option<String>,
    /// `--log`
    pub log: Option<String>,
    /// `--tls`
    pub tls: bool,
}

/// A setting that can be made outside the file.
struct Override {
    key: &'static str,
    env: Option<&'static str>,
    flag: &'static str,
    given: fn(&Sources) -> Option<&str>,
}

const OVERRIDES: &[Override] = &[
    Override {
        key: "bridge.stateDir",
        env: Some("OPENCLAW_BRIDGE_STATE_DIR"),
        flag: "--state-dir",
        given: |sources| sources.state_dir.as_deref(),
    },
    Override {
        key: "bridge.bind",
        env: Some("OPENCLAW_BRIDGE_BIND"),
        flag: "--bind",
        given: |sources| sources.bind.as_deref(),
    },
    Override {
        key: "bridge.port",
        env: Some("OPENCLAW_BRIDGE_PORT"),
        flag: "--port",
        given: |sources| sources.port.as_deref(),
    },
    Override {
        key: "bridge.log",
        env: Some("OPENCLAW_BRIDGE_LOG"),
        flag: "--log",
        given: |sources| sources.log.as_deref(),
    },
    Override {
        key: "bridge.tls.enabled",
        env: None,
        flag: "--tls",
        given: |sources| sources.tls.then_some("true"),
    },
    // Those of the old gateway (protocol section 10.5).
    Override {
        key: "discovery.sshPort",
        env: Some("CLAWDBOT_SSH_PORT"),
        flag: "",
        given: |_| None,
    },
    Override {
        key: "discovery.cliPath",
        env: Some("CLAWDBOT_CLI_PATH"),
        flag: "",
        given: |_| None,
    },
    Override {
        key: "discovery.tailnetDns",
        env: Some("CLAWDBOT_TAILNET_DNS"),
        flag: "",
        given: |_| None,
    },
];

/// Turns `discovery.mdns` off; anything but yes says nothing (protocol section 10.5).
const NO_BONJOUR: &str = "CLAWDBOT_DISABLE_BONJOUR";

/// A configuration and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values in force.
    pub config: Config,
    /// The file that was read; `None` if there is none.
    pub path: Option<PathBuf>,
    /// Top-level sections of the file that belong to other programs.
    pub ignored_sections: Vec<String>,
    origins: BTreeMap<&'static str, Origin>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The file.
    File(PathBuf),
    /// An environment variable.
    Env(&'static str),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// One line of `config show`.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The key.
    pub path: &'static str,
    /// Its value in force; secrets are replaced by dots.
    pub value: Value,
    /// Where the value came from.
    pub origin: Origin,
}

impl Loaded {
    /// Every key with its value and origin, in the order of the table. What a section contains
    /// beyond the known keys is shown in the line of the section itself.
    pub fn show(&self) -> Vec<Shown> {
        let mut config = self.config.clone();
        let mut shown = Vec::new();
        for key in KEYS {
            let mut value = key.show(&mut config);
            if let (Kind::Open, Value::Object(entries)) = (key.kind, &mut value) {
                entries.retain(|name, _| schema::find(&format!("{}.{name}", key.path)).is_none());
                if entries.is_empty() {
                    continue;
                }
            }
            match (key.kind, &mut value) {
                // Whatever is in there, its names are enough to know.
                (Kind::Environment, Value::Object(entries)) => {
                    entries.values_mut().for_each(|value| *value = Value::from("…"));
                }
                (_, value) => redact(key.path, value),
            }
            let origin = self.origins.get(key.path).cloned().unwrap_or(Origin::Default);
            shown.push(Shown { path: key.path, value, origin });
        }
        shown
    }
}

/// Whether the value under this name is nobody's business.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    ["apikey", "api_key", "token", "secret", "password", "authorization"]
        .iter()
        .any(|word| name.ends_with(word))
}

/// Replaces the values of everything that is named like a secret by dots.
pub fn hide_secrets(value: &mut Value) {
    redact("", value);
}

fn redact(name: &str, value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.iter_mut().for_each(|(name, value)| redact(name, value));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(name, item)),
        Value::String(_) | Value::Number(_) if is_secret(name) => *value = Value::from("…"),
        _ => {}
    }
}

/// Reads the file that was named, or the first that is found, and what overrides it.
///
/// # Errors
/// The file cannot be read or understood; or every single thing that is wrong in it, in the
/// environment and on the command line.
pub fn load(sources: &Sources, env: Env<'_>) -> Result<Loaded, Error> {
    let env = &|name: &str| env(name).filter(|value| !value.is_empty());
    let file = find_file(sources, env)?;
    let mut config = Config::default();
    let mut origins = BTreeMap::new();
    let mut walk = Walk { home: paths::home(env), ..Walk::default() };
    if let Some((path, text)) = &file {
        let document =
            json5_text::parse_strictly(text).map_err(|source| syntax(path, text, source))?;
        walk.base = path.parent().map(Path::to_owned);
        walk.document(&document, &mut config);
        for key in walk.written.drain(..) {
            origins.insert(key, Origin::File(path.clone()));
        }
        walk.base = None;
    }
    for rule in OVERRIDES {
        if let Some((name, value)) = rule.env.and_then(|name| Some((name, env(name)?))) {
            match value.to_str() {
                Some(value) => apply(rule, name, value, &mut walk, &mut config),
                None => walk.problem(name, "is not valid UTF-8", None),
            }
            origins.insert(rule.key, Origin::Env(name));
        }
        if let Some(value) = (rule.given)(sources) {
            apply(rule, rule.flag, value, &mut walk, &mut config);
            origins.insert(rule.key, Origin::Flag(rule.flag));
        }
    }
    if env(NO_BONJOUR).is_some_and(|value| matches!(value.to_str(), Some("1" | "true" | "yes"))) {
        config.discovery.mdns = Mdns::Off;
        origins.insert("discovery.mdns", Origin::Env(NO_BONJOUR));
    }
    contradictions(&config, &origins, &mut walk);
    let path = file.map(|(path, _)| path);
    if !walk.problems.is_empty() {
        return Err(Error::Invalid { path, problems: walk.problems });
    }
    Ok(Loaded { config, path, ignored_sections: walk.ignored, origins })
}

/// Outside the file everything is text; the table knows what it stands for.
fn apply(rule: &Override, place: &str, text: &str, walk: &mut Walk, config: &mut Config) {
    let Some(key) = schema::find(rule.key) else { return };
    let value = match key.kind {
        Kind::Integer(..) => text.parse::<u64>().ok().map(Value::from),
        Kind::Bool => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    let value = value.unwrap_or_else(|| Value::from(text));
    walk.put(key, place, &value, config);
}

/// Values that are fine alone but not together, or not with this version.
fn contradictions(config: &Config, origins: &BTreeMap<&str, Origin>, walk: &mut Walk) {
    let tls = &config.bridge.tls;
    if tls.cert_path.is_some() != tls.key_path.is_some() {
        let place =
            if tls.cert_path.is_some() { "bridge.tls.certPath" } else { "bridge.tls.keyPath" };
        walk.problem(place, "certPath and keyPath belong together; set both or none", None);
    }
    let limits = &config.bridge.limits;
    if limits.strangers > limits.connections {
        let reason = format!("is more than bridge.limits.connections, {}", limits.connections);
        walk.problem("bridge.limits.strangers", reason, None);
    }
    unreachable_canvas(config, walk);
    let agent = &config.agent;
    let wrong = |place: &str| walk_knows(walk, place);
    if agent.kind == AgentKind::Command && agent.command.is_empty() && !wrong("agent.command") {
        let reason = "is missing: a program is to answer (agent.kind is \"command\"), but which?";
        walk.problem("agent.command", reason, None);
    }
    if !agent.command.is_empty() && !origins.contains_key("agent.kind") {
        let reason =
            "must be \"command\" for agent.command to be run, or \"echo\" to keep it unused";
        walk.problem("agent.kind", reason, None);
    }
}

/// Nodes are told the address as it is written, so it has to mean something to them.
fn unreachable_canvas(config: &Config, walk: &mut Walk) {
    let host = config.canvas_host.url.as_deref().and_then(url_host).unwrap_or_default();
    if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) {
        let reason = format!("{host} is no address that a node can connect to; name this machine");
        walk.problem("canvasHost.url", reason, None);
    }
}

/// Whether something is already known to be wrong at or below `place`.
fn walk_knows(walk: &Walk, place: &str) -> bool {
    walk.problems.iter().any(|problem| problem.place.starts_with(place))
}

/// A file with its text. One that was named must be there; one that was only looked for need not.
fn find_file(sources: &Sources, env: Env<'_>) -> Result<Option<(PathBuf, String)>, Error> {
    let variable = || {
        let text = env("OPENCLAW_BRIDGE_CONFIG")?;
        let home = paths::home(env);
        let expanded = text.to_str().and_then(|text| paths::expand(text, home.as_deref()).ok());
        Some(expanded.unwrap_or_else(|| PathBuf::from(&text)))
    };
    if let Some(path) = sources.file.clone().or_else(variable) {
        let text = read(&path)?;
        return Ok(Some((path, text)));
    }
    for path in paths::config_candidates(env) {
        match read(&path) {
            Ok(text) => return Ok(Some((path, text))),
            Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<String, Error> {
    let open = || {
        let mut text = String::new();
        let file = std::fs::File::open(path)?;
        file.take(FILE_BYTES + 1).read_to_string(&mut text)?;
        if text.len() as u64 > FILE_BYTES {
            return Err(io::Error::other("larger than any configuration"));
        }
        Ok(text)
    };
    open().map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn syntax(path: &Path, text: &str, source: json5::Error) -> Error {
    // An error about the end of the text comes without a position.
    let end = || source.code().map(|_| json5::Position::from_offset(text.len(), text));
    let position = source.position().or_else(end).map(|at| (at.line + 1, at.column + 1));
    Error::Syntax { path: path.to_owned(), position, source }
}
