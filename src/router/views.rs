//! What operators are shown, and how they may name a node or a request.

use crate::protocol::operator::{Answer, Approved, NodeView, PendingView, Presence};
use crate::protocol::{NodeId, WireError};
use crate::router::{PairedNode, PairingRequest, RequestId, Router, Wall};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The shortest beginning of a node id that may stand for the whole.
const ID_PREFIX_CHARS: usize = 6;

impl Router {
    pub(super) fn view(&self, node: &NodeId) -> Option<NodeView> {
        let paired = self.book.paired.get(node)?;
        Some(self.view_of(node, paired))
    }

    pub(super) fn view_of(&self, node: &NodeId, paired: &PairedNode) -> NodeView {
        let live = self.online.get(node).and_then(|conn| self.connections.get(conn));
        let mut profile = live.map_or(&paired.profile, |connection| &connection.profile).clone();
        profile.display_name.clone_from(&paired.profile.display_name);
        profile.caps = Some(sorted(profile.caps_or_guess()));
        profile.commands = Some(sorted(profile.commands.unwrap_or_default()));
        NodeView {
            node_id: node.clone(),
            profile,
            remote_ip: live.map(|c| c.peer.to_string()).or_else(|| paired.remote_ip.clone()),
            paired: true,
            connected: live.is_some(),
            connected_at_ms: live.map(|connection| connection.since.0),
            last_seen_at_ms: self.last_seen.get(node).filter(|_| live.is_none()).map(|at| at.0),
            approved_at_ms: paired.approved_at.0,
        }
    }

    /// Every paired node: connected first, then by name, then by id.
    pub(super) fn node_views(&self) -> Vec<NodeView> {
        let mut views: Vec<NodeView> =
            self.book.paired.iter().map(|(node, paired)| self.view_of(node, paired)).collect();
        views.sort_by_cached_key(|view| {
            (!view.connected, name(view).to_lowercase(), view.node_id.clone())
        });
        views
    }

    pub(super) fn pending_view(&self, id: &RequestId) -> Option<PendingView> {
        let request = self.book.pending.get(id)?;
        Some(PendingView {
            request_id: id.0.clone(),
            node_id: request.node.clone(),
            profile: request.profile.clone(),
            remote_ip: request.remote_ip.to_string(),
            silent: request.silent,
            is_repair: request.is_repair,
            conflict: request.conflict,
            replaced: self.replaced.get(id).copied().unwrap_or_default(),
            waiting: self.waiter(id).is_some(),
            ts: request.ts.0,
            approved_at_ms: request.approved_at.map(|at| at.0),
        })
    }

    /// Every request, newest first.
    pub(super) fn pending_views(&self) -> Vec<PendingView> {
        let mut views: Vec<PendingView> =
            self.book.pending.keys().filter_map(|id| self.pending_view(id)).collect();
        views.sort_by(|a, b| b.ts.cmp(&a.ts).then_with(|| a.request_id.cmp(&b.request_id)));
        views
    }

    pub(super) fn approved_answer(
        &self,
        id: &RequestId,
        node: &NodeId,
        delivered: bool,
    ) -> Result<Answer, WireError> {
        let view = self.view(node).or_else(|| self.future_view(id));
        let node = view.ok_or_else(|| WireError::invalid("unknown requestId"))?;
        Ok(Answer::Approved(Box::new(Approved { request_id: id.0.clone(), delivered, node })))
    }

    /// The view of a node whose approval waits for it.
    fn future_view(&self, id: &RequestId) -> Option<NodeView> {
        let request = self.book.pending.get(id)?;
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
    }

