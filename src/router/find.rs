//! The node or the request that an operator means, whatever they call it (protocol section 12). All
//! commands find it here.
//!
//! Names prove nothing: a node may be called like another one, or have the other's name as its id.
//! If what was said fits two, nothing is done and both are shown.

use crate::protocol::{limits, NodeId, WireError};
use crate::router::pairing::is_same_name;
use crate::router::{views, PairedNode, PairingRequest, RequestId, Router};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// The shortest beginning of a node id that may stand for the whole.
const ID_PREFIX_CHARS: usize = 6;
/// Before an id, it says that nothing but this id is meant.
const ID_ONLY: &str = "id:";

type Request<'a> = (&'a RequestId, &'a Arc<PairingRequest>);

/// Ids that are no other node's name, as long as the paired nodes stay as they are: programs give
/// ids, again and again, and need not wait until all names are compared.
#[derive(Default)]
pub(super) struct ClearIds {
    among: Arc<BTreeMap<NodeId, Arc<PairedNode>>>,
    ids: BTreeSet<NodeId>,
}

impl Router {
    /// A node by its id, its address, its name, or at least six characters of the beginning of its
    /// id. An id is not taken for the beginning of another one, but for another's name.
    pub(super) fn find_node(&mut self, query: &str) -> Result<NodeId, WireError> {
        let query = query.trim();
        let paired = &self.pairing.book.paired;
        if !Arc::ptr_eq(paired, &self.clear_ids.among) {
            self.clear_ids = ClearIds { among: paired.clone(), ids: BTreeSet::new() };
        } else if let Some(id) = self.clear_ids.ids.get(query) {
            return Ok(id.clone());
        }
        let node = self.look_for_node(query)?;
        if node.as_str() == query && query.parse::<IpAddr>().is_err() {
            self.clear_ids.ids.insert(node.clone());
        }
        Ok(node)
    }

