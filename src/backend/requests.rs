//! What nodes ask the agent with an event, `voice.transcript` or `agent.request` (protocol section
//! 6), and how often they may.

use crate::lock::lock;
use crate::protocol::fields::Fields;
use crate::protocol::{limits, session, NodeEvent, NodeId};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

/// The session key and the message of such an event; `None` for another one, or an invalid one.
pub(super) fn read(
    node: &NodeId,
    event: NodeEvent,
    fields: &Fields<'_>,
) -> Option<(String, String)> {
    let (name, usual) = match event {
        NodeEvent::VoiceTranscript => ("text", session::MAIN.to_owned()),
        NodeEvent::AgentRequest => ("message", format!("node-{node}")),
        _ => return None,
    };
    let text = |name| fields.text(name).map(|text| text.trim().to_owned());
    let filled = |name| text(name).filter(|text| !text.is_empty());
    let (key, message) = (filled("sessionKey").unwrap_or(usual), filled(name)?);
    let fits = message.chars().count() <= limits::SPOKEN_CHARS
        && key.chars().count() <= limits::SESSION_KEY_CHARS;
    fits.then_some((key, message))
}

/// Limits how many runs each node starts by events.
#[derive(Default)]
pub(super) struct RunRateLimit {
    by_node: Mutex<BTreeMap<NodeId, (Instant, usize)>>,
}

impl RunRateLimit {
    /// Counts one more run; whether the node may start it now.
    pub(super) fn admit(&self, node: &NodeId, now: Instant) -> bool {
        let mut by_node = lock(&self.by_node);
        by_node.retain(|_, (since, _)| {
            now.saturating_duration_since(*since) < limits::NODE_RUNS_WINDOW
        });
        let (_, count) = by_node.entry(node.clone()).or_insert((now, 0));
        *count += 1;
        *count <= limits::NODE_RUNS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_starts_only_so_many_runs_at_a_time() {
        let rates = RunRateLimit::default();
        let (node, now) = (NodeId::new("phone").unwrap(), Instant::now());
        let admitted = (0..100).filter(|_| rates.admit(&node, now)).count();
        assert_eq!(admitted, limits::NODE_RUNS);
        assert!(rates.admit(&NodeId::new("other").unwrap(), now));
        assert!(rates.admit(&node, now + limits::NODE_RUNS_WINDOW));
    }
}
