//! One entry of a pairing file, as it is read and written.

use crate::protocol::json::Fields;
use crate::protocol::{NodeId, NodeProfile, Token, TokenHash};
use crate::router::{PairedNode, PairingRequest, RequestId, Wall};
use serde::Serialize;
use serde_json::{Map, Value};

const PAIRED: [&str; 17] = NodeProfile::fields_and([
    "nodeId",
    "tokenSha256",
    "token",
    "renamed",
    "remoteIp",
    "createdAtMs",
    "approvedAtMs",
]);

const PENDING: [&str; 17] = NodeProfile::fields_and([
    "nodeId",
    "remoteIp",
    "silent",
    "isRepair",
    "conflict",
    "ts",
    "approvedAtMs",
]);

/// Reads an entry of `paired.json`, and whether its token was in the clear. The key of the entry is
/// the node's id, whatever the entry itself says. What the old gateway wrote is taken as it is: of
/// the wrong type is the same as absent, so a derived `Deserialize` would refuse too much. What
/// this program wrote has to be intact.
pub(super) fn read_paired(text: &str) -> Result<(PairedNode, bool), &'static str> {
    if !text.starts_with('{') {
        return Err("not an object");
    }
    let fields = Fields::read(text, &PAIRED).map_err(|_| "not an object")?;
    let hash = fields.text("tokenSha256").and_then(|hex| TokenHash::from_hex(&hex));
    if hash.is_none() && fields.has("tokenSha256") {
        return Err("tokenSha256 is not 64 hex digits");
    }
    let clear = fields.text("token").and_then(|text| Token::presented(&text));
    let mut other: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    other.retain(|key, value| !PAIRED.contains(&key.as_str()) && !value.is_null());
    let node = PairedNode {
        token: hash.or_else(|| clear.as_ref().map(Token::hash)),
        profile: NodeProfile::read(&fields),
        renamed: fields.is_true("renamed"),
        remote_ip: fields.short_text("remoteIp"),
        created_at: Wall(fields.integer("createdAtMs").unwrap_or_default()),
        approved_at: Wall(fields.integer("approvedAtMs").unwrap_or_default()),
        other,
    };
    Ok((node, clear.is_some()))
}

/// Reads an entry of `pending.json`; `None` if it lacks what a request needs.
pub(super) fn read_pending(text: &str) -> Option<PairingRequest> {
    let fields = Fields::read(text, &PENDING).ok()?;
    Some(PairingRequest {
        node: NodeId::new(&fields.word("nodeId")?).ok()?,
        profile: NodeProfile::read(&fields),
        remote_ip: fields.text("remoteIp")?.parse().ok()?,
        silent: fields.is_true("silent"),
        is_repair: fields.is_true("isRepair"),
        conflict: fields.is_true("conflict"),
        ts: Wall(fields.integer("ts")?),
        approved_at: fields.integer("approvedAtMs").map(Wall),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Paired<'a> {
    node_id: &'a NodeId,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_sha256: Option<String>,
    #[serde(flatten)]
    profile: &'a NodeProfile,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    renamed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_ip: Option<&'a str>,
    created_at_ms: u64,
    approved_at_ms: u64,
    #[serde(flatten)]
    other: &'a Map<String, Value>,
}

/// An entry of `paired.json` as it is written.
pub(super) fn paired<'a>(node_id: &'a NodeId, node: &'a PairedNode) -> impl Serialize + 'a {
    Paired {
        node_id,
        token_sha256: node.token.map(TokenHash::to_hex),
        profile: &node.profile,
        renamed: node.renamed,
        remote_ip: node.remote_ip.as_deref(),
        created_at_ms: node.created_at.0,
        approved_at_ms: node.approved_at.0,
        other: &node.other,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pending<'a> {
    request_id: &'a RequestId,
    node_id: &'a NodeId,
    #[serde(flatten)]
    profile: &'a NodeProfile,
    remote_ip: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    silent: bool,
    is_repair: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    conflict: bool,
    ts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at_ms: Option<u64>,
}

/// An entry of `pending.json` as it is written.
pub(super) fn pending<'a>(
    request_id: &'a RequestId,
    request: &'a PairingRequest,
) -> impl Serialize + 'a {
    Pending {
        request_id,
        node_id: &request.node,
        profile: &request.profile,
        remote_ip: request.remote_ip.to_string(),
        silent: request.silent,
        is_repair: request.is_repair,
        conflict: request.conflict,
        ts: request.ts.0,
        approved_at_ms: request.approved_at.map(|at| at.0),
    }
}