    fn look_for_node(&self, query: &str) -> Result<NodeId, WireError> {
        if query.is_empty() {
            return Err(WireError::invalid("nodeId required"));
        }
        let paired = &self.pairing.book.paired;
        let known = |id: &str| NodeId::new(id).ok().filter(|id| paired.contains_key(id));
        if let Some(node) = query.strip_prefix(ID_ONLY).and_then(known) {
            return Ok(node);
        }
        let may_be_prefix = query.chars().count() >= ID_PREFIX_CHARS && known(query).is_none();
        let address: Option<IpAddr> = query.parse().ok();
        let matches = paired.iter().filter(|(id, node)| {
            id.as_str() == query
                || is_same_name(node.profile.display_name.as_deref().unwrap_or(id.as_str()), query)
                || address.is_some_and(|address| self.is_at(id, node, address))
                || (may_be_prefix && id.as_str().starts_with(query))
        });
        let matches: Vec<&NodeId> = matches.map(|(id, _)| id).collect();
        match matches.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(unknown("node", query, self.node_views().iter().map(views::label))),
            many => {
                let matches = many.iter().map(|id| self.described(id));
                Err(ambiguous("node", query, matches, "id:ID means that id only"))
            }
        }
    }

    fn is_at(&self, id: &NodeId, node: &PairedNode, address: IpAddr) -> bool {
        match self.connections.of(id).and_then(|conn| self.connections.get(conn)) {
            Some(connection) => connection.peer == address,
            None => node.remote_ip.as_ref().is_some_and(|ip| ip.parse() == Ok(address)),
        }
    }

    /// A paired node with what tells it from others. What it may have chosen itself is quoted.
    fn described(&self, id: &NodeId) -> String {
        let view = self.node_view(id);
        let (name, ip) =
            view.map(|view| (view.profile.display_name, view.remote_ip)).unwrap_or_default();
        described(id, name.as_deref(), ip.as_deref())
    }

    /// A request by its id, the beginning of it, or the node's id or name.
    pub(super) fn find_request(
        &self,
        query: &str,
    ) -> Result<(RequestId, Arc<PairingRequest>), WireError> {
        let query = query.trim();
        if query.is_empty() {
            return Err(WireError::invalid("requestId required"));
        }
        let pending = &self.pairing.book.pending;
        let exact = pending.get_key_value(&RequestId(query.into()));
        let matches: Vec<Request<'_>> = match exact {
            Some(exact) => vec![exact],
            None => pending.iter().filter(|(id, request)| is_meant(id, request, query)).collect(),
        };
        match matches.as_slice() {
            [(id, request)] => Ok(((*id).clone(), (*request).clone())),
            [] => {
                if let Ok(node) = self.look_for_node(query) {
                    let node = self.described(&node);
                    let text = format!("{node} is paired already, and nothing is pending for it");
                    return Err(WireError::invalid(text));
                }
                Err(unknown("requestId", query, pending.iter().map(described_request)))
            }
            many => {
                let matches = many.iter().copied().map(described_request);
                Err(ambiguous("requestId", query, matches, "use the full request id"))
            }
        }
    }

    /// A request that is to be approved. One that may be mistaken for another one, or for a paired
    /// node, has to be named by its full id: whoever types that has looked. A node that is
    /// admitted has proven that it is itself.
    pub(super) fn find_request_to_approve(
        &self,
        query: &str,
    ) -> Result<(RequestId, Arc<PairingRequest>), WireError> {
        let (id, request) = self.find_request(query)?;
        let is_proven = self.pairing.waiting.is_admitted(&id);
        let is_other = |node: &&NodeId| **node != request.node || !is_proven;
        let nodes = self.pairing.book.namesakes(&request).filter(is_other);
        let nodes = nodes.map(|node| format!("the paired node {}", self.described(node)));
        let requests = self.pairing.book.pending.iter().filter(|(other, pending)| {
            **other != id && request.is_called_like(&pending.node, &pending.profile)
        });
        let mut others: Vec<String> = nodes.chain(requests.map(described_request)).collect();
        if request.conflict && others.is_empty() {
            others.push("another request, which is gone".into());
        }
        if *id.0 == *query.trim() || others.is_empty() {
            return Ok((id, request));
        }
        let (what, others) = (described_request((&id, &request)), listed(others.into_iter()));
        Err(WireError::invalid(format!(
            "{what} is called like {others}; check the address, and if it is the right one, approve \
             it by its full request id"
        )))
    }
}

fn is_meant(id: &RequestId, request: &PairingRequest, query: &str) -> bool {
    id.0.starts_with(query)
        || request.node.as_str() == query
        || request.profile.display_name.as_ref().is_some_and(|name| is_same_name(name, query))
}

/// The node's own words are quoted, so that they cannot imitate the rest.
fn described_request((id, request): Request<'_>) -> String {
    let (name, ip) = (request.profile.display_name.as_deref(), request.remote_ip.to_string());
    format!("{id} from {}", described(&request.node, name, Some(&ip)))
}

fn described(id: &NodeId, name: Option<&str>, ip: Option<&str>) -> String {
    let ip = ip.map(|ip| format!(" at {ip}")).unwrap_or_default();
    let name = name.map(|name| name.chars().take(limits::LOG_NAME_CHARS).collect::<String>());
    let name = name.map(|name| format!(" named {name:?}")).unwrap_or_default();
    format!("{:?}{name}{ip}", id.as_str())
}

fn unknown(what: &str, query: &str, known: impl Iterator<Item = String>) -> WireError {
    WireError::invalid(match listed(known) {
        known if known.is_empty() => format!("unknown {what}: {query} (there is none)"),
        known => format!("unknown {what}: {query} (known: {known})"),
    })
}

fn ambiguous(
    what: &str,
    query: &str,
    matches: impl Iterator<Item = String>,
    hint: &str,
) -> WireError {
    let matches = listed(matches);
    WireError::invalid(format!("ambiguous {what}: {query} (matches: {matches}); {hint}"))
}

/// The first few, so that an error stays readable.
fn listed(mut items: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 12;
    let mut list: Vec<String> = items.by_ref().take(SHOWN).collect();
    let more = items.count();
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    list.join(", ")
}
