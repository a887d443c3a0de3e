//! What operators are answered, and how it is written on the control socket.

use crate::protocol::operator::OperatorEvent;
use crate::protocol::{json, limits, wire, Body, NodeId, NodeProfile, Payload, WireError};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

/// One line to an operator.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorFrame {
    /// The answer to a request.
    Reply {
        /// The request's id as JSON text.
        id: Arc<str>,
        /// The result.
        result: Result<Answer, WireError>,
    },
    /// Something happened.
    Event(Arc<OperatorEvent>),
}

/// The result of an operator's request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To `status`.
    Status(Box<Status>),
    /// To `node.list`.
    #[serde(rename_all = "camelCase")]
    Nodes {
        /// Milliseconds since 1970.
        ts: u64,
        /// Connected ones first, then by name.
        nodes: Vec<NodeView>,
    },
    /// To `node.describe`.
    #[serde(rename_all = "camelCase")]
    Node {
        /// Milliseconds since 1970.
        ts: u64,
        /// The node.
        #[serde(flatten)]
        node: Box<NodeView>,
    },
    /// To `node.pair.list`.
    Pairings {
        /// Newest first.
        pending: Vec<PendingView>,
        /// Newest first.
        paired: Vec<NodeView>,
    },
    /// To `node.pair.approve`.
    #[serde(rename_all = "camelCase")]
    Approved {
        /// The request that was approved.
        request_id: Arc<str>,
        /// Whether the node was there to take its token; if not, it gets it when it asks again.
        delivered: bool,
        /// The node.
        node: Box<NodeView>,
    },
    /// To `node.pair.reject`.
    #[serde(rename_all = "camelCase")]
    Rejected {
        /// The request that was rejected.
        request_id: Arc<str>,
        /// The node that asked.
        node_id: NodeId,
    },
    /// To `node.rename`.
    #[serde(rename_all = "camelCase")]
    Renamed {
        /// The node.
        node_id: NodeId,
        /// Its new name.
        display_name: String,
    },
    /// To `node.revoke`.
    #[serde(rename_all = "camelCase")]
    Revoked {
        /// The node.
        node_id: NodeId,
        /// Whether a connection was cut.
        was_connected: bool,
    },
    /// To `node.invoke`.
    #[serde(rename_all = "camelCase")]
    Invoked {
        /// Always true; there for scripts written for the old gateway.
        ok: bool,
        /// The node.
        node_id: NodeId,
        /// The command.
        command: Arc<str>,
        /// What the node answered.
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<InvokePayload<Body>>,
    },
    /// To `reload`.
    #[serde(rename_all = "camelCase")]
    Reloaded {
        /// The file that was read, if there is one.
        path: Option<String>,
        /// Keys whose new value takes effect at the next start.
        restart_needed: Vec<String>,
        /// SHA-256 of the TLS certificate, if it is another one than before.
        #[serde(skip_serializing_if = "Option::is_none")]
        new_fingerprint_sha256: Option<String>,
    },
    /// To `log`.
    Level {
        /// The level now in force.
        level: String,
    },
    /// To a method that nodes have: what the backend answered.
    Called(InvokePayload),
    /// Done, nothing to say.
    Done {},
}

/// The text a node or the backend answered with, shown as the JSON it is; text that is not JSON
/// is shown as `{"payloadJSON": text}`.
#[derive(Clone, Debug, PartialEq)]
pub struct InvokePayload<T = Payload>(pub T);

impl<T: Deref<Target = str>> Serialize for InvokePayload<T> {
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

/// A node as operators see it. Live values win over stored ones, but the name sticks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
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
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// The node is paired already; an approval replaces its token.
    pub is_repair: bool,
    /// Another request under the same node id looks different. One of them may be an impostor.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub conflict: bool,
    /// How often the connection that waits gave way to another one from the same address that
    /// says the same. A node that was restarted, or somebody who copies it: whoever waits when
    /// the request is approved gets the token.
    #[serde(skip_serializing_if = "is_zero")]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DiscoveryView {
    /// What is announced in the local network; `None` if nothing is.
    pub mdns: Option<MdnsView>,
}

/// What is announced in the local network.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListenerView {
    /// Address and port.
    pub address: String,
    /// `off`, `required` or `optional`.
    pub tls: &'static str,
}

/// The TLS certificate in use. What cannot be read in it is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NodeCounts {
    /// Have a token.
    pub paired: usize,
    /// Are admitted now.
    pub connected: usize,
    /// Wait for an approval.
    pub pending: usize,
}

/// How many connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ConnectionCounts {
    /// In all.
    pub open: usize,
    /// Not admitted.
    pub unauthenticated: usize,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
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

impl Serialize for OperatorFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (id, result) = match self {
            Self::Event(event) => return event.serialize(serializer),
            Self::Reply { id, result } => (id, result),
        };
        let id: Option<&RawValue> = serde_json::from_str(id).ok();
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("id", &id)?;
        map.serialize_entry("ok", &result.is_ok())?;
        match result {
            Ok(answer) => map.serialize_entry("payload", answer)?,
            Err(error) => map.serialize_entry("error", error)?,
        }
        map.end()
    }
}

impl OperatorFrame {
    /// The line of an answer with a long payload as what comes before the payload, the payload
    /// itself, and what comes after it: a recording is written from where it is, not copied.
    /// `None` if the line has to be put together in the usual way.
    pub fn in_parts(&self) -> Option<(Vec<u8>, Body, Vec<u8>)> {
        let Self::Reply { id, result: Ok(Answer::Invoked { ok, node_id, command, payload }) } =
            self
        else {
            return None;
        };
        let InvokePayload(body) = payload.as_ref().filter(|p| p.0.len() > limits::SHARED_BODY)?;
        let Cow::Borrowed(text) = json::one_line(body)? else { return None };
        if text.len() != body.len() {
            return None;
        }
        let (ok, node_id, command) = (*ok, node_id.clone(), command.clone());
        let without = Answer::Invoked { ok, node_id, command, payload: None };
        let mut head = Vec::new();
        wire::append_line(&Self::Reply { id: id.clone(), result: Ok(without) }, &mut head);
        // The payload is the last field of the last field.
        let tail = head.split_off(head.strip_suffix(b"}}\n")?.len());
        head.extend_from_slice(b",\"payload\":");
        Some((head, body.clone(), tail))
    }

    /// About how many bytes it will take.
    pub fn weight(&self) -> usize {
        const ENVELOPE: usize = 256;
        match self {
            Self::Reply { result: Ok(Answer::Invoked { payload: Some(payload), .. }), .. } => {
                ENVELOPE + payload.0.len()
            }
            Self::Reply { result: Ok(Answer::Called(payload)), .. } => ENVELOPE + payload.0.len(),
            Self::Reply { result: Ok(Answer::Nodes { nodes, .. }), .. } => {
                ENVELOPE * (1 + nodes.len())
            }
            _ => ENVELOPE,
        }
    }
}
