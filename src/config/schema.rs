//! The one table of keys. Reading, checking, showing and suggesting are all made from it; to add a
//! setting, add a field to [`Config`], a row here, and a line to the example file.

use super::setting::Setting;
use super::{AgentInput, AgentKind, AgentOutput, Bind, Config};
use crate::duration;
use crate::protocol::limits;
use serde_json::Value;
use std::time::Duration;

/// One key that may be written in the file.
pub struct Key {
    /// The path: `bridge.port`.
    pub path: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// When a change takes effect.
    pub effect: Effect,
    /// One sentence, with the unit where there is one.
    pub help: &'static str,
    /// `None` for the known entries of a section that is kept as it was written.
    slot: Option<fn(&mut Config) -> &mut dyn Setting>,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// With `reload`.
    Reload,
    /// With the next start.
    Restart,
    /// Never: the key is understood, this version does not use it.
    Unused,
}

/// What may be written for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// `true`, `false`, or OpenClaw's `{ mode: "off" | "minimal" | "full" }`.
    Mdns,
    /// A text that is not empty.
    Text,
    /// An address starting with `http://` or `https://`.
    Url,
    /// A path; `~` is the home directory, a relative path starts where the file is.
    Path,
    /// A whole number between two, both included.
    Integer(u64, u64),
    /// A duration between two, both included: `10m`, or milliseconds.
    Duration(Duration, Duration),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// See [`Bind`].
    Bind,
    /// Six hexadecimal digits, with or without `#`.
    Color,
    /// A list of texts.
    Texts,
    /// An object whose values are texts.
    TextMap,
    /// A program and its arguments.
    Program,
    /// Environment variables.
    Environment,
    /// A list of methods of the protocol.
    Methods,
    /// A list of commands and families of commands.
    Commands,
    /// For each node id, lists of methods and commands.
    Nodes,
    /// An object.
    Open,
}

impl Kind {
    /// The rest of a sentence that begins with "must be".
    pub fn expects(self) -> String {
        let text = match self {
            Self::Bool => "true or false",
            Self::Mdns => "true or false (or { mode: \"off\" | \"minimal\" | \"full\" })",
            Self::Text => "a text that is not empty",
            Self::Url => "an address that starts with http:// or https://",
            Self::Path => "a path",
            Self::Integer(least, most) => {
                return format!("a whole number from {least} to {most}");
            }
            Self::Duration(least, most) => {
                let (least, most) = (duration::show(least), duration::show(most));
                return format!("a duration from {least} to {most}, such as \"90s\" or \"10m\"");
            }
            Self::Choice(words) => return format!("one of {}", words.join(", ")),
            Self::Bind => "loopback, lan, tailnet, auto or an IP address",
            Self::Color => "a colour of six hexadecimal digits such as \"#FF4500\"",
            Self::Texts => "a list of texts",
            Self::TextMap | Self::Environment => "an object whose values are texts",
            Self::Program => "a list: the program, then its arguments",
            Self::Methods => "a list of method names",
            Self::Commands => "a list of commands such as \"camera.snap\" or \"camera.*\"",
            Self::Nodes | Self::Open => "an object",
        };
        text.to_owned()
    }

    /// The words that can be written for this key.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Choice(words) => words,
            Self::Bind => Bind::WORDS,
            _ => &[],
        }
    }

    /// Whether `value` has this form. What lists and objects of the stricter kinds contain is
    /// looked through by whoever keeps it.
    pub(super) fn accepts(self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Bool | Self::Mdns => value.is_boolean(),
            Self::Text | Self::Path => text.is_some_and(|text| !text.trim().is_empty()),
            Self::Url => text.is_some_and(is_url),
            Self::Integer(..) => self.integer(value).is_some(),
            Self::Duration(..) => self.duration(value).is_some(),
            Self::Choice(words) => text.is_some_and(|text| words.contains(&text)),
            Self::Bind => text.is_some_and(|text| text.parse::<Bind>().is_ok()),
            Self::Color => text.is_some_and(is_color),
            Self::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            Self::TextMap => {
                value.as_object().is_some_and(|map| map.values().all(Value::is_string))
            }
            Self::Methods | Self::Commands | Self::Program => value.is_array(),
            Self::Nodes | Self::Open | Self::Environment => value.is_object(),
        }
    }

    /// The duration in `value`, if it is in range.
    pub(super) fn duration(self, value: &Value) -> Option<Duration> {
        let Self::Duration(least, most) = self else { return None };
        let milliseconds = || value.as_u64().map(Duration::from_millis);
        let duration = value.as_str().map_or_else(milliseconds, duration::parse)?;
        (least..=most).contains(&duration).then_some(duration)
    }

    /// The whole number in `value`, if it is in range. `1e3` is one; `1.5` is not.
    pub(super) fn integer(self, value: &Value) -> Option<u64> {
        let whole = |float: &f64| float.fract() == 0.0 && (0.0..=9e15).contains(float);
        let number = value.as_u64().or_else(|| value.as_f64().filter(whole).map(|f| f as u64))?;
        match self {
            Self::Integer(least, most) => (least..=most).contains(&number).then_some(number),
            _ => None,
        }
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let odd = |c: char| c.is_whitespace() || c.is_control();
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(odd))
}

