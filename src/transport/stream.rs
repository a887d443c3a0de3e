//! A node's bytes: the socket itself, or TLS over it. Nothing else knows which.
//!
//! TLS is the whole connection or nothing of it, and the first byte decides (protocol section
//! 1.3). The thread of the connection owns socket and TLS state outright; nothing here waits.

use crate::link;
use crate::protocol::limits;
use crate::tls::Acceptor;
use rustls::ServerConnection;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// The first byte of a TLS handshake.
pub(super) const TLS_HANDSHAKE: u8 = 0x16;

/// The socket, shared with the gate, which may shut it down.
pub(super) struct Socket(pub(super) Arc<TcpStream>);

/// What a node's lines travel in.
pub(super) enum Stream {
    /// Nothing is encrypted.
    Plain(Socket),
    /// Nothing has come yet that would tell. What is said before that is lost: it would be in the
    /// clear.
    Undecided(Socket, Arc<Acceptor>),
    /// Everything is encrypted.
    Secured(Box<Secured>),
}

/// A socket and its TLS state.
pub(super) struct Secured {
    socket: Socket,
    tls: ServerConnection,
    /// The other side's goodbye has come. It may have come behind a line, and then nothing more
    /// comes over the socket that would make anybody look for it.
    has_goodbye: bool,
}

/// Why a connection that should be encrypted is not going on.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Somebody does not speak TLS where it is required.
    PlainText,
    /// The two sides did not agree, or the other one does not trust us.
    Handshake(rustls::Error),
    /// What came later was not what the other side had encrypted.
    Broken(rustls::Error),
}

impl Stream {
    /// The stream of a new connection. Without an acceptor there is no TLS.
    pub(super) fn new(socket: Socket, acceptor: Option<Arc<Acceptor>>) -> Self {
        match acceptor {
            Some(acceptor) => Self::Undecided(socket, acceptor),
            None => Self::Plain(socket),
        }
    }

    /// Whether what is read is what came over the wire.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Says that nothing more comes, as far as the socket takes it, so that the other side can
    /// tell an end from a cable that was cut.
    pub(super) fn say_goodbye(&mut self) {
        if let Self::Secured(secured) = self {
            secured.tls.send_close_notify();
            // Whoever takes nothing does not hear it.
            let _ = secured.send();
        }
    }

    /// Looks at the first byte, which stays where it is. False if nothing will ever come.
    fn decide(&mut self) -> io::Result<bool> {
        let Self::Undecided(socket, acceptor) = self else { return Ok(true) };
        let mut first = [0];
        if socket.0.peek(&mut first)? == 0 {
            return Ok(false);
        }
        let socket = Socket(socket.0.clone());
        *self = match first[0] {
            TLS_HANDSHAKE => {
                let tls = acceptor.connection().map_err(|e| Trouble::Handshake(e).into_io())?;
                Self::Secured(Box::new(Secured { socket, tls, has_goodbye: false }))
            }
            _ if acceptor.allows_plaintext() => Self::Plain(socket),
            _ => return Err(Trouble::PlainText.into_io()),
        };
        Ok(true)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Secured(secured) => secured.read(buffer),
            Self::Undecided(..) => match self.decide()? {
                true => self.read(buffer),
                false => Ok(0),
            },
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Secured(secured) => secured.write(bytes),
            Self::Undecided(..) => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Secured(secured) => secured.flush(),
            Self::Plain(_) | Self::Undecided(..) => Ok(()),
        }
    }
}

impl link::Stream for Stream {
    fn has_unsent(&self) -> bool {
        matches!(self, Self::Secured(secured) if secured.tls.wants_write())
    }

    fn has_unread(&self) -> bool {
        matches!(self, Self::Secured(secured) if secured.has_goodbye)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain(socket) | Self::Undecided(socket, _) => socket.0.as_fd(),
            Self::Secured(secured) => secured.socket.0.as_fd(),
        }
    }
}

impl Secured {
    /// Sends what is encrypted already.
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut self.socket)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// What is decrypted already. 0 is the other side's goodbye; without one, the end of the
    /// socket is `UnexpectedEof`: somebody else may have cut it.
    fn decrypted(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tls.reader().read(buffer)
    }

    /// Takes in what the socket has.
    fn receive(&mut self) -> io::Result<()> {
        self.tls.read_tls(&mut self.socket)?;
        let error = match self.tls.process_new_packets() {
            Ok(state) => {
                self.has_goodbye = state.peer_has_closed();
                return Ok(());
            }
            Err(error) => error,
        };
        // The alert that says why is two bytes, and nothing that matters is lost with it.
        let _ = self.send();
        let trouble = match self.tls.is_handshaking() {
            true => Trouble::Handshake(error),
            false => Trouble::Broken(error),
        };
        Err(trouble.into_io())
    }
}

impl Read for Secured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // First of all: a node's first line may have come together with the end of the handshake,
        // and TLS takes in nothing more before it is rid of what it has.
        match self.decrypted(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => return other,
        }
        self.receive()?;
        match self.decrypted(buffer) {
            // Half a record, or a part of the handshake; there may be something to answer.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(ErrorKind::Interrupted.into())
            }
            other => other,
        }
    }
}

impl Write for Secured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // In slices, each gone before the next one is encrypted: more would not fit into the
        // buffer of the TLS library, and a large frame would be in memory twice.
        self.send()?;
        let slice = &bytes[..bytes.len().min(limits::TLS_SLICE)];
        let taken = self.tls.writer().write(slice)?;
        match self.send() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self.0).write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Trouble {
    /// The trouble behind an error, if that is what it is.
    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    fn into_io(self) -> io::Error {
        io::Error::new(ErrorKind::InvalidData, self)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainText => f.write_str("plain text on the TLS port"),
            Self::Handshake(error) => write!(f, "TLS handshake failed: {error}"),
            Self::Broken(error) => write!(f, "TLS broken: {error}"),
        }
    }
}

impl Error for Trouble {}
