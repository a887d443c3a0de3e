//! From files, environment and flags to one configuration.

use super::checks::contradictions;
use super::error::Error;
use super::kind::ValueKind;
use super::paths::{self, Env};
use super::reader::{Origin, Reader};
use super::{schema, Config};
use crate::files;
use crate::json5_text;
use crate::protocol::limits;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// The configuration flags of the command line. A daemon keeps them for its reloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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

/// A setting that can be made outside the file: its key, its environment variable, its flag.
type Override = (&'static str, Option<&'static str>, &'static str, fn(&Sources) -> Option<&str>);

const OVERRIDES: &[Override] = &[
    ("bridge.stateDir", Some("OPENCLAW_BRIDGE_STATE_DIR"), "--state-dir", |s| {
        s.state_dir.as_deref()
    }),
    ("bridge.bind", Some("OPENCLAW_BRIDGE_BIND"), "--bind", |s| s.bind.as_deref()),
    ("bridge.port", Some("OPENCLAW_BRIDGE_PORT"), "--port", |s| s.port.as_deref()),
    ("bridge.log", Some("OPENCLAW_BRIDGE_LOG"), "--log", |s| s.log.as_deref()),
    ("bridge.tls.enabled", None, "--tls", |s| s.tls.then_some("true")),
    // Those of the old gateway (protocol section 10.5).
    ("canvasHost.port", Some("CLAWDBOT_CANVAS_HOST_PORT"), "", |_| None),
    ("discovery.sshPort", Some("CLAWDBOT_SSH_PORT"), "", |_| None),
    ("discovery.cliPath", Some("CLAWDBOT_CLI_PATH"), "", |_| None),
    ("discovery.tailnetDns", Some("CLAWDBOT_TAILNET_DNS"), "", |_| None),
];

/// What is turned off by a variable that is `1`, `true` or `yes` (protocol section 10.5).
const SWITCHES: &[(&str, &str)] = &[
    ("discovery.mdns", "CLAWDBOT_DISABLE_BONJOUR"),
    ("canvasHost.enabled", "CLAWDBOT_SKIP_CANVAS_HOST"),
];

/// A configuration and where it came from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The values in force.
    pub config: Config,
    /// The file that was read; `None` if there is none.
    pub path: Option<PathBuf>,
    /// Top-level sections of the file that belong to other programs.
    pub ignored_sections: Vec<String>,
    /// Where every value came from that is not a default.
    pub(super) origins: BTreeMap<&'static str, Origin>,
}

/// A configuration that was made without a file.
impl From<Config> for Loaded {
    fn from(config: Config) -> Self {
        Self { config, path: None, ignored_sections: Vec::new(), origins: BTreeMap::new() }
    }
}

/// Reads the file that was named, or the first that is found, and applies the environment and then
/// the flags.
///
/// # Errors
/// The file cannot be read or parsed; or every problem in the file, the environment and the flags.
pub fn load(sources: &Sources, env: Env<'_>) -> Result<Loaded, Error> {
    let env = &|name: &str| env(name).filter(|value| !value.is_empty());
    let file = find_file(sources, env)?;
    let mut reader = Reader { home: paths::home(env), ..Reader::default() };
    if let Some((path, text, _)) = &file {
        let document =
            json5_text::parse_strictly(text).map_err(|source| syntax(path, text, source))?;
        reader.base = path.parent().map(Path::to_owned);
        reader.document(&document, &Origin::File(path.clone()));
        reader.base = None;
    }
    for (key, variable, flag, given) in OVERRIDES {
        if let Some((name, value)) = variable.and_then(|name| Some((name, env(name)?))) {
            match value.to_str() {
                Some(value) => apply(key, name, value, Origin::Env(name), &mut reader),
                None => reader.problem(name, "is not valid UTF-8"),
            }
        }
        if let Some(value) = given(sources) {
            apply(key, flag, value, Origin::Flag(flag), &mut reader);
        }
    }
    for (key, name) in SWITCHES {
        if env(name).is_some_and(|value| matches!(value.to_str(), Some("1" | "true" | "yes"))) {
            apply(key, name, "false", Origin::Env(name), &mut reader);
        }
    }
    let config = reader.config();
    contradictions(&config, &mut reader);
    for (key, (path, _, meta)) in
        schema::named_programs(&config).into_iter().zip(file.iter().cycle())
    {
        // Whoever can write the file would have the bridge run programs.
        if let Err(error) = files::check_written_by_owner_only(path, meta) {
            let why = format!("names a program, so only this user and root may decide it: {error}");
            reader.problem(key, why);
        }
    }
    let Reader { problems, origins, ignored, .. } = reader;
    let path = file.map(|(path, ..)| path);
    if !problems.is_empty() {
        return Err(Error::Invalid { path, problems });
    }
    Ok(Loaded { config, path, ignored_sections: ignored, origins })
}

/// Outside the file everything is text; the table of keys determines its meaning.
fn apply(key: &str, place: &str, text: &str, origin: Origin, reader: &mut Reader) {
    let Some(key) = schema::find(key) else { return };
    let value = match key.kind {
        ValueKind::Integer(..) | ValueKind::Port => text.parse::<u64>().ok().map(Value::from),
        ValueKind::Bool | ValueKind::Mdns => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    reader.put(key, place, &value.unwrap_or_else(|| Value::from(text)), &origin);
}

/// A file with its text and who may write it. One that was named must be there; one that was only
/// looked for need not.
fn find_file(
    sources: &Sources,
    env: Env<'_>,
) -> Result<Option<(PathBuf, String, Metadata)>, Error> {
    if let Some(path) = sources.file.clone().or_else(|| paths::named_config(env)) {
        let (text, meta) = read(&path)?;
        return Ok(Some((path, text, meta)));
    }
    for path in paths::config_candidates(env) {
        match read(&path) {
            Ok((text, meta)) => return Ok(Some((path, text, meta))),
            Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<(String, Metadata), Error> {
    let open = || {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        Ok((files::text_at_most(file, limits::CONFIG_BYTES)?, meta))
    };
    open().map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn syntax(path: &Path, text: &str, source: json5::Error) -> Error {
    // An error about the end of the text comes without a position.
    let end = || source.code().map(|_| json5::Position::from_offset(text.len(), text));
    let position = source.position().or_else(end).map(|at| (at.line + 1, at.column + 1));
    Error::Syntax { path: path.to_owned(), position, source }
}
