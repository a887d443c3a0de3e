//! The sections of the configuration, each as a table: field, default, key, and what the key means.

use super::schema::{self, section, Key};
use super::{text_form, Bind, Mdns, ValueKind};
use crate::protocol::{limits, Allow};
use log::LevelFilter;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use ValueKind::{
    Bool, Choice, Domain, Integer, Interfaces, Ipv4, Path, Port, ServiceTypes, Text, Url,
};

const LEVELS: ValueKind = Choice(&["off", "error", "warn", "info", "debug", "trace"]);

section! {
    /// `bridge`: the listener and its rules.
    #[derive(Debug)]
    struct BridgeConfig {
        enabled: bool = true => "bridge.enabled", Bool, Restart, "Whether the bridge runs at all.";
        name: Option<String> = None => "bridge.name", Text, Reload,
            "The server's name as nodes show it; without it, the name of the machine.";
        port: u16 = 18790 => "bridge.port", Integer(0, 65535), Restart,
            "The TCP port; 0 picks a free one.";
        #[serde(with = "text_form")]
        bind: Bind = Bind::default() => "bridge.bind", ValueKind::Bind, Restart,
            "Where to listen: loopback, lan, tailnet, auto, or an IP address.";
        wait_for_tailnet: bool = false => "bridge.waitForTailnet", Bool, Restart,
            "Whether to wait for the tailnet, or for the one address of bridge.bind, if it is \
             missing.";
        state_dir: Option<PathBuf> = None => "bridge.stateDir", Path, Restart,
            "The directory for pairings and state.";
        #[serde(
            serialize_with = "text_form::lowercase",
            deserialize_with = "text_form::deserialize"
        )]
        log: LevelFilter = LevelFilter::Info => "bridge.log", LEVELS, Reload, "The log level.";
    } + {
        /// `bridge.tls`
        tls: TlsConfig;
        /// `bridge.allow`
        allow: Allow;
        /// `bridge.limits`
        limits: LimitsConfig;
    }
}

section! {
    /// `bridge.tls`: whether connections are encrypted, and with which certificate.
    #[derive(Debug, Eq)]
    struct TlsConfig {
        enabled: bool = false => "bridge.tls.enabled", Bool, Restart,
            "Whether connections are encrypted.";
        auto_generate: bool = true => "bridge.tls.autoGenerate", Bool, Reload,
            "Whether a certificate is generated if there is none.";
        cert_path: Option<PathBuf> = None => "bridge.tls.certPath", Path, Reload,
            "The certificate, PEM; without it, a file in the state directory.";
        key_path: Option<PathBuf> = None => "bridge.tls.keyPath", Path, Reload,
            "The certificate's key, PEM; without it, a file in the state directory.";
        ca_path: Option<PathBuf> = None => "bridge.tls.caPath", Path, Unused,
            "Accepted but unused; nodes have no certificates.";
        allow_plaintext: bool = false => "bridge.tls.allowPlaintext", Bool, Restart,
            "Whether the same port also serves nodes without TLS.";
    }
}

section! {
    /// `bridge.limits`: the limits an operator may want to change.
    #[derive(Debug, Eq)]
    struct LimitsConfig {
        connections: usize = limits::CONNECTIONS
            => "bridge.limits.connections", Integer(1, 100_000), Restart,
            "Simultaneous connections.";
        #[serde(rename = "strangers")]
        unauthenticated: usize = limits::UNAUTHENTICATED_CONNECTIONS
            => "bridge.limits.strangers", Integer(1, 100_000), Restart,
            "Simultaneous unauthenticated connections.";
        pending_pairings: usize = limits::PENDING_PAIRINGS
            => "bridge.limits.pendingPairings", Integer(1, 1024), Reload,
            "Pairing requests waiting for the operator.";
        pending_pairings_per_address: usize = limits::PENDING_PAIRINGS_PER_ADDRESS
            => "bridge.limits.pendingPairingsPerAddress", Integer(1, 1024), Reload,
            "Pairing requests waiting for the operator from one address.";
        paired_nodes: usize = limits::PAIRED_NODES
            => "bridge.limits.pairedNodes", Integer(1, 65_536), Reload, "Paired nodes.";
        conversation_bytes: u64 = limits::CONVERSATION_BYTES
            => "bridge.limits.conversationBytes",
            Integer(limits::CONVERSATION_BYTES_MIN, limits::CONVERSATION_BYTES_MAX), Reload,
            "Bytes on disk that all conversations may have; nodes share them.";
    }
}

section! {
    /// `canvasHost`: the pages that nodes show on their canvas.
    #[derive(Debug, Eq)]
    struct CanvasHostConfig {
        enabled: bool = true => "canvasHost.enabled", Bool, Restart,
            "Whether the pages that nodes show on their canvas are served, to everybody who reaches \
             the port and in plain text.";
        root: Option<PathBuf> = None => "canvasHost.root", Path, Restart,
            "The directory of your own pages; null is canvas in the state directory.";
        port: Option<u16> = None => "canvasHost.port", Port, Restart,
            "The TCP port; null is bridge.port plus three, and a free one if bridge.port is 0.";
        live_reload: bool = true => "canvasHost.liveReload", Bool, Restart,
            "Whether your pages reload on the nodes when a file changes.";
        url: Option<String> = None => "canvasHost.url", Url, Reload,
            "The URL of the canvas host that nodes are told; null is the address at which a node \
             reached the bridge, with the port above.";
    }
}

section! {
    /// `discovery`: how nodes find the bridge, and what is announced before they connect.
    #[derive(Debug, Eq)]
    struct DiscoveryConfig {
        #[serde(with = "super::mdns_form")]
        mdns: Mdns = Mdns::Full => "discovery.mdns", ValueKind::Mdns, Restart,
            "Whether to announce the bridge on the local network; minimal omits sshPort and \
             cliPath.";
        service_types: Vec<String> = vec!["_clawdbot-bridge._tcp".to_owned()]
            => "discovery.serviceTypes", ServiceTypes, Restart,
            "The DNS-SD service types to announce.";
        interfaces: Vec<String> = Vec::new() => "discovery.interfaces", Interfaces, Restart,
            "The only network interfaces to announce on; empty means every interface of a local \
             network.";
        gateway_port: Option<u16> = None => "discovery.gatewayPort", Port, Reload,
            "The port of the gateway's WebSocket, which apps show; null is bridge.port minus one.";
        ssh_port: Option<u16> = None => "discovery.sshPort", Port, Reload,
            "The SSH port of this machine, if it is not 22.";
        cli_path: Option<PathBuf> = None => "discovery.cliPath", Path, Reload,
            "The path of the operator's program; announced to the whole network if set.";
        tailnet_dns: Option<String> = None => "discovery.tailnetDns", Domain, Reload,
            "This machine's name in the tailnet; null means asking the tailscale program.";
    } + {
        /// `discovery.wideArea`
        wide_area: WideAreaConfig;
    }
}

section! {
    /// `discovery.wideArea`: DNS-SD beyond the local network.
    #[derive(Debug, Eq)]
    struct WideAreaConfig {
        enabled: bool = false => "discovery.wideArea.enabled", Bool, Reload,
            "Whether to maintain a DNS zone for discovery beyond the local network.";
        domain: Option<String> = None => "discovery.wideArea.domain", Domain, Reload,
            "The domain of that zone; null is clawdbot.internal, which the apps browse.";
        address: Option<Ipv4Addr> = None => "discovery.wideArea.address", Ipv4, Reload,
            "The IPv4 address of this machine in that zone; null is the tailnet's.";
    }
}
