//! Limits how many connections are open, and how many of them are unauthenticated. Instead of one
//! unauthenticated connection too many, the oldest idle one of the origin with the most of them is
//! closed, so that a flood cannot lock out a paired phone, which sends its hello within
//! milliseconds.

use crate::lock::lock;
use crate::origin::Origin;
use crate::protocol::limits;
use crate::shares::giving_way;
use std::collections::BTreeMap;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct ConnectionLimiter {
    max_connections: usize,
    max_unauthenticated: usize,
    open: Mutex<OpenConnections>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct OpenConnections {
    count: usize,
    /// By connection number, so the oldest comes first.
    unauthenticated: BTreeMap<u64, Unauthenticated>,
}

#[derive(Debug)]
struct Unauthenticated {
    origin: Origin,
    stream: Arc<TcpStream>,
    awaits_approval: bool,
}

/// The right to one open connection; released when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<ConnectionLimiter>,
    number: u64,
}

impl ConnectionLimiter {
    pub(crate) fn new(max_connections: usize, max_unauthenticated: usize) -> Arc<Self> {
        let open = Mutex::new(OpenConnections::default());
        Arc::new(Self { max_connections, max_unauthenticated, open, released: Condvar::new() })
    }

    /// Counts a new connection, closing an unauthenticated one if the limit is reached. `None` if
    /// there is none that may be closed.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        number: u64,
        peer: IpAddr,
        stream: &Arc<TcpStream>,
    ) -> Option<Permit> {
        let mut open = lock(&self.open);
        // Connections that wait for an approval are counted, and limited, by the router.
        let idle = open.unauthenticated.values().filter(|other| !other.awaits_approval).count();
        let is_full = open.count >= self.max_connections;
        // One that was closed and has not ended yet makes room for whoever comes after this one.
        let is_ending = open.count > self.max_connections;
        let is_crowded = is_full || idle >= self.max_unauthenticated;
        let evicted = is_crowded && !is_ending && open.evict_one();
        if is_full && !evicted {
            return None;
        }
        open.count += 1;
        let (origin, stream) = (Origin::of(peer), stream.clone());
        let connection = Unauthenticated { origin, stream, awaits_approval: false };
        open.unauthenticated.insert(number, connection);
        Some(Permit { limiter: self.clone(), number })
    }

    /// The connection is not closed for another's sake any more.
    pub(crate) fn mark_admitted(&self, number: u64) {
        lock(&self.open).unauthenticated.remove(&number);
    }

    /// The connection waits for an operator's approval, which is limited elsewhere.
    pub(crate) fn mark_awaiting_approval(&self, number: u64) {
        if let Some(connection) = lock(&self.open).unauthenticated.get_mut(&number) {
            connection.awaits_approval = true;
        }
    }

    /// Closes all that are not admitted.
    pub(crate) fn close_all(&self) {
        for connection in lock(&self.open).unauthenticated.values() {
            // An error means that it is closed already.
            let _ = connection.stream.shutdown(Shutdown::Both);
        }
    }

    /// Waits until no connection is open; returns how many still are after `timeout`.
    pub(crate) fn wait_until_empty(&self, timeout: Duration) -> usize {
        let is_open = |open: &mut OpenConnections| open.count > 0;
        let waited = self.released.wait_timeout_while(lock(&self.open), timeout, is_open);
        waited.unwrap_or_else(PoisonError::into_inner).0.count
    }
}

impl OpenConnections {
    /// Closes the oldest idle connection of the origin with the most; false if there is none.
    fn evict_one(&mut self) -> bool {
        let idle = self.unauthenticated.iter().filter(|(_, other)| !other.awaits_approval);
        let idle = idle.map(|(number, other)| (*number, other.origin, *number));
        let Some(number) = giving_way(idle) else { return false };
        if let Some(connection) = self.unauthenticated.remove(&number) {
            // Its thread notices and drops its permit. An error means that it is closed already.
            let _ = connection.stream.shutdown(Shutdown::Both);
        }
        true
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = lock(&self.limiter.open);
        open.count -= 1;
        open.unauthenticated.remove(&self.number);
        self.limiter.released.notify_all();
    }
}

