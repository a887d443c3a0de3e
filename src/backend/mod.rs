//! Who answers what nodes ask: the seam between the bridge and the gateway behind it.
//!
//! The bridge passes calls on and guarantees their order and their answers; what they mean is the
//! backend's business. [`embedded::Embedded`] keeps everything in local files; a Rust program can
//! bring its own [`Backend`]. Everything its author needs is here and in [`crate::protocol`].

pub mod embedded;
pub mod openclaw;
mod queue;
mod requests;
mod task;
mod workers;

pub(crate) use task::Job;
pub(crate) use workers::Workers;

pub use crate::protocol::{ErrorCode, Method, NodeId, Payload, WireError};
pub use crate::router::{Audience, BackendEvent, Caller, Document, NodeNotice};

use crate::protocol::operator::InvokeNode;
use crate::protocol::rpc;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Answers the calls of nodes and operators.
///
/// Calls and notices come from a few worker threads at once and may block, for files for instance.
/// The notices of one node, and those of its calls that change something, come one at a time, in
/// the node's order. No node has all workers, so a slow call holds up its own node only. A call that
/// takes longer than [`limits::CALL_DEADLINE`](crate::protocol::limits::CALL_DEADLINE) is answered
/// with an error.
pub trait Backend: Send + Sync + 'static {
    /// Receives the way to send events and to publish results. Called once, before anything else.
    fn start(&self, outlet: Arc<dyn Outlet>) {
        let _ = outlet;
    }

    /// Answers a call. `params` is JSON text that has not been checked (protocol section 5).
    ///
    /// # Errors
    /// What the caller gets instead of a result.
    fn call(
        &self,
        caller: &Caller,
        method: Method,
        params: Option<&str>,
    ) -> Result<Payload, WireError>;

    /// A node came, went, or sent an event. Where a backlog waits, only the last coming and the last
    /// going of a node are in it, and events of a node that sends too many are dropped.
    fn notice(&self, notice: NodeNotice) {
        let _ = notice;
    }

    /// The bridge ends; no event is sent after this. What has not ended within `timeout` is cut
    /// off.
    fn stop(&self, timeout: Duration) {
        let _ = timeout;
    }
}

/// Takes the answer to an invoke: the node's JSON text, if it sent any.
pub type InvokeAnswer = Box<dyn FnOnce(Result<Option<Payload>, WireError>) + Send>;

/// An invoke that was requested with [`Outlet::invoke`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvokeNumber {
    pub(crate) op: u64,
    pub(crate) number: u64,
}

/// The backend's way to nodes and operators.
pub trait Outlet: Send + Sync {
    /// Sends an event. Waits while the router has much to do; after the end of the bridge,
    /// nothing happens.
    fn send(&self, event: BackendEvent);

    /// Publishes the result of a method, which nodes get from then on without a call, until the
    /// next one of the same method. For results that many nodes ask for and that seldom change.
    fn set_document(&self, document: Document) {
        let _ = document;
    }

    /// Has a node run a command, as an operator would. `answer` is called once, on a thread of the
    /// bridge that must not wait, unless [`Outlet::cancel`] comes first.
    fn invoke(&self, invoke: InvokeNode, answer: InvokeAnswer) -> InvokeNumber {
        let _ = invoke;
        answer(Err(WireError::unavailable("there is no bridge")));
        InvokeNumber::default()
    }

    /// The answer of this invoke is not wanted any more. A node that has the invoke already is not
    /// stopped.
    fn cancel(&self, invoke: InvokeNumber) {
        let _ = invoke;
    }

    /// The Unix socket for operators, if there is one.
    fn control_socket(&self) -> Option<&Path> {
        None
    }

    /// The name of a paired node, as operators see it. Waits for the router, so it is nothing for a
    /// thread that the router waits for.
    fn node_name(&self, node: &NodeId) -> Option<String> {
        let _ = node;
        None
    }
}

impl dyn Outlet {
    /// Sends an event of the protocol.
    pub fn publish<E: rpc::Event>(&self, to: Audience, event: &E) {
        let payload = Some(rpc::encode(event));
        self.send(BackendEvent { to, event: E::EVENT.as_str().into(), payload });
    }
}
