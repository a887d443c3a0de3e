//! The bytes of a connection: a TCP socket, or TLS over it, on either side; the first byte decides
//! (protocol section 1.3). The connection's thread owns socket and TLS state; nothing here blocks.

use crate::link::endpoint::Stream;
use crate::protocol::limits;
use crate::tls::Acceptor;
use rustls::pki_types::CertificateDer;
use rustls::Connection;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// The first byte of a TLS handshake.
pub(crate) const TLS_HANDSHAKE: u8 = 0x16;

/// A TCP socket that does not block, with or without TLS. It is shared with the connection limiter,
/// which may shut it down.
#[derive(Debug)]
pub(crate) enum NetStream {
    Plain(Arc<TcpStream>),
    /// The other side's first byte decides whether it speaks TLS. What is written before that is
    /// lost: it would be in the clear.
    Undecided(Arc<TcpStream>, Arc<Acceptor>),
    Secured(Box<Secured>),
}

#[derive(Debug)]
pub(crate) struct Secured {
    socket: Arc<TcpStream>,
    tls: Connection,
    /// Bytes that are encrypted, but that the socket has not taken yet; they do not count as
    /// written.
    encrypted: usize,
    /// The other side's `close_notify` has come. It may have come together with a line, and then
    /// nothing more arrives at the socket that would make anybody look for it.
    has_close_notify: bool,
}

/// Why a connection that should be encrypted cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The other side does not speak TLS where it is required; its first byte.
    #[error("plain text on the TLS port")]
    PlainText(u8),
    /// The two sides did not agree, or one does not trust the other.
    #[error("TLS handshake failed: {0}")]
    Handshake(rustls::Error),
    /// What came later was not what the other side had encrypted.
    #[error("TLS broken: {0}")]
    Broken(rustls::Error),
}

impl NetStream {
    pub(crate) fn plain(socket: Arc<TcpStream>) -> Self {
        Self::Plain(socket)
    }

    /// The server side of a connection. Without an acceptor there is no TLS.
    pub(crate) fn accepted(socket: Arc<TcpStream>, acceptor: Option<Arc<Acceptor>>) -> Self {
        match acceptor {
            Some(acceptor) => Self::Undecided(socket, acceptor),
            None => Self::plain(socket),
        }
    }

    /// A connection with TLS, whose handshake has not begun.
    pub(crate) fn secured(socket: Arc<TcpStream>, tls: Connection) -> Self {
        Self::Secured(Box::new(Secured { socket, tls, encrypted: 0, has_close_notify: false }))
    }

    /// Whether what is read is what came over the wire.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Goes on with the handshake; returns when it is complete. `WouldBlock` while the other side
    /// has to be waited for.
    pub(crate) fn handshake(&mut self) -> io::Result<()> {
        let Self::Secured(secured) = self else { return Ok(()) };
        loop {
            secured.send()?;
            if !secured.tls.is_handshaking() {
                return Ok(());
            }
            if secured.receive()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The certificate that the other side proved to own the key of, after the handshake.
    pub(crate) fn peer_certificate(&self) -> Option<&CertificateDer<'static>> {
        match self {
            Self::Secured(secured) => secured.tls.peer_certificates()?.first(),
            Self::Plain(_) | Self::Undecided(..) => None,
        }
    }

    /// Sends `close_notify`, so that the other side can tell a close from a cut.
    pub(crate) fn close_notify(&mut self) {
        if let Self::Secured(secured) = self {
            secured.tls.send_close_notify();
            // A socket that is full or broken ends without it.
            let _ = secured.send();
        }
    }

    pub(crate) fn tcp(&self) -> &Arc<TcpStream> {
        match self {
            Self::Plain(socket) | Self::Undecided(socket, _) => socket,
            Self::Secured(secured) => &secured.socket,
        }
    }

    /// Looks at the first byte, which stays where it is. False if nothing will ever come.
    fn decide(&mut self) -> io::Result<bool> {
        let Self::Undecided(socket, acceptor) = self else { return Ok(true) };
        let mut first = [0];
        if socket.peek(&mut first)? == 0 {
            return Ok(false);
        }
        let socket = socket.clone();
        *self = match first[0] {
            TLS_HANDSHAKE => {
                let tls = acceptor.connection().map_err(|e| TlsError::Handshake(e).into_io())?;
                Self::secured(socket, tls.into())
            }
            _ if acceptor.allows_plaintext() => Self::plain(socket),
            byte => return Err(TlsError::PlainText(byte).into_io()),
        };
        Ok(true)
    }
}

impl Read for NetStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => (&**socket).read(buffer),
            Self::Secured(secured) => secured.read(buffer),
            Self::Undecided(..) => match self.decide()? {
                true => self.read(buffer),
                false => Ok(0),
            },
        }
    }
}

impl Write for NetStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => (&**socket).write(bytes),
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

impl Stream for NetStream {
    type Socket = TcpStream;

    fn socket(&self) -> io::Result<Arc<TcpStream>> {
        Ok(self.tcp().clone())
    }

    fn has_unsent(&self) -> bool {
        matches!(self, Self::Secured(secured) if secured.tls.wants_write())
    }

    fn has_unread(&self) -> bool {
        matches!(self, Self::Secured(secured) if secured.has_close_notify)
    }
}

impl Secured {
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut &*self.socket)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// What is decrypted already. 0 is the other side's `close_notify`; without one, the end of the
    /// socket is `UnexpectedEof`: somebody else may have cut it.
    fn decrypted(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tls.reader().read(buffer)
    }

    /// Takes in what the socket has; returns how many bytes that were, 0 at its end.
    fn receive(&mut self) -> io::Result<usize> {
        let bytes = self.tls.read_tls(&mut &*self.socket)?;
        let result = self.tls.process_new_packets();
        if result.is_ok() && !self.tls.is_handshaking() {
            // The answer to a change of keys is held back until something is written.
            let _ = self.tls.writer().write(&[]);
        }
        // An answer, or the alert that says what is wrong. If the socket does not take it now, the
        // next flush does, or fails.
        let _ = self.send();
        match result {
            Ok(state) => {
                self.has_close_notify = state.peer_has_closed();
                Ok(bytes)
            }
            Err(error) if self.tls.is_handshaking() => Err(TlsError::Handshake(error).into_io()),
            Err(error) => Err(TlsError::Broken(error).into_io()),
        }
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
        if self.encrypted == 0 {
            self.send()?;
            let slice = &bytes[..bytes.len().min(limits::TLS_SLICE)];
            self.encrypted = self.tls.writer().write(slice)?;
        }
        // If this would block, the caller offers the same bytes again.
        self.send()?;
        Ok(std::mem::take(&mut self.encrypted))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl TlsError {
    /// The TLS error inside an I/O error, if it is one.
    pub(crate) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    fn into_io(self) -> io::Error {
        io::Error::new(ErrorKind::InvalidData, self)
    }
}