/// How many connections the limit on open files allows; each takes two descriptors, and some are
/// kept for files, operators and agents.
pub(crate) fn connections_for(open_files: u64) -> usize {
    let kept = 64 + 2 * limits::OPERATORS as u64;
    usize::try_from(open_files.saturating_sub(kept) / 2).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    fn pair(listener: &TcpListener) -> (TcpStream, Arc<TcpStream>) {
        let outside = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        outside.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        (outside, Arc::new(listener.accept().unwrap().0))
    }

    fn ip(last: u8) -> IpAddr {
        [192, 168, 1, last].into()
    }

    #[test]
    fn the_oldest_idle_connection_of_the_most_crowded_origin_is_closed_for_a_new_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let limiter = ConnectionLimiter::new(10, 2);
        let mut outside = Vec::new();
        let mut permits = Vec::new();
        for (number, peer) in [(1, ip(1)), (2, ip(9)), (3, ip(9)), (4, ip(2))] {
            let (client, stream) = pair(&listener);
            outside.push(client);
            permits.push(limiter.acquire(number, peer, &stream).unwrap());
            if number == 2 {
                limiter.mark_awaiting_approval(2);
            }
        }
        // Of the two from 9, the first one waits for an approval and stays.
        assert_eq!(outside[2].read(&mut [0]).unwrap(), 0);
        outside[1].set_nonblocking(true).unwrap();
        assert!(outside[1].read(&mut [0]).is_err());
    }

    #[test]
    fn the_addresses_of_one_network_are_one_crowd() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let limiter = ConnectionLimiter::new(10, 3);
        let addresses = ["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:1::2", "192.168.1.2"];
        let (mut outside, mut permits) = (Vec::new(), Vec::new());
        for (number, peer) in (1..).zip(addresses) {
            let (client, stream) = pair(&listener);
            outside.push(client);
            permits.push(limiter.acquire(number, peer.parse().unwrap(), &stream).unwrap());
        }
        assert_eq!(outside[1].read(&mut [0]).unwrap(), 0);
        outside[0].set_nonblocking(true).unwrap();
        assert!(outside[0].read(&mut [0]).is_err());
    }

    #[test]
    fn a_burst_closes_one_at_a_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let limiter = ConnectionLimiter::new(2, 2);
        let (mut outside, mut permits) = (Vec::new(), Vec::new());
        for (number, fits) in [(1, true), (2, true), (3, true), (4, false), (5, false)] {
            let (client, stream) = pair(&listener);
            outside.push(client);
            let permit = limiter.acquire(number, ip(1), &stream);
            assert_eq!(permit.is_some(), fits, "{number}");
            permits.extend(permit);
        }
        // The first is closed, but its thread has not ended.
        assert_eq!(outside[0].read(&mut [0]).unwrap(), 0);
        outside[1].set_nonblocking(true).unwrap();
        assert!(outside[1].read(&mut [0]).is_err(), "the second is still open");
        permits.remove(0);
        let (_client, stream) = pair(&listener);
        assert!(limiter.acquire(6, ip(1), &stream).is_some());
    }

    #[test]
    fn admitted_connections_are_never_closed_for_new_ones() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let limiter = ConnectionLimiter::new(2, 2);
        let (_one, first) = pair(&listener);
        let (_two, second) = pair(&listener);
        let _first = limiter.acquire(1, ip(1), &first).unwrap();
        let second_permit = limiter.acquire(2, ip(1), &second).unwrap();
        limiter.mark_admitted(1);
        limiter.mark_admitted(2);
        let (_three, third) = pair(&listener);
        assert!(limiter.acquire(3, ip(1), &third).is_none());
        drop(second_permit);
        assert!(limiter.acquire(3, ip(1), &third).is_some());
    }

    #[test]
    fn descriptors_bound_the_number_of_connections() {
        assert_eq!(connections_for(1024), 448);
        assert_eq!(connections_for(10), 0);
    }
}
