//! Accepts connections, and ends them when the bridge does.

use super::connection::Connection;
use super::pages::WELCOME;
use super::site::Site;
use crate::files::{create_private_dir, write_atomically};
use crate::link::{no_thread, ConnectionLimiter};
use crate::lock::lock;
use crate::origin::Origin;
use crate::protocol::limits;
use crate::transport::{Entrance, Linger};
use socket2::SockRef;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

/// A canvas host that is open.
#[derive(Debug)]
pub(crate) struct CanvasHost {
    /// The same at every address.
    pub port: u16,
    site: Arc<Site>,
    limiter: Arc<ConnectionLimiter>,
    last: AtomicU64,
    waiting: Arc<AtomicUsize>,
}

impl CanvasHost {
    /// A host with so many connections at most. Makes the owner's folder, with a page to begin with,
    /// unless there is one.
    pub(crate) fn new(site: Site, port: u16, most: usize) -> Arc<Self> {
        if let Err(error) = make_folder(&site.root) {
            log::warn!("canvas: cannot serve the folder {:?}: {error}", site.root);
        }
        Arc::new(Self {
            port,
            site: Arc::new(site),
            limiter: ConnectionLimiter::new(most, most),
            last: AtomicU64::new(0),
            waiting: Arc::default(),
        })
    }

    /// From now on these are names of this machine.
    pub(crate) fn set_names(&self, names: Vec<String>) {
        *lock(&self.site.names) = names;
    }

    /// Serves each connection in a thread.
    pub(crate) fn entrance(self: Arc<Self>) -> Entrance {
        let log_limit = self.site.log_limit.clone();
        let admit = Arc::new(move |stream, peer| self.admit(stream, peer));
        Entrance { name: "canvas-accept", is_logged: false, log_limit, admit }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (peer, stream) = (peer.ip().to_canonical(), Arc::new(stream));
        if prepare(&stream).is_err() {
            return Ok(());
        }
        let Some(permit) = self.limiter.acquire(number, peer, &stream) else {
            let origin = Origin::of(peer).to_string();
            if let Some(more) = self.site.log_limit.admit_from("canvas full", &origin) {
                log::warn!("canvas: refused a connection, the limit is reached ip={peer}{more}");
            }
            return Ok(());
        };
        let (site, waiting) = (self.site.clone(), self.waiting.clone());
        let connection = Connection { site, stream: stream.clone(), waiting };
        let thread = Builder::new().name(format!("canvas-{number}")).stack_size(limits::STACK);
        let run = move || {
            let ended = connection.serve();
            log::debug!("canvas: connection ended number={number} ip={peer} {ended:?}");
            if ended.is_ok() && stream.set_nonblocking(true).is_ok() {
                Linger::new(&stream).after_end();
            }
            drop(permit);
        };
        thread.spawn(run).map(drop).map_err(no_thread)
    }

    /// Closes every connection. No more may be accepted by now.
    pub(crate) fn close(&self) {
        self.limiter.close_all();
    }

    /// Waits until they have ended.
    pub(crate) fn wait(&self, timeout: Duration) {
        let left = self.limiter.wait_until_empty(timeout);
        if left > 0 {
            log::warn!("canvas: connections did not end in time connections={left}");
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // A phone that has left the network says nothing, and its page would be waiting for long.
    SockRef::from(stream).set_tcp_user_timeout(Some(limits::CANVAS_LOST))
}

fn make_folder(root: &Path) -> io::Result<()> {
    match root.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_private_dir(root)?;
            write_atomically(&root.join("index.html"), WELCOME.as_bytes())
        }
        found => match found?.is_dir() {
            true => Ok(()),
            false => Err(io::ErrorKind::NotADirectory.into()),
        },
    }
}
