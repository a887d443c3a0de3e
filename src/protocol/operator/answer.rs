//! Answers to operators' requests.

use crate::protocol::{json, NodeId, NodeProfile, Payload};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// The result of an operator's request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Answer {
    /// To `status`.
    Status(Box<Status>),
    /// To `node.list`.
    Nodes(NodeList),
    /// To `node.describe`.
    Node(Box<NodeDetails>),
    /// To `node.pair.list`.
    Pairings(Pairings),
    /// To `node.pair.approve`.
    Approved(Box<Approved>),
    /// To `node.pair.reject`.
    Rejected(Rejected),
    /// To `node.rename`.
    Renamed(Renamed),
    /// To `node.revoke`.
    Revoked(Revoked),
    /// To `node.invoke`.
    Invoked(Invoked),
    /// To `reload`.
    Reloaded(Reloaded),
    /// To `log`.
    Level(LogLevel),
    /// To a method that nodes may call: the backend's result.
    Called(InvokePayload),
    /// The request was carried out, and there is nothing to report.
    Done(Done),
}

/// Every paired node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeList {
    /// The bridge's time, in milliseconds since 1970.
    pub ts: u64,
    /// Connected nodes first, then by name.
    pub nodes: Vec<NodeView>,
}

/// One paired node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeDetails {
    /// The bridge's time, in milliseconds since 1970.
    pub ts: u64,
    /// The node.
    #[serde(flatten)]
    pub node: NodeView,
}

/// Pairing requests and paired nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pairings {
    /// Requests that wait for a decision, newest first.
    pub pending: Vec<PendingView>,
    /// Paired nodes, newest first.
    pub paired: Vec<NodeView>,
}

/// A pairing request was approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Approved {
    /// The request.
    pub request_id: Arc<str>,
    /// Whether the node was connected and got its token; if not, it gets it when it asks again.
    pub delivered: bool,
    /// The node.
    pub node: NodeView,
}

/// A pairing request was rejected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Rejected {
    /// The request.
    pub request_id: Arc<str>,
    /// The node that asked.
    pub node_id: NodeId,
}

/// A node has a new name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Renamed {
    /// The node.
    pub node_id: NodeId,
    /// Its new name.
    pub display_name: String,
}

/// A pairing was deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Revoked {
    /// The node.
    pub node_id: NodeId,
    /// Whether the node was connected and has been disconnected.
    pub was_connected: bool,
}

/// A node has carried out a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Invoked {
    /// Always true; there for scripts written for the old gateway.
    pub ok: bool,
    /// The node.
    pub node_id: NodeId,
    /// The command.
    pub command: Arc<str>,
    /// The node's result, if it sent one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<InvokePayload>,
}

/// The configuration was read again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Reloaded {
    /// The file that was read, if there is one.
    pub path: Option<String>,
    /// Keys whose new value takes effect at the next start.
    pub restart_needed: Vec<String>,
    /// SHA-256 of the TLS certificate, if it differs from the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_fingerprint_sha256: Option<String>,
}

/// The log level now in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogLevel {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

/// An answer without content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Done {}

/// The text a node or the backend answered with, shown as the JSON it is; text that is not JSON
/// is shown as `{"payloadJSON": text}`.
#[derive(Clone, Debug, PartialEq)]
pub struct InvokePayload(pub Payload);

impl Serialize for InvokePayload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = json::one_line(&self.0) {
            if let Ok(raw) = serde_json::from_str::<&RawValue>(&text) {
                return raw.serialize(serializer);
            }
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("payloadJSON", &*self.0)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for InvokePayload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Box<str> = Box::<RawValue>::deserialize(deserializer)?.into();
        Ok(Self(String::from(text).into()))
    }
}

/// A node as operators see it. Live values win over stored ones, but the name sticks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NodeView {
    /// The node.
    pub node_id: NodeId,
    /// What it says about itself.
    #[serde(flatten)]
    pub profile: NodeProfile,
    /// Where it connects from, or did last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
    /// Always true for a node in the list.
    pub paired: bool,
    /// Whether it is admitted now.
    pub connected: bool,
    /// When it was admitted, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_at_ms: Option<u64>,
    /// When it was here last, in milliseconds since 1970, if it is not now and was since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at_ms: Option<u64>,
    /// When its pairing was approved, in milliseconds since 1970.
    pub approved_at_ms: u64,
}

