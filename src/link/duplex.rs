//! Both directions of a connection: a `Read` that writes while it waits. `read` first writes what
//! waits in the outbox, as far as the socket takes it, and then sleeps in `poll` until there is
//! something to read, something to write, or a deadline. Reading goes on while output is blocked.
//! A peer that sends requests without reading answers must not exhaust memory: it is not read while
//! [`limits::UNANSWERED`] of its requests are unanswered, or more than
//! [`limits::UNREAD_ANSWER_BYTES`] of answers wait for it.
//!
//! The connection's thread owns the socket, with one exception: while it rests in `poll`, waiting
//! for nothing but input, whoever leaves a frame may write it. What the socket does not take at
//! once, errors, and everything that changes what the thread waits for stay with the thread.

use crate::link::endpoint::{Endpoint, Stream};
use crate::link::{Outbox, Outgoing, Stop, WriteBuffer};
use crate::lock::lock;
use crate::protocol::limits;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The other side closed.
    TheirEnd,
    /// We closed, after everything was sent.
    OurEnd,
    /// We closed, but the other side did not take the rest in time.
    CutShort,
    /// Too much was waiting for the other side.
    TooSlow,
    /// The other side took nothing for [`limits::WRITE_DEADLINE`].
    WriteTimeout,
}

#[derive(Debug)]
pub(crate) struct Duplex<S: Stream, T> {
    socket: Arc<S::Socket>,
    endpoint: Arc<Mutex<Endpoint<S>>>,
    outbox: Arc<Outbox<T>>,
    max_unanswered: usize,
    may_be_readable: bool,
    /// Nothing more is read, whatever the other side sends.
    discards_input: bool,
    finishing_since: Option<Instant>,
    ending: Option<Ending>,
    /// Until when a read waits.
    deadline: Option<Instant>,
    /// Ends a read.
    stop: Option<Stop>,
}

impl<S: Stream, T: Outgoing> Duplex<S, T> {
    /// Both directions of `stream`, which must not block. Reading pauses while
    /// `max_unanswered` of the other side's requests are unanswered.
    pub(crate) fn new(
        stream: S,
        outbox: Arc<Outbox<T>>,
        max_unanswered: usize,
    ) -> io::Result<Self> {
        let socket = stream.socket()?;
        let endpoint = Endpoint {
            stream,
            out: WriteBuffer::default(),
            unanswered: 0,
            awaits_admission: false,
            is_admitted: false,
            blocked_since: None,
            rests: false,
        };
        Ok(Self {
            socket,
            endpoint: Arc::new(Mutex::new(endpoint)),
            outbox,
            max_unanswered,
            may_be_readable: true,
            discards_input: false,
            finishing_since: None,
            ending: None,
            deadline: None,
            stop: None,
        })
    }

    /// The same connection, to which whoever leaves a frame may write while its thread rests.
    #[must_use]
    pub(crate) fn written_directly(self) -> Self {
        self.outbox.write_directly(self.endpoint.clone());
        self
    }

    /// The same connection, whose reads end when `stop` is requested.
    #[must_use]
    pub(crate) fn until(mut self, stop: Stop) -> Self {
        self.stop = Some(stop);
        self
    }

    /// From now on a read that got nothing by `deadline` returns `WouldBlock`.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// A request was read that will be answered.
    pub(crate) fn expect_answer(&mut self) {
        self.endpoint().unanswered += 1;
    }

    /// A hello was read: nothing more is read until its answer has been sent.
    pub(crate) fn await_admission(&mut self) {
        self.endpoint().awaits_admission = true;
    }

    /// Waits, writing meanwhile, until a hello is answered and one more request may be unanswered.
    /// For lines that were read together with the ones before them: a ping behind a hello must not
    /// be answered here before the ones that the router answers.
    pub(crate) fn wait_for_answers(&mut self) -> io::Result<()> {
        self.write_while(|duplex| {
            let endpoint = duplex.endpoint();
            endpoint.awaits_admission || endpoint.unanswered >= duplex.max_unanswered
        })
    }

