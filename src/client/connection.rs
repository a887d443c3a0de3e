//! A connection to a gateway, plain or encrypted, on which nothing has been said yet.

use crate::client::channel::Channel;
use crate::client::error::Error;
use crate::client::handshake::shake_hands;
use crate::client::lines::{LineReader, Trace, Writer};
use crate::client::stop::{Stop, Waited};
use crate::tls::{Fingerprint, Trust};
use crate::wait;
use rustix::event::PollFlags;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

/// How to connect.
#[derive(Clone)]
pub struct ConnectOptions {
    /// How long each address of the host may take to accept, and then the TLS handshake.
    pub timeout: Duration,
    /// How long the gateway may take to accept one line.
    pub write_timeout: Duration,
    /// Encryption, and which certificate is accepted; without it, everything is sent in the clear.
    /// [`IdentityFile::trust_for`](crate::client::IdentityFile::trust_for) knows what a gateway
    /// that was met before has to show.
    pub tls: Option<Trust>,
    /// Is shown every line.
    pub trace: Option<Trace>,
}

impl Default for ConnectOptions {
    /// As patient as the old apps with connecting; a large answer over a slow line takes longer.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(8),
            write_timeout: Duration::from_secs(60),
            tls: None,
            trace: None,
        }
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

/// Both halves of a connection on which nothing has been said yet.
#[derive(Debug)]
pub struct Connection {
    /// For one thread.
    pub reader: LineReader,
    /// For every thread.
    pub writer: Writer,
    /// Host and port as they were given.
    pub gateway: (String, u16),
    /// The certificate whose key the gateway proved to hold, if the connection is encrypted.
    pub certificate: Option<Fingerprint>,
    /// What the caller demanded.
    pub(super) trust: Option<Trust>,
}

/// Connects to the first address of `host` that accepts. With TLS, the gateway has proved to be
/// the trusted one when this returns, and has not been told anything yet.
///
/// # Errors
/// [`Error::Connect`] with the last address's reason, or [`Error::Stopped`]. With TLS also
/// [`Error::PinMismatch`], [`Error::NotTls`], [`Error::Handshake`], [`Error::NoAnswer`].
pub fn connect(
    host: &str,
    port: u16,
    options: ConnectOptions,
    stop: &Stop,
) -> Result<Connection, Error> {
    let socket = reach(host, port, &options, stop)?;
    let secured = options
        .tls
        .map(|trust| shake_hands(&socket, host, trust, options.timeout, stop))
        .transpose()?;
    let (tls, certificate) = secured.unzip();
    let channel = Arc::new(Channel::new(socket, tls, stop.clone()));
    Ok(Connection {
        reader: LineReader::new(channel.clone(), options.trace.clone()),
        writer: Writer::new(channel, options.write_timeout, options.trace),
        gateway: (host.to_owned(), port),
        certificate,
        trust: options.tls,
    })
}

/// A socket that is connected and does not block.
fn reach(host: &str, port: u16, options: &ConnectOptions, stop: &Stop) -> Result<TcpStream, Error> {
    let address =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let fail = |source| Error::Connect { address: address.clone(), source };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs().map_err(fail)? {
        match connect_to(address, options, stop) {
            Ok(Some(socket)) => return Ok(socket),
            Ok(None) => return Err(Error::Stopped),
            Err(error) => last = error,
        }
    }
    Err(fail(last))
}

/// `None` when asked to stop meanwhile.
fn connect_to(
    address: SocketAddr,
    options: &ConnectOptions,
    stop: &Stop,
) -> io::Result<Option<TcpStream>> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            let deadline = wait::after(options.timeout);
            match stop.wait_for(socket.as_fd(), PollFlags::OUT, deadline)? {
                Waited::Ready => {}
                Waited::TimedOut => return Err(io::ErrorKind::TimedOut.into()),
                Waited::Stopped => return Ok(None),
            }
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    socket.set_tcp_nodelay(true)?;
    Ok(Some(socket.into()))
}
