//! Asking to be paired, approving, rejecting, expiring (protocol sections 2.3, 2.4 and 4).
//!
//! What differs from the old gateway on purpose: a request belongs to node id, address and
//! profile, so that nobody can put a second request under one the operator has looked at and
//! collect its token; one connection waits for each request; an approval that finds nobody
//! waiting is kept, and the token is made when the node comes for it; after a rejection, new
//! requests are held back during a cool-down.

mod book;
mod cooldown;
mod crowd;
mod decisions;
mod guesses;
mod names;
mod stale;
mod waiting;

pub use book::{PairedNode, PairingBook, PairingRequest, RequestId};
pub(super) use names::is_same_name;

use crate::origin::Origin;
use crate::protocol::operator::{OperatorEvent, PendingView};
use crate::protocol::{limits, ErrorCode, NodeId, Token, TokenHash, WireError};
use crate::router::context::Context;
use crate::router::timers::Timer;
use crate::router::{ConnId, Mono, Output, Requester};
use cooldown::CoolDowns;
use crowd::{are_counted_together, giving_way, too_many, Place};
use guesses::Guesses;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use waiting::Waiting;
pub(super) use waiting::{Candidate, Waiter};

/// The pairing book, and the connections that wait for it to change.
#[derive(Debug)]
pub(super) struct Pairing {
    /// What is on disk, but for requests that have expired and what nodes said about themselves
    /// since.
    pub(super) book: PairingBook,
    has_unsaved_profiles: bool,
    pub(super) unsaved: Option<Unsaved>,
    pub(super) waiting: Waiting,
    cool_downs: CoolDowns,
    guesses: Guesses,
    /// Wrong tokens presented for paired nodes since the start.
    pub(super) refused: BTreeMap<NodeId, u32>,
    /// When a request may take the place of another one.
    next_eviction: Mono,
}

/// A book that is being saved, the change it contains, and the operator who made the change.
#[derive(Debug)]
pub(super) struct Unsaved {
    book: PairingBook,
    change: Change,
    requester: Option<Requester>,
}

enum Full {
    /// A request gave way to another one just now.
    ForNow,
    /// None has to give way to this one.
    ForYou,
}

/// A change of the book, with what is needed once it is on disk.
#[derive(Debug)]
enum Change {
    /// Profiles of nodes; nobody waits for them.
    Profiles,
    /// A new request, the connection that waits for it, and the request that gave way to it.
    Request { waiter: Option<Waiter>, id: RequestId, evicted: Option<RequestId> },
    /// A pairing with a new token. Without a requester, it was approved before.
    Pairing { conn: ConnId, id: RequestId, token: Token },
    /// A pairing with the token that the node presented.
    Restoration { id: RequestId },
    /// An approval that is kept until the node comes for its token.
    Approval { id: RequestId },
    /// A rejected request.
    Rejection { id: RequestId },
    /// A name from an operator.
    Rename { node: NodeId, name: String },
    /// A pairing that is taken away.
    Revocation { node: NodeId },
}

impl Pairing {
    /// What the pairing files held at the start. Requests that outlived a restart keep what is
    /// left of their time by the calendar clock; should that have jumped, at most all of it.
    pub(super) fn new(ctx: &mut Context, book: PairingBook) -> Self {
        let left = |since: u64, span: Duration| {
            span.saturating_sub(Duration::from_millis(ctx.now.wall.0.saturating_sub(since)))
        };
        for (id, request) in book.pending.iter() {
            let span = match request.approved_at {
                Some(at) => left(at.0, limits::APPROVAL_KEPT),
                None => left(request.ts.0, limits::PAIRING_TTL),
            };
            ctx.timers.set(ctx.after(span), Timer::Pairing(id.clone()));
        }
        Self {
            book,
            has_unsaved_profiles: false,
            unsaved: None,
            cool_downs: CoolDowns::default(),
            guesses: Guesses::default(),
            refused: BTreeMap::new(),
            next_eviction: Mono::default(),
            waiting: Waiting::default(),
        }
    }

