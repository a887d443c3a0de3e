//! Which connections are open, and which node each speaks for: admission, keepalive, and the grace
//! after a node is gone.

use crate::protocol::operator::{ConnectionCounts, NodeView};
use crate::protocol::{limits, Allow, GatewayFrame, NodeFrame, NodeId, NodeProfile, WireError};
use crate::router::context::Context;
use crate::router::timers::Timer;
use crate::router::{views, CloseReason, ConnId, Mono, NodeNotice, Output, PairedNode, Wall};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Connections and nodes. A node has at most one admitted connection.
#[derive(Debug, Default)]
pub(super) struct Connections {
    // Boxed: half of the places in such a map are empty.
    open: BTreeMap<ConnId, Box<ConnectionState>>,
    online: BTreeMap<NodeId, ConnId>,
    /// Paired nodes that were online since the start and are not now.
    absent: BTreeMap<NodeId, Absence>,
}

#[derive(Debug)]
pub(super) struct ConnectionState {
    pub(super) peer: IpAddr,
    /// Which of our addresses it has reached.
    local: IpAddr,
    /// Where it was told that the canvas host is.
    pub(super) canvas_host_url: Option<Arc<str>>,
    /// The node it is admitted as; `None` while it is unauthenticated.
    pub(super) node: Option<NodeId>,
    /// What the node said about itself on this connection.
    pub(super) profile: Arc<NodeProfile>,
    since: Wall,
    refusals: u32,
    unauthenticated_frames: u32,
    /// The last time anything arrived.
    active: Mono,
    /// It was pinged, and nothing has arrived since.
    pinged: bool,
}

#[derive(Debug)]
struct Absence {
    last_seen: Wall,
    /// Operators and the backend know about it.
    announced: bool,
}

impl Connections {
    /// A connection was accepted; it has some time to be admitted or to ask for a pairing.
    pub(super) fn connected(
        &mut self,
        ctx: &mut Context,
        conn: ConnId,
        peer: IpAddr,
        local: IpAddr,
    ) {
        ctx.counters.connections += 1;
        let connection = ConnectionState {
            peer,
            local,
            canvas_host_url: None,
            node: None,
            profile: Arc::default(),
            since: ctx.now.wall,
            refusals: 0,
            unauthenticated_frames: 0,
            active: ctx.now.mono,
            pinged: false,
        };
        self.open.insert(conn, Box::new(connection));
        ctx.timers.set(ctx.after(limits::GREETING_DEADLINE), Timer::Greeting(conn));
    }

    /// Something arrived. Returns the connection, if it is open.
    pub(super) fn activity(&mut self, ctx: &Context, conn: ConnId) -> Option<&mut ConnectionState> {
        let connection = &mut **self.open.get_mut(&conn)?;
        (connection.active, connection.pinged) = (ctx.now.mono, false);
        Some(connection)
    }

    /// Whether the connection may send a frame: an unauthenticated one may send only a few.
    pub(super) fn accepts_frame(&mut self, ctx: &mut Context, conn: ConnId) -> bool {
        let Some(connection) = self.activity(ctx, conn) else { return false };
        if connection.node.is_some() {
            return true;
        }
        connection.unauthenticated_frames += 1;
        let accepts = connection.unauthenticated_frames <= limits::UNAUTHENTICATED_FRAMES;
        if !accepts {
            ctx.close(conn, CloseReason::Refused);
        }
        accepts
    }

