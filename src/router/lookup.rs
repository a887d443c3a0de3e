//! What operators are shown, and how they may name a node or a request.

use crate::protocol::operator::{Answer, Approved, NodeView, Pairings, PendingView};
use crate::protocol::{NodeId, WireError};
use crate::router::{views, PairingRequest, RequestId, Router};
use std::sync::Arc;

/// The shortest beginning of a node id that may stand for the whole.
const ID_PREFIX_CHARS: usize = 6;

impl Router {
    /// A paired node.
    pub(super) fn node_view(&self, node: &NodeId) -> Option<NodeView> {
        self.pairing.paired(node).map(|paired| self.connections.view(node, paired))
    }

    /// Every paired node: connected first, then by name, then by id.
    pub(super) fn node_views(&self) -> Vec<NodeView> {
        let paired = self.pairing.book.paired.iter();
        let mut views: Vec<NodeView> =
            paired.map(|(node, paired)| self.connections.view(node, paired)).collect();
        views.sort_by_cached_key(|view| {
            (!view.connected, views::name(view).to_lowercase(), view.node_id.clone())
        });
        views
    }

    /// Every request, and every paired node, newest first.
    pub(super) fn pairings(&self) -> Answer {
        let pending = self.pairing.book.pending.iter();
        let mut pending: Vec<PendingView> =
            pending.map(|(id, request)| self.pairing.pending_view(id, request)).collect();
        pending.sort_by(|a, b| b.ts.cmp(&a.ts).then_with(|| a.request_id.cmp(&b.request_id)));
        let mut paired = self.node_views();
        paired.sort_by_key(|view| std::cmp::Reverse(view.approved_at_ms));
        Answer::Pairings(Pairings { pending, paired })
    }

    /// The answer to an approval; of a node that has not collected its token, what it will be.
    pub(super) fn approved_answer(
        &self,
        id: &RequestId,
        node: &NodeId,
        delivered: bool,
    ) -> Result<Answer, WireError> {
        let future = || {
            let request = self.pairing.book.pending.get(id)?;
            Some(NodeView {
                node_id: request.node.clone(),
                profile: request.profile.clone(),
                remote_ip: Some(request.remote_ip.to_string()),
                paired: false,
                connected: false,
                connected_at_ms: None,
                last_seen_at_ms: None,
                approved_at_ms: request.approved_at.map_or(0, |at| at.0),
            })
        };
        let node = self.node_view(node).or_else(future);
        let node = node.ok_or_else(|| WireError::invalid("unknown requestId"))?;
        Ok(Answer::Approved(Box::new(Approved { request_id: id.0.clone(), delivered, node })))
    }

    /// The node an operator means (protocol section 12): its id, its address, its name, or at
    /// least six characters of the beginning of its id.
    pub(super) fn find_node(&self, query: &str) -> Result<NodeId, WireError> {
        let query = query.trim();
        if query.is_empty() {
            return Err(WireError::invalid("nodeId required"));
        }
        if let Some(node) = NodeId::new(query).ok().filter(|id| self.pairing.paired(id).is_some()) {
            return Ok(node);
        }
        let views = self.node_views();
        let wanted = folded(query);
        let long_enough = query.chars().count() >= ID_PREFIX_CHARS;
        let matches = views.iter().filter(|view| {
            view.remote_ip.as_deref() == Some(query)
                || (!wanted.is_empty() && folded(views::name(view)) == wanted)
                || (long_enough && view.node_id.as_str().starts_with(query))
        });
        let one = single("node", query, matches, views.iter(), views::label)?;
        Ok(one.node_id.clone())
    }

    /// The request an operator means: its id, the beginning of it, or the node's id or name.
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
        let wanted = folded(query);
        let matches = pending.iter().filter(|(id, request)| {
            let name = request.profile.display_name.as_deref().unwrap_or_default();
            id.0.starts_with(query)
                || request.node.as_str() == query
                || (!wanted.is_empty() && folded(name) == wanted)
        });
        let label = |(id, request): (&RequestId, &Arc<PairingRequest>)| {
            format!("{id} from {}", request.node)
        };
        let (id, request) = match exact {
            Some(exact) => exact,
            None => single("requestId", query, matches, pending.iter(), label)?,
        };
        Ok((id.clone(), request.clone()))
    }
}

/// The only match; else an error that lists the matches, or everything that is known.
fn single<T: Copy>(
    what: &str,
    query: &str,
    matches: impl Iterator<Item = T>,
    known: impl Iterator<Item = T>,
    label: impl Fn(T) -> String,
) -> Result<T, WireError> {
    let matches: Vec<T> = matches.collect();
    Err(WireError::invalid(match matches.as_slice() {
        [one] => return Ok(*one),
        [] => match listed(known.map(label)) {
            known if known.is_empty() => format!("unknown {what}: {query} (there is none)"),
            known => format!("unknown {what}: {query} (known: {known})"),
        },
        many => {
            let matches = listed(many.iter().copied().map(label));
            format!("ambiguous {what}: {query} (matches: {matches})")
        }
    }))
}

/// A name as it is compared: lowercase, everything but letters and digits a single dash.
fn folded(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_punctuation() {
        assert_eq!(folded("  Ada's  iPad! "), "ada-s-ipad");
        assert_eq!(folded("Küche ☕"), "küche");
        assert_eq!(folded("☕"), "");
    }
}