    pub(super) fn paired(&self, node: &NodeId) -> Option<&Arc<PairedNode>> {
        self.book.paired.get(node)
    }

    /// The id and the entry of a node that presents its token, else why it is refused. What comes
    /// from an origin, and not from a node that is admitted, may be a guess.
    pub(super) fn authenticate(
        &mut self,
        ctx: &Context,
        from: Option<Origin>,
        node: &NodeId,
        token: Option<&Token>,
    ) -> Result<(NodeId, Arc<PairedNode>), WireError> {
        let known = self.book.paired.get_key_value(node);
        let Some(token) = token else {
            return Err(match known {
                Some(_) => WireError::unauthorized("pairing required"),
                None => WireError::new(ErrorCode::NotPaired, "pairing required"),
            });
        };
        let now = ctx.now.mono;
        let guess = from.map(|origin| (origin, known.map(|(node, _)| node.clone())));
        if let Some((node, _)) = known.filter(|(_, paired)| !paired.accepts(token)) {
            let refused = self.refused.entry(node.clone()).or_default();
            *refused = refused.saturating_add(1);
        }
        if guess.as_ref().is_some_and(|guess| !self.guesses.permits(now, guess)) {
            let text = "too many wrong tokens from this address; try again in a moment";
            return Err(WireError::unavailable(text));
        }
        match known {
            Some((node, paired)) if paired.accepts(token) => Ok((node.clone(), paired.clone())),
            _ => {
                if let Some(guess) = guess {
                    self.guesses.note(now, guess);
                }
                Err(WireError::unauthorized("invalid token"))
            }
        }
    }

    pub(super) fn request(&mut self, ctx: &mut Context, candidate: Candidate) {
        let Candidate { from, peer, .. } = candidate;
        // The same things said about itself, or it is another request.
        let same = self.book.pending.iter().find(|(_, known)| {
            known.node == candidate.node
                && known.remote_ip == peer
                && known.profile == candidate.profile
                && known.stale_token.is_none()
        });
        if let Some((id, known)) = same.map(|(id, known)| (id.clone(), Arc::clone(known))) {
            if known.approved_at.is_some() {
                return self.deliver(ctx, from.conn, id, &known, None);
            }
            return self.waiting.wait(ctx, from, id, candidate.node);
        }
        if let Some(ends) = self.cool_downs.ends(ctx.now.mono, candidate.asker()) {
            return self.waiting.hold(ctx, candidate, ends);
        }
        let superseded =
            self.book.pending.iter().find(|(_, r)| r.is_superseded_by(&candidate.node, peer));
        let evicted = match superseded {
            Some((id, _)) => Some(id.clone()),
            None => match self.make_room(ctx, &candidate) {
                Ok(evicted) => evicted,
                Err(Full::ForNow) => return self.waiting.hold(ctx, candidate, self.next_eviction),
                Err(Full::ForYou) => return ctx.refuse(from.conn, too_many()),
            },
        };
        self.create(ctx, candidate, None, evicted);
    }

    /// Makes a request in the place of another one, or of none. With a stale token, nobody waits.
    fn create(
        &mut self,
        ctx: &mut Context,
        candidate: Candidate,
        stale_token: Option<TokenHash>,
        evicted: Option<RequestId>,
    ) {
        let Candidate { from, peer, node, profile, silent } = candidate;
        let is_conflict = |other: &Arc<PairingRequest>| {
            let is_superseded = stale_token.is_none() && other.is_superseded_by(&node, peer);
            other.node == node && !is_superseded
        };
        let request = PairingRequest {
            is_repair: self.book.paired.contains_key(&node),
            conflict: self.book.pending.values().any(is_conflict),
            node,
            profile,
            silent,
            remote_ip: peer,
            stale_token,
            ts: ctx.now.wall,
            approved_at: None,
        };
        let id = RequestId(ctx.ids.unique().into());
        let book = self.book.without_requests(|other, _| Some(other) == evicted.as_ref());
        let book = book.with_request(id.clone(), request);
        let waiter = stale_token.is_none().then_some(from);
        self.save(ctx, book, Change::Request { waiter, id, evicted }, None);
    }

