//! Accepts nodes: one thread for each address, one thread for each connection.

use crate::link::{accept_until, ConnectionLimiter, Inbox, Waker};
use crate::log_limit::LogLimit;
use crate::protocol::limits;
use crate::router::ConnId;
use crate::tls::Acceptor;
use crate::transport::connection::NodeConnection;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// A bound address whose connections are not accepted yet.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// What every accept thread needs.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    /// Where inputs go.
    pub inbox: Inbox,
    /// How many connections may be open.
    pub limiter: Arc<ConnectionLimiter>,
    /// What connections are encrypted with; `None` leaves them in the clear.
    pub tls: Option<Arc<Acceptor>>,
    /// Limits the log lines that unauthenticated connections cause.
    pub log_limit: Arc<LogLimit>,
    /// The last connection's number; shared, so that numbers are never used twice.
    pub last: Arc<AtomicU64>,
}

impl Listener {
    /// Binds an address; with port 0, the system chooses one.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = bind(address)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// The address, with the port it got.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts the thread that accepts connections until the alarm of `stop`.
    pub(super) fn start(
        self,
        number: usize,
        stop: Arc<Waker>,
        reception: Reception,
    ) -> io::Result<JoinHandle<()>> {
        Builder::new().name(format!("accept-{number}")).stack_size(limits::STACK).spawn(move || {
            accept_until(&stop, &self.socket, &reception.log_limit, || {
                let (stream, peer) = self.socket.accept()?;
                reception.admit(stream, peer)
            });
        })
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // IPv4 has a listener of its own.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(limits::LISTEN_BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

impl Reception {
    /// Starts the connection's thread. A failure concerns this connection only, unless the system
    /// is short of a resource, which is worth a pause.
    fn admit(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let peer = peer.ip().to_canonical();
        if prepare(&stream).is_err() {
            return Ok(());
        }
        let conn = ConnId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        let stream = Arc::new(stream);
        let Some(permit) = self.limiter.acquire(conn.0, peer, &stream) else {
            if let Some(more) = self.log_limit.admit("full") {
                log::warn!("refused a connection, the limit is reached ip={peer}{more}");
            }
            return Ok(());
        };
        let connection = NodeConnection {
            conn,
            peer,
            stream,
            permit,
            limiter: self.limiter.clone(),
            inbox: self.inbox.clone(),
            tls: self.tls.clone(),
            log_limit: self.log_limit.clone(),
        };
        let thread = Builder::new().name(format!("node-{conn}")).stack_size(limits::STACK);
        thread.spawn(move || connection.run()).map(drop)
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(limits::TCP_KEEPALIVE))
}
