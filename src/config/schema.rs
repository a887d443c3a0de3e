//! The one table of keys. Reading, checking, showing and suggesting all use it. To add a setting, add
//! a field to [`Config`], a row here, and a line to the example file.

use super::kind::ValueKind;
use super::Config;
use crate::protocol::limits;
use serde_json::Value;
use std::time::Duration;
use Effect::{Reload, Restart, Unused};
use ValueKind::{
    Bind, Bool, Choice, Color, Commands, Domain, Environment, Integer, Interfaces, Ipv4, Mdns,
    Methods, Nodes, Open, Path, Port, Program, ServiceTypes, Text, TextMap, Texts, Url,
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

/// The top-level sections this program owns.
pub const SECTIONS: &[&str] =
    &["bridge", "canvasHost", "discovery", "session", "talk", "ui", "agent", "models", "skills"];

const LEVELS: ValueKind = Choice(&["off", "error", "warn", "info", "debug", "trace"]);
const TIMEOUT: ValueKind = ValueKind::Duration(Duration::from_secs(1), limits::AGENT_TIMEOUT_MAX);
const RUNS: ValueKind = Integer(1, limits::AGENT_RUNS_MAX as u64);
const QUEUES: ValueKind = Integer(1, limits::AGENT_QUEUE_MAX as u64);
const OUTPUTS: ValueKind = Integer(1024, limits::AGENT_OUTPUT_MAX as u64);

const fn key(path: &'static str, kind: ValueKind, effect: Effect, help: &'static str) -> Key {
    Key { path, kind, effect, help }
}

/// Every key, in the order in which they are shown. The last ones are the known entries of sections
/// that are kept as they were written.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("bridge.enabled", Bool, Restart, "Whether the bridge runs at all."),
    key("bridge.name", Text, Reload,
        "The server's name as nodes show it; without it, the name of the machine."),
    key("bridge.port", Integer(0, 65535), Restart, "The TCP port; 0 picks a free one."),
    key("bridge.bind", Bind, Restart,
        "Where to listen: loopback, lan, tailnet, auto, or an IP address."),
    key("bridge.waitForTailnet", Bool, Restart,
        "Whether to wait for the tailnet, or for the one address of bridge.bind, if it is missing."),
    key("bridge.stateDir", Path, Restart, "The directory for pairings and state."),
    key("bridge.log", LEVELS, Reload, "The log level."),
    key("bridge.tls.enabled", Bool, Restart, "Whether connections are encrypted."),
    key("bridge.tls.autoGenerate", Bool, Reload,
        "Whether a certificate is generated if there is none."),
    key("bridge.tls.certPath", Path, Reload,
        "The certificate, PEM; without it, a file in the state directory."),
    key("bridge.tls.keyPath", Path, Reload,
        "The certificate's key, PEM; without it, a file in the state directory."),
    key("bridge.tls.caPath", Path, Unused, "Accepted but unused; nodes have no certificates."),
    key("bridge.tls.allowPlaintext", Bool, Restart,
        "Whether the same port also serves nodes without TLS."),
    key("bridge.allow.methods", Methods, Reload,
        "The only methods that nodes may call; null allows every method of the protocol."),
    key("bridge.allow.commands", Commands, Reload,
        "The only commands that nodes may be asked to run; null allows every command they offer."),
    key("bridge.allow.configWrite", Bool, Reload, "Whether nodes may change settings."),
    key("bridge.allow.nodes", Nodes, Reload, "Narrower lists for single nodes, by node id."),
    key("bridge.limits.connections", Integer(1, 100_000), Restart, "Simultaneous connections."),
    key("bridge.limits.strangers", Integer(1, 100_000), Restart,
        "Simultaneous unauthenticated connections."),
    key("bridge.limits.pendingPairings", Integer(1, 1024), Reload,
        "Pairing requests waiting for the operator."),
    key("bridge.limits.pendingPairingsPerAddress", Integer(1, 1024), Reload,
        "Pairing requests waiting for the operator from one address."),
    key("bridge.limits.pairedNodes", Integer(1, 65_536), Reload, "Paired nodes."),
    key("canvasHost.enabled", Bool, Unused,
        "Accepted but unused; this version does not serve canvas files."),
    key("canvasHost.root", Path, Unused, "The directory of the canvas files."),
    key("canvasHost.port", Integer(1, 65535), Unused, "The port of the canvas host."),
    key("canvasHost.liveReload", Bool, Unused,
        "Whether canvas pages reload when their files change."),
    key("canvasHost.url", Url, Reload,
        "The URL of a canvas host, which is sent to nodes."),
    key("discovery.mdns", Mdns, Restart,
        "Whether to announce the bridge on the local network; minimal omits sshPort and cliPath."),
    key("discovery.serviceTypes", ServiceTypes, Restart, "The DNS-SD service types to announce."),
    key("discovery.interfaces", Interfaces, Restart,
        "The only network interfaces to announce on; empty means every interface of a local \
         network."),
    key("discovery.gatewayPort", Port, Reload,
        "The port of the gateway's WebSocket, which apps show; null is bridge.port minus one."),
    key("discovery.sshPort", Port, Reload, "The SSH port of this machine, if it is not 22."),
    key("discovery.cliPath", Path, Reload,
        "The path of the operator's program; announced to the whole network if set."),
    key("discovery.tailnetDns", Domain, Reload,
        "This machine's name in the tailnet; null means asking the tailscale program."),
    key("discovery.wideArea.enabled", Bool, Reload,
        "Whether to maintain a DNS zone for discovery beyond the local network."),
    key("discovery.wideArea.domain", Domain, Reload,
        "The domain of that zone; null is clawdbot.internal, which the apps browse."),
    key("discovery.wideArea.address", Ipv4, Reload,
        "The IPv4 address of this machine in that zone; null is the tailnet's."),
    key("session", Open, Unused, "Chat sessions."),
    key("talk", Open, Unused, "Voice settings, served to nodes."),
    key("ui", Open, Unused, "Appearance, served to nodes."),
    key("agent.kind", Choice(&["echo", "command"]), Restart,
        "What answers chat messages: the built-in echo, or a program."),
    key("agent.command", Program, Restart,
        "The program that answers, and its arguments; no shell is involved."),
    key("agent.input", Choice(&["text", "json"]), Restart,
        "What the program receives: the message, or a JSON object with everything."),
    key("agent.output", Choice(&["text", "jsonl"]), Restart,
        "What the program writes: the answer, or a JSON object per line."),
    key("agent.cwd", Path, Restart, "The directory in which the program runs."),
    key("agent.env", Environment, Restart, "Environment variables for the program."),
    key("agent.timeout", TIMEOUT, Restart, "The time limit for an answer."),
    key("agent.maxConcurrent", RUNS, Restart, "Answers in progress at once."),
    key("agent.queue", QUEUES, Restart, "Messages that may wait for an answer."),
    key("agent.outputLimit", OUTPUTS, Restart, "Bytes that the program may write for one answer."),
    key("agent.wakeOnSystemEvent", Bool, Restart,
        "Whether a system event starts an answer instead of waiting for the next message."),
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
];
