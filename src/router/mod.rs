//! All decisions, and nothing else.
//!
//! [`Router`] is a plain struct: an [`Input`] and the time go in, a list of [`Output`]s comes
//! out. It has no sockets, files, threads, clock or randomness of its own, so the same inputs
//! always give the same outputs.
//!
//! **The contract of the run loop:** carry out every output of one `handle`, in order, before
//! giving the next input; a [`Output::Save`] is always the last one, and the next input after it
//! is `Saved` or `SaveFailed`. A frame is carried out when it is queued for its connection.
//!
//! What holds at all times:
//! * a node id has at most one admitted connection, and the newest wins;
//! * before it is admitted, a connection can say hello, ask to be paired, or leave;
//! * an answer is accepted only from the connection that was asked, and only once;
//! * the pairing book is the one on disk, but for requests that have expired and what nodes said
//!   about themselves since.
//!
//! The loop around it, here with a node that says hello and is not paired:
//!
//! ```
//! use openclaw_bridge::protocol::{GatewayFrame, Token};
//! use openclaw_bridge::router::{ConnId, Ids, Input, Mono, Now, Output, PairingBook, Policy};
//! use openclaw_bridge::router::{Router, Wall};
//! use std::collections::VecDeque;
//!
//! struct Counting(u128);
//! impl Ids for Counting {
//!     fn unique(&mut self) -> String { self.0 += 1; self.0.to_string() }
//!     fn token(&mut self) -> Token { self.0 += 1; Token::from_bits(self.0) }
//! }
//!
//! let now = Now { mono: Mono::default(), wall: Wall(1_800_000_000_000) };
//! let ids = Box::new(Counting(0));
//! let mut router = Router::new(now, Policy::default(), PairingBook::default(), ids);
//! let conn = ConnId(1);
//! let line = br#"{"type":"hello","nodeId":"kitchen"}"#;
//! let frame = openclaw_bridge::protocol::NodeFrame::decode(line).unwrap().unwrap();
//! let mut inputs = VecDeque::from([
//!     Input::Connected { conn, peer: [192, 168, 1, 20].into(), local: [192, 168, 1, 5].into() },
//!     Input::Frame { conn, frame },
//! ]);
//! let mut sent = Vec::new();
//! while let Some(input) = inputs.pop_front() {
//!     for output in router.handle(now, input) {
//!         match output {
//!             Output::Send { frame, .. } => sent.push(frame),
//!             // Write the files, then say so before anything else is said.
//!             Output::Save { .. } => inputs.push_front(Input::Saved),
//!             other => println!("{other:?}"),
//!         }
//!     }
//! }
//! assert!(matches!(&sent[..], [GatewayFrame::Error(error)] if error.message == "pairing required"));
//! ```
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod calls;
mod connections;
mod context;
mod documents;
mod events;
mod find;
mod frames;
mod input;
mod invokes;
mod lookup;
mod operators;
mod output;
mod pairing;
mod policy;
mod timers;
mod views;

pub use input::{
    Audience, BackendEvent, CallId, ConnId, Document, Input, Mono, Now, OperatorId, Requester, Wall,
};
pub use output::{Caller, CloseReason, DaemonTask, NodeNotice, Output};
pub use pairing::{PairedNode, PairingBook, PairingRequest, RequestId};
pub use policy::Policy;

use crate::protocol::{Token, WireError};
use calls::Calls;
use connections::Connections;
use context::Context;
use events::Subscriptions;
use find::ClearIds;
use invokes::Invokes;
use pairing::Pairing;
use timers::Timer;

/// Where new names and secrets come from: the system's random source in the daemon, a counter in
/// tests.
pub trait Ids: Send {
    /// A name that was never given before.
    fn unique(&mut self) -> String;
    /// A secret that nobody can guess.
    fn token(&mut self) -> Token;
}

/// The gateway's decisions and everything they depend on.
///
/// Each concern has one owner. The router passes an input to the owners it concerns; owners write
/// their outputs and timers into the context, and at most read another owner.
pub struct Router {
    ctx: Context,
    connections: Connections,
    pairing: Pairing,
    calls: Calls,
    invokes: Invokes,
    subscriptions: Subscriptions,
    clear_ids: ClearIds,
    /// The program is ending; new connections are closed at once.
    stopping: bool,
}

impl Router {
    /// A router with what the pairing files held at the start.
    pub fn new(now: Now, policy: Policy, book: PairingBook, ids: Box<dyn Ids>) -> Self {
        let mut ctx = Context::new(now, policy, ids);
        let pairing = Pairing::new(&mut ctx, book);
        Self {
            ctx,
            connections: Connections::default(),
            pairing,
            calls: Calls::default(),
            invokes: Invokes::default(),
            subscriptions: Subscriptions::default(),
            clear_ids: ClearIds::default(),
            stopping: false,
        }
    }

