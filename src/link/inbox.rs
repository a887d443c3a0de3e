//! The router's input queue: everything that happens, in one order.

use crate::link::{ConnectionLimiter, OutboxSender};
use crate::protocol::operator::OperatorFrame;
use crate::protocol::{limits, GatewayFrame};
use crate::router::Input;
use crossbeam_channel::{bounded, Receiver, RecvTimeoutError, Sender};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// An input, and with a connection's first input the handle for replies, which stays with the
/// router thread: the router itself only knows numbers.
#[derive(Debug)]
pub(crate) struct Posted {
    pub input: Input,
    pub reply: Option<ReplyHandle>,
}

/// Where the router thread sends a connection's frames.
#[derive(Debug)]
pub(crate) enum ReplyHandle {
    Node { outbox: OutboxSender<GatewayFrame>, limiter: Arc<ConnectionLimiter> },
    Operator(OutboxSender<OperatorFrame>),
}

/// The sending end. Posting blocks while [`limits::INBOX`] inputs wait, so that a flood is slowed
/// down at its source.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    sender: Sender<Posted>,
    ended: Arc<AtomicBool>,
}

/// The router has ended, because the program is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

impl Inbox {
    pub(crate) fn new() -> (Self, Inputs) {
        let (sender, receiver) = bounded(limits::INBOX);
        let ended = Arc::new(AtomicBool::new(false));
        (Self { sender, ended: ended.clone() }, Inputs { receiver, ended })
    }

    pub(crate) fn post(&self, input: Input) -> Result<(), Closed> {
        self.sender.send(Posted { input, reply: None }).map_err(|_| Closed)
    }

    /// Posts a new connection's first input together with the handle for replies.
    pub(crate) fn introduce(&self, input: Input, reply: ReplyHandle) -> Result<(), Closed> {
        self.sender.send(Posted { input, reply: Some(reply) }).map_err(|_| Closed)?;
        // Either this is seen here, or the input was in the queue when it was emptied.
        if self.ended.load(Ordering::SeqCst) {
            return Err(Closed);
        }
        Ok(())
    }
}

/// The receiving end, held by the router thread.
#[derive(Debug)]
pub(crate) struct Inputs {
    receiver: Receiver<Posted>,
    ended: Arc<AtomicBool>,
}

impl Inputs {
    /// The next input; a tick if none comes in time; `None` when nobody is left to send one.
    pub(crate) fn next(&self, wait: Option<Duration>) -> Option<Posted> {
        let received = match wait {
            Some(wait) => self.receiver.recv_timeout(wait),
            None => self.receiver.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(posted) => Some(posted),
            Err(RecvTimeoutError::Timeout) => Some(Posted { input: Input::Tick, reply: None }),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}

impl Drop for Inputs {
    /// Without this, the channel would keep unread inputs as long as a sender exists, and with them
    /// the reply handles of new connections, which would then never close.
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        while self.receiver.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Outbox;
    use crate::protocol::operator::{GetStatus, OperatorCommand, OperatorRequest};
    use crate::router::OperatorId;
    use std::time::Instant;

    #[test]
    fn a_newcomer_whom_the_router_never_met_does_not_wait_for_it() {
        let (inbox, inputs) = Inbox::new();
        let outbox = Arc::new(Outbox::new(0).unwrap());
        let come = || {
            let request = OperatorRequest {
                id: "1".into(),
                command: Ok(OperatorCommand::GetStatus(GetStatus {})),
            };
            let input = Input::Operator { op: OperatorId(1), request };
            inbox.introduce(input, ReplyHandle::Operator(OutboxSender(outbox.clone())))
        };
        come().unwrap();
        drop(inputs);
        let began = Instant::now();
        assert_eq!(outbox.wait(Some(began + Duration::from_secs(60))), None);
        assert!(began.elapsed() < Duration::from_secs(30));
        assert_eq!(come(), Err(Closed));
    }
}
