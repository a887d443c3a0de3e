//! One lock per name, for as long as somebody holds it or waits for it. What is slow under one name,
//! such as compacting a long transcript, holds up nobody else; and under one name nobody waits for
//! those who came later, as with a mutex that is locked again and again.

use crate::lock::lock;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Condvar, Mutex, PoisonError};

/// They guard an order, not data, so a panic breaks nothing.
#[derive(Debug, Default)]
pub(super) struct NamedLocks {
    queues: Mutex<Queues>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Queues {
    last_ticket: u64,
    /// By the hash of the name: the ticket of the holder, and of those who wait.
    by_name: BTreeMap<u64, VecDeque<u64>>,
}

#[derive(Debug)]
pub(super) struct NamedLock<'a> {
    locks: &'a NamedLocks,
    name: u64,
}

impl NamedLocks {
    pub(super) fn lock(&self, name: &(impl Hash + ?Sized)) -> NamedLock<'_> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let name = hasher.finish();
        let mut queues = lock(&self.queues);
        queues.last_ticket += 1;
        let ticket = queues.last_ticket;
        queues.by_name.entry(name).or_default().push_back(ticket);
        let is_waiting = |queues: &mut Queues| {
            queues.by_name.get(&name).is_some_and(|queue| queue.front() != Some(&ticket))
        };
        let queues = self.released.wait_while(queues, is_waiting);
        drop(queues.unwrap_or_else(PoisonError::into_inner));
        NamedLock { locks: self, name }
    }
}

impl Drop for NamedLock<'_> {
    fn drop(&mut self) {
        let mut queues = lock(&self.locks.queues);
        if let Some(queue) = queues.by_name.get_mut(&self.name) {
            queue.pop_front();
            if queue.is_empty() {
                queues.by_name.remove(&self.name);
            }
        }
        drop(queues);
        self.locks.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{channel, RecvTimeoutError};
    use std::thread;
    use std::time::Duration;

    #[test]
    fn a_name_that_is_locked_holds_up_no_other_name() {
        let locks = NamedLocks::default();
        let held = locks.lock("long");
        let others: Vec<_> = (0..1000).map(|number| locks.lock(&number)).collect();
        let (sender, second) = channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _second = locks.lock("long");
                sender.send(()).unwrap();
            });
            let waits = second.recv_timeout(Duration::from_millis(50));
            assert_eq!(waits, Err(RecvTimeoutError::Timeout), "the same name has one holder");
            drop(held);
            second.recv_timeout(Duration::from_secs(20)).unwrap();
        });
        drop(others);
        assert!(locks.queues.lock().unwrap().by_name.is_empty());
    }

    #[test]
    fn who_locks_a_name_again_and_again_does_not_overtake_who_waits() {
        let locks = NamedLocks::default();
        let waiting =
            || locks.queues.lock().unwrap().by_name.values().map(VecDeque::len).sum::<usize>();
        let (sender, order) = channel();
        let held = locks.lock("file");
        thread::scope(|scope| {
            for number in 1..=5 {
                let (sender, locks) = (sender.clone(), &locks);
                scope.spawn(move || {
                    let _turn = locks.lock("file");
                    sender.send(number).unwrap();
                });
                while waiting() <= number {
                    thread::yield_now();
                }
            }
            drop(held);
            drop(locks.lock("file"));
        });
        drop(sender);
        assert_eq!(order.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    }
}
