//! Who may connect. Counts connections, and keeps a crowd of strangers from locking out a phone:
//! when there is no room for one more stranger, the oldest silent one of the most crowded address
//! has to leave, because a node says hello within milliseconds.

use crate::protocol::limits;
use std::collections::BTreeMap;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The limits and who is inside.
#[derive(Debug)]
pub struct Gate {
    connections: usize,
    strangers: usize,
    inside: Mutex<Inside>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Inside {
    open: usize,
    /// By connection number, so the oldest comes first.
    strangers: BTreeMap<u64, Stranger>,
}

#[derive(Debug)]
struct Stranger {
    peer: IpAddr,
    stream: Arc<TcpStream>,
    waits_for_operator: bool,
}

/// A place inside; given back when dropped.
#[derive(Debug)]
pub struct Ticket {
    gate: Arc<Gate>,
    number: u64,
}

impl Gate {
    /// A gate for so many connections, so many of them not admitted.
    pub fn new(connections: usize, strangers: usize) -> Arc<Self> {
        let inside = Mutex::new(Inside::default());
        Arc::new(Self { connections, strangers, inside, left: Condvar::new() })
    }

    /// Lets a newcomer in; `None` if every place is taken by connections that cannot be sent
    /// away.
    pub fn enter(
        self: &Arc<Self>,
        number: u64,
        peer: IpAddr,
        stream: &Arc<TcpStream>,
    ) -> Option<Ticket> {
        let mut inside = self.lock();
        // Those who wait for an operator are counted, and limited, by the router.
        let silent = inside.strangers.values().filter(|s| !s.waits_for_operator).count();
        let crowded = silent >= self.strangers || inside.open >= self.connections;
        let made_room = crowded && inside.send_one_away();
        if inside.open >= self.connections + usize::from(made_room) {
            return None;
        }
        inside.open += 1;
        let stranger = Stranger { peer, stream: stream.clone(), waits_for_operator: false };
        inside.strangers.insert(number, stranger);
        Some(Ticket { gate: self.clone(), number })
    }

    /// The connection is not a stranger any more.
    pub fn admitted(&self, number: u64) {
        self.lock().strangers.remove(&number);
    }

    /// The connection waits for an operator, which is limited elsewhere: it may stay.
    pub fn waits(&self, number: u64) {
        if let Some(stranger) = self.lock().strangers.get_mut(&number) {
            stranger.waits_for_operator = true;
        }
    }

    /// Waits until everybody has left; how many have not in the end.
    pub fn wait_until_empty(&self, patience: Duration) -> usize {
        let deadline = Instant::now() + patience;
        let mut inside = self.lock();
        while inside.open > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.left.wait_timeout(inside, left);
            inside = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        inside.open
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Inside {
    fn send_one_away(&mut self) -> bool {
        let silent = |stranger: &&Stranger| !stranger.waits_for_operator;
        let mut crowds: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for stranger in self.strangers.values().filter(silent) {
            *crowds.entry(stranger.peer).or_default() += 1;
        }
        let Some((peer, _)) = crowds.into_iter().max_by_key(|(_, count)| *count) else {
            return false;
        };
        let oldest = self.strangers.iter().find(|(_, s)| s.peer == peer && !s.waits_for_operator);
        let Some(number) = oldest.map(|(number, _)| *number) else { return false };
        if let Some(stranger) = self.strangers.remove(&number) {
            // Its thread notices and gives its ticket back. An error means it is gone already.
            let _ = stranger.stream.shutdown(Shutdown::Both);
        }
        true
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut inside = self.gate.lock();
        inside.open -= 1;
        inside.strangers.remove(&self.number);
        self.gate.left.notify_all();
    }
}

/// How many connections the limit on open files allows; each takes two descriptors, and some are
/// kept for files, operators and agents.
pub fn connections_for(open_files: u64) -> usize {
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
    fn the_oldest_silent_stranger_of_the_largest_crowd_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Gate::new(10, 2);
        let mut outside = Vec::new();
        let mut tickets = Vec::new();
        for (number, peer) in [(1, ip(1)), (2, ip(9)), (3, ip(9)), (4, ip(2))] {
            let (client, stream) = pair(&listener);
            outside.push(client);
            tickets.push(gate.enter(number, peer, &stream).unwrap());
            if number == 2 {
                gate.waits(2);
            }
        }
        // Of the crowd at 9, the first one waits for an operator and stays.
        assert_eq!(outside[2].read(&mut [0]).unwrap(), 0);
        outside[1].set_nonblocking(true).unwrap();
        assert!(outside[1].read(&mut [0]).is_err());
    }

    #[test]
    fn admitted_connections_are_never_sent_away() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Gate::new(2, 2);
        let (_one, first) = pair(&listener);
        let (_two, second) = pair(&listener);
        let _first = gate.enter(1, ip(1), &first).unwrap();
        let second_ticket = gate.enter(2, ip(1), &second).unwrap();
        gate.admitted(1);
        gate.admitted(2);
        let (_three, third) = pair(&listener);
        assert!(gate.enter(3, ip(1), &third).is_none());
        drop(second_ticket);
        assert!(gate.enter(3, ip(1), &third).is_some());
    }

    #[test]
    fn descriptors_bound_the_number_of_connections() {
        assert_eq!(connections_for(1024), 448);
        assert_eq!(connections_for(10), 0);
    }
}
