//! Everything that happens, on its way to the router: one queue, one order.

use crate::link::{Gate, Outbox};
use crate::protocol::operator::OperatorFrame;
use crate::protocol::{limits, GatewayFrame};
use crate::router::Input;
use crossbeam_channel::{bounded, Receiver, RecvTimeoutError, Sender};
use std::sync::Arc;
use std::time::Duration;

/// An input, and for a newcomer the way back to it. The way back stays with the router thread;
/// the router itself only knows numbers.
#[derive(Debug)]
pub struct Posted {
    /// What happened.
    pub input: Input,
    /// How to reach the newcomer.
    pub door: Option<Door>,
}

/// The way back to a connection.
#[derive(Debug)]
pub enum Door {
    /// To a node.
    Node {
        /// What waits for it.
        outbox: Arc<Outbox<GatewayFrame>>,
        /// Who counts it.
        gate: Arc<Gate>,
    },
    /// To an operator.
    Operator(Arc<Outbox<OperatorFrame>>),
}

/// The sending end. Whoever posts waits while the router has [`limits::INBOX`] inputs to do: so
/// a flood is slowed down where it comes from.
#[derive(Clone, Debug)]
pub struct Inbox {
    sender: Sender<Posted>,
}

/// The router is gone; the program is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl Inbox {
    /// Both ends.
    pub fn new() -> (Self, Inputs) {
        let (sender, receiver) = bounded(limits::INBOX);
        (Self { sender }, Inputs { receiver })
    }

    /// Posts an input.
    ///
    /// # Errors
    /// The router is gone.
    pub fn post(&self, input: Input) -> Result<(), Closed> {
        self.sender.send(Posted { input, door: None }).map_err(|_| Closed)
    }

    /// Posts a newcomer's first input together with the way back.
    ///
    /// # Errors
    /// The router is gone.
    pub fn introduce(&self, input: Input, door: Door) -> Result<(), Closed> {
        self.sender.send(Posted { input, door: Some(door) }).map_err(|_| Closed)
    }
}

/// The receiving end, held by the router thread.
#[derive(Debug)]
pub struct Inputs {
    receiver: Receiver<Posted>,
}

impl Inputs {
    /// The next input; a tick if none comes in time; `None` when nobody is left to send one.
    pub fn next(&self, wait: Option<Duration>) -> Option<Posted> {
        let received = match wait {
            Some(wait) => self.receiver.recv_timeout(wait),
            None => self.receiver.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(posted) => Some(posted),
            Err(RecvTimeoutError::Timeout) => Some(Posted { input: Input::Tick, door: None }),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}