    pub(super) fn ids(&self) -> Vec<ConnId> {
        self.open.keys().copied().collect()
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&ConnectionState> {
        self.open.get(&conn).map(Box::as_ref)
    }

    /// The node a connection is admitted as.
    pub(super) fn node(&self, conn: ConnId) -> Option<&NodeId> {
        self.get(conn)?.node.as_ref()
    }

    /// The connection of a node that is online.
    pub(super) fn of(&self, node: &NodeId) -> Option<ConnId> {
        self.online.get(node).copied()
    }

    pub(super) fn online(&self) -> impl ExactSizeIterator<Item = (&NodeId, ConnId)> {
        self.online.iter().map(|(node, conn)| (node, *conn))
    }

    pub(super) fn counts(&self) -> ConnectionCounts {
        let open = self.open.len();
        ConnectionCounts { open, unauthenticated: open - self.online.len() }
    }

    /// Answers a hello with an error. The connection stays open, because the node may ask to be
    /// paired on it; but not one that had been admitted, whose node would not expect the error.
    pub(super) fn refuse_hello(&mut self, ctx: &mut Context, conn: ConnId, error: WireError) {
        if self.node(conn).is_some() {
            return ctx.refuse(conn, error);
        }
        ctx.counters.refused += 1;
        ctx.send_error(conn, error);
        self.count_refusal(ctx, conn);
    }

    /// Refuses a frame that only an admitted node may send (protocol section 2.1).
    pub(super) fn refuse_frame(&mut self, ctx: &mut Context, conn: ConnId, frame: NodeFrame) {
        let error = WireError::unauthorized("not authenticated");
        if let NodeFrame::Req { id, .. } = frame {
            let id = id.unwrap_or_else(|| "".into());
            ctx.send(conn, GatewayFrame::Res { id, result: Err(error) });
        } else {
            ctx.send_error(conn, error);
        }
        self.count_refusal(ctx, conn);
    }

    /// A connection that keeps sending what is refused is closed in the end.
    fn count_refusal(&mut self, ctx: &mut Context, conn: ConnId) {
        let Some(connection) = self.open.get_mut(&conn) else { return };
        connection.refusals += 1;
        if connection.refusals >= limits::REFUSALS {
            ctx.close(conn, CloseReason::Refused);
        }
    }

    /// Makes the connection the node's only one, or brings its profile up to date if it is that
    /// already. An older connection of the node has to be gone.
    pub(super) fn admit(
        &mut self,
        ctx: &mut Context,
        conn: ConnId,
        node: &NodeId,
        profile: Arc<NodeProfile>,
        paired: Option<&PairedNode>,
    ) {
        let Some(connection) = self.open.get_mut(&conn) else { return };
        connection.profile = profile;
        connection.canvas_host_url = ctx.policy.canvas_host_url_at(connection.local);
        if connection.node.is_some() {
            return;
        }
        connection.node = Some(node.clone());
        connection.since = ctx.now.wall;
        connection.refusals = 0;
        ctx.counters.admitted += 1;
        ctx.timers.cancel(&Timer::Greeting(conn));
        ctx.timers.set(ctx.after(limits::PING_AFTER), Timer::Silence(conn));
        self.online.insert(node.clone(), conn);
        ctx.outputs.push(Output::Admit { conn, node: node.clone() });
        ctx.timers.cancel(&Timer::Absence(node.clone()));
        ctx.timers.cancel(&Timer::Subscriptions(node.clone()));
        let before = self.absent.remove(node);
        // Nobody knows about an absence that was not announced, nor about its end.
        if before.is_none_or(|absence| absence.announced) {
            if let Some(paired) = paired {
                self.publish(ctx, node, paired, true);
            }
        }
    }

    /// Drops a connection that is gone, and returns its node. That gets a grace before the absence
    /// is announced: phones connect twice, and come back after a lift, a tunnel, a switch from
    /// Wi-Fi.
    pub(super) fn forget_connection(&mut self, ctx: &mut Context, conn: ConnId) -> Option<NodeId> {
        let connection = self.open.remove(&conn)?;
        ctx.timers.cancel(&Timer::Greeting(conn));
        ctx.timers.cancel(&Timer::Silence(conn));
        let node = connection.node?;
        self.online.remove(&node);
        ctx.timers.set(ctx.after(limits::ABSENCE_GRACE), Timer::Absence(node.clone()));
        let absence = Absence { last_seen: ctx.now.wall, announced: false };
        self.absent.insert(node.clone(), absence);
        Some(node)
    }

    /// The node did not come back within the grace period.
    pub(super) fn announce_absence(
        &mut self,
        ctx: &mut Context,
        node: &NodeId,
        paired: Option<&PairedNode>,
    ) {
        let Some(absence) = self.absent.get_mut(node) else { return };
        absence.announced = true;
        ctx.notify(NodeNotice::Offline(node.clone()));
        if let Some(paired) = paired {
            self.publish(ctx, node, paired, false);
        }
    }

    /// The node's pairing is gone: it will not come back, so there is no grace.
    pub(super) fn forget_node(&mut self, ctx: &mut Context, node: &NodeId, was: &PairedNode) {
        ctx.timers.cancel(&Timer::Absence(node.clone()));
        ctx.timers.cancel(&Timer::Subscriptions(node.clone()));
        if self.absent.remove(node).is_some_and(|absence| !absence.announced) {
            ctx.notify(NodeNotice::Offline(node.clone()));
            self.publish(ctx, node, was, false);
        }
    }

    /// Pings a node that is silent, and closes its connection if it stays silent. A node is never
    /// dropped for being busy with an invoke: Android and iOS read nothing while they carry one
    /// out, which takes until `busy_until` at most. Activity does not touch the timer; the timer
    /// only moves when it goes off.
    pub(super) fn check_silence(&mut self, ctx: &mut Context, conn: ConnId, busy_until: Mono) {
        let Some(connection) = self.open.get_mut(&conn) else { return };
        let now = ctx.now.mono;
        let ping_at = connection.active + limits::PING_AFTER;
        let drop_at = connection.active.max(busy_until) + limits::DROP_AFTER;
        let next = if now < ping_at {
            ping_at
        } else if now >= drop_at {
            return ctx.close(conn, CloseReason::Silent);
        } else {
            if !connection.pinged {
                connection.pinged = true;
                ctx.send(conn, GatewayFrame::Ping { id: "keepalive".into() });
            }
            // It may answer and fall silent again, and is pinged again then.
            drop_at.min(ctx.after(limits::PING_AFTER))
        };
        ctx.timers.set(next, Timer::Silence(conn));
    }

    /// A paired node as operators see it: live values win over stored ones, but the name sticks.
    pub(super) fn view(&self, allow: &Allow, node: &NodeId, paired: &PairedNode) -> NodeView {
        let live = self.online.get(node).and_then(|conn| self.open.get(conn));
        let profile = live.map_or(&paired.profile, |connection| &connection.profile);
        let mut profile = NodeProfile::clone(profile);
        profile.display_name.clone_from(&paired.profile.display_name);
        profile.caps = Some(sorted(profile.caps_or_guess()));
        let commands = sorted(profile.commands.unwrap_or_default());
        let is_forbidden = |command: &&String| !allow.permits_command(node.as_str(), command);
        let forbidden_commands = commands.iter().filter(is_forbidden).cloned().collect();
        profile.commands = Some(commands);
        NodeView {
            node_id: node.clone(),
            profile,
            remote_ip: live.map(|c| c.peer.to_string()).or_else(|| paired.remote_ip.clone()),
            paired: true,
            connected: live.is_some(),
            connected_at_ms: live.map(|connection| connection.since.0),
            canvas_host_url: live.and_then(|c| c.canvas_host_url.as_deref()).map(str::to_owned),
            last_seen_at_ms: self.absent.get(node).map(|absence| absence.last_seen.0),
            created_at_ms: paired.created_at.0,
            approved_at_ms: paired.approved_at.0,
            gateway: None,
            forbidden_commands,
        }
    }

    fn publish(&self, ctx: &mut Context, node: &NodeId, paired: &PairedNode, connected: bool) {
        let view = self.view(&ctx.policy.allow, node, paired);
        ctx.publish(views::presence_event(&view, connected, ctx.now.wall));
    }
}

fn sorted(list: Vec<String>) -> Vec<String> {
    list.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
