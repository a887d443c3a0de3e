//! One lock per name, for as long as somebody holds it. What is slow under one name, such as
//! compacting a long transcript, holds up nobody else.

use crate::lock::lock;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Condvar, Mutex, PoisonError};

/// The names that are locked, as hashes. They guard an order, not data, so a panic breaks nothing.
#[derive(Debug, Default)]
pub(super) struct NamedLocks {
    held: Mutex<BTreeSet<u64>>,
    released: Condvar,
}

/// Unlocks its name when it is dropped.
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
        let held = lock(&self.held);
        let held = self.released.wait_while(held, |held| !held.insert(name));
        drop(held.unwrap_or_else(PoisonError::into_inner));
        NamedLock { locks: self, name }
    }
}

impl Drop for NamedLock<'_> {
    fn drop(&mut self) {
        lock(&self.locks.held).remove(&self.name);
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
        assert!(locks.held.lock().unwrap().is_empty());
    }
}