    /// Decides what follows from an input.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Output> {
        self.ctx.now = now;
        self.dispatch(input);
        self.forget_closed(CONNECTION_CLOSED);
        // Timers may save, too, and one save is under way at most.
        while self.pairing.unsaved.is_none() {
            let Some(timer) = self.ctx.timers.pop_due(now.mono) else { break };
            self.timer(timer);
            self.forget_closed(CONNECTION_CLOSED);
        }
        std::mem::take(&mut self.ctx.outputs)
    }

    /// When `handle` wants to be called again, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.ctx.timers.next()
    }

    fn dispatch(&mut self, input: Input) {
        let ctx = &mut self.ctx;
        match input {
            Input::Connected { conn, peer, local } => {
                self.connections.connected(ctx, conn, peer, local);
                if self.stopping {
                    // It was accepted before the stop, and arrives after it.
                    ctx.close(conn, CloseReason::Stopping);
                }
            }
            Input::Frame { conn, frame } => self.frame(conn, frame),
            Input::BadFrame { conn, bad } => self.bad_frame(conn, &bad),
            Input::Activity { conn } => drop(self.connections.activity(ctx, conn)),
            Input::Disconnected { conn } => self.forget_connection(conn, CONNECTION_CLOSED),
            Input::Operator { op, request } => self.operator(op, request),
            Input::OperatorGone { op } => {
                ctx.subscribers.remove(&op);
                self.invokes.operator_gone(op);
            }
            Input::Cancelled(requester) => self.invokes.cancelled(&requester),
            Input::Answered { call, result } => self.calls.answered(ctx, call, result),
            Input::Document(document) => self.calls.documents.publish(document),
            Input::BackendEvent(event) => self.subscriptions.fan_out(ctx, &self.connections, event),
            Input::Saved => self.saved(),
            Input::SaveFailed { reason } => self.save_failed(&reason),
            Input::Configured { policy, reply } => {
                if let Some(policy) = policy {
                    ctx.policy = *policy;
                    self.subscriptions.narrow(ctx);
                }
                if let Some((to, result)) = reply {
                    ctx.reply(to, result);
                }
            }
            Input::Tick => {}
            Input::Stop => {
                self.stopping = true;
                for conn in self.connections.ids() {
                    self.close(conn, CloseReason::Stopping);
                }
                self.save_profiles();
            }
        }
    }

    fn timer(&mut self, timer: Timer) {
        let ctx = &mut self.ctx;
        match timer {
            Timer::Greeting(conn) => {
                let is_unauthenticated = self.connections.node(conn).is_none();
                if is_unauthenticated && !self.pairing.waiting.contains(conn) {
                    ctx.close(conn, CloseReason::NoGreeting);
                }
            }
            Timer::Silence(conn) => {
                self.connections.check_silence(ctx, conn, self.invokes.busy_until(conn));
            }
            Timer::CoolDown(conn) => {
                if let Some(candidate) = self.pairing.waiting.held.remove(&conn) {
                    self.pairing.request(ctx, candidate);
                }
            }
            Timer::Pairing(id) => self.expired(&id),
            Timer::Profiles => self.save_profiles(),
            Timer::Call(call) => {
                // Android waits forever for an answer, so there is one even when the backend hangs.
                let error = WireError::unavailable("the gateway took too long to answer");
                self.calls.answered(ctx, call, Err(error));
            }
            Timer::Invoke(id) => self.invokes.timed_out(ctx, &id),
            Timer::Outcome(node, key) => self.invokes.forget_outcome(node, key),
            Timer::Absence(node) => {
                let paired = self.pairing.paired(&node).map(AsRef::as_ref);
                self.connections.announce_absence(ctx, &node, paired);
            }
            Timer::Subscriptions(node) => self.subscriptions.forget(ctx, &node),
        }
    }

    fn close(&mut self, conn: ConnId, why: CloseReason) {
        self.ctx.close(conn, why);
        self.forget_closed(CONNECTION_CLOSED);
    }

    /// Drops the state of the connections that were closed since the last time.
    fn forget_closed(&mut self, reason: &'static str) {
        for conn in std::mem::take(&mut self.ctx.closed) {
            self.forget_connection(conn, reason);
        }
    }

    /// Drops the state of a connection that is gone. `reason` is the error of its invokes.
    fn forget_connection(&mut self, conn: ConnId, reason: &'static str) {
        self.calls.forget_connection(&mut self.ctx, conn);
        self.invokes.forget_connection(&mut self.ctx, conn, reason);
        self.pairing.waiting.forget_connection(&mut self.ctx, conn);
        if let Some(node) = self.connections.forget_connection(&mut self.ctx, conn) {
            self.subscriptions.forget_later(&mut self.ctx, node);
        }
    }
}

/// The error of an invoke whose connection is gone.
const CONNECTION_CLOSED: &str = "bridge connection closed";

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").field("stopping", &self.stopping).finish_non_exhaustive()
    }
}
