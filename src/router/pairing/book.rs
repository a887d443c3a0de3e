//! The pairing book: what the pairing files hold. Who is paired, who asks to be.
//!
//! A book is a value: a change makes a new one that shares what did not change, so that the
//! router can keep the old one until the new one is on disk, and so that the store can see which
//! of the two files has to be written.

use crate::origin::Origin;
use crate::protocol::{NodeId, NodeProfile, Token, TokenHash};
use crate::router::Wall;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The name of a pairing request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RequestId(pub Arc<str>);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything the pairing files hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairingBook {
    /// `paired.json`
    pub paired: Arc<BTreeMap<NodeId, Arc<PairedNode>>>,
    /// `pending.json`
    pub pending: Arc<BTreeMap<RequestId, Arc<PairingRequest>>>,
}

/// A node that an operator approved, as it is stored under its id.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PairedNode {
    /// What its token hashes to. `None` in an imported entry that had no usable token: nobody can
    /// log in as this node until it pairs again.
    #[serde(
        rename = "tokenSha256",
        serialize_with = "hex",
        skip_serializing_if = "Option::is_none"
    )]
    pub token: Option<TokenHash>,
    /// What it said about itself, last time it mattered. While it is connected, and has said nothing
    /// new since, its connection has the same one.
    #[serde(flatten)]
    pub profile: Arc<NodeProfile>,
    /// Its name was given by an operator and outlives a new pairing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub renamed: bool,
    /// Where it connected from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
    /// When it was first paired.
    #[serde(rename = "createdAtMs")]
    pub created_at: Wall,
    /// When its present token was approved.
    #[serde(rename = "approvedAtMs")]
    pub approved_at: Wall,
    /// Keys of the file that this program does not know; kept.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A node that asked to be paired, as it is stored under the request's id.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingRequest {
    /// Who asks.
    #[serde(rename = "nodeId")]
    pub node: NodeId,
    /// What it says about itself: what the operator sees and decides upon.
    #[serde(flatten)]
    pub profile: NodeProfile,
    /// Where it asks from. Only a request from here, with this profile, may take the token.
    pub remote_ip: IpAddr,
    /// It asks for an approval without a notification.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// It was paired when it asked.
    pub is_repair: bool,
    /// There was another request under the same node id that looked different.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub conflict: bool,
    /// What the token hashes to that it presented, if that is why it is here: approving the request
    /// makes this token valid.
    #[serde(
        rename = "tokenSha256",
        serialize_with = "hex",
        skip_serializing_if = "Option::is_none"
    )]
    pub stale_token: Option<TokenHash>,
    /// When it asked.
    pub ts: Wall,
    /// When it was approved, if it was not there to take its token.
    #[serde(rename = "approvedAtMs", skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Wall>,
}

fn hex<S: Serializer>(token: &Option<TokenHash>, serializer: S) -> Result<S::Ok, S::Error> {
    token.map(TokenHash::to_hex).serialize(serializer)
}

impl PairedNode {
    /// Whether this is the node's token; takes the same time whatever the answer.
    pub fn accepts(&self, token: &Token) -> bool {
        self.token.is_some_and(|hash| hash.matches(token))
    }
}

impl PairingRequest {
    /// Who asks, as limits count it.
    pub(super) fn asker(&self) -> (Origin, &NodeId) {
        (Origin::of(self.remote_ip), &self.node)
    }

    /// Whether it is about the stale token of a node that now asks for a new one.
    pub(super) fn is_superseded_by(&self, node: &NodeId, peer: IpAddr) -> bool {
        self.stale_token.is_some() && self.node == *node && self.remote_ip == peer
    }
}

impl PairingBook {
    /// The book with one more request.
    pub fn with_request(&self, id: RequestId, request: PairingRequest) -> Self {
        let mut book = self.clone();
        Arc::make_mut(&mut book.pending).insert(id, Arc::new(request));
        book
    }

    /// The book without some requests. If none of them is in it, nothing is copied.
    pub fn without_requests(&self, drop: impl Fn(&RequestId, &PairingRequest) -> bool) -> Self {
        let mut book = self.clone();
        if book.pending.iter().any(|(id, request)| drop(id, request)) {
            Arc::make_mut(&mut book.pending).retain(|id, request| !drop(id, request));
        }
        book
    }

    /// The book in which the request is about this token.
    pub(super) fn with_stale_token(&self, id: &RequestId, token: TokenHash) -> Self {
        let mut book = self.clone();
        if let Some(request) = Arc::make_mut(&mut book.pending).get_mut(id) {
            Arc::make_mut(request).stale_token = Some(token);
        }
        book
    }

    /// The book in which the request is approved but its token not made yet.
    pub fn with_approval(&self, id: &RequestId, at: Wall) -> Self {
        let mut book = self.clone();
        if let Some(request) = Arc::make_mut(&mut book.pending).get_mut(id) {
            Arc::make_mut(request).approved_at = Some(at);
        }
        book
    }

    /// The book in which the request has become a pairing with this token. Requests of the same
    /// node that are still open are gone: the operator has decided between them.
    pub fn with_pairing(&self, request: &PairingRequest, token: TokenHash, at: Wall) -> Self {
        let before = self.paired.get(&request.node);
        let mut profile = request.profile.clone();
        let renamed = before.filter(|node| node.renamed);
        if let Some(node) = renamed {
            profile.display_name.clone_from(&node.profile.display_name);
        }
        let node = PairedNode {
            token: Some(token),
            profile: profile.into(),
            renamed: renamed.is_some(),
            remote_ip: Some(request.remote_ip.to_string()),
            created_at: before.map_or(at, |node| node.created_at),
            approved_at: at,
            other: before.map(|node| node.other.clone()).unwrap_or_default(),
        };
        self.without_requests(|_, other| other.node == request.node)
            .with_node(request.node.clone(), node)
    }

    /// The book with this entry for the node.
    pub fn with_node(&self, id: NodeId, node: PairedNode) -> Self {
        let mut book = self.clone();
        book.set_node(id, node);
        book
    }

    /// Changes the node's entry in this book. Copies the map only if another book shares it.
    pub fn set_node(&mut self, id: NodeId, node: PairedNode) {
        Arc::make_mut(&mut self.paired).insert(id, Arc::new(node));
    }

    /// The book without the node, and without approvals that would let it back in.
    pub fn without_node(&self, node: &NodeId) -> Self {
        let mut book = self
            .without_requests(|_, request| request.node == *node && request.approved_at.is_some());
        Arc::make_mut(&mut book.paired).remove(node);
        book
    }
}