    /// The request that gives way to a new one, if one has to; fails if none may. Approvals that
    /// are kept are the operator's, and stay; so does what a node asks that is admitted.
    fn make_room(&mut self, ctx: &Context, new: &Candidate) -> Result<Option<RequestId>, Full> {
        let pending = &self.book.pending;
        let is_own = |request: &PairingRequest| are_counted_together(request.asker(), new.asker());
        let own = pending.values().filter(|request| is_own(request)).count();
        let is_crowded = own >= ctx.policy.pending_pairings_per_address;
        if !is_crowded && pending.len() < ctx.policy.pending_pairings {
            return Ok(None);
        }
        let places = pending.iter().filter(|(id, request)| {
            let may_go = request.approved_at.is_none() && !self.waiting.is_admitted(id);
            may_go && (!is_crowded || is_own(request))
        });
        let places = places.map(|(id, request)| Place {
            key: id,
            origin: request.asker().0,
            since: request.ts,
            // Whoever asks for something else instead has left the other request.
            is_abandoned: self.waiting.conn(id).is_none_or(|conn| conn == new.from.conn),
        });
        let evicted = giving_way(places, new.asker().0).cloned().ok_or(Full::ForYou)?;
        if ctx.now.mono < self.next_eviction {
            return Err(Full::ForNow);
        }
        self.next_eviction = ctx.after(limits::EVICTION_EVERY);
        Ok(Some(evicted))
    }

    /// Makes the token; it is sent once it is on disk.
    fn deliver(
        &mut self,
        ctx: &mut Context,
        conn: ConnId,
        id: RequestId,
        request: &PairingRequest,
        requester: Option<Requester>,
    ) {
        let token = ctx.ids.token();
        let book = self.book.with_pairing(request, token.hash(), ctx.now.wall);
        self.save(ctx, book, Change::Pairing { conn, id, token }, requester);
    }

    /// Every save brings profiles along; without one, they are saved after some time.
    fn save_profiles_later(&mut self, ctx: &mut Context) {
        self.has_unsaved_profiles = true;
        ctx.timers.set_if_unset(ctx.after(limits::PROFILES_SAVED_AFTER), Timer::Profiles);
    }

    fn save(
        &mut self,
        ctx: &mut Context,
        book: PairingBook,
        change: Change,
        requester: Option<Requester>,
    ) {
        ctx.outputs.push(Output::Save { book: book.clone() });
        self.unsaved = Some(Unsaved { book, change, requester });
    }

    /// A request is on disk: its connection waits, and operators see it.
    fn requested(&mut self, ctx: &mut Context, waiter: Option<Waiter>, id: RequestId) {
        ctx.counters.pairing_requests += 1;
        ctx.timers.set(ctx.after(limits::PAIRING_TTL), Timer::Pairing(id.clone()));
        let Some(request) = self.book.pending.get(&id).cloned() else { return };
        if let Some(waiter) = waiter {
            self.waiting.wait(ctx, waiter, id.clone(), request.node.clone());
        }
        let view = self.pending_view(&id, &request);
        ctx.publish(OperatorEvent::PairRequested(Box::new(view)));
    }

    /// A request as operators see it.
    pub(super) fn pending_view(&self, id: &RequestId, request: &PairingRequest) -> PendingView {
        PendingView {
            request_id: id.0.clone(),
            node_id: request.node.clone(),
            profile: request.profile.clone(),
            remote_ip: request.remote_ip.to_string(),
            silent: request.silent,
            is_repair: request.is_repair,
            conflict: request.conflict,
            stale_token: request.stale_token.is_some(),
            same_name_as: self.book.namesakes(request).find(|node| **node != request.node).cloned(),
            replaced: self.waiting.replaced.get(id).copied().unwrap_or_default(),
            waiting: self.waiting.waiters.contains_key(id),
            ts: request.ts.0,
            approved_at_ms: request.approved_at.map(|at| at.0),
        }
    }
}
