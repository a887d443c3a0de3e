//! One entry of a pairing file, as it is read and written.

use super::unknown_keys;
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

/// Reads an entry of `paired.json`; also says whether its token was in the clear. The key of the
/// entry is the node's id, whatever the entry itself says.
///
/// What the old gateway wrote is taken as it is, odd types and all. What this program wrote has to
/// be as it was written.
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
    let node = PairedNode {
        token: hash.or_else(|| clear.as_ref().map(Token::hash)),
        profile: NodeProfile::read(&fields),
        renamed: fields.is_true("renamed"),
        remote_ip: fields.short_text("remoteIp"),
        created_at: Wall(fields.integer("createdAtMs").unwrap_or_default()),
        approved_at: Wall(fields.integer("approvedAtMs").unwrap_or_default()),
        other: unknown_keys(text, &PAIRED),
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

/// An entry of `paired.json`.
pub(super) struct Paired<'a> {
    pub(super) id: &'a NodeId,
    pub(super) node: &'a PairedNode,
}

impl Serialize for Paired<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Entry<'a> {
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
        let node = self.node;
        Entry {
            node_id: self.id,
            token_sha256: node.token.map(TokenHash::to_hex),
            profile: &node.profile,
            renamed: node.renamed,
            remote_ip: node.remote_ip.as_deref(),
            created_at_ms: node.created_at.0,
            approved_at_ms: node.approved_at.0,
            other: &node.other,
        }
        .serialize(serializer)
    }
}

/// An entry of `pending.json`.
pub(super) struct Pending<'a> {
    pub(super) id: &'a RequestId,
    pub(super) request: &'a PairingRequest,
}

impl Serialize for Pending<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Entry<'a> {
            request_id: &'a str,
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
        let request = self.request;
        Entry {
            request_id: &self.id.0,
            node_id: &request.node,
            profile: &request.profile,
            remote_ip: request.remote_ip.to_string(),
            silent: request.silent,
            is_repair: request.is_repair,
            conflict: request.conflict,
            ts: request.ts.0,
            approved_at_ms: request.approved_at.map(|at| at.0),
        }
        .serialize(serializer)
    }
}