    /// Sends what waits and nothing after it, for at most [`limits::CLOSE_FLUSH`], without reading.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.outbox.finish();
        self.discards_input = true;
        (self.deadline, self.stop) = (None, None);
        self.write_while(|_| true)
    }

    /// Takes back the outgoing lines that are not wholly written, in chunks of whole lines.
    pub(crate) fn take_unwritten(&mut self) -> Vec<Vec<u8>> {
        let mut endpoint = self.endpoint();
        while let Some(frame) = self.outbox.pop() {
            frame.encode(&mut endpoint.out);
        }
        endpoint.out.take_unwritten()
    }

    /// Writes and waits for as long as `goes_on` says so and the connection has not ended.
    fn write_while(&mut self, goes_on: impl Fn(&Self) -> bool) -> io::Result<()> {
        while goes_on(self) && self.ending.is_none() {
            self.endpoint().flush(&self.outbox)?;
            self.ending = self.check_end();
            if goes_on(self) && self.ending.is_none() {
                self.sleep()?;
            }
        }
        Ok(())
    }

    /// Nothing more is read; what waits is still sent.
    pub(crate) fn stop_reading(&mut self) {
        self.discards_input = true;
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    pub(crate) fn with_stream<R>(&self, work: impl FnOnce(&mut S) -> R) -> R {
        work(&mut self.endpoint().stream)
    }

    /// Whether the other side was sent that it is admitted.
    pub(crate) fn is_admitted(&self) -> bool {
        self.endpoint().is_admitted
    }

    fn endpoint(&self) -> MutexGuard<'_, Endpoint<S>> {
        lock(&self.endpoint)
    }

    /// Whether the connection is over from our side.
    fn check_end(&mut self) -> Option<Ending> {
        if self.outbox.is_broken() {
            return Some(Ending::TooSlow);
        }
        let expired = |since: Option<Instant>, limit| since.is_some_and(|at| at.elapsed() >= limit);
        if expired(self.endpoint().blocked_since, limits::WRITE_DEADLINE) {
            return Some(Ending::WriteTimeout);
        }
        if self.outbox.is_finishing() {
            if self.outbox.is_empty() && !self.endpoint().has_output() {
                return Some(Ending::OurEnd);
            }
            self.finishing_since.get_or_insert_with(Instant::now);
            if expired(self.finishing_since, limits::CLOSE_FLUSH) {
                return Some(Ending::CutShort);
            }
        }
        None
    }

    /// Reads if there may be something that is wanted.
    fn read_now(&mut self, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let mut endpoint = self.endpoint();
        if !self.may_be_readable || !self.wants_input(&endpoint) {
            return None;
        }
        let result = endpoint.stream.read(buffer);
        let has_unread = endpoint.stream.has_unread();
        drop(endpoint);
        if let Ok(bytes) = result {
            // A short read has emptied the stream, and what is left in the socket, poll tells.
            self.may_be_readable = bytes == buffer.len() || has_unread;
        }
        Some(result)
    }

    fn wants_input(&self, endpoint: &Endpoint<S>) -> bool {
        !self.discards_input
            && !endpoint.awaits_admission
            && self.finishing_since.is_none()
            && endpoint.unanswered < self.max_unanswered
            && self.outbox.answer_bytes() <= limits::UNREAD_ANSWER_BYTES
    }

    /// Sleeps until there is something to do; returns whether a stop was requested.
    fn sleep(&mut self) -> io::Result<bool> {
        let mut interest = PollFlags::empty();
        let mut endpoint = self.endpoint();
        if self.wants_input(&endpoint) {
            interest |= PollFlags::IN;
        }
        let is_blocked = endpoint.has_output();
        if is_blocked {
            interest |= PollFlags::OUT;
        }
        endpoint.rests = interest == PollFlags::IN;
        drop(endpoint);
        self.outbox.waker().fall_asleep();
        // What came between the last look and the flag was not announced.
        if !self.outbox.is_empty() && !is_blocked || self.check_end().is_some() {
            self.outbox.waker().woke_up(false);
            return Ok(false);
        }
        let waker = self.outbox.waker();
        let socket = PollFd::from_borrowed_fd(self.socket.as_fd(), interest);
        let woken = PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN);
        let stop = self.stop.as_ref().map_or_else(|| woken.clone(), Stop::watched);
        let watched = 2 + usize::from(self.stop.is_some());
        let mut wait = [socket, woken, stop];
        let result = poll_until(&mut wait[..watched], self.next_check());
        let [socket, woken, stop] = wait.map(|fd| fd.revents());
        waker.woke_up(woken.contains(PollFlags::IN));
        result?;
        if socket.contains(PollFlags::IN) {
            self.may_be_readable = true;
        } else if socket.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            // Always reported, even if not requested: nothing can be sent any more.
            self.ending = Some(Ending::TheirEnd);
        }
        Ok(watched == 3 && !stop.is_empty())
    }

    /// When to look again whatever happens: at the deadline, or for [`Duplex::check_end`].
    fn next_check(&self) -> Option<Instant> {
        let blocked = self.endpoint().blocked_since.map(|since| since + limits::WRITE_DEADLINE);
        let finishing = self.finishing_since.map(|since| since + limits::CLOSE_FLUSH);
        blocked.into_iter().chain(finishing).chain(self.deadline).min()
    }
}

impl<S: Stream, T: Outgoing> Read for Duplex<S, T> {
    /// Returns 0 when the connection is over; [`Duplex::ending`] says why. `WouldBlock` means that
    /// the deadline has passed or that a stop was requested.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.endpoint().flush(&self.outbox)?;
            if self.ending.is_none() {
                self.ending = self.check_end();
            }
            if self.ending.is_some() {
                return Ok(0);
            }
            match self.read_now(buffer) {
                None => {}
                Some(Ok(0)) => {
                    self.ending = Some(Ending::TheirEnd);
                    return Ok(0);
                }
                Some(Ok(bytes)) => return Ok(bytes),
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.may_be_readable = false;
                }
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Some(Err(error)) => return Err(error),
            }
            let is_stopped = self.sleep()?;
            let is_late = || self.deadline.is_some_and(|at| at <= Instant::now());
            if is_stopped || !self.may_be_readable && is_late() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }
}

#[cfg(test)]
#[path = "duplex_tests.rs"]
mod tests;
