//! All decisions, and nothing else.
//!
//! [`Router`] is a plain struct: an [`Input`] and the time go in, a list of [`Output`]s comes
//! out. It has no sockets, files, threads, clock or randomness of its own, so the same inputs
//! always give the same outputs.
//!
//! **The contract of the run loop:** carry out every output of one `handle`, in order, before
//! giving the next input; a [`Output::Save`] is always the last one, and the next input after it
//! is `Saved` or `SaveFailed`.
//!
//! What holds at all times:
//! * a node id has at most one admitted connection, and the newest wins;
//! * before it is admitted, a connection can say hello, ask to be paired, or leave;
//! * an answer is accepted only from the connection that was asked, and only once;
//! * the pairing book is the one on disk, but for requests that have expired since.
//!
//! The loop around it, here with a stranger who says hello:
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
//!     Input::Connected { conn, peer: [192, 168, 1, 20].into() },
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

mod book;
mod connections;
mod cooldown;
mod deadlines;
mod handshake;
mod input;
mod invoke;
mod keepalive;
mod operators;
mod output;
mod pairing;
mod policy;
mod rpc;
mod saved;
mod subscriptions;
mod views;

pub use book::{PairedNode, PairingBook, PairingRequest, RequestId};
pub use input::{
    Audience, BackendEvent, CallId, ConnId, Input, Mono, Now, OperatorId, Requester, Wall,
};
pub use output::{Caller, CloseReason, DaemonTask, NodeNotice, Output};
pub use policy::Policy;

use crate::protocol::operator::{Answer, Counters};
use crate::protocol::{NodeId, Token, WireError};
use connections::Connection;
use cooldown::CoolDowns;
use deadlines::{Deadlines, Reminder};
use invoke::Invokes;
use operators::Watchers;
use rpc::Calls;
use saved::AfterSave;
use std::collections::BTreeMap;
use subscriptions::Subscriptions;

/// Where new names and secrets come from: the system's random source in the daemon, a counter in
/// tests.
pub trait Ids: Send {
    /// A name that was never given before.
    fn unique(&mut self) -> String;
    /// A secret that nobody can guess.
    fn token(&mut self) -> Token;
}

/// The gateway's decisions and everything they depend on.
pub struct Router {
    /// The time of the input that is being handled.
    now: Now,
    policy: Policy,
    book: PairingBook,
    ids: Box<dyn Ids>,
    connections: BTreeMap<ConnId, Connection>,
    online: BTreeMap<NodeId, ConnId>,
    /// When nodes that are not here were here last.
    last_seen: BTreeMap<NodeId, Wall>,
    /// Nodes that went away a moment ago; whether operators have been told yet.
    absent: BTreeMap<NodeId, Absence>,
    cool_downs: CoolDowns,
    /// When each request or kept approval is forgotten.
    pairing_ends: BTreeMap<RequestId, Mono>,
    /// How often the connection that waits for a request gave way to another one.
    replaced: BTreeMap<RequestId, u32>,
    calls: Calls,
    invokes: Invokes,
    subscriptions: Subscriptions,
    watchers: Watchers,
    deadlines: Deadlines,
    counters: Counters,
    /// The program is ending; whoever still comes has to go again.
    stopping: bool,
    /// What the last save is for, until it is known to have worked.
    unsaved: Option<(PairingBook, AfterSave)>,
    /// Gathered during one `handle`.
    out: Vec<Output>,
}

/// A node that was connected until a moment ago.
#[derive(Debug)]
struct Absence {
    since: Mono,
    announced: bool,
}

impl Router {
    /// A router with what the pairing files held at the start.
    pub fn new(now: Now, policy: Policy, book: PairingBook, ids: Box<dyn Ids>) -> Self {
        let mut router = Self {
            now,
            policy,
            book,
            ids,
            connections: BTreeMap::new(),
            online: BTreeMap::new(),
            last_seen: BTreeMap::new(),
            absent: BTreeMap::new(),
            cool_downs: CoolDowns::default(),
            pairing_ends: BTreeMap::new(),
            replaced: BTreeMap::new(),
            calls: Calls::default(),
            invokes: Invokes::default(),
            subscriptions: Subscriptions::default(),
            watchers: Watchers::default(),
            deadlines: Deadlines::default(),
            counters: Counters::default(),
            stopping: false,
            unsaved: None,
            out: Vec::new(),
        };
        router.remind_of_pending();
        router
    }

    /// Decides what follows from an input.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Output> {
        self.now = now;
        match input {
            Input::Connected { conn, peer } => self.connected(conn, peer),
            Input::Frame { conn, frame } => self.frame(conn, frame),
            Input::BadFrame { conn, bad } => self.bad_frame(conn, &bad),
            Input::Activity { conn } => self.heard(conn),
            Input::Disconnected { conn } => self.disconnected(conn),
            Input::Operator { op, request } => self.operator(op, request),
            Input::OperatorGone { op } => self.operator_gone(op),
            Input::Answered { call, result } => self.answered(call, result),
            Input::BackendEvent(news) => self.news(news),
            Input::Saved => self.saved(),
            Input::SaveFailed { reason } => self.save_failed(&reason),
            Input::Configured { policy, reply } => self.configured(policy, reply),
            Input::Tick => {}
            Input::Stop => self.stop(),
        }
        // Reminders may save, too, and one save is under way at most.
        while self.unsaved.is_none() {
            let Some(reminder) = self.deadlines.due(now.mono) else { break };
            self.remind(reminder);
        }
        std::mem::take(&mut self.out)
    }

    /// When `handle` wants to be called again, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.deadlines.next()
    }

    fn remind(&mut self, reminder: Reminder) {
        match reminder {
            Reminder::Greeting(conn) => self.check_greeting(conn),
            Reminder::Silence(conn) => self.check_silence(conn),
            Reminder::Held(conn) => self.check_held(conn),
            Reminder::Pairing(request) => self.check_pairing(&request),
            Reminder::Call(call) => self.check_call(call),
            Reminder::Invoke(id) => self.check_invoke(&id),
            Reminder::Forget(node, key) => self.invokes.forget(self.now.mono, &node, &key),
            Reminder::Absence(node) => self.check_absence(&node),
            Reminder::Subscriptions(node) => self.check_subscriptions(&node),
        }
    }

    /// Asks for the book to be written; `after` happens when it is.
    fn save(&mut self, book: PairingBook, after: AfterSave) {
        self.out.push(Output::Save { book: book.clone() });
        self.unsaved = Some((book, after));
    }

    fn configured(
        &mut self,
        policy: Option<Box<Policy>>,
        reply: Option<(Requester, Result<Answer, WireError>)>,
    ) {
        if let Some(policy) = policy {
            self.policy = *policy;
        }
        if let Some((to, result)) = reply {
            self.out.push(Output::Reply { to, result });
        }
    }

    fn stop(&mut self) {
        self.stopping = true;
        let open: Vec<ConnId> = self.connections.keys().copied().collect();
        for conn in open {
            self.close(conn, CloseReason::Stopping);
        }
    }
}
