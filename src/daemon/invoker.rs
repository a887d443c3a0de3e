//! Thread `invokes`: the backend's invokes. It is one more operator of the router, whose answers
//! go to whoever asked instead of a socket, so that nobody has to wait for them.

use crate::backend::{InvokeAnswer, InvokeNumber};
use crate::link::{Inbox, Outbox, OutboxSender, ReplyHandle};
use crate::lock::lock;
use crate::protocol::operator::{InvokeNode, OperatorCall, OperatorFrame, OperatorRequest};
use crate::protocol::{limits, WireError};
use crate::router::{Input, OperatorId, Requester};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::thread::Builder;

/// Sends invokes to the router, and their answers to whoever asked.
pub(super) struct Invoker {
    op: OperatorId,
    inbox: Inbox,
    outbox: Arc<Outbox<OperatorFrame>>,
    open: Arc<Mutex<Open>>,
    /// The router knows where to send answers.
    introduced: Once,
}

#[derive(Default)]
struct Open {
    last: u64,
    answers: BTreeMap<u64, InvokeAnswer>,
}

impl Invoker {
    /// `last` is the number of the last operator.
    pub(super) fn start(inbox: &Inbox, last: &AtomicU64) -> io::Result<Self> {
        let op = OperatorId(last.fetch_add(1, Ordering::Relaxed) + 1);
        let outbox = Arc::new(Outbox::new(limits::LINE_OPERATOR)?);
        let open = Arc::<Mutex<Open>>::default();
        let (frames, waiting) = (outbox.clone(), open.clone());
        Builder::new().name("invokes".into()).stack_size(limits::STACK).spawn(move || {
            while let Some(frame) = frames.wait(None) {
                let OperatorFrame::Reply { id, result } = frame else { continue };
                let number = id.parse().unwrap_or_default();
                // Not under the lock: the answer may cause the next invoke.
                let answer = lock(&waiting).answers.remove(&number);
                if let Some(answer) = answer {
                    let answered = result.map(InvokeNode::answer);
                    answer(answered.map(|invoked| Some(invoked?.payload?.0)));
                }
            }
            for answer in std::mem::take(&mut lock(&waiting).answers).into_values() {
                answer(Err(WireError::unavailable("the bridge has ended")));
            }
        })?;
        Ok(Self { op, inbox: inbox.clone(), outbox, open, introduced: Once::new() })
    }

    /// Whether it still takes invokes.
    pub(super) fn is_open(&self) -> bool {
        self.outbox.is_open()
    }

    pub(super) fn invoke(&self, invoke: InvokeNode, answer: InvokeAnswer) -> InvokeNumber {
        let mut open = lock(&self.open);
        open.last += 1;
        let number = open.last;
        open.answers.insert(number, answer);
        drop(open);
        let id = number.to_string().into();
        let request = OperatorRequest { id, command: Ok(invoke.into_command()) };
        let input = Input::Operator { op: self.op, request };
        // The first one tells the router where to send answers; no other may overtake it.
        let posted = match number {
            1 => {
                let reply = ReplyHandle::Operator(OutboxSender(self.outbox.clone()));
                let posted = self.inbox.introduce(input, reply);
                self.introduced.call_once(|| {});
                posted
            }
            _ => {
                self.introduced.wait();
                self.inbox.post(input)
            }
        };
        if posted.is_err() {
            if let Some(answer) = lock(&self.open).answers.remove(&number) {
                answer(Err(WireError::unavailable("the bridge has ended")));
            }
        }
        InvokeNumber { op: self.op.0, number }
    }

    pub(super) fn cancel(&self, InvokeNumber { op, number }: InvokeNumber) {
        if op == self.op.0 && lock(&self.open).answers.remove(&number).is_some() {
            let requester = Requester { op: self.op, id: number.to_string().into() };
            let _ = self.inbox.post(Input::Cancelled(requester));
        }
    }
}

impl Drop for Invoker {
    fn drop(&mut self) {
        // The router drops its end of the outbox, and with that the thread ends.
        let _ = self.inbox.post(Input::OperatorGone { op: self.op });
        self.outbox.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::thread;

    #[test]
    fn of_two_first_invokes_none_reaches_the_router_before_it_knows_where_to_answer() {
        for _ in 0..200 {
            let (inbox, inputs) = Inbox::new();
            let invoker = Invoker::start(&inbox, &AtomicU64::new(0)).unwrap();
            let together = Barrier::new(2);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        together.wait();
                        let invoke = InvokeNode {
                            node_id: "phone".into(),
                            command: "lamp.on".into(),
                            params: None,
                            timeout_ms: None,
                            idempotency_key: None,
                        };
                        invoker.invoke(invoke, Box::new(drop));
                    });
                }
            });
            assert!(inputs.next_now().unwrap().reply.is_some());
            assert!(inputs.next_now().unwrap().reply.is_none());
        }
    }
}