fn is_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Key {
    /// The value of this key in `config`.
    pub(super) fn show(&self, config: &mut Config) -> Value {
        match self.slot {
            Some(slot) => slot(config).show(),
            None => {
                let (section, entry) = self.path.split_once('.').unwrap_or((self.path, ""));
                let section =
                    find(section).and_then(|key| key.slot).map(|slot| slot(config).show());
                section.and_then(|section| section.get(entry).cloned()).unwrap_or(Value::Null)
            }
        }
    }

    /// The place where the value is kept.
    pub(super) fn setting<'c>(&self, config: &'c mut Config) -> Option<&'c mut dyn Setting> {
        self.slot.map(|slot| slot(config))
    }
}

/// The key of this path.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The top-level sections this program owns.
pub const SECTIONS: &[&str] =
    &["bridge", "canvasHost", "discovery", "session", "talk", "ui", "agent", "models", "skills"];

/// The levels of `bridge.log`.
pub const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

macro_rules! keys {
    ($($path:literal $kind:expr, $effect:ident, $($field:ident).+, $help:literal;)*
     entries: $($entry:literal $entry_kind:expr, $entry_help:literal;)*) => {
        /// Every key, in the order in which they are shown.
        pub const KEYS: &[Key] = &[
            $(Key { path: $path, kind: $kind, effect: Effect::$effect, help: $help,
                    slot: Some(|config| &mut config.$($field).+) },)*
            $(Key { path: $entry, kind: $entry_kind, effect: Effect::Unused, help: $entry_help,
                    slot: None },)*
        ];
    };
}

use Kind::{Bool, Choice, Color, Commands, Environment, Integer, Mdns, Methods, Nodes, Open, Path};
use Kind::{Program, Text, TextMap, Texts, Url};

const TIMEOUTS: Kind = Kind::Duration(Duration::from_secs(1), limits::AGENT_TIMEOUT_MAX);
const RUNS: Kind = Integer(1, limits::AGENT_RUNS_MAX as u64);
const QUEUES: Kind = Integer(1, limits::AGENT_QUEUE_MAX as u64);
const OUTPUTS: Kind = Integer(1024, limits::AGENT_OUTPUT_MAX as u64);

