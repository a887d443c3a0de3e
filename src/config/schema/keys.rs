//! The rows of the table of keys.

use super::{Effect, Key, Kind, LEVELS};
use crate::config::{AgentInput, AgentKind, AgentOutput};
use crate::protocol::limits;
use std::time::Duration;
use Kind::{Bool, Choice, Color, Commands, Domain, Environment, Integer, Ipv4, Mdns, Methods};
use Kind::{Nodes, Open, Path, Program, Text, TextMap, Texts, Url};

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

const PORT: Kind = Integer(1, 65535);
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
    "bridge.waitForTailnet" Bool, Restart, bridge.wait_for_tailnet,
        "Whether a tailnet, or the one address of bridge.bind, is waited for if it is not there.";
    "bridge.stateDir" Path, Restart, bridge.state_dir, "The directory for pairings and state.";
    "bridge.log" Choice(LEVELS), Reload, bridge.log, "How much is logged.";
    "bridge.tls.enabled" Bool, Restart, bridge.tls.enabled, "Whether connections are encrypted.";
    "bridge.tls.autoGenerate" Bool, Reload, bridge.tls.auto_generate,
        "Whether a certificate is made if there is none.";
    "bridge.tls.certPath" Path, Reload, bridge.tls.cert_path,
        "The certificate, PEM; without it, a file in the state directory.";
    "bridge.tls.keyPath" Path, Reload, bridge.tls.key_path,
        "The certificate's key, PEM; without it, a file in the state directory.";
    "bridge.tls.caPath" Path, Unused, bridge.tls.ca_path,
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
    "discovery.gatewayPort" PORT, Reload, discovery.gateway_port,
        "The port of the gateway's WebSocket, which apps show; null is bridge.port minus one.";
    "discovery.sshPort" PORT, Reload, discovery.ssh_port,
        "The SSH port of this machine, if it is not 22.";
    "discovery.cliPath" Path, Reload, discovery.cli_path,
        "Where the operator's program is; announced to everybody if it is set.";
    "discovery.tailnetDns" Domain, Reload, discovery.tailnet_dns,
        "This machine's name in the tailnet; null asks the tailscale program.";
    "discovery.wideArea.enabled" Bool, Reload, discovery.wide_area.enabled,
        "Whether a DNS zone for discovery beyond the local network is kept.";
    "discovery.wideArea.domain" Domain, Reload, discovery.wide_area.domain,
        "The domain of that zone; null is clawdbot.internal, which the apps browse.";
    "discovery.wideArea.address" Ipv4, Reload, discovery.wide_area.address,
        "The IPv4 address of this machine in that zone; null is the tailnet's.";
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
