//! What waits to be written to one connection. Grows as needed, up to a limit; adding a frame
//! never blocks.

use crate::link::{Outgoing, Waker};
use crate::protocol::limits;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

/// The other side does not take what is sent to it; the connection is being closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooSlow;

#[derive(Debug)]
pub(crate) struct Outbox<T> {
    queue: Mutex<FrameQueue<T>>,
    waker: Waker,
    line_limit: AtomicUsize,
    byte_limit: usize,
    direct: OnceLock<Arc<dyn DirectWrite<T>>>,
}

/// Writes for a connection whose thread rests in `poll`: waking that thread would cost more than
/// the write.
pub(super) trait DirectWrite<T>: Debug + Send + Sync {
    /// Writes what waits in the outbox if the connection's thread rests, as far as the socket takes
    /// it and without waiting. Returns whether that leaves the thread nothing to do.
    fn write_now(&self, outbox: &Outbox<T>) -> bool;

    /// As [`DirectWrite::write_now`], for a frame before which nothing waits. Gives it back if the
    /// thread does not rest.
    fn write_frame(&self, frame: T) -> Result<bool, T>;
}

#[derive(Debug)]
struct FrameQueue<T> {
    frames: VecDeque<T>,
    bytes: usize,
    answer_bytes: usize,
    state: OutboxState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutboxState {
    Open,
    /// Send what is left, then close.
    Finishing,
    /// Close at once.
    Broken,
}

impl<T> FrameQueue<T> {
    /// Whether nothing waits, and more may come.
    fn is_idle(&self) -> bool {
        self.state == OutboxState::Open && self.frames.is_empty()
    }
}

impl<T: Outgoing> Outbox<T> {
    /// An empty outbox of a connection whose lines may be `line_limit` bytes long.
    pub(crate) fn new(line_limit: usize) -> io::Result<Self> {
        let queue = FrameQueue {
            frames: VecDeque::new(),
            bytes: 0,
            answer_bytes: 0,
            state: OutboxState::Open,
        };
        Ok(Self {
            queue: Mutex::new(queue),
            waker: Waker::new()?,
            line_limit: AtomicUsize::new(line_limit),
            byte_limit: limits::OUTBOX_BYTES,
            direct: OnceLock::new(),
        })
    }

    /// The same outbox, with room for this many bytes.
    #[must_use]
    pub(crate) fn holding(mut self, bytes: usize) -> Self {
        self.byte_limit = bytes;
        self
    }

    pub(crate) fn is_open(&self) -> bool {
        self.lock().state == OutboxState::Open
    }

    /// Has a frame sent. Fails as [`Outbox::leave`] does.
    pub(crate) fn push(&self, frame: T) -> Result<(), TooSlow> {
        let frame = match self.write_frame(frame) {
            Ok(()) => return Ok(()),
            Err(frame) => frame,
        };
        if self.leave(frame)? {
            self.waker.wake();
        }
        Ok(())
    }

    /// Writes a frame without leaving it here first, if nothing waits and it is small. Gives it back
    /// otherwise.
    fn write_frame(&self, frame: T) -> Result<(), T> {
        let is_small = frame.weight() <= limits::WRITE_BUFFER;
        let direct = self.direct.get().filter(|_| is_small && self.waker.is_asleep());
        match direct.filter(|_| self.lock().is_idle()) {
            None => return Err(frame),
            Some(direct) if direct.write_frame(frame)? => {}
            Some(_) => self.waker.wake(),
        }
        Ok(())
    }

    /// Leaves a frame and returns whether [`Outbox::deliver`] has to have it sent: where something
    /// waited already, it goes with that. What comes after the end is dropped. Fails, and ends the
    /// connection, if too much is waiting already.
    pub(crate) fn leave(&self, frame: T) -> Result<bool, TooSlow> {
        let mut queue = self.lock();
        if queue.state != OutboxState::Open {
            return Ok(false);
        }
        let weight = frame.weight();
        if queue.bytes + weight > limits::OUTBOX_PRESSURE_BYTES && frame.is_superseded_later() {
            return Ok(false);
        }
        let over = queue.bytes + weight > self.byte_limit && !queue.frames.is_empty();
        if over || queue.frames.len() >= limits::OUTBOX_FRAMES {
            queue.state = OutboxState::Broken;
            drop(queue);
            self.waker.wake();
            return Err(TooSlow);
        }
        queue.bytes += weight;
        if frame.is_answer() {
            queue.answer_bytes += weight;
        }
        let is_first = queue.frames.is_empty();
        queue.frames.push_back(frame);
        Ok(is_first)
    }

    /// Has what was left sent: at once if the connection's thread rests and there is little of it,
    /// otherwise by that thread.
    pub(crate) fn deliver(&self) {
        if !self.waker.is_asleep() {
            // It looks into the outbox before it sleeps.
            return;
        }
        let is_little = self.lock().bytes <= limits::WRITE_BUFFER;
        let direct = self.direct.get().filter(|_| is_little);
        if !direct.is_some_and(|direct| direct.write_now(self)) {
            self.waker.wake();
        }
    }

