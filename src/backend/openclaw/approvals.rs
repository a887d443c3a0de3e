//! Thread `approvals`: checks what the gateway has approved of the nodes, so that operators need
//! not guess why a command does not work, and sends what has waited for the gateway. It sleeps
//! until a session or a node has something for it.

use super::bridge::Bridge;
use crate::backend::Outlet;
use crate::gateway::{Handler, Principal, Session, State};
use crate::protocol::gateway::{
    approve_params, listed_nodes, operator_scopes, ClientInfo, Role, CLIENT_BACKEND, NODE_LIST,
    PAIR_APPROVE, PAIR_LIST,
};
use crate::protocol::{limits, Payload};
use crossbeam_channel::Sender;
use std::io;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

/// The bridge's own session, and the thread that uses it.
pub(super) struct Approvals {
    stop: crate::link::Stop,
}

/// Notes how the bridge's own session is.
struct OperatorHandler {
    bridge: Arc<Bridge>,
    _thread: Sender<()>,
}

impl Handler for OperatorHandler {
    fn state(&self, state: State<'_>) {
        self.bridge.operator_state(&state);
        self.bridge.check_approvals();
    }

    fn event(&self, _: &str, _: Option<Payload>, _: bool) {
        // What concerns a node comes over the node's own connection.
    }
}

impl Approvals {
    pub(super) fn start(bridge: &Arc<Bridge>, outlet: Arc<dyn Outlet>) -> io::Result<Self> {
        let ended = || io::Error::other("the bridge has ended");
        let threads = [bridge.thread().ok_or_else(ended)?, bridge.thread().ok_or_else(ended)?];
        if bridge.outlet.set(outlet).is_err() {
            return Err(io::Error::other("it was started before"));
        }
        let identity = bridge.seed.operator();
        let principal = Principal {
            role: Role::Operator,
            client: ClientInfo {
                id: CLIENT_BACKEND.0,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                platform: std::env::consts::OS.to_owned(),
                mode: CLIENT_BACKEND.1,
                display_name: Some("openclaw-bridge".to_owned()),
                device_family: None,
                model_identifier: None,
            },
            scopes: operator_scopes(bridge.allows_admin),
            identity: identity.ok_or_else(|| io::Error::other("no key could be derived"))?,
            may_be_anonymous: bridge.access.gateway.url.is_loopback(),
            profile: None,
        };
        let session = Session::new(bridge.access.clone(), principal)?;
        let _ = bridge.operator.set(session.clone());
        let [own, looking] = threads;
        let handler = OperatorHandler { bridge: bridge.clone(), _thread: own };
        session.start("gateway-0".to_owned(), Duration::ZERO, Box::new(handler))?;
        let stop = crate::link::Stop::new()?;
        let (stopped, looked_at) = (stop.clone(), bridge.clone());
        Builder::new().name("approvals".into()).spawn(move || {
            run(&looked_at, &session, &stopped);
            drop(looking);
        })?;
        Ok(Self { stop })
    }

    /// Ends every session, and waits for that.
    pub(super) fn stop(&self, bridge: &Bridge, timeout: Duration) {
        let ended = bridge.close();
        self.stop.request();
        bridge.check_approvals();
        bridge.operator().iter().for_each(Session::stop);
        for node in bridge.all_nodes() {
            node.session().iter().for_each(Session::stop);
        }
        // Nothing is ever sent; it ends when the last thread has let go.
        let _ = ended.recv_timeout(timeout);
    }
}

fn run(bridge: &Bridge, operator: &Session, stop: &crate::link::Stop) {
    loop {
        let nodes = bridge.all_nodes();
        let is_somebody_waiting = nodes.iter().any(|node| node.is_waiting());
        drop(nodes);
        // What is not approved yet may be approved at any time, and nobody tells.
        let wait = match is_somebody_waiting {
            true => limits::GATEWAY_CHECK_WAITING,
            false => limits::GATEWAY_CHECK_IDLE,
        };
        let _ = bridge.checks().recv_timeout(wait);
        if stop.is_requested() {
            return;
        }
        if operator.is_connected() {
            // The others have theirs sent when the gateway is back.
            bridge.all_nodes().iter().all(|node| bridge.send_messages(node));
            check(bridge, operator);
        }
        if stop.wait(limits::GATEWAY_CHECK_EVERY) {
            return;
        }
    }
}

/// Checks once what the gateway has approved.
fn check(bridge: &Bridge, operator: &Session) {
    let list = match operator.call(NODE_LIST, "{}") {
        Ok(list) => list,
        Err(error) => return log::debug!("backend: could not list the gateway's nodes: {error}"),
    };
    // Without the scope for it, somebody has to find the request there.
    let pairings = operator.call(PAIR_LIST, "{}").unwrap_or_default();
    let text = |answer: &Option<Payload>| answer.as_deref().unwrap_or_default().to_owned();
    let list = listed_nodes(&text(&list), &text(&pairings));
    for node in bridge.all_nodes() {
        let Some(session) = node.session() else { continue };
        let Some(row) = list.iter().find(|row| row.node_id == session.id()) else { continue };
        bridge.listed(&node, row);
        let Some(pending) = row.pending.as_ref().filter(|_| bridge.approves) else { continue };
        match operator.call(PAIR_APPROVE, &approve_params(&pending.request_id)) {
            Ok(_) => {
                log::info!("backend: approved the commands of a node node={:?}", node.id.as_str());
                bridge.check_approvals();
            }
            Err(error) => {
                if let Some(more) = bridge.log.admit_from("approve", node.id.as_str()) {
                    let node = node.id.as_str();
                    log::warn!("backend: could not approve a node node={node:?}: {error}{more}");
                }
            }
        }
    }
}