/// A pairing request as operators see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PendingView {
    /// What to approve or reject.
    pub request_id: Arc<str>,
    /// The node that asks.
    pub node_id: NodeId,
    /// What it says about itself.
    #[serde(flatten)]
    pub profile: NodeProfile,
    /// The address it asks from.
    pub remote_ip: String,
    /// The node asked not to disturb anybody; a hint, nothing more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// The node is paired already; an approval replaces its token.
    pub is_repair: bool,
    /// Another request under the same node id looks different. One of them may be an impostor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conflict: bool,
    /// How often another connection from the same address with the same profile took the place
    /// of the one that waits: a restarted node, or somebody who imitates it. The connection that
    /// waits when the request is approved gets the token.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replaced: u32,
    /// Whether the node is connected and waiting for the answer.
    pub waiting: bool,
    /// When it asked, in milliseconds since 1970.
    pub ts: u64,
    /// When it was approved without being there to take its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_at_ms: Option<u64>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The answer to `status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Status {
    /// Of this program.
    pub version: String,
    /// Of the daemon.
    pub pid: u32,
    /// Since its start, in milliseconds.
    pub uptime_ms: u64,
    /// What the apps show.
    pub server_name: String,
    /// Where pairings are kept.
    pub state_dir: String,
    /// Where nodes connect.
    pub listeners: Vec<ListenerView>,
    /// The address that is missing and waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// SHA-256 of the TLS certificate, if there is one.
    pub fingerprint_sha256: Option<String>,
    /// More about that certificate.
    pub certificate: Option<CertificateView>,
    /// How nodes find the bridge.
    pub discovery: DiscoveryView,
    /// Nodes.
    pub nodes: NodeCounts,
    /// Connections.
    pub connections: ConnectionCounts,
    /// What happened since the start.
    pub counters: Counters,
}

/// How nodes find the bridge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DiscoveryView {
    /// What is announced in the local network; `None` if nothing is.
    pub mdns: Option<MdnsView>,
}

/// What is announced in the local network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MdnsView {
    /// The name of the service.
    pub instance: String,
    /// The name of the machine: `studio.local`.
    pub host: String,
    /// The types of service.
    pub types: Vec<String>,
    /// The interfaces; empty while there is none.
    pub interfaces: Vec<String>,
}

/// One address on which nodes may connect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListenerView {
    /// Address and port.
    pub address: String,
    /// `off`, `required` or `optional`.
    pub tls: Cow<'static, str>,
}

/// The TLS certificate in use. What cannot be read in it is `null`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CertificateView {
    /// Its file.
    pub path: String,
    /// From when it is valid.
    pub not_before: Option<String>,
    /// Until when it is valid.
    pub not_after: Option<String>,
    /// Whole days until then; negative afterwards.
    pub expires_in_days: Option<i64>,
    /// What an operator should know about these dates, if there is anything.
    pub warning: Option<String>,
}

/// How many nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodeCounts {
    /// Have a token.
    pub paired: usize,
    /// Are admitted now.
    pub connected: usize,
    /// Wait for an approval.
    pub pending: usize,
}

/// How many connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConnectionCounts {
    /// In all.
    pub open: usize,
    /// Not admitted.
    pub unauthenticated: usize,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Counters {
    /// Connections that reached the router.
    pub connections: u64,
    /// Times a node was admitted.
    pub admitted: u64,
    /// Times a hello was refused.
    pub refused: u64,
    /// Times a newer connection of a node replaced an older one.
    pub take_overs: u64,
    /// Pairing requests shown to operators.
    pub pairing_requests: u64,
    /// Pairing requests approved.
    pub approved: u64,
    /// Pairing requests rejected.
    pub rejected: u64,
    /// Pairing requests that nobody answered.
    pub expired: u64,
    /// Lines that were not frames.
    pub bad_frames: u64,
    /// Requests from nodes.
    pub requests: u64,
    /// Events from nodes.
    pub events: u64,
    /// Invokes sent to nodes.
    pub invokes: u64,
    /// Invokes that failed.
    pub invokes_failed: u64,
    /// Times the pairing files could not be written.
    pub save_failures: u64,
}