    /// Allows direct writes.
    pub(super) fn write_directly(&self, direct: Arc<dyn DirectWrite<T>>) {
        // An outbox has one connection.
        let _ = self.direct.set(direct);
    }

    /// Nothing more will come: the connection closes once everything is sent.
    pub(crate) fn finish(&self) {
        let mut queue = self.lock();
        if queue.state == OutboxState::Open {
            queue.state = OutboxState::Finishing;
        }
        drop(queue);
        self.waker.wake();
    }

    pub(crate) fn set_line_limit(&self, bytes: usize) {
        self.line_limit.store(bytes, Ordering::Relaxed);
    }

    /// How long a line from the other side may be.
    pub(crate) fn line_limit(&self) -> usize {
        self.line_limit.load(Ordering::Relaxed)
    }

    /// The waker of the thread that empties this.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Takes the next frame; `None` if none has come by `deadline`, or none will come. For an
    /// outbox without a connection; one thread only.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<T> {
        loop {
            if let Some(frame) = self.pop() {
                return Some(frame);
            }
            if !self.is_open() || deadline.is_some_and(|at| at <= Instant::now()) {
                return None;
            }
            self.waker.park(deadline, || !self.is_empty() || !self.is_open());
        }
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.take().map(|(frame, _)| frame)
    }

    /// Takes the next frame, and whether it was the last one.
    pub(super) fn take(&self) -> Option<(T, bool)> {
        let mut queue = self.lock();
        let frame = queue.frames.pop_front()?;
        let weight = frame.weight();
        queue.bytes -= weight;
        if frame.is_answer() {
            queue.answer_bytes -= weight;
        }
        let is_last = queue.frames.is_empty();
        if is_last {
            // Frames seldom wait here, and an idle node keeps no room for them.
            queue.frames = VecDeque::new();
        }
        Some((frame, is_last))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().frames.is_empty()
    }

    pub(super) fn answer_bytes(&self) -> usize {
        self.lock().answer_bytes
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.lock().state == OutboxState::Finishing
    }

    pub(super) fn is_broken(&self) -> bool {
        self.lock().state == OutboxState::Broken
    }

    /// A thread that panics with the lock held leaves the queue in a usable state.
    fn lock(&self) -> MutexGuard<'_, FrameQueue<T>> {
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The only sender of an outbox. Dropping it finishes the outbox: the connection closes once
/// everything is sent.
#[derive(Debug)]
pub(crate) struct OutboxSender<T: Outgoing>(pub(crate) Arc<Outbox<T>>);

impl<T: Outgoing> Deref for OutboxSender<T> {
    type Target = Outbox<T>;

    fn deref(&self) -> &Outbox<T> {
        &self.0
    }
}

impl<T: Outgoing> Drop for OutboxSender<T> {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::GatewayFrame;

    fn event(name: &str, bytes: usize) -> GatewayFrame {
        GatewayFrame::Event { event: name.into(), payload: Some("x".repeat(bytes).into()) }
    }

    #[test]
    fn a_peer_that_takes_nothing_is_cut_off_at_the_limit() {
        let outbox = Outbox::new(0).unwrap();
        let half = limits::OUTBOX_BYTES / 2;
        assert_eq!(outbox.push(event("voicewake.changed", half)), Ok(()));
        assert_eq!(outbox.push(event("voicewake.changed", half)), Err(TooSlow));
        assert!(outbox.is_broken());
        let outbox = Outbox::new(0).unwrap();
        for _ in 0..limits::OUTBOX_FRAMES {
            outbox.push(event("voicewake.changed", 1)).unwrap();
        }
        assert_eq!(outbox.push(event("voicewake.changed", 1)), Err(TooSlow));
    }

    #[test]
    fn one_frame_may_be_larger_than_the_limit() {
        let outbox = Outbox::new(0).unwrap();
        assert_eq!(outbox.push(event("x", limits::OUTBOX_BYTES * 2)), Ok(()));
    }

    #[test]
    fn under_pressure_only_what_is_superseded_is_dropped() {
        let outbox = Outbox::new(0).unwrap();
        outbox.push(event("voicewake.changed", limits::OUTBOX_PRESSURE_BYTES)).unwrap();
        outbox.push(event("tick", 1)).unwrap();
        outbox.push(event("chat", 1)).unwrap();
        outbox.pop().unwrap();
        assert_eq!(outbox.pop(), Some(event("chat", 1)));
        assert!(outbox.is_empty());
        outbox.push(event("tick", 1)).unwrap();
        assert_eq!(outbox.pop(), Some(event("tick", 1)));
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        let outbox = Outbox::new(0).unwrap();
        outbox.push(event("chat", 1)).unwrap();
        outbox.finish();
        outbox.push(event("chat", 2)).unwrap();
        assert_eq!(outbox.pop(), Some(event("chat", 1)));
        assert_eq!((outbox.pop(), outbox.is_finishing()), (None, true));
    }
}
