//! The connections that wait: for an operator's decision, or for the end of a cool-down.

use super::crowd::{are_counted_together, giving_way, too_many, Place};
use crate::origin::Origin;
use crate::protocol::{NodeId, NodeProfile, WireError};
use crate::router::context::Context;
use crate::router::timers::Timer;
use crate::router::{CloseReason, ConnId, Mono, Output, RequestId};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Which connection waits for what. A connection waits for one thing at most.
#[derive(Debug, Default)]
pub(in crate::router) struct Waiting {
    /// The connection that waits for each request.
    pub(super) waiters: BTreeMap<RequestId, Waiter>,
    /// How often the connection that waits for a request was replaced by another one.
    pub(super) replaced: BTreeMap<RequestId, u32>,
    /// Requests that are not shown before a cool-down is over.
    pub(in crate::router) held: BTreeMap<ConnId, Candidate>,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::router) struct Waiter {
    pub(in crate::router) conn: ConnId,
    /// It is admitted and asks for a new token.
    pub(in crate::router) is_admitted: bool,
}

/// A pairing request as it arrived.
#[derive(Debug)]
pub(in crate::router) struct Candidate {
    pub(in crate::router) from: Waiter,
    pub(in crate::router) peer: IpAddr,
    pub(in crate::router) node: NodeId,
    pub(in crate::router) profile: NodeProfile,
    pub(in crate::router) silent: bool,
}

impl Candidate {
    pub(super) fn asker(&self) -> (Origin, &NodeId) {
        (Origin::of(self.peer), &self.node)
    }
}

impl Waiting {
    /// From now on this connection, and no other, waits for the decision on the request.
    pub(super) fn wait(&mut self, ctx: &mut Context, waiter: Waiter, id: RequestId, node: NodeId) {
        let conn = waiter.conn;
        if let Some(older) = self.waiters.get(&id).copied().filter(|older| older.conn != conn) {
            if older.is_admitted {
                // It has proven its identity; an unauthenticated one with the same profile has not.
                let error = WireError::unavailable("the node itself waits for this already");
                return ctx.refuse(conn, error);
            }
            close_replaced(ctx, older.conn);
            *self.replaced.entry(id.clone()).or_default() += 1;
        }
        self.forget_connection(ctx, conn);
        self.waiters.insert(id, waiter);
        ctx.outputs.push(Output::Wait { conn, node });
    }

    /// Holds a request back until its cool-down is over: one of each node and origin, and not
    /// more of them than could be shown.
    pub(super) fn hold(&mut self, ctx: &mut Context, candidate: Candidate, ends: Mono) {
        let conn = candidate.from.conn;
        self.forget_connection(ctx, conn);
        let same = self.held.values().find(|held| held.asker() == candidate.asker());
        if let Some(older) = same.map(|held| held.from.conn) {
            self.held.remove(&older);
            close_replaced(ctx, older);
        } else if let Err(leaves) = self.has_room(ctx, &candidate) {
            ctx.refuse(leaves.unwrap_or(conn), too_many());
            match leaves {
                Some(older) => drop(self.held.remove(&older)),
                None => return,
            }
        }
        self.held.insert(conn, candidate);
        ctx.timers.set(ends, Timer::CoolDown(conn));
    }

    /// Whether one more can be held; if not, who gives way to it, if anybody does.
    fn has_room(&self, ctx: &Context, new: &Candidate) -> Result<(), Option<ConnId>> {
        let is_own = |held: &&Candidate| are_counted_together(held.asker(), new.asker());
        if self.held.values().filter(is_own).count() >= ctx.policy.pending_pairings_per_address {
            return Err(None);
        }
        if self.held.len() < ctx.policy.pending_pairings {
            return Ok(());
        }
        let strangers = self.held.iter().filter(|(_, held)| !held.from.is_admitted);
        let places = strangers.map(|(conn, held)| Place {
            key: *conn,
            origin: held.asker().0,
            since: *conn,
            is_abandoned: false,
        });
        Err(giving_way(places, new.asker().0))
    }

    /// The connection is gone or admitted: it waits for nothing any more.
    pub(in crate::router) fn forget_connection(&mut self, ctx: &mut Context, conn: ConnId) {
        self.waiters.retain(|_, waiter| waiter.conn != conn);
        if self.held.remove(&conn).is_some() {
            ctx.timers.cancel(&Timer::CoolDown(conn));
        }
    }

    pub(super) fn conn(&self, id: &RequestId) -> Option<ConnId> {
        self.waiters.get(id).map(|waiter| waiter.conn)
    }

    /// Whether it is an admitted node that waits for the request.
    pub(in crate::router) fn is_admitted(&self, id: &RequestId) -> bool {
        self.waiters.get(id).is_some_and(|waiter| waiter.is_admitted)
    }

    pub(in crate::router) fn contains(&self, conn: ConnId) -> bool {
        self.held.contains_key(&conn) || self.waiters.values().any(|waiter| waiter.conn == conn)
    }
}

/// Closes a connection in whose place a newer one of the same node waits.
fn close_replaced(ctx: &mut Context, older: ConnId) {
    let error = WireError::unavailable("a newer connection of this node waits instead");
    ctx.send_error(older, error);
    ctx.close(older, CloseReason::TakenOver);
}
