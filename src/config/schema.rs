//! The one table of keys. Reading, checking, showing and suggesting all use it. To add a setting, add
//! a line to its section and to the example file.

use super::{
    AgentConfig, BackendConfig, BridgeConfig, CanvasHostConfig, Config, DiscoveryConfig,
    LimitsConfig, TlsConfig, ValueKind, WideAreaConfig,
};
use serde_json::Value;
use std::sync::LazyLock;
use Effect::{Reload, Restart, Unused};
use ValueKind::{
    Bool, Choice, Color, Commands, Events, Methods, Nodes, Open, Program, Text, TextMap, Texts,
};

/// One key that may be written in the file.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Key {
    /// The path: `bridge.port`.
    pub path: &'static str,
    /// What may be written.
    pub kind: ValueKind,
    /// When a change takes effect.
    pub effect: Effect,
    /// One sentence, with the unit where there is one.
    pub help: &'static str,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// With `reload`.
    Reload,
    /// With the next start.
    Restart,
    /// Never: the key is accepted, this version does not use it.
    Unused,
}

impl Key {
    /// The value of this key in a configuration that was made into JSON by [`values`].
    pub fn value_in(&self, values: &Value) -> Value {
        let pointer = format!("/{}", self.path.replace('.', "/"));
        values.pointer(&pointer).cloned().unwrap_or_default()
    }
}

/// Every value of `config`, arranged as in the file. Secrets are not hidden.
pub fn values(config: &Config) -> Value {
    serde_json::to_value(config).unwrap_or_default()
}

/// The key with this path.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The keys of programs that the configuration has run.
pub(super) fn named_programs(config: &Config) -> Vec<&'static str> {
    let values = values(config);
    let programs = KEYS.iter().filter(|key| key.kind == Program);
    let named =
        programs.filter(|key| key.value_in(&values).as_array().is_some_and(|p| !p.is_empty()));
    named.map(|key| key.path).collect()
}

/// Makes a section of the configuration from its table: the struct with its documentation, the
/// defaults, and the keys. Behind `+` are the sections inside it.
macro_rules! section {
    (
        $(#[$meta:meta])*
        struct $name:ident {
            $($(#[$attribute:meta])* $field:ident: $type:ty = $default:expr
                => $path:literal, $kind:expr, $effect:ident, $help:literal;)*
        }
        $(+ { $($(#[$doc:meta])* $inner:ident: $section:ty;)* })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        #[non_exhaustive]
        pub struct $name {
            $(#[doc = $help] $(#[$attribute])* pub $field: $type,)*
            $($($(#[$doc])* pub $inner: $section,)*)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* $($($inner: <$section>::default(),)*)? }
            }
        }

        impl $name {
            pub(super) const KEYS: &'static [Key] =
                &[$(schema::key($path, $kind, schema::Effect::$effect, $help),)*];
        }
    };
}
pub(super) use section;

pub(super) const fn key(
    path: &'static str,
    kind: ValueKind,
    effect: Effect,
    help: &'static str,
) -> Key {
    Key { path, kind, effect, help }
}

/// The top-level sections this program owns.
pub const SECTIONS: &[&str] = &[
    "bridge",
    "canvasHost",
    "discovery",
    "session",
    "talk",
    "ui",
    "backend",
    "agent",
    "models",
    "skills",
];

/// Every key, in the order in which they are shown. The last ones are the known entries of sections
/// that are kept as they were written.
pub static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let sections = [
        BridgeConfig::KEYS,
        TlsConfig::KEYS,
        ALLOW,
        LimitsConfig::KEYS,
        CanvasHostConfig::KEYS,
        DiscoveryConfig::KEYS,
        WideAreaConfig::KEYS,
        SERVED,
        BackendConfig::KEYS,
        AgentConfig::KEYS,
        OTHERS,
    ];
    sections.concat()
});

const ALLOW: &[Key] = &[
    key(
        "bridge.allow.methods",
        Methods,
        Reload,
        "The only methods that nodes may call; null allows every method of the protocol.",
    ),
    key(
        "bridge.allow.events",
        Events,
        Reload,
        "The only events that nodes may send; null allows every event. An event that starts a run \
         also needs the method chat.send, and chat.subscribe needs chat.history.",
    ),
    key(
        "bridge.allow.commands",
        Commands,
        Reload,
        "The only commands that nodes may be asked to run; null allows every command they offer.",
    ),
    key("bridge.allow.configWrite", Bool, Reload, "Whether nodes may change settings."),
    key("bridge.allow.nodes", Nodes, Reload, "Narrower lists for single nodes, by node id."),
];

const SERVED: &[Key] = &[
    key("session", Open, Unused, "Chat sessions."),
    key("talk", Open, Unused, "Voice settings, served to nodes."),
    key("ui", Open, Unused, "Appearance, served to nodes."),
];

const OTHERS: &[Key] = &[
    key("models", Open, Unused, "Language models, served to nodes."),
    key("skills", Open, Unused, "Skills."),
    key("session.mainKey", Text, Unused, "The key of the main session."),
    key("session.scope", Choice(&["per-sender", "global"]), Unused, "Who shares a session."),
    key("session.store", Text, Unused, "Where sessions are kept."),
    key("talk.voiceId", Text, Unused, "The voice."),
    key("talk.voiceAliases", TextMap, Unused, "Names for voices."),
    key("talk.modelId", Text, Unused, "The speech model."),
    key("talk.outputFormat", Text, Unused, "The audio format."),
    key("talk.apiKey", Text, Unused, "The key of the speech service."),
    key("talk.interruptOnSpeech", Bool, Unused, "Whether speech interrupts the answer."),
    key("ui.seamColor", Color, Unused, "The accent colour."),
    key("skills.bins", Texts, Unused, "Programs that skills need on a node."),
    key(
        "skills.binsCommand",
        Program,
        Restart,
        "A program that lists more of them, and its arguments: it writes a JSON list of strings. It \
         is run at the start, at a reload, and when a node asks and five minutes have passed.",
    ),
    key(
        "models.command",
        Program,
        Restart,
        "A program that lists language models, and its arguments: it writes a JSON list of objects \
         with id, name, provider, contextWindow and reasoning. It is run as skills.binsCommand is.",
    ),
];
