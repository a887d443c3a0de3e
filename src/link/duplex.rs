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
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

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

/// Bytes in both directions that never wait: a socket, or TLS over one.
///
/// `write` may keep what the socket did not take; then `flush` sends it on, and both report
/// `WouldBlock` for as long as it is not gone. `read` reports `Interrupted` when it got somewhere
/// without having anything to show for it, so that writing and deadlines get their turn.
pub trait Stream: Read + Write + AsFd {
    /// Whether something that was written, or that the stream says by itself, has not left yet.
    fn has_unsent(&self) -> bool {
        false
    }

    /// Whether there is something to read that the socket does not have any more.
    fn has_unread(&self) -> bool {
        false
    }
}

impl Stream for UnixStream {}

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

impl<S: Stream, T: Outgoing> Duplex<S, T> {
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

    /// The stream, for its last words.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Whether something waits for the socket to take it.
    fn has_output(&self) -> bool {
        !self.out.is_empty() || self.stream.has_unsent()
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
            let result = match self.out.is_empty() {
                false => self.stream.write(self.out.front()).map(Some),
                true => self.stream.flush().map(|()| None),
            };
            match result {
                Ok(Some(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Some(written)) => self.wrote(written),
                Ok(None) => self.stuck_since = None,
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
        let mut wait = [
            PollFd::from_borrowed_fd(self.stream.as_fd(), interest),
            PollFd::from_borrowed_fd(self.outbox.waker().as_fd(), PollFlags::IN),
        ];
        let result = poll_until(&mut wait, self.deadline());
        let [socket, woken] = wait.map(|fd| fd.revents());
        self.outbox.waker().woke_up(woken.contains(PollFlags::IN));
        result?;
        if socket.contains(PollFlags::IN) {
            self.may_be_readable = true;
        } else if socket.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            // Not asked for and always reported: nothing can be sent any more.
            self.ending = Some(Ending::TheirEnd);
        }
        Ok(())
    }

    /// When [`Duplex::check_end`] has to look again, whatever happens.
    fn deadline(&self) -> Option<Instant> {
        let stuck = self.stuck_since.map(|since| since + limits::WRITE_DEADLINE);
        let finishing = self.finishing_since.map(|since| since + limits::CLOSE_FLUSH);
        stuck.into_iter().chain(finishing).min()
    }
}

impl<S: Stream, T: Outgoing> Read for Duplex<S, T> {
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
                        // A short read has emptied the stream, and what is left in the socket,
                        // poll tells.
                        self.may_be_readable = bytes == buffer.len() || self.stream.has_unread();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::GatewayFrame;
    use std::os::fd::BorrowedFd;
    use std::thread;

    /// Takes everything at once and sends it when it can, as TLS does with a record.
    struct Keeping {
        socket: UnixStream,
        kept: Vec<u8>,
    }

    impl Read for Keeping {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.socket.read(buffer)
        }
    }

    impl Write for Keeping {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.flush()?;
            self.kept.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            while !self.kept.is_empty() {
                let sent = self.socket.write(&self.kept)?;
                self.kept.drain(..sent);
            }
            Ok(())
        }
    }

    impl AsFd for Keeping {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.socket.as_fd()
        }
    }

    impl Stream for Keeping {
        fn has_unsent(&self) -> bool {
            !self.kept.is_empty()
        }
    }

    /// More than a socket takes at once.
    const MUCH: usize = 4 * 1024 * 1024;

    fn duplex() -> (UnixStream, Duplex<Keeping, GatewayFrame>) {
        let (other, socket) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let outbox = Arc::new(Outbox::new(0).unwrap());
        let payload = Some("x".repeat(MUCH).into());
        outbox.push(GatewayFrame::Event { event: "chat".into(), payload }).unwrap();
        (other, Duplex::new(Keeping { socket, kept: Vec::new() }, outbox, 1))
    }

    #[test]
    fn what_a_stream_keeps_has_to_leave_before_the_end() {
        let (mut other, mut duplex) = duplex();
        duplex.outbox.finish();
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            other.read_to_end(&mut all).map(|_| all.len())
        });
        assert_eq!(duplex.read(&mut [0]).unwrap(), 0);
        assert_eq!(duplex.ending(), Some(Ending::OurEnd));
        drop(duplex);
        assert!(reader.join().unwrap().unwrap() > MUCH);
    }

    #[test]
    fn whoever_does_not_take_what_a_stream_keeps_is_cut_off() {
        let (_other, mut duplex) = duplex();
        duplex.outbox.finish();
        assert_eq!(duplex.read(&mut [0]).unwrap(), 0);
        assert_eq!(duplex.ending(), Some(Ending::CutShort));
        assert!(duplex.stuck_since.is_some(), "it would have been stuck, too");
    }

    #[test]
    fn reading_goes_on_while_a_stream_keeps_something() {
        let (mut other, mut duplex) = duplex();
        other.write_all(b"?").unwrap();
        let mut byte = [0];
        assert_eq!((duplex.read(&mut byte).unwrap(), byte), (1, *b"?"));
        assert!(duplex.has_output() && duplex.stuck_since.is_some());
        // It takes everything in the end, and is not stuck any more.
        let reader = thread::spawn(move || {
            let mut taken = 0;
            let mut buffer = vec![0; 64 * 1024];
            while taken < MUCH {
                taken += other.read(&mut buffer).unwrap();
            }
            other.write_all(b"!").unwrap();
            other
        });
        assert_eq!((duplex.read(&mut byte).unwrap(), byte), (1, *b"!"));
        let _other = reader.join().unwrap();
        duplex.flush_outbox().unwrap();
        assert!(!duplex.has_output() && duplex.stuck_since.is_none());
    }
}