keys! {
    "bridge.enabled" Bool, Restart, bridge.enabled, "Whether nodes are served at all.";
    "bridge.name" Text, Reload, bridge.name,
        "The server's name as nodes show it; without it, the name of the machine.";
    "bridge.port" Integer(0, 65535), Restart, bridge.port, "The TCP port; 0 takes a free one.";
    "bridge.bind" Kind::Bind, Restart, bridge.bind,
        "Where to listen: loopback, lan, tailnet, auto, or an IP address.";
    "bridge.stateDir" Path, Restart, bridge.state_dir, "The directory for pairings and state.";
    "bridge.log" Choice(LEVELS), Reload, bridge.log, "How much is logged.";
    "bridge.tls.enabled" Bool, Restart, bridge.tls.enabled,
        "Whether connections are encrypted; not possible in this version.";
    "bridge.tls.autoGenerate" Bool, Restart, bridge.tls.auto_generate,
        "Whether a certificate is made if there is none.";
    "bridge.tls.certPath" Path, Restart, bridge.tls.cert_path, "The certificate, PEM.";
    "bridge.tls.keyPath" Path, Restart, bridge.tls.key_path, "The certificate's key, PEM.";
    "bridge.tls.caPath" Path, Restart, bridge.tls.ca_path,
        "Without effect; nodes have no certificates.";
    "bridge.tls.allowPlaintext" Bool, Restart, bridge.tls.allow_plaintext,
        "Whether the same port also serves nodes without TLS.";
    "bridge.allow.methods" Methods, Reload, bridge.allow.methods,
        "The only methods nodes may call; null is all of the protocol.";
    "bridge.allow.commands" Commands, Reload, bridge.allow.commands,
        "The only commands nodes may be asked to run; null is whatever they offer.";
    "bridge.allow.configWrite" Bool, Reload, bridge.allow.config_write,
        "Whether nodes may change settings.";
    "bridge.allow.nodes" Nodes, Reload, bridge.allow.nodes,
        "Narrower lists for single nodes, by node id.";
    "bridge.limits.connections" Integer(1, 100_000), Restart, bridge.limits.connections,
        "Connections at once.";
    "bridge.limits.strangers" Integer(1, 100_000), Restart, bridge.limits.strangers,
        "Connections at once that have not been admitted.";
    "bridge.limits.pendingPairings" Integer(1, 1024), Reload, bridge.limits.pending_pairings,
        "Pairing requests waiting for the operator.";
    "bridge.limits.pendingPairingsPerAddress" Integer(1, 1024), Reload,
        bridge.limits.pending_pairings_per_address,
        "Pairing requests waiting for the operator from one address.";
    "bridge.limits.pairedNodes" Integer(1, 65_536), Reload, bridge.limits.paired_nodes,
        "Paired nodes.";
    "canvasHost.enabled" Bool, Unused, canvas_host.enabled,
        "Whether canvas files are served; this version never does.";
    "canvasHost.root" Path, Unused, canvas_host.root, "The directory of the canvas files.";
    "canvasHost.port" Integer(1, 65535), Unused, canvas_host.port, "The port of the canvas host.";
    "canvasHost.liveReload" Bool, Unused, canvas_host.live_reload,
        "Whether canvas pages reload when their files change.";
    "canvasHost.url" Url, Reload, canvas_host.url,
        "The address of a canvas host elsewhere, which nodes are told.";
    "discovery.mdns" Mdns, Unused, discovery.mdns,
        "Whether the bridge is announced in the local network; this version never does.";
    "discovery.wideArea.enabled" Bool, Unused, discovery.wide_area.enabled,
        "Whether a DNS zone for wide-area discovery is kept; this version never does.";
    "discovery.wideArea.domain" Text, Unused, discovery.wide_area.domain,
        "The domain of that zone.";
    "session" Open, Unused, session, "Chat sessions.";
    "talk" Open, Unused, talk, "Voice settings, served to nodes.";
    "ui" Open, Unused, ui, "Appearance, served to nodes.";
    "agent.kind" Choice(AgentKind::WORDS), Restart, agent.kind,
        "Who answers chat messages: the built-in echo, or a program.";
    "agent.command" Program, Restart, agent.command,
        "The program that answers, and its arguments; no shell is involved.";
    "agent.input" Choice(AgentInput::WORDS), Restart, agent.input,
        "What the program is given: the message, or a JSON object with everything.";
    "agent.output" Choice(AgentOutput::WORDS), Restart, agent.output,
        "What the program writes: the answer, or a JSON object per line.";
    "agent.cwd" Path, Restart, agent.cwd, "The directory in which the program runs.";
    "agent.env" Environment, Restart, agent.env, "Environment variables for the program.";
    "agent.timeout" TIMEOUTS, Restart, agent.timeout, "How long an answer may take.";
    "agent.maxConcurrent" RUNS, Restart, agent.max_concurrent,
        "Answers that are worked on at once.";
    "agent.queue" QUEUES, Restart, agent.queue, "Messages that may wait for an answer.";
    "agent.outputLimit" OUTPUTS, Restart, agent.output_limit,
        "Bytes that the program may write for one answer.";
    "agent.wakeOnSystemEvent" Bool, Restart, agent.wake_on_system_event,
        "Whether a system event starts an answer instead of waiting for the next message.";
    "models" Open, Unused, models, "Language models, served to nodes.";
    "skills" Open, Unused, skills, "Skills.";
    entries:
    "session.mainKey" Text, "The key of the main session.";
    "session.scope" Choice(&["per-sender", "global"]), "Who shares a session.";
    "session.store" Text, "Where sessions are kept.";
    "talk.voiceId" Text, "The voice.";
    "talk.voiceAliases" TextMap, "Names for voices.";
    "talk.modelId" Text, "The speech model.";
    "talk.outputFormat" Text, "The audio format.";
    "talk.apiKey" Text, "The key of the speech service.";
    "talk.interruptOnSpeech" Bool, "Whether speaking interrupts the answer.";
    "ui.seamColor" Color, "The accent colour.";
    "skills.bins" Texts, "Programs that skills need on a node.";
}
