//! The current listeners. They are opened and closed while the bridge runs, because the addresses
//! of a tailnet appear late, change, and disappear. Closing a listener closes no connections.

use crate::addresses::{self, InterfaceAddress};
use crate::link::Waker;
use crate::lock::lock;
use crate::transport::bind::{BindPlan, Endpoint, Error, Target};
use crate::transport::listener::{Entrance, Listener};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Addresses that are bound; nobody is accepted yet.
#[derive(Debug)]
pub(crate) struct Bound {
    target: Target,
    listeners: Vec<Listener>,
    listening: Listening,
}

/// Where the bridge listens at this moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listening(Arc<Mutex<ListenerState>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListenerState {
    pub addresses: Vec<SocketAddr>,
    /// What is missing and waited for.
    pub waiting_for: Option<String>,
}

/// The listeners of a running bridge. Dropped, they are closed, and nobody is accepted any more.
pub(crate) struct Listeners {
    target: Target,
    port: u16,
    open: Vec<OpenListener>,
    entrance: Entrance,
    last: usize,
    listening: Listening,
}

/// A listener and its thread; closed when dropped.
#[derive(Debug)]
struct OpenListener {
    address: SocketAddr,
    stop: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
    /// Whether an interface was seen to have the address; some that can be listened on never are.
    seen: bool,
}

impl Listening {
    pub(crate) fn now(&self) -> ListenerState {
        lock(&self.0).clone()
    }

    fn set(&self, state: ListenerState) {
        *lock(&self.0) = state;
    }
}

impl Bound {
    /// Binds what the plan says. Fails if something is missing that cannot, or shall not, be waited
    /// for.
    pub(crate) fn open(plan: &BindPlan) -> Result<Self, Error> {
        let own = plan.look()?;
        Self::bind(plan.target(&own)?, &own, plan.port, plan.wait)
    }

    /// Binds another port of the same addresses; one that is absent is waited for.
    pub(crate) fn beside(&self, port: u16) -> Result<Self, Error> {
        let own = match self.target {
            Target::Tailnet => addresses::list().map_err(Error::Interfaces)?,
            _ => Vec::new(),
        };
        Self::bind(self.target, &own, port, true)
    }

    fn bind(
        target: Target,
        own: &[InterfaceAddress],
        mut port: u16,
        wait: bool,
    ) -> Result<Self, Error> {
        let (mut listeners, mut failure) = (Vec::<Listener>::new(), None);
        for Endpoint { ip, required } in target.endpoints(own) {
            let address = SocketAddr::new(ip, port);
            match Listener::bind(address) {
                Ok(listener) => {
                    port = listener.address.port();
                    listeners.push(listener);
                }
                Err(source) => {
                    log::debug!("not listening on {address}: {source}");
                    let may_come = wait && source.kind() == io::ErrorKind::AddrNotAvailable;
                    let error = Error::Refused { address, source };
                    if required && !may_come {
                        return Err(error);
                    }
                    failure = Some(error);
                }
            }
        }
        match failure {
            // While it waits for an address, a bridge is there for this machine at least.
            Some(error) if listeners.is_empty() => Err(error),
            _ => {
                let listening = Listening::default();
                let addresses = listeners.iter().map(|listener| listener.address).collect();
                listening.set(ListenerState { addresses, waiting_for: None });
                Ok(Self { target, listeners, listening })
            }
        }
    }

    /// Where the bridge will listen, now and later.
    pub(crate) fn listening(&self) -> &Listening {
        &self.listening
    }

    /// The port, the same for every address.
    pub(crate) fn port(&self) -> u16 {
        self.listeners.first().map_or(0, |listener| listener.address.port())
    }

    pub(crate) fn start(self, entrance: Entrance) -> io::Result<Listeners> {
        let port = self.port();
        let Self { target, listeners, listening } = self;
        let mut started =
            Listeners { target, port, open: Vec::new(), entrance, last: 0, listening };
        for listener in listeners {
            started.accept_at(listener)?;
        }
        Ok(started)
    }
}

