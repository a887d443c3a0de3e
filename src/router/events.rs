//! Events in both directions: what nodes report, which node wants the events of which session,
//! and the fan-out of the backend's events.

use crate::protocol::operator::OperatorEvent;
use crate::protocol::{limits, session, GatewayFrame, NodeEvent, NodeId, Payload, SharedEvent};
use crate::router::connections::Connections;
use crate::router::context::Context;
use crate::router::timers::Timer;
use crate::router::{Audience, BackendEvent, ConnId, NodeNotice, Output};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Subscriptions by node. Different spellings of a session are one session (protocol section 9.2),
/// but each is a subscription of its own: an app may have one screen open under `main` and another
/// under `agent:main:main`, each of which drops events under the other name.
///
/// A subscription belongs to the node, not to its connection: it outlives a short loss.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_node: BTreeMap<NodeId, BTreeSet<Subscription>>,
}

/// A session's canonical key, and the spelling that the node used.
type Subscription = (String, Arc<str>);

impl Subscriptions {
    /// A node's event: a change of its subscriptions, or something for the backend. Without a
    /// payload, or with one that is too long, it is dropped.
    pub(super) fn node_event(
        &mut self,
        ctx: &mut Context,
        (conn, node): (ConnId, NodeId),
        event: Arc<str>,
        payload: Option<Payload>,
    ) {
        ctx.counters.events += 1;
        let dropped = |ctx: &mut Context, event, why| {
            ctx.outputs.push(Output::DroppedEvent { conn, event, why });
        };
        if !ctx.policy.allow.permits_event(node.as_str(), &event) {
            return dropped(ctx, event, "bridge.allow does not permit it");
        }
        let known = NodeEvent::parse(&event);
        let limit = match known {
            Some(NodeEvent::ExecFinished) => limits::EVENT_BYTES_EXEC_FINISHED,
            _ => limits::EVENT_BYTES,
        };
        let Some(payload) = payload else { return };
        if payload.len() > limit {
            return dropped(ctx, event, "its payload is too long");
        }
        let subscribes = match known {
            Some(NodeEvent::ChatSubscribe) => true,
            Some(NodeEvent::ChatUnsubscribe) => false,
            _ => return ctx.notify(NodeNotice::Event { node, event, payload }),
        };
        let Some(key) = session::key_in(&payload) else { return };
        let first = first_of(session::canonical(&key));
        let session_key = Arc::<str>::from(key);
        let subscription = (first.0.clone(), session_key.clone());
        let own = self.by_node.entry(node.clone()).or_default();
        let mut has_changed = false;
        if !subscribes {
            has_changed = own.remove(&subscription);
        } else if own.contains(&subscription) {
            // A repetition is nothing new.
        } else if own.len() >= limits::SUBSCRIPTIONS {
            dropped(ctx, event, "the node has too many subscriptions");
        } else if spellings(own, &first).count() >= limits::SPELLINGS {
            dropped(ctx, event, "the node has too many spellings of one session key");
        } else {
            has_changed = own.insert(subscription);
        }
        if own.is_empty() {
            self.by_node.remove(&node);
        }
        if has_changed {
            ctx.notify(NodeNotice::Subscription { node, session_key, is_wanted: subscribes });
        }
    }

    /// Drops the subscriptions that the policy does not permit any more.
    pub(super) fn narrow(&mut self, ctx: &mut Context) {
        let subscribe = NodeEvent::ChatSubscribe.as_str();
        let is_permitted = |node: &NodeId| ctx.policy.allow.permits_event(node.as_str(), subscribe);
        let nodes = self.by_node.keys().filter(|node| !is_permitted(node));
        for node in nodes.cloned().collect::<Vec<_>>() {
            self.forget(ctx, &node);
        }
    }

    /// Drops the subscriptions of a node that is gone, unless it comes back within the grace.
    pub(super) fn forget_later(&self, ctx: &mut Context, node: NodeId) {
        if self.by_node.contains_key(&node) {
            ctx.timers.set(ctx.after(limits::SUBSCRIPTION_GRACE), Timer::Subscriptions(node));
        }
    }