    /// The node an operator means (protocol section 12): its id, its address, its name, or at
    /// least six characters of the beginning of its id.
    pub(super) fn find_node(&self, query: &str) -> Result<NodeId, WireError> {
        let query = query.trim();
        if query.is_empty() {
            return Err(WireError::invalid("nodeId required"));
        }
        if let Some((node, _)) = self.book.paired.iter().find(|(node, _)| node.as_str() == query) {
            return Ok(node.clone());
        }
        let views = self.node_views();
        let wanted = folded(query);
        let long_enough = query.chars().count() >= ID_PREFIX_CHARS;
        let matches = views.iter().filter(|view| {
            view.remote_ip.as_deref() == Some(query)
                || (!wanted.is_empty() && folded(name(view)) == wanted)
                || (long_enough && view.node_id.as_str().starts_with(query))
        });
        let matches: Vec<&NodeView> = matches.collect();
        match matches.as_slice() {
            [one] => Ok(one.node_id.clone()),
            [] => Err(unknown("node", query, views.iter().map(label))),
            many => Err(ambiguous("node", query, many.iter().map(|view| label(view)))),
        }
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
        let found =
            |(id, request): (&RequestId, &Arc<PairingRequest>)| (id.clone(), request.clone());
        if let Some(exact) = self.book.pending.get_key_value(&RequestId(query.into())) {
            return Ok(found(exact));
        }
        let wanted = folded(query);
        let matches = self.book.pending.iter().filter(|(id, request)| {
            let name = request.profile.display_name.as_deref().unwrap_or_default();
            id.0.starts_with(query)
                || request.node.as_str() == query
                || (!wanted.is_empty() && folded(name) == wanted)
        });
        let matches: Vec<_> = matches.collect();
        let label = |(id, request): (&RequestId, &Arc<PairingRequest>)| {
            format!("{id} from {}", request.node)
        };
        match matches.as_slice() {
            [one] => Ok(found(*one)),
            [] => Err(unknown("requestId", query, self.book.pending.iter().map(label))),
            many => Err(ambiguous("requestId", query, many.iter().copied().map(label))),
        }
    }
}

/// The line `presence` carries for a node that came or went.
pub(super) fn presence(view: &NodeView, connected: bool, at: Wall) -> Presence {
    let profile = &view.profile;
    let parts = [("core", &profile.core_version), ("ui", &profile.ui_version)];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|(part, version)| Some(format!("{part} v{}", version.as_deref()?)))
        .collect();
    let version = match parts.is_empty() {
        false => parts.join(" · "),
        true => profile.version.clone().unwrap_or_else(|| "unknown".into()),
    };
    let reason = if connected { "node-connected" } else { "node-disconnected" };
    let is_loopback = |ip: &String| ip.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    Presence {
        host: name(view).to_owned(),
        ip: view.remote_ip.clone().filter(|ip| !is_loopback(ip)),
        text: format!("Node: {} · {version} · {reason}", name(view)),
        version,
        platform: profile.platform.clone(),
        device_family: profile.device_family.clone(),
        model_identifier: profile.model_identifier.clone(),
        mode: "remote".into(),
        reason: reason.into(),
        instance_id: view.node_id.clone(),
        ts: at.0,
    }
}

fn name(view: &NodeView) -> &str {
    view.profile.display_name.as_deref().unwrap_or_else(|| view.node_id.as_str())
}

fn label(view: &NodeView) -> String {
    let id = view.node_id.as_str();
    match name(view) {
        name if name == id => id.to_owned(),
        name => format!("{name} ({id})"),
    }
}

/// A name as it is compared: lowercase, everything but letters and digits a single dash.
fn folded(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

fn sorted(list: Vec<String>) -> Vec<String> {
    list.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

fn unknown(what: &str, query: &str, known: impl Iterator<Item = String>) -> WireError {
    let known = listed(known);
    WireError::invalid(if known.is_empty() {
        format!("unknown {what}: {query} (there is none)")
    } else {
        format!("unknown {what}: {query} (known: {known})")
    })
}

fn ambiguous(what: &str, query: &str, matches: impl Iterator<Item = String>) -> WireError {
    WireError::invalid(format!("ambiguous {what}: {query} (matches: {})", listed(matches)))
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