impl Listeners {
    /// The port, the same for every address.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn follow_tailnet(&self) -> bool {
        self.target == Target::Tailnet
    }

    pub(crate) fn moves(&self) -> bool {
        self.target.moves()
    }

    /// Opens and closes what has to be with these addresses of the machine. What fails is tried
    /// again the next time; the log tells what has changed.
    pub(crate) fn follow(&mut self, own: &[InterfaceAddress]) {
        let wanted = self.target.endpoints(own);
        let is_wanted =
            |open: &OpenListener| wanted.iter().any(|endpoint| endpoint.ip == open.address.ip());
        let (keep, gone) = std::mem::take(&mut self.open).into_iter().partition(is_wanted);
        self.open = keep;
        for open in gone {
            if self.entrance.is_logged {
                log::info!("stopped listening on {}, because the address is gone", open.address);
            }
            drop(open);
        }
        let mut waiting_for = None;
        for Endpoint { ip, required } in &wanted {
            if self.open.iter().any(|open| open.address.ip() == *ip) {
                continue;
            }
            let listener = Listener::bind(SocketAddr::new(*ip, self.port));
            match listener.and_then(|listener| self.accept_at(listener)) {
                Ok(address) if self.entrance.is_logged => log::info!("listening on {address}"),
                Ok(_) => {}
                Err(error) if *required => waiting_for = Some(absence(*ip, &error)),
                Err(_) => {}
            }
        }
        if self.target == Target::Tailnet && !wanted.iter().any(|endpoint| endpoint.required) {
            waiting_for = Some("a tailnet address".to_owned());
        }
        let waiting_for = waiting_for.or_else(|| self.missing(own));
        self.tell(waiting_for);
    }

    /// The address that was there and is not; its listener works again when it comes back.
    fn missing(&mut self, own: &[InterfaceAddress]) -> Option<String> {
        let has = |ip: IpAddr| own.iter().any(|own| own.ip == ip);
        let mut missing = None;
        for open in self.open.iter_mut().filter(|open| !open.address.ip().is_loopback()) {
            let is_here = has(open.address.ip());
            if open.seen && !is_here {
                let ip = open.address.ip();
                missing = Some(format!("{ip}, which this machine had, to come back"));
            }
            open.seen |= is_here;
        }
        missing
    }

    fn tell(&self, waiting_for: Option<String>) {
        let before = self.listening.now();
        let addresses: Vec<SocketAddr> = self.open.iter().map(|open| open.address).collect();
        match &waiting_for {
            _ if !self.entrance.is_logged => {}
            Some(what) if before.waiting_for != waiting_for => {
                let only: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
                log::warn!("waiting for {what}; meanwhile listening on {}", only.join(", "));
            }
            None if before.waiting_for.is_some() => log::info!("no longer waiting for an address"),
            _ => {}
        }
        self.listening.set(ListenerState { addresses, waiting_for });
    }

    fn accept_at(&mut self, listener: Listener) -> io::Result<SocketAddr> {
        let address = listener.address;
        let stop = Arc::new(Waker::new()?);
        let thread = listener.start(self.last + 1, stop.clone(), self.entrance.clone())?;
        self.last += 1;
        self.open.push(OpenListener { address, stop, thread: Some(thread), seen: false });
        Ok(address)
    }
}

/// What is missing where it cannot be listened.
fn absence(ip: IpAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => format!("{ip}, which this machine does not have yet"),
        _ => format!("{ip} ({error})"),
    }
}

impl Drop for OpenListener {
    fn drop(&mut self) {
        self.stop.alarm();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("an accepting thread panicked address={}", self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Bind;
    use crate::link::{ConnectionLimiter, Inbox};
    use crate::log_limit::LogLimit;
    use crate::transport::Reception;
    use std::net::{Ipv4Addr, TcpStream};
    use std::sync::atomic::AtomicU64;

    fn reception() -> Reception {
        Reception {
            inbox: Inbox::new().0,
            limiter: ConnectionLimiter::new(8, 8),
            tls: None,
            log_limit: Arc::new(LogLimit::default()),
            last: Arc::new(AtomicU64::new(0)),
        }
    }

    fn plan(bind: Bind, wait: bool) -> BindPlan {
        BindPlan { bind, port: 0, wait }
    }

    /// From the documentation's range: no machine has it.
    const ABSENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 77));

    #[test]
    fn an_absent_address_is_refused_or_waited_for() {
        let refused = Bound::open(&plan(Bind::Address(ABSENT), false)).unwrap_err().to_string();
        assert!(refused.contains("192.0.2.77:0 (this machine does not have"), "{refused}");
        let bound = Bound::open(&plan(Bind::Address(ABSENT), true)).unwrap();
        let mut listeners = bound.start(reception().entrance()).unwrap();
        listeners.follow(&[]);
        let state = listeners.listening.now();
        assert!(state.addresses.iter().all(|address| address.ip().is_loopback()));
        assert!(state.waiting_for.is_some_and(|what| what.starts_with("192.0.2.77, which")));
        assert!(TcpStream::connect(state.addresses[0]).is_ok());
        drop(listeners);
        assert!(TcpStream::connect(state.addresses[0]).is_err());
    }

    #[test]
    fn a_port_that_is_taken_is_not_waited_for() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let refused = Bound::open(&BindPlan { bind: Bind::Address(ABSENT), port, wait: true });
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("another program listens there"), "{refused}");
    }
}
