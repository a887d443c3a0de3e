//! The router's input queue: everything that happens, in one order.

use crate::link::{ConnectionLimiter, OutboxSender};
use crate::protocol::operator::OperatorFrame;
use crate::protocol::{limits, GatewayFrame};
use crate::router::Input;
use crossbeam_channel::{bounded, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// An input, and with a connection's first input the handle for replies, which stays with the
/// router thread: the router itself only knows numbers.
#[derive(Debug)]
pub(crate) struct Posted {
    pub input: Input,
    pub reply: Option<ReplyHandle>,
    /// Dropped when the input has been handled; its sender may wait for that.
    pub handled: Option<Sender<()>>,
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
    // Dropped after the sender: the router has to notice when the last one is gone.
    router: WakeOnDrop,
}

#[derive(Clone, Debug)]
struct WakeOnDrop(Arc<RouterState>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// What the senders know about the router thread.
#[derive(Debug, Default)]
struct RouterState {
    thread: OnceLock<Thread>,
    /// The thread is parked, or is about to be.
    is_parked: AtomicBool,
    ended: AtomicBool,
    /// Somebody stays awake for the router's next answer.
    is_awaited: AtomicBool,
}

impl RouterState {
    fn wake(&self) {
        if self.is_parked.swap(false, Ordering::SeqCst) {
            if let Some(thread) = self.thread.get() {
                thread.unpark();
            }
        }
    }
}

/// The router has ended, because the program is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

impl Inbox {
    pub(crate) fn new() -> (Self, Inputs) {
        let (sender, receiver) = bounded(limits::INBOX);
        let router = Arc::new(RouterState::default());
        (Self { sender, router: WakeOnDrop(router.clone()) }, Inputs { receiver, router })
    }

    /// Posts an input. One with a long text waits until it has been handled, so that no connection
    /// and no worker ever has more than one of them in the queue.
    pub(crate) fn post(&self, input: Input) -> Result<(), Closed> {
        if input.weight() <= limits::LINE_BUFFER_KEPT {
            return self.send(Posted { input, reply: None, handled: None });
        }
        let (handled, wait) = bounded(0);
        self.send(Posted { input, reply: None, handled: Some(handled) })?;
        while wait.recv_timeout(limits::STOP_DEADLINE) == Err(RecvTimeoutError::Timeout) {
            if self.router.0.ended.load(Ordering::SeqCst) {
                return Err(Closed);
            }
        }
        Ok(())
    }

    /// Posts a new connection's first input together with the handle for replies.
    pub(crate) fn introduce(&self, input: Input, reply: ReplyHandle) -> Result<(), Closed> {
        self.send(Posted { input, reply: Some(reply), handled: None })?;
        // Either this is seen here, or the input was in the queue when it was emptied.
        if self.router.0.ended.load(Ordering::SeqCst) {
            return Err(Closed);
        }
        Ok(())
    }

    /// Looks for what the router's next output brings, for [`limits::STAY_AWAKE`] at most: where
    /// one waits, this saves waking it. Only one thread at a time does so.
    pub(crate) fn stay_awake<T>(&self, look: impl FnMut() -> Option<T>) -> Option<T> {
        if self.router.0.is_awaited.swap(true, Ordering::Relaxed) {
            return None;
        }
        let found = look_for(limits::STAY_AWAKE, look);
        self.router.0.is_awaited.store(false, Ordering::Relaxed);
        found
    }

    fn send(&self, posted: Posted) -> Result<(), Closed> {
        self.sender.send(posted).map_err(|_| Closed)?;
        self.router.0.wake();
        Ok(())
    }
}

/// The receiving end, held by the router thread.
#[derive(Debug)]
pub(crate) struct Inputs {
    receiver: Receiver<Posted>,
    router: Arc<RouterState>,
}

impl Inputs {
    pub(crate) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// The next input if there is one.
    pub(crate) fn next_now(&self) -> Option<Posted> {
        self.receiver.try_recv().ok()
    }

    /// The next input; a tick if none comes in time; `None` when nobody is left to send one.
    ///
    /// Where each input is waited for, waking this thread is most of its cost. So it stays awake for
    /// a moment, in which everybody else who has work goes first, and then parks itself, because the
    /// channel would spin before.
    pub(crate) fn next(&self, wait: Option<Duration>) -> Option<Posted> {
        let began = Instant::now();
        let _ = self.router.thread.set(thread::current());
        let span = limits::STAY_AWAKE.min(wait.unwrap_or(Duration::MAX));
        if let Some(posted) = look_for(span, || self.next_now()) {
            return Some(posted);
        }
        loop {
            self.router.is_parked.store(true, Ordering::SeqCst);
            // What came before the flag was set is not announced.
            let received = self.receiver.try_recv();
            let left = wait.map(|wait| wait.saturating_sub(began.elapsed()));
            match (received, left) {
                (Err(TryRecvError::Empty), None) => thread::park(),
                (Err(TryRecvError::Empty), Some(left)) if !left.is_zero() => {
                    thread::park_timeout(left);
                }
                (received, _) => {
                    self.router.is_parked.store(false, Ordering::SeqCst);
                    return match received {
                        Ok(posted) => Some(posted),
                        Err(TryRecvError::Empty) => {
                            Some(Posted { input: Input::Tick, reply: None, handled: None })
                        }
                        Err(TryRecvError::Disconnected) => None,
                    };
                }
            }
        }
    }
}

impl Drop for Inputs {
    /// Without this, the channel would keep unread inputs as long as a sender exists, and with them
    /// the reply handles of new connections, which would then never close.
    fn drop(&mut self) {
        self.router.ended.store(true, Ordering::SeqCst);
        while self.receiver.try_recv().is_ok() {}
    }
}

/// Looks for something until it is there or `span` is over; everybody else who has work goes first.
fn look_for<T>(span: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if began.elapsed() >= span {
            return None;
        }
        thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Outbox;
    use crate::protocol::operator::{GetStatus, OperatorCommand, OperatorRequest};
    use crate::router::{CallId, OperatorId};

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

    #[test]
    fn whoever_posts_a_long_text_waits_until_it_has_been_handled() {
        let (inbox, inputs) = Inbox::new();
        let answer = |bytes| Input::Answered {
            call: CallId(1),
            result: Ok("x".repeat(bytes).as_str().into()),
        };
        inbox.post(answer(limits::LINE_BUFFER_KEPT)).unwrap();
        inputs.next_now().unwrap();
        let long = limits::LINE_BUFFER_KEPT + 1;
        let worker =
            thread::spawn(move || (0..3).filter(|_| inbox.post(answer(long)).is_ok()).count());
        for _ in 0..2 {
            let posted = inputs.next(None).unwrap();
            assert!(inputs.next_now().is_none(), "the second is not posted yet");
            drop(posted);
        }
        inputs.next(None).unwrap();
        assert_eq!(worker.join().unwrap(), 3);
        let (inbox, inputs) = Inbox::new();
        let worker = thread::spawn(move || inbox.post(answer(long)));
        while inputs.receiver.is_empty() {
            thread::yield_now();
        }
        drop(inputs);
        // It was dropped unhandled, and nobody waits for it any more.
        let _ = worker.join().unwrap();
    }

    #[test]
    fn a_parked_router_wakes_for_an_input_for_its_deadline_and_for_the_end() {
        let (inbox, inputs) = Inbox::new();
        let wait_until_parked = |inbox: &Inbox| {
            while !inbox.router.0.is_parked.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        };
        let another = inbox.clone();
        let sender = thread::spawn(move || {
            wait_until_parked(&another);
            another.post(Input::Stop).unwrap();
        });
        assert_eq!(inputs.next(None).unwrap().input, Input::Stop);
        sender.join().unwrap();
        let began = Instant::now();
        let wait = Duration::from_millis(5);
        assert_eq!(inputs.next(Some(wait)).unwrap().input, Input::Tick);
        assert!(began.elapsed() >= wait);
        let last = thread::spawn(move || {
            wait_until_parked(&inbox);
            drop(inbox);
        });
        assert!(inputs.next(None).is_none());
        last.join().unwrap();
    }
}
