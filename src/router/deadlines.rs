//! One ordered set of what has to be looked at when. Entries are reminders, not facts: whoever is
//! reminded checks whether there is still something to do.

use crate::protocol::NodeId;
use crate::router::{CallId, ConnId, Mono, RequestId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reminder {
    /// Has this connection been admitted, or does it wait for an operator?
    Greeting(ConnId),
    /// Has this node been silent?
    Silence(ConnId),
    /// Is the cool-down of this connection's request over?
    Held(ConnId),
    /// Has anybody answered this request, or come for its approval?
    Pairing(RequestId),
    /// Has the backend answered this call?
    Call(CallId),
    /// Has the node answered this invoke?
    Invoke(Arc<str>),
    /// Has this finished invoke been remembered long enough?
    Forget(NodeId, String),
    /// Did this node come back?
    Absence(NodeId),
    /// Did this node come back for its subscriptions?
    Subscriptions(NodeId),
}

#[derive(Debug, Default)]
pub(super) struct Deadlines {
    set: BTreeSet<(Mono, Reminder)>,
}

impl Deadlines {
    pub(super) fn remind(&mut self, at: Mono, what: Reminder) {
        self.set.insert((at, what));
    }

    pub(super) fn cancel(&mut self, at: Mono, what: Reminder) {
        self.set.remove(&(at, what));
    }

    /// The first reminder that is due.
    pub(super) fn due(&mut self, now: Mono) -> Option<Reminder> {
        if self.set.first()?.0 > now {
            return None;
        }
        self.set.pop_first().map(|(_, what)| what)
    }

    pub(super) fn next(&self) -> Option<Mono> {
        self.set.first().map(|(at, _)| *at)
    }
}
