//! The bytes of a connection, plain or encrypted: one thread reads, every thread writes.
//!
//! The socket never blocks. Whoever has to wait does so in `poll`, which also watches the request
//! to stop, and holds nothing meanwhile: the lock around the state of TLS covers arithmetic in
//! memory and socket calls that return at once. So a writer goes on while the reader waits, and
//! the other way round; each waits for what it needs itself, and nobody has to be woken.

use crate::client::error::Error;
use crate::client::stop::{Stop, Waited};
use crate::protocol::limits;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use rustls::ClientConnection;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// TLS takes 4 KiB from the socket at once. A record has 16, and a little around it; whoever
/// sends more without a byte in it has to be waited for again, with an eye on the deadline.
const READS_AT_ONCE: usize = 5;

/// Both directions of a connection.
pub(super) struct Channel {
    /// Does not block.
    socket: TcpStream,
    tls: Option<Mutex<ClientConnection>>,
    stop: Stop,
}

impl Channel {
    /// `socket` does not block; the handshake, if there is one, is complete.
    pub(super) fn new(socket: TcpStream, tls: Option<ClientConnection>, stop: Stop) -> Self {
        let tls = tls.map(|mut tls| {
            tls.set_buffer_limit(Some(limits::WRITE_BUFFER));
            Mutex::new(tls)
        });
        Self { socket, tls, stop }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Waits for bytes until `deadline`, and tells how many came. None may also have come because
    /// TLS had something to itself. For one thread.
    pub(super) fn read(&self, into: &mut [u8], deadline: Instant) -> Result<usize, Error> {
        let mut flags = PollFlags::IN;
        if let Some(tls) = &self.tls {
            let mut tls = hold(tls);
            let count = decrypted(&mut tls, into)?;
            if count > 0 {
                return Ok(count);
            }
            flags.set(PollFlags::OUT, tls.wants_write());
        }
        let waited = self.stop.wait_for(self.socket.as_fd(), flags, deadline);
        match (waited.map_err(Error::Broken)?, &self.tls) {
            (Waited::TimedOut, _) => Ok(0),
            (Waited::Stopped, _) => Err(Error::Stopped),
            (Waited::Ready, None) => self.read_plain(into),
            (Waited::Ready, Some(tls)) => self.read_encrypted(&mut hold(tls), into),
        }
    }

    fn read_plain(&self, into: &mut [u8]) -> Result<usize, Error> {
        match (&self.socket).read(into) {
            Ok(0) => Err(Error::Closed),
            Ok(count) => Ok(count),
            Err(error) if comes_again(&error) => Ok(0),
            Err(error) => Err(Error::Broken(error)),
        }
    }

    fn read_encrypted(&self, tls: &mut ClientConnection, into: &mut [u8]) -> Result<usize, Error> {
        let read = self.decrypt(tls, into);
        // What TLS has to say to what it read. An answer to a change of keys is held back until
        // something is written: nothing will do.
        let answered = tls.writer().write(&[]).and_then(|_| flush(tls, &self.socket));
        match (read, answered) {
            (Ok(0), Err(error)) => Err(Error::Broken(error)),
            (read, _) => read,
        }
    }

    fn decrypt(&self, tls: &mut ClientConnection, into: &mut [u8]) -> Result<usize, Error> {
        for _ in 0..READS_AT_ONCE {
            match tls.read_tls(&mut &self.socket) {
                // The end, too, is told by what has been decrypted.
                Ok(_) => {}
                Err(error) if comes_again(&error) => break,
                Err(error) => return Err(Error::Broken(error)),
            }
            tls.process_new_packets()
                .map_err(|error| Error::Broken(io::Error::new(ErrorKind::InvalidData, error)))?;
            let count = decrypted(tls, into)?;
            if count > 0 {
                return Ok(count);
            }
        }
        Ok(0)
    }

    /// Writes all of `bytes`. Only one thread at a time may: pieces of lines would be mixed.
    ///
    /// The deadline is for all of it: a gateway that takes a byte now and then would never meet
    /// one that starts again with every piece. After a request to stop there is little time left:
    /// enough for last words, not for a gateway that takes nothing.
    pub(super) fn write(&self, mut bytes: &[u8], mut deadline: Instant) -> Result<(), Error> {
        let mut stopped = false;
        loop {
            let (taken, is_full) = self.push(bytes).map_err(Error::Broken)?;
            bytes = &bytes[taken..];
            if bytes.is_empty() && !is_full {
                return Ok(());
            }
            let waited = match (is_full, stopped) {
                (false, _) => Ok(Waited::Ready),
                (true, false) => self.stop.wait_for(self.socket.as_fd(), PollFlags::OUT, deadline),
                (true, true) => self.wait_to_leave(deadline),
            };
            match waited.map_err(Error::Broken)? {
                Waited::Ready if Instant::now() < deadline => {}
                Waited::Ready | Waited::TimedOut => {
                    let timed_out = Error::Broken(ErrorKind::TimedOut.into());
                    return Err(if stopped { Error::Stopped } else { timed_out });
                }
                Waited::Stopped => {
                    stopped = true;
                    deadline = deadline.min(Instant::now() + limits::LAST_WORDS);
                }
            }
        }
    }

    /// The request to stop is known already.
    fn wait_to_leave(&self, deadline: Instant) -> io::Result<Waited> {
        let mut fds = [PollFd::new(&self.socket, PollFlags::OUT)];
        let ready = poll_until(&mut fds, Some(deadline))?;
        Ok(if ready { Waited::Ready } else { Waited::TimedOut })
    }

    /// Gives the socket what it takes at once: how many bytes that was, and whether it has to be
    /// waited for. With TLS, bytes that were taken may still be on their way to a full socket.
    fn push(&self, bytes: &[u8]) -> io::Result<(usize, bool)> {
        let Some(tls) = &self.tls else {
            return match (&self.socket).write(bytes) {
                Ok(0) => Err(ErrorKind::WriteZero.into()),
                Ok(count) => Ok((count, false)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok((0, true)),
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok((0, false)),
                Err(error) => Err(error),
            };
        };
        let mut tls = hold(tls);
        let taken = tls.writer().write(bytes)?;
        if taken == 0 && !bytes.is_empty() && !tls.wants_write() {
            // It has nothing to get rid of first, so it will never take anything again.
            return Err(ErrorKind::WriteZero.into());
        }
        Ok((taken, !flush(&mut tls, &self.socket)?))
    }

    /// Ends both directions; with TLS the gateway is told that this is the end.
    pub(super) fn close(&self) {
        if let Some(tls) = &self.tls {
            let mut tls = hold(tls);
            tls.send_close_notify();
            // A socket that is full or broken ends without the word.
            let _ = flush(&mut tls, &self.socket);
        }
        // It can only fail because the connection is closed already.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.close();
    }
}

fn hold(tls: &Mutex<ClientConnection>) -> MutexGuard<'_, ClientConnection> {
    tls.lock().expect("nobody panics while holding the state of TLS")
}

/// What has been decrypted already; none if nothing has.
fn decrypted(tls: &mut ClientConnection, into: &mut [u8]) -> Result<usize, Error> {
    match tls.reader().read(into) {
        Ok(0) => Err(Error::Closed),
        Ok(count) => Ok(count),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        // The apps and many gateways leave without saying so. What matters is that no line was
        // cut in half, and who reads lines sees that.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(Error::Closed),
        Err(error) => Err(Error::Broken(error)),
    }
}

/// Writes what TLS has ready; `false` if the socket is full.
pub(super) fn flush(tls: &mut ClientConnection, mut socket: &TcpStream) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(&mut socket) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Whether a read only has to be tried again.
pub(super) fn comes_again(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
