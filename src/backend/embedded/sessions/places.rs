//! Who may begin one more session, and which one gives way to it. The main session always has a
//! place.

use super::book::Book;
use super::entry::{updated_at, Entry};
use super::StoreError;
use crate::protocol::{limits, session, NodeId};
use crate::shares;
use std::collections::BTreeMap;

/// The sessions that nodes began since the program started; those before count as nobody's.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<String, NodeId>);

impl Places {
    /// Makes room for a session that is not in the book. If there is none left for its node, the
    /// oldest of the node's sessions in which nobody has said anything gives way; for a node without
    /// any session, and for an operator, the oldest such session of anybody.
    pub(super) fn make_room(
        &self,
        book: &mut Book,
        key: &str,
        node: Option<&NodeId>,
        now_ms: u64,
        is_empty: impl Fn(&Entry) -> bool,
    ) -> Result<(), StoreError> {
        let of_node = |key: &String| node.is_some() && self.0.get(key) == node;
        let (used, own) = (taken(book), book.entries.keys().filter(|key| of_node(key)).count());
        let most = shares::of_one(limits::SESSIONS as u64, used as u64, own as u64);
        let fits = match node {
            Some(_) => (own as u64) < most,
            None => used < limits::SESSIONS,
        };
        if fits || key == session::canonical(session::MAIN) {
            return Ok(());
        }
        // One that has just been made may be about to be used.
        let before = i64::try_from(now_ms).unwrap_or(i64::MAX) - limits::EMPTY_SESSION_KEPT_MS;
        let mut candidates: Vec<(i64, &String)> = book
            .entries
            .iter()
            .filter(|(key, _)| own == 0 || of_node(key))
            .map(|(key, entry)| (updated_at(entry), key))
            .filter(|(at, _)| *at < before)
            .collect();
        candidates.sort_unstable();
        let main = session::canonical(session::MAIN);
        let mut candidates = candidates.into_iter().map(|(_, key)| key);
        let empty = candidates.find(|key| **key != main && is_empty(&book.entries[*key]));
        let empty = empty.cloned().ok_or(StoreError::Full)?;
        log::debug!("backend: an unused session gives way to a new one session={empty:?}");
        book.entries.remove(&empty);
        Ok(())
    }

    pub(super) fn began(&mut self, book: &Book, key: &str, node: Option<&NodeId>) {
        self.0.retain(|key, _| book.entries.contains_key(key));
        if let Some(node) = node {
            self.0.insert(key.to_owned(), node.clone());
        }
    }
}

/// The sessions that count.
pub(super) fn taken(book: &Book) -> usize {
    let main = session::canonical(session::MAIN);
    book.entries.len() - usize::from(book.entries.contains_key(&main))
}