    pub(super) fn forget(&mut self, ctx: &mut Context, node: &NodeId) {
        for (_, session_key) in self.by_node.remove(node).into_iter().flatten() {
            let (node, is_wanted) = (node.clone(), false);
            ctx.notify(NodeNotice::Subscription { node, session_key, is_wanted });
        }
    }

    /// Sends an event of the backend to its audience.
    pub(super) fn fan_out(
        &self,
        ctx: &mut Context,
        connections: &Connections,
        event: BackendEvent,
    ) {
        let BackendEvent { to, event, payload } = event;
        let send = |ctx: &mut Context, node: &NodeId, frame| {
            if let Some(conn) = connections.of(node) {
                ctx.send(conn, frame);
            }
        };
        let permits =
            |ctx: &Context, node: &NodeId| ctx.policy.allow.permits_event_to(node.as_str(), &event);
        let shared = |session_key: Option<&Arc<str>>, payload| {
            let shared = SharedEvent::new(event.clone(), session_key.cloned(), payload);
            GatewayFrame::SharedEvent(shared)
        };
        match to {
            Audience::Everyone => {
                let frame = shared(None, payload.clone());
                for (node, conn) in connections.online() {
                    if permits(ctx, node) {
                        ctx.send(conn, frame.clone());
                    }
                }
            }
            Audience::Node(node) if permits(ctx, &node) => {
                return send(ctx, &node, GatewayFrame::Event { event, payload });
            }
            Audience::Node(_) => return,
            Audience::Subscribers => {
                let frame = shared(None, payload.clone());
                for node in self.by_node.keys() {
                    if permits(ctx, node) {
                        send(ctx, node, frame.clone());
                    }
                }
            }
            Audience::Operators => {}
            Audience::Session(key) => {
                let payload = payload.unwrap_or_else(|| "{}".into());
                let first = first_of(session::canonical(&key));
                let mut frames = BTreeMap::new();
                for (node, own) in &self.by_node {
                    // Apps drop events whose session key is not spelled as they spell it (protocol
                    // section 7.1).
                    for key in spellings(own, &first) {
                        let frame = || shared(Some(key), Some(payload.clone()));
                        send(ctx, node, frames.entry(key).or_insert_with(frame).clone());
                    }
                }
                let session_key = first.0.into();
                return ctx.publish(OperatorEvent::Session { event, session_key, payload });
            }
        }
        ctx.publish(OperatorEvent::Backend { event, payload });
    }
}

/// Before all subscriptions to a session, in order.
fn first_of(canonical: String) -> Subscription {
    (canonical, Arc::default())
}

/// The spellings under which a node wants the events of the session that this is the first of.
fn spellings<'a>(
    own: &'a BTreeSet<Subscription>,
    first: &'a Subscription,
) -> impl Iterator<Item = &'a Arc<str>> {
    let own = own.range(first..).take_while(|(canonical, _)| *canonical == first.0);
    own.map(|(_, spelling)| spelling)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Token;
    use crate::router::{Ids, Now, Policy};

    struct NoIds;

    impl Ids for NoIds {
        fn unique(&mut self) -> String {
            String::new()
        }

        fn token(&mut self) -> Token {
            Token::from_bits(0)
        }
    }

    #[test]
    fn an_event_for_several_nodes_is_encoded_once() {
        let mut ctx = Context::new(Now::default(), Policy::default(), Box::new(NoIds));
        let mut connections = Connections::default();
        for (conn, node) in [(ConnId(1), "alice"), (ConnId(2), "bob")] {
            let (here, node) = ([127, 0, 0, 1].into(), NodeId::new(node).unwrap());
            connections.connected(&mut ctx, conn, here, here);
            connections.admit(&mut ctx, conn, &node, Arc::default(), None);
        }
        ctx.outputs.clear();
        let (to, event) = (Audience::Everyone, "voicewake.changed".into());
        let event = BackendEvent { to, event, payload: Some("{}".into()) };
        Subscriptions::default().fan_out(&mut ctx, &connections, event);
        let line = |output: &Output| match output {
            Output::Send { frame, .. } => frame.shared_line().unwrap().as_ptr(),
            other => panic!("{other:?}"),
        };
        let lines: Vec<_> = ctx.outputs.iter().map(line).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], lines[1]);
    }
}
