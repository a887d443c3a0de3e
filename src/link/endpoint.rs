//! The stream of a connection and what is half written to it: what its thread shares with whoever
//! leaves a frame while it rests.

use crate::link::outbox::DirectWrite;
use crate::link::{Outbox, Outgoing, WriteBuffer};
use crate::protocol::limits;
use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Bytes in both directions that never wait: a socket, or TLS over one. `write` may keep what the
/// socket did not take; then `flush` sends it on, and both report `WouldBlock` for as long as it is
/// not gone. After that, `write` is given the same bytes again. `read` reports `Interrupted` when
/// it got somewhere without having anything to show for it, so that writing and deadlines get their
/// turn.
pub(crate) trait Stream: Read + Write + Debug + Send + 'static {
    /// What is polled.
    type Socket: AsFd + Debug;

    fn socket(&self) -> io::Result<Arc<Self::Socket>>;

    /// Whether something that was written, or that the stream says by itself, has not left yet.
    fn has_unsent(&self) -> bool {
        false
    }

    /// Whether there is something to read that the socket does not have any more.
    fn has_unread(&self) -> bool {
        false
    }
}

impl Stream for UnixStream {
    type Socket = Self;

    fn socket(&self) -> io::Result<Arc<Self>> {
        self.try_clone().map(Arc::new)
    }
}

/// What a write changes. No call that could wait is made under its lock.
#[derive(Debug)]
pub(super) struct Endpoint<S> {
    pub(super) stream: S,
    pub(super) out: WriteBuffer,
    /// Requests of the other side that no answer has been written for.
    pub(super) unanswered: usize,
    /// Nothing more is read before the admission decision has been sent.
    pub(super) awaits_admission: bool,
    /// The admission decision that was sent last.
    pub(super) is_admitted: bool,
    /// Since when the socket has taken nothing although something waits.
    pub(super) blocked_since: Option<Instant>,
    /// The connection's thread waits for nothing but input.
    pub(super) rests: bool,
}

impl<S: Stream> Endpoint<S> {
    /// Whether something waits for the socket to take it.
    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty() || self.stream.has_unsent()
    }

    /// Before the frame is written: whoever waits for it goes on.
    fn note(&mut self, frame: &impl Outgoing) {
        if frame.is_answer() {
            self.unanswered = self.unanswered.saturating_sub(1);
        }
        if let Some(is_admitted) = frame.admission() {
            (self.awaits_admission, self.is_admitted) = (false, is_admitted);
        }
    }

    /// Writes what waits, in the outbox and here, as far as the socket takes it.
    pub(super) fn flush<T: Outgoing>(&mut self, outbox: &Outbox<T>) -> io::Result<()> {
        loop {
            while self.out.len() < limits::WRITE_BUFFER {
                let Some((frame, is_last)) = outbox.take() else { return self.write() };
                self.note(&frame);
                frame.encode(&mut self.out);
                if is_last {
                    return self.write();
                }
            }
            self.write()?;
            if self.has_output() {
                return Ok(());
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while self.has_output() {
            let result = match self.out.is_empty() {
                false => self.stream.write(self.out.front()).map(Some),
                true => self.stream.flush().map(|()| None),
            };
            match result {
                Ok(Some(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Some(written)) => {
                    self.blocked_since = None;
                    self.out.advance(written);
                }
                Ok(None) => self.blocked_since = None,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked_since.get_or_insert_with(Instant::now);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<S: Stream, T: Outgoing> DirectWrite<T> for Mutex<Endpoint<S>> {
    fn write_now(&self, outbox: &Outbox<T>) -> bool {
        let Ok(mut endpoint) = self.try_lock() else { return false };
        // After an error the connection's thread writes the same bytes, and meets it again.
        endpoint.rests && endpoint.flush(outbox).is_ok() && !endpoint.has_output()
    }

    fn write_frame(&self, frame: T) -> Result<bool, T> {
        match self.try_lock() {
            Ok(mut endpoint) if endpoint.rests => {
                endpoint.note(&frame);
                frame.encode_alone(&mut endpoint.out);
                Ok(endpoint.write().is_ok() && !endpoint.has_output())
            }
            _ => Err(frame),
        }
    }
}
