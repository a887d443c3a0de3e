//! One entry of a pairing file, as it is read and written.

use crate::protocol::fields::Fields;
use crate::protocol::{NodeId, NodeProfile, Token, TokenHash};
use crate::router::{PairedNode, PairingRequest, RequestId, Wall};
use serde::Serialize;
use serde_json::{Map, Value};

/// The keys of an entry of `paired.json`, besides those of the profile.
const PAIRED: [&str; 7] =
    ["nodeId", "tokenSha256", "token", "renamed", "remoteIp", "createdAtMs", "approvedAtMs"];

/// Reads an entry of `paired.json`, and whether its token was in the clear. The key of the entry is
/// the node's id, whatever the entry itself says. What the old gateway wrote is taken as it is: of
/// the wrong type is the same as absent, so a derived `Deserialize` would refuse too much. What
/// this program wrote has to be intact.
pub(super) fn read_paired(text: &str) -> Result<(PairedNode, bool), &'static str> {
    if !text.starts_with('{') {
        return Err("not an object");
    }
    let fields = Fields::read(text).map_err(|_| "not an object")?;
    let hash = fields.text("tokenSha256").and_then(|hex| TokenHash::from_hex(&hex));
    if hash.is_none() && fields.has("tokenSha256") {
        return Err("tokenSha256 is not 64 hex digits");
    }
    let clear = fields.text("token").and_then(|text| Token::presented(&text));
    let mut other: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let is_known = |key: &&str| PAIRED.contains(key) || NodeProfile::FIELDS.contains(key);
    other.retain(|key, value| !is_known(&key.as_str()) && !value.is_null());
    if other.is_empty() {
        // A map keeps the room of what was removed from it.
        other = Map::new();
    }
    let node = PairedNode {
        token: hash.or_else(|| clear.as_ref().map(Token::hash)),
        profile: NodeProfile::read(&fields).into(),
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
    let fields = Fields::read(text).ok()?;
    let stale_token = fields.text("tokenSha256").map(|hex| TokenHash::from_hex(&hex));
    Some(PairingRequest {
        node: NodeId::new(&fields.name("nodeId").ok()??).ok()?,
        profile: NodeProfile::read(&fields),
        remote_ip: fields.text("remoteIp")?.parse().ok()?,
        silent: fields.is_true("silent"),
        is_repair: fields.is_true("isRepair"),
        conflict: fields.is_true("conflict"),
        // Without its token it would be a request of another kind.
        stale_token: match stale_token {
            Some(token) => Some(token?),
            None => None,
        },
        ts: Wall(fields.integer("ts")?),
        approved_at: fields.integer("approvedAtMs").map(Wall),
    })
}

/// An entry of `paired.json` as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paired<'a> {
    pub(super) node_id: &'a NodeId,
    #[serde(flatten)]
    pub(super) node: &'a PairedNode,
}

/// An entry of `pending.json` as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pending<'a> {
    pub(super) request_id: &'a RequestId,
    #[serde(flatten)]
    pub(super) request: &'a PairingRequest,
}
