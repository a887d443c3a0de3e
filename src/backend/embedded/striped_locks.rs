//! One lock per name, out of a few for all names: two names may share one, no name has two.

use crate::lock::lock;
use crate::protocol::limits;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard};

/// The locks. They guard an order, not data, so a poisoned one is as good as new.
#[derive(Debug, Default)]
pub(super) struct StripedLocks([Mutex<()>; limits::TRANSCRIPT_WRITERS]);

impl StripedLocks {
    pub(super) fn lock(&self, name: &(impl Hash + ?Sized)) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        lock(&self.0[hasher.finish() as usize % limits::TRANSCRIPT_WRITERS])
    }
}
