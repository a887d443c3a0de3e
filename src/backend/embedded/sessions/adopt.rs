//! Sessions of another gateway: reads its store and adopts its entries.

use super::book::Book;
use super::entry::{updated_at, usable_key, Entry};
use super::{Sessions, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The content of another gateway's stores, read as leniently as our own.
#[derive(Debug, Default)]
pub(crate) struct ForeignStore(Book);

impl ForeignStore {
    /// Adds the store of an agent; of two entries of one session, the newer one counts. Of a damaged
    /// one nothing is added, and the error says what is wrong with it.
    pub(crate) fn add(&mut self, bytes: &[u8], agent: &str) -> Result<(), String> {
        let other = Book::parse_of(bytes, agent)?;
        for (key, entry) in other.entries {
            self.0.add(key, Arc::unwrap_or_clone(entry));
        }
        for (key, value) in other.others {
            self.0.others.entry(key).or_insert(value);
        }
        Ok(())
    }

    /// The entries by their canonical keys, the one used last first.
    pub(crate) fn entries(&self) -> Vec<(&str, &Entry)> {
        let entries = self.0.entries.iter();
        let mut entries: Vec<_> = entries.map(|(key, entry)| (&**key, &**entry)).collect();
        entries.sort_by_key(|(_, entry)| std::cmp::Reverse(updated_at(entry)));
        entries
    }

    /// The names of what is in the stores and is not a session.
    pub(crate) fn other_names(&self) -> impl Iterator<Item = &str> {
        self.0.others.keys().map(String::as_str)
    }
}

impl Sessions {
    pub(crate) fn keys(&self) -> Result<BTreeSet<String>, StoreError> {
        Ok(self.book()?.entries.keys().cloned().collect())
    }

    /// Whether a session can have this key.
    pub(crate) fn is_usable(key: &str) -> bool {
        usable_key(key).is_ok()
    }

    /// Adds entries under their canonical keys, as they are. A session that exists stays as it is.
    /// On disk when this returns; on an error nothing has changed.
    pub(crate) fn adopt(&self, entries: Vec<(String, Entry)>) -> Result<(), StoreError> {
        self.change(|book| {
            for (key, entry) in entries {
                book.entries.entry(key).or_insert_with(|| Arc::new(entry));
            }
            Ok(())
        })
    }
}
