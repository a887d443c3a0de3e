//! A connection to a gateway, plain or encrypted: lines in, frames out. It is the gateway's
//! [`Duplex`], used by one thread, which writes what the [`Writer`]s have left while it reads.

use crate::addresses::with_port;
use crate::client::error::Error;
use crate::client::writer::{redacted, Direction, Trace, Writer};
use crate::discovery::local_name;
use crate::link::{read_line, Duplex, Ending, Line, NetStream, Outbox, Stop, Stream, TlsError};
use crate::log_limit::LogLimit;
use crate::protocol::{limits, NodeFrame};
use crate::tls::{self, Fingerprint, PinMismatch, Trust};
use crate::wait::{self, poll_until};
use rustix::event::{PollFd, PollFlags};
use rustls::{ClientConfig, ClientConnection, InvalidMessage};
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io::{self, BufReader, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The types of TLS records, as their first bytes (RFC 8446, section 5.1). No text begins with one
/// of them.
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 20..=23;

/// How to connect.
#[derive(Clone)]
pub struct ConnectOptions {
    /// How long each address of the host may take to accept, and then the TLS handshake.
    pub timeout: Duration,
    /// Encryption, and which certificate is accepted; without it, everything is sent in the clear.
    /// [`IdentityFile::trust_for`](crate::client::IdentityFile::trust_for) returns what a gateway
    /// that was met before has to present.
    pub tls: Option<Trust>,
    /// Is called with every line.
    pub trace: Option<Trace>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { timeout: limits::HOST_CONNECT, tls: None, trace: None }
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("timeout", &self.timeout)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// A connection on which nothing has been sent yet.
pub struct Connection {
    lines: BufReader<Duplex<NetStream, Vec<u8>>>,
    line: Vec<u8>,
    /// When the last byte was read.
    pub(super) heard: Instant,
    writer: Writer,
    trace: Option<Trace>,
    pub(super) log_limit: LogLimit,
    stop: Stop,
    /// Host and port as they were given.
    pub gateway: (String, u16),
    /// The certificate whose key the gateway proved to hold, if the connection is encrypted.
    pub certificate: Option<Fingerprint>,
    pub(super) trust: Option<Trust>,
}

/// Connects to the first address of `host` that accepts. The local network is asked for a `.local`
/// name that the system does not know. With TLS, the gateway has proved to be the
/// trusted one when this returns, and nothing but the handshake has been sent. Fails with
/// [`Error::Connect`] and the last address's reason, or [`Error::Stopped`]; with TLS also
/// [`Error::PinMismatch`], [`Error::NotTls`], [`Error::Handshake`], [`Error::NoAnswer`].
pub fn connect(
    host: &str,
    port: u16,
    options: ConnectOptions,
    stop: &Stop,
) -> Result<Connection, Error> {
    let ConnectOptions { timeout, tls: trust, trace } = options;
    let tls = trust.map(tls::client_config).transpose().map_err(refused)?;
    let (stream, certificate) = dial(host, port, timeout, tls, stop)?;
    let outbox = Outbox::new(limits::LINE_NODE).map_err(|_| Error::System("descriptors"))?;
    let outbox = Arc::new(outbox.holding(limits::HOST_OUTBOX_BYTES));
    // The gateway's answers are not waited for, nor its reading: it may wait for ours.
    let duplex = Duplex::new(stream, outbox.clone(), usize::MAX).map_err(Error::Broken)?;
    let duplex = duplex.until(stop.clone());
    Ok(Connection {
        lines: BufReader::with_capacity(limits::WRITE_BUFFER, duplex),
        line: Vec::new(),
        heard: Instant::now(),
        writer: Writer::new(outbox, trace.clone()),
        trace,
        log_limit: LogLimit::default(),
        stop: stop.clone(),
        gateway: (host.to_owned(), port),
        certificate,
        trust,
    })
}

/// A stream to the first address of `host` that accepts, encrypted if there is a configuration for
/// that, and then the certificate of the other side.
pub(crate) fn dial(
    host: &str,
    port: u16,
    timeout: Duration,
    tls: Option<Arc<ClientConfig>>,
    stop: &Stop,
) -> Result<(NetStream, Option<Fingerprint>), Error> {
    let socket = Arc::new(reach(host, port, timeout, stop)?);
    match tls {
        Some(tls) => shake_hands(socket, host, tls, timeout, stop),
        None => Ok((NetStream::plain(socket), None)),
    }
}

impl Connection {
    /// For sending, from any thread.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The next line; `None` at `deadline`. Writes meanwhile. Takes a little of what is there
    /// already even if the deadline has passed.
    pub(super) fn read_line(&mut self, deadline: Instant) -> Result<Option<Vec<u8>>, Error> {
        // While there is always more to read, nothing waits, and nothing would notice the request.
        if self.lines.buffer().is_empty() && self.stop.is_requested() {
            return Err(Error::Stopped);
        }
        self.lines.get_mut().set_deadline(deadline);
        let heard = &mut self.heard;
        let progress = || {
            *heard = Instant::now();
            // Bytes without end must not hold up the deadline.
            if *heard >= deadline {
                return Err(ErrorKind::WouldBlock.into());
            }
            Ok(())
        };
        match read_line(&mut self.lines, &mut self.line, || limits::LINE_NODE, progress) {
            Ok(Line::Complete) => {}
            Ok(Line::TooLong(bytes)) => return Err(Error::LineTooLong(bytes)),
            Ok(Line::End) => {
                return Err(match self.lines.get_ref().ending() {
                    None | Some(Ending::TheirEnd | Ending::OurEnd) => self.closed(),
                    Some(_) => Error::Broken(ErrorKind::TimedOut.into()),
                });
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return if self.stop.is_requested() { Err(Error::Stopped) } else { Ok(None) };
            }
            // The apps and many gateways close without `close_notify`.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(self.closed()),
            Err(error) => return Err(Error::Broken(error)),
        }
        self.heard = Instant::now();
        let line = std::mem::take(&mut self.line);
        if let Some(trace) = &self.trace {
            trace(Direction::Received, &redacted(&String::from_utf8_lossy(&line)));
        }
        Ok(Some(line))
    }

    /// Sends what waits, for at most [`limits::CLOSE_FLUSH`]; writers fail from now on. Returns the
    /// events that the gateway has not got, or not wholly.
    pub(super) fn close(&mut self) -> Vec<NodeFrame> {
        self.writer.close();
        let duplex = self.lines.get_mut();
        // A connection that is broken takes nothing more.
        let _ = duplex.close();
        let unwritten = duplex.take_unwritten();
        duplex.with_stream(NetStream::close_notify);
        let _ = duplex.with_stream(|stream| stream.tcp().shutdown(Shutdown::Both));
        let lines = unwritten.iter().flat_map(|chunk| chunk.split(|byte| *byte == b'\n'));
        let frames = lines.filter_map(|line| NodeFrame::decode(line)?.ok());
        frames.filter(|frame| matches!(frame, NodeFrame::Event { .. })).collect()
    }

    fn closed(&self) -> Error {
        if self.line.is_empty() {
            return Error::Closed;
        }
        let cut = "the gateway closed the connection in the middle of a line";
        Error::Broken(io::Error::new(ErrorKind::UnexpectedEof, cut))
    }

    /// What an end before the first line says about the gateway. One that expects TLS sends an
    /// alert when it gets a plain hello, or only closes.
    pub(super) fn end_before_first_line(&self, error: Error) -> Error {
        match &error {
            _ if self.certificate.is_some() => error,
            Error::Closed | Error::Broken(_) if is_tls(&self.line) => Error::SpeaksTls,
            Error::Closed => Error::HungUp,
            Error::Broken(cause) if cause.kind() == ErrorKind::ConnectionReset => Error::HungUp,
            _ => error,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

pub(super) fn is_tls(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| RECORD_TYPES.contains(first))
}

/// The TLS handshake. The gateway has then proved to hold the key of the returned certificate, and
/// `config` accepts that.
fn shake_hands(
    socket: Arc<TcpStream>,
    host: &str,
    config: Arc<ClientConfig>,
    timeout: Duration,
    stop: &Stop,
) -> Result<(NetStream, Option<Fingerprint>), Error> {
    let address = socket.peer_addr().map_err(Error::Broken)?.ip();
    let client = ClientConnection::new(config, tls::server_name(host, address));
    let mut stream = NetStream::secured(socket, client.map_err(refused)?.into());
    let deadline = wait::after(timeout);
    let too_late = || Error::NoAnswer { to: "the TLS handshake", after: timeout };
    loop {
        match stream.handshake() {
            Ok(()) => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(match TlsError::of(&error) {
                    Some(TlsError::Handshake(error)) => refused(error.clone()),
                    _ => Error::Handshake(error),
                })
            }
        }
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, stream.has_unsent());
        if !wait_for(stream.tcp().as_fd(), flags, deadline, stop)? || Instant::now() >= deadline {
            return Err(too_late());
        }
    }
    let fingerprint = stream.peer_certificate().map(|certificate| Fingerprint::of(certificate));
    match fingerprint {
        Some(_) => Ok((stream, fingerprint)),
        None => Err(refused(rustls::Error::NoCertificatesPresented)),
    }
}

fn refused(error: rustls::Error) -> Error {
    if let Some(PinMismatch { expected, presented }) = PinMismatch::in_error(&error) {
        return Error::PinMismatch { expected, presented };
    }
    match error {
        // The first byte is none that TLS begins with.
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Error::NotTls,
        error => Error::Handshake(io::Error::new(ErrorKind::InvalidData, error)),
    }
}

/// Waits for a descriptor; false at the deadline.
fn wait_for(
    fd: BorrowedFd<'_>,
    flags: PollFlags,
    deadline: Instant,
    stop: &Stop,
) -> Result<bool, Error> {
    let mut fds = [PollFd::from_borrowed_fd(fd, flags), stop.watched()];
    let is_ready = poll_until(&mut fds, Some(deadline)).map_err(Error::Broken)?;
    match fds[1].revents().is_empty() {
        true => Ok(is_ready),
        false => Err(Error::Stopped),
    }
}

/// A socket that is connected and does not block.
fn reach(host: &str, port: u16, timeout: Duration, stop: &Stop) -> Result<TcpStream, Error> {
    let fail = |source| Error::Connect { address: with_port(host, port), source };
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in addresses_of(host, port, stop)?.map_err(fail)? {
        let result = match begin_to_connect(address) {
            Ok(socket) => {
                match wait_for(socket.as_fd(), PollFlags::OUT, wait::after(timeout), stop)? {
                    true => socket.take_error().and_then(|error| error.map_or(Ok(socket), Err)),
                    false => Err(ErrorKind::TimedOut.into()),
                }
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(socket) => return Ok(socket.into()),
            Err(error) => last = error,
        }
    }
    Err(fail(last))
}

/// The addresses of the host, in the order in which to try them. A `.local` name that the system
/// does not know is asked for in the local network; what the system knows counts, such as a line
/// in /etc/hosts.
fn addresses_of(host: &str, port: u16, stop: &Stop) -> Result<io::Result<Vec<SocketAddr>>, Error> {
    let unknown = match (host, port).to_socket_addrs() {
        Err(error) if local_name::is_local(host) => error,
        known => return Ok(known.map(Iterator::collect)),
    };
    let found = local_name::resolve(host, port, stop);
    if stop.is_requested() {
        return Err(Error::Stopped);
    }
    Ok(match found {
        Ok(found) if found.is_empty() => Err(io::Error::other(format!(
            "{unknown}; and nobody in the local network answers to this name (mDNS)"
        ))),
        found => found,
    })
}

/// A socket that does not block and is being connected.
fn begin_to_connect(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&address.into()) {
        Err(error)
            if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            Err(error)
        }
        _ => Ok(socket),
    }
}
