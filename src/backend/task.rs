//! What the backend is asked to do.

use crate::backend::{Caller, Method, NodeNotice, Payload};
use crate::protocol::limits;
use crate::router::CallId;
use std::mem::discriminant;

/// A call on its way to the backend.
#[derive(Debug)]
pub(crate) struct Job {
    /// Returned with the answer.
    pub(crate) call: CallId,
    pub(crate) caller: Caller,
    pub(crate) method: Method,
    pub(crate) params: Option<Payload>,
}

#[derive(Debug)]
pub(super) enum Task {
    Call(Job),
    Notice(NodeNotice),
}

impl Task {
    pub(super) fn caller(&self) -> Caller {
        match self {
            Self::Call(job) => job.caller.clone(),
            Self::Notice(
                NodeNotice::Online { node, .. }
                | NodeNotice::Changed { node, .. }
                | NodeNotice::Offline(node)
                | NodeNotice::Event { node, .. }
                | NodeNotice::Subscription { node, .. },
            ) => Caller::Node(node.clone()),
        }
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> u64 {
        let text = match self {
            Self::Call(job) => job.params.as_ref().map_or(0, |params| params.len()),
            Self::Notice(NodeNotice::Event { event, payload, .. }) => event.len() + payload.len(),
            Self::Notice(_) => 0,
        };
        limits::TASK_BYTES + text as u64
    }

    /// Whether it has to wait for what its node sent before. Operators make one call at a time.
    pub(super) fn is_ordered(&self) -> bool {
        match self {
            Self::Call(job) => job.caller != Caller::Operator && job.method.changes_something(),
            Self::Notice(_) => true,
        }
    }

    /// Whether it says that a node came, went, or is another than before.
    pub(super) fn is_presence(&self) -> bool {
        let Self::Notice(notice) = self else { return false };
        matches!(
            notice,
            NodeNotice::Online { .. } | NodeNotice::Changed { .. } | NodeNotice::Offline(_)
        )
    }

    /// Whether the same node has come, or gone, once more since.
    pub(super) fn is_superseded_by(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Notice(this), Self::Notice(other)) => {
                later.is_presence() && discriminant(this) == discriminant(other)
            }
            _ => false,
        }
    }
}
