//! One thread, both directions: a `Read` that writes while it waits.
//!
//! The thread's loop above looks like any blocking line loop. Below it, `read` first writes what
//! waits in the outbox, as far as the socket takes it, and then sleeps in `poll` until there is
//! something to read, something to write, or a deadline. Writing never blocks the thread, reading
//! goes on while output is stuck, and the socket has one owner, so there is nothing to lock.
//!
//! Two rules keep a peer that asks without listening from filling the memory: it is not read
//! while it is owed [`limits::UNANSWERED`] answers, and not while more than
//! [`limits::UNREAD_ANSWER_BYTES`] of answers wait for it.

use crate::link::{Outbox, Outgoing, Pieces};
use crate::protocol::limits;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The other side closed.
    TheirEnd,
    /// We closed, after everything was sent.
    OurEnd,
    /// We closed, but the other side did not take the rest in time.
    CutShort,
    /// Too much was waiting for the other side.
    TooSlow,
    /// The other side took nothing for [`limits::WRITE_DEADLINE`].
    Stuck,
}

/// A socket that is not blocking, its outbox, and what is half written.
#[derive(Debug)]
pub struct Duplex<S, T> {
    stream: S,
    outbox: Arc<Outbox<T>>,
    out: Pieces,
    /// Answers the other side is owed.
    owed: usize,
    most_owed: usize,
    /// Nothing more is read before a verdict has been sent.
    awaits_verdict: bool,
    may_be_readable: bool,
    /// What the other side sends does not matter any more.
    deaf: bool,
    /// Since when the socket has taken nothing although something waits.
    stuck_since: Option<Instant>,
    finishing_since: Option<Instant>,
    ending: Option<Ending>,
}

impl<S: Read + Write + AsFd, T: Outgoing> Duplex<S, T> {
    /// Both directions of `stream`, which must not block. Reading pauses while the other side is
    /// owed `most_owed` answers.
    pub fn new(stream: S, outbox: Arc<Outbox<T>>, most_owed: usize) -> Self {
        Self {
            stream,
            outbox,
            out: Pieces::default(),
            owed: 0,
            most_owed,
            awaits_verdict: false,
            may_be_readable: true,
            deaf: false,
            stuck_since: None,
            finishing_since: None,
            ending: None,
        }
    }

    /// The other side asked something and will get an answer.
    pub fn owe(&mut self) {
        self.owed += 1;
    }

    /// The other side asked something whose answer decides how to read on.
    pub fn await_verdict(&mut self) {
        self.awaits_verdict = true;
    }

    /// Waits, writing meanwhile, until the other side may be owed one more answer. For lines that
    /// were read together with the ones before them.
    ///
    /// # Errors
    /// The socket's.
    pub fn make_room(&mut self) -> io::Result<()> {
        while self.owed >= self.most_owed && self.ending.is_none() {
            self.flush_outbox()?;
            self.ending = self.check_end();
            if self.ending.is_none() && self.owed >= self.most_owed {
                self.sleep()?;
            }
        }
        Ok(())
    }

    /// Nothing more is read; what waits is still sent.
    pub fn stop_reading(&mut self) {
        self.deaf = true;
    }

    /// Why reading ended.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// The socket.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Writes as much as the socket takes.
    fn flush_outbox(&mut self) -> io::Result<()> {
        loop {
            while self.out.len() < limits::WRITE_BUFFER {
                let Some(frame) = self.outbox.pop() else { break };
                if frame.is_answer() {
                    self.owed = self.owed.saturating_sub(1);
                }
                if frame.is_verdict() {
                    self.awaits_verdict = false;
                }
                frame.encode(&mut self.out);
            }
            if !self.has_output() {
                return Ok(());
            }
            match self.stream.write(self.out.front()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.wrote(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stuck_since.get_or_insert_with(Instant::now);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn wrote(&mut self, bytes: usize) {
        self.stuck_since = None;
        self.out.advance(bytes);
    }

    /// Whether the connection is over from our side.
    fn check_end(&mut self) -> Option<Ending> {
        if self.outbox.is_broken() {
            return Some(Ending::TooSlow);
        }
        let stuck = |since: Option<Instant>, limit| since.is_some_and(|at| at.elapsed() >= limit);
        if stuck(self.stuck_since, limits::WRITE_DEADLINE) {
            return Some(Ending::Stuck);
        }
        if self.outbox.is_finishing() {
            if self.outbox.is_empty() && !self.has_output() {
                return Some(Ending::OurEnd);
            }
            self.finishing_since.get_or_insert_with(Instant::now);
            if stuck(self.finishing_since, limits::CLOSE_FLUSH) {
                return Some(Ending::CutShort);
            }
        }
        None
    }

    fn wants_input(&self) -> bool {
        !self.deaf
            && !self.awaits_verdict
            && self.finishing_since.is_none()
            && self.owed < self.most_owed
            && self.outbox.answer_bytes() <= limits::UNREAD_ANSWER_BYTES
    }

    /// Sleeps until there is something to do.
    fn sleep(&mut self) -> io::Result<()> {
        let mut interest = PollFlags::empty();
        if self.wants_input() {
            interest |= PollFlags::IN;
        }
        if self.has_output() {
            interest |= PollFlags::OUT;
        }
        let waker = self.outbox.waker();
        waker.fall_asleep();
        // What came between the last look and the flag was not announced.
        if !self.outbox.is_empty() && !self.has_output() || self.check_end().is_some() {
            self.outbox.waker().woke_up(false);
            return Ok(());
        }
        let timeout = self.timeout();
        let mut wait = [
            PollFd::from_borrowed_fd(self.stream.as_fd(), interest),
            PollFd::from_borrowed_fd(self.outbox.waker().as_fd(), PollFlags::IN),
        ];
        let result = poll(&mut wait, timeout.as_ref());
        let [socket, woken] = wait.map(|fd| fd.revents());
        self.outbox.waker().woke_up(woken.contains(PollFlags::IN));
        match result {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            other => other?,
        };
        if socket.contains(PollFlags::IN) {
            self.may_be_readable = true;
        } else if socket.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            // Not asked for and always reported: nothing can be sent any more.
            self.ending = Some(Ending::TheirEnd);
        }
        Ok(())
    }

    fn timeout(&self) -> Option<Timespec> {
        let left = |since: Instant, limit: Duration| limit.saturating_sub(since.elapsed());
        let stuck = self.stuck_since.map(|since| left(since, limits::WRITE_DEADLINE));
        let finishing = self.finishing_since.map(|since| left(since, limits::CLOSE_FLUSH));
        let wait = stuck.into_iter().chain(finishing).min()?;
        // Rounded up, or the last millisecond would be spent spinning.
        Timespec::try_from(wait + Duration::from_millis(1)).ok()
    }
}

impl<S: Read + Write + AsFd, T: Outgoing> Read for Duplex<S, T> {
    /// Returns 0 when the connection is over; [`Duplex::ending`] says why.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.flush_outbox()?;
            if self.ending.is_none() {
                self.ending = self.check_end();
            }
            if self.ending.is_some() {
                return Ok(0);
            }
            if self.may_be_readable && self.wants_input() {
                match self.stream.read(buffer) {
                    Ok(0) => {
                        self.ending = Some(Ending::TheirEnd);
                        return Ok(0);
                    }
                    Ok(bytes) => {
                        // A short read has emptied the socket; poll tells when there is more.
                        self.may_be_readable = bytes == buffer.len();
                        return Ok(bytes);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.may_be_readable = false;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                }
            }
            self.sleep()?;
        }
    }
}
