//! Answers to operators' requests.

use crate::protocol::json::InvokePayload;
use crate::protocol::records::records;
use crate::protocol::rpc::system::HealthView;
pub use crate::protocol::rpc::system::NodeCounts;
use crate::protocol::{NodeId, NodeProfile};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// The result of an operator's request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Answer {
    Status(Box<Status>),
    Nodes(NodeList),
    Node(Box<NodeDetails>),
    Pairings(Pairings),
    Approved(Box<Approved>),
    Rejected(Rejected),
    Renamed(Renamed),
    Revoked(Revoked),
    Invoked(Invoked),
    Reloaded(Reloaded),
    Level(LogLevel),
    /// To a method that nodes may call: the backend's result.
    Called(InvokePayload),
    /// The request was carried out, and there is nothing to report.
    Done(Done),
}

/// As `records!`. A newer bridge may add fields.
macro_rules! answers {
    ($( $(#[$about:meta])* $name:ident $fields:tt )*) => {
        records! { $( $(#[$about])* #[non_exhaustive] $name $fields )* }
    };
}

answers! {
    /// Every paired node.
    NodeList {
        /// The bridge's time, in milliseconds since 1970.
        ts: u64,
        /// Connected nodes first, then by name.
        nodes: Vec<NodeView>,
    }
    /// One paired node.
    NodeDetails {
        /// The bridge's time, in milliseconds since 1970.
        ts: u64,
        #[serde(flatten)]
        node: NodeView,
        /// Wrong tokens that were presented in its name since the start.
        #[serde(default, skip_serializing_if = "is_zero")]
        refused: u32,
    }
    /// Pairing requests and paired nodes.
    Pairings {
        /// Requests that wait for a decision, newest first.
        pending: Vec<PendingView>,
        /// Paired nodes, newest first.
        paired: Vec<NodeView>,
    }
    /// A pairing request was approved.
    Approved {
        request_id: Arc<str>,
        /// Whether the node has its token: it was connected and got it, or it had one. If not, it gets
        /// it when it asks again.
        delivered: bool,
        /// The node had a stale token, which is valid now.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stale_token: bool,
        node: NodeView,
    }
    /// A pairing request was rejected.
    Rejected {
        request_id: Arc<str>,
        node_id: NodeId,
    }
    /// A node has a new name.
    Renamed {
        node_id: NodeId,
        display_name: String,
    }
    /// A pairing was deleted.
    Revoked {
        node_id: NodeId,
        /// Whether the node was connected and has been disconnected.
        was_connected: bool,
    }
    /// A node has carried out a command.
    Invoked {
        /// Always true; there for scripts written for the old gateway.
        ok: bool,
        node_id: NodeId,
        command: Arc<str>,
        /// The node's result, if it sent one.
        payload?: InvokePayload,
    }
    /// The configuration was read again.
    #[derive(Default)]
    Reloaded {
        /// The file that was read, if there is one.
        path: Option<String>,
        /// Keys whose new value takes effect at the next start.
        restart_needed: Vec<String>,
        /// SHA-256 of the TLS certificate, if it differs from the one before.
        new_fingerprint_sha256?: String,
    }
    /// The log level now in force.
    LogLevel {
        /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
        level: String,
    }
    /// An answer without content.
    Done {}
    /// A node as operators see it. Live values win over stored ones, but the name sticks.
    NodeView {
        node_id: NodeId,
        #[serde(flatten)]
        profile: NodeProfile,
        /// Where it connects from, or did last.
        remote_ip?: String,
        /// Always true for a node in the list.
        paired: bool,
        /// Whether it is admitted now.
        connected: bool,
        /// When it was admitted, in milliseconds since 1970.
        connected_at_ms?: u64,
        /// Where it was told that the canvas host is.
        canvas_host_url?: String,
        /// When it was here last, in milliseconds since 1970, if it is not now and was since the start.
        last_seen_at_ms?: u64,
        /// When it was paired first, in milliseconds since 1970.
        #[serde(default)]
        created_at_ms: u64,
        /// When its pairing was approved, in milliseconds since 1970.
        approved_at_ms: u64,
        /// What the OpenClaw gateway behind the bridge makes of it, if there is one and the node is
        /// connected.
        gateway?: NodeInGateway,
        /// Those of its commands that `bridge.allow` does not permit.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        forbidden_commands: Vec<String>,
    }
    /// A pairing request as operators see it.
    PendingView {
        /// What to approve or reject.
        request_id: Arc<str>,
        node_id: NodeId,
        #[serde(flatten)]
        profile: NodeProfile,
        /// The address it asks from.
        remote_ip: String,
        /// The node asks for an approval without a notification; a hint only.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        silent: bool,
        /// The node is paired already; an approval replaces its token.
        is_repair: bool,
        /// Another request under the same node id looks different. One of them may be an impostor.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        conflict: bool,
        /// It presented a token though it is not paired: its pairing was deleted, or it was made by
        /// another gateway. An approval makes that token valid.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stale_token: bool,
        /// A paired node that is called the same, or whose id is called the same. One of them may be an
        /// impostor.
        same_name_as?: NodeId,
        /// How often another connection from the same address with the same profile took the place
        /// of the one that waits: a restarted node, or somebody who imitates it. The connection that
        /// waits when the request is approved gets the token.
        #[serde(default, skip_serializing_if = "is_zero")]
        replaced: u32,
        /// Whether the node is connected and waiting for the answer.
        waiting: bool,
        /// When it asked, in milliseconds since 1970.
        ts: u64,
        /// When it was approved without being there to take its token.
        approved_at_ms?: u64,
    }
    /// The answer to `status`.
    #[derive(Default)]
    #[serde(default)]
    Status {
        /// Of this program.
        version: String,
        /// Of the daemon.
        pid: u32,
        /// Since its start, in milliseconds.
        uptime_ms: u64,
        /// What the apps show.
        server_name: String,
        /// Where pairings are kept.
        state_dir: String,
        /// Where nodes connect.
        listeners: Vec<ListenerView>,
        /// The address that is missing and waited for.
        waiting_for?: String,
        canvas_host?: CanvasHostView,
        /// SHA-256 of the TLS certificate, if there is one.
        fingerprint_sha256: Option<String>,
        certificate: Option<CertificateView>,
        discovery: DiscoveryView,
        nodes: NodeCounts,
        health?: HealthView,
        /// The OpenClaw gateway behind the bridge, if there is one.
        gateway?: GatewayView,
        connections: ConnectionCounts,
        /// Why the pairing files could not be written, if the last attempt failed.
        save_error?: String,
        counters: Counters,
    }
    /// Where the pages for the canvas of nodes are served.
    CanvasHostView {
        addresses: Vec<String>,
        /// Why it is not served, and what to do.
        problem?: String,
    }
    /// The connection to an OpenClaw gateway.
    GatewayView {
        url: String,
        connected: bool,
        /// Its version, once it was reached.
        version?: String,
        /// Why the bridge is not connected.
        problem?: String,
        /// What to run on the gateway's machine.
        remedy?: String,
    }
    /// What an OpenClaw gateway makes of a node.
    NodeInGateway {
        node_id: String,
        /// How far it is.
        state: GatewayState,
        /// Why it is not further.
        problem?: String,
        /// What to run, or to put into the configuration, on the gateway's machine.
        remedy?: String,
        /// Commands that the node offers and the gateway does not take.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing_commands: Vec<String>,
    }
    #[derive(Default)]
    DiscoveryView {
        /// What is announced in the local network; `None` if nothing is.
        mdns: Option<MdnsView>,
        /// The zone for other networks, if it is to be maintained.
        zone?: ZoneView,
    }
    /// The DNS zone that the bridge maintains.
    ZoneView {
        path: String,
        /// Why it is not current.
        problem?: String,
    }
    /// What is announced in the local network.
    MdnsView {
        /// The name of the service.
        instance: String,
        /// The name of the machine: `studio.local`.
        host: String,
        types: Vec<String>,
        /// The interfaces; empty while there is none.
        interfaces: Vec<String>,
    }
    /// One address on which nodes may connect.
    ListenerView {
        address: String,
        /// `off`, `required` or `optional`.
        tls: Cow<'static, str>,
    }
    /// The TLS certificate in use. What cannot be read in it is `null`.
    CertificateView {
        path: String,
        /// From when it is valid.
        not_before: Option<String>,
        /// Until when it is valid.
        not_after: Option<String>,
        /// Whole days until then; negative afterwards.
        expires_in_days: Option<i64>,
        /// What an operator should know about these dates, if there is anything.
        warning: Option<String>,
    }
    #[derive(Copy, Default)]
    ConnectionCounts {
        /// In all.
        open: usize,
        /// Not admitted.
        unauthenticated: usize,
    }
    #[derive(Copy, Default)]
    #[serde(default)]
    Counters {
        /// Connections that reached the router.
        connections: u64,
        /// Times a node was admitted.
        admitted: u64,
        /// Times a hello was refused.
        refused: u64,
        /// Times a newer connection of a node replaced an older one.
        take_overs: u64,
        /// Pairing requests shown to operators.
        pairing_requests: u64,
        approved: u64,
        rejected: u64,
        /// Pairing requests that nobody answered.
        expired: u64,
        /// Lines that were not frames.
        bad_frames: u64,
        requests: u64,
        events: u64,
        invokes: u64,
        invokes_failed: u64,
        /// Times the pairing files could not be written.
        save_failures: u64,
    }
}

/// How far a node is in an OpenClaw gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GatewayState {
    /// It is being connected, or waits for the gateway.
    Connecting,
    /// Its key has to be approved.
    PairingRequired,
    /// Its commands have to be approved.
    SurfacePending,
    /// It works, but for some of its commands.
    Limited,
    /// It works.
    Ok,
}

impl GatewayState {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::PairingRequired => "pairing required",
            Self::SurfacePending => "commands pending",
            Self::Limited => "limited",
            Self::Ok => "ok",
        }
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}
