//! Accepts nodes: one thread for each address, one thread for each connection.

use crate::link::{accept_until, no_thread, Waker};
use crate::log_limit::LogLimit;
use crate::origin::Origin;
use crate::protocol::limits;
use crate::router::ConnId;
use crate::transport::connection::{NodeConnection, Reception};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// Who is given the connections that are accepted.
#[derive(Clone)]
pub(crate) struct Entrance {
    /// Begins the names of the threads.
    pub name: &'static str,
    /// Whether the log tells how the addresses change. Of several that share them, one does.
    pub is_logged: bool,
    pub log_limit: Arc<LogLimit>,
    /// Called in an accepting thread. An error is worth a pause.
    pub admit: Arc<dyn Fn(TcpStream, SocketAddr) -> io::Result<()> + Send + Sync>,
}

/// A bound address whose connections are not accepted yet.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    /// With the port it got.
    pub(super) address: SocketAddr,
}

impl Listener {
    /// Binds an address; with port 0, the system chooses one.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // IPv4 has a listener of its own.
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(limits::LISTEN_BACKLOG)?;
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from(socket);
        Ok(Self { address: socket.local_addr()?, socket })
    }

    /// Starts the thread that accepts connections until the alarm of `stop`.
    pub(super) fn start(
        self,
        number: usize,
        stop: Arc<Waker>,
        entrance: Entrance,
    ) -> io::Result<JoinHandle<()>> {
        let name = format!("{}-{number}", entrance.name);
        Builder::new().name(name).stack_size(limits::STACK).spawn(move || {
            accept_until(&stop, &self.socket, &entrance.log_limit, || {
                let (stream, peer) = self.socket.accept()?;
                (entrance.admit)(stream, peer)
            });
        })
    }
}

impl Reception {
    /// Makes a node's connection of each.
    pub(crate) fn entrance(self) -> Entrance {
        let log_limit = self.log_limit.clone();
        let admit = Arc::new(move |stream, peer| self.admit(stream, peer));
        Entrance { name: "accept", is_logged: true, log_limit, admit }
    }

    /// Starts the connection's thread. A failure concerns this connection only, unless the system
    /// is short of a resource, which is worth a pause.
    fn admit(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let peer = peer.ip().to_canonical();
        // It may be gone already.
        let Ok(local) = prepare(&stream) else { return Ok(()) };
        let conn = ConnId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        let stream = Arc::new(stream);
        let Some(permit) = self.limiter.acquire(conn.0, peer, &stream) else {
            if let Some(more) = self.log_limit.admit_from("full", &Origin::of(peer).to_string()) {
                log::warn!("refused a connection, the limit is reached ip={peer}{more}");
            }
            return Ok(());
        };
        let connection =
            NodeConnection { conn, peer, local, stream, permit, reception: self.clone() };
        let thread = Builder::new().name(format!("node-{conn}")).stack_size(limits::STACK);
        thread.spawn(move || connection.run()).map(drop).map_err(no_thread)
    }
}

/// Returns which of our addresses it has reached.
fn prepare(stream: &TcpStream) -> io::Result<IpAddr> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(limits::TCP_KEEPALIVE);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream.local_addr()?.ip().to_canonical())
}
