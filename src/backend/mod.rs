//! Who answers what nodes ask: the seam between the bridge and the gateway behind it.
//!
//! Floor 2. The bridge passes calls on, with their order and their answers guaranteed; what they
//! mean is the backend's business. [`embedded::Embedded`] keeps everything in local files; a Rust
//! program can bring its own.

pub mod embedded;
mod turns;
mod workers;

pub use workers::{Job, Workers};

use crate::protocol::{Method, Payload, WireError};
use crate::router::{BackendEvent, Caller, NodeNotice};
use std::sync::Arc;
use std::time::Duration;

/// Answers the calls of nodes and operators.
///
/// Calls come from a few worker threads at once and may block, for files for instance. Those of one
/// node that change something come one at a time, in the node's order. A call that
/// takes longer than [`limits::CALL_DEADLINE`](crate::protocol::limits::CALL_DEADLINE) is
/// answered without it. Notices come one at a time, in order, from a thread of their own.
pub trait Backend: Send + Sync + 'static {
    /// The way to speak up on its own. Called once, before anything else.
    fn start(&self, outlet: Arc<dyn Outlet>) {
        let _ = outlet;
    }

    /// Answers a call. `params` is JSON text that nobody has looked at (protocol section 5).
    ///
    /// # Errors
    /// What the caller is told instead of a result.
    fn call(
        &self,
        caller: &Caller,
        method: Method,
        params: Option<&str>,
    ) -> Result<Payload, WireError>;

    /// A node came, went, or said something.
    fn notice(&self, notice: NodeNotice) {
        let _ = notice;
    }

    /// The bridge ends; nobody is told anything after this. What has not ended within this time
    /// will be cut off.
    fn stop(&self, patience: Duration) {
        let _ = patience;
    }
}

/// The backend's way to tell nodes and operators something they did not ask for.
pub trait Outlet: Send + Sync {
    /// Tells somebody. Waits while the router has much to do; after the end of the bridge,
    /// nothing happens.
    fn tell(&self, news: BackendEvent);
}
