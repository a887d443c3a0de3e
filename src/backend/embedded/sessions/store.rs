//! `sessions.json` (protocol section 9.1): read once, then kept in memory and written whole.
//!
//! The old gateway shared this file between programs and guarded it with `sessions.json.lock`.
//! Here the directory is our own and only one daemon can hold it, so there is no such lock; an
//! edit by a person is noticed before the next write, which starts from what that person wrote.
//! A damaged file is never overwritten: calls are refused until it is repaired.

use super::book::Book;
use super::places::taken;
use super::StoreError;
use crate::files::{self, stamp, Stamp};
use crate::protocol::limits;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const UNREAD: &str = "it could not be read";

#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    /// The content, or why there is none.
    content: Result<Arc<Book>, String>,
    /// The file as it was last read or written; `None` if it has to be read.
    stamp: Option<Stamp>,
}

impl Store {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, content: Err(UNREAD.to_owned()), stamp: None }
    }

    pub(super) fn book(&mut self) -> Result<&Arc<Book>, StoreError> {
        // A damaged one may have been repaired.
        if self.content.is_err() && self.has_changed() {
            self.read()?;
        }
        let damaged =
            |what: &String| StoreError::Damaged { path: self.path.clone(), what: what.clone() };
        self.content.as_ref().map_err(damaged)
    }

    fn has_changed(&self) -> bool {
        self.stamp != Some(stamp(&self.path))
    }

    /// The content, if it was read and is not damaged.
    pub(super) fn snapshot(&self) -> Option<Arc<Book>> {
        self.content.as_ref().ok().cloned()
    }

    /// Applies a change; it is on disk when this returns. On an error nothing has changed.
    pub(super) fn change<T, E: From<StoreError>>(
        &mut self,
        change: impl FnOnce(&mut Book) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.content.is_ok() && self.has_changed() {
            log::warn!("backend: sessions.json was edited path={}", self.path.display());
            self.read()?;
        }
        let before = self.book()?;
        let mut book = Book::clone(before);
        let result = change(&mut book)?;
        if taken(&book) > taken(before).max(limits::SESSIONS) {
            return Err(StoreError::Full.into());
        }
        self.write(book)?;
        Ok(result)
    }

    fn read(&mut self) -> Result<(), StoreError> {
        (self.content, self.stamp) = (Err(UNREAD.to_owned()), None);
        // Taken before reading: an edit in between is noticed before the next write.
        let stamp = stamp(&self.path);
        let bytes = match stamp {
            Some((_, size, ..)) if size > limits::SESSIONS_BYTES as u64 => {
                Err(io::ErrorKind::FileTooLarge.into())
            }
            _ => files::read_if_exists(&self.path),
        };
        let bytes = bytes.map_err(|error| StoreError::io("read", &self.path, error))?;
        self.stamp = Some(stamp);
        let book = bytes.map_or_else(|| Ok(Book::default()), |bytes| Book::parse(&bytes));
        self.content = book.map(Arc::new);
        if let Err(what) = &self.content {
            let (path, what) = (self.path.clone(), what.clone());
            log::error!("backend: {}", StoreError::Damaged { path, what });
        }
        Ok(())
    }

    fn write(&mut self, book: Book) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("write", &self.path, error);
        let bytes = serde_json::to_vec_pretty(&book).map_err(|error| failed(error.into()))?;
        if bytes.len() > limits::SESSIONS_BYTES {
            return Err(StoreError::Full);
        }
        if let Some(dir) = self.path.parent() {
            make_dir(dir)?;
        }
        if let Err(error) = files::write_atomically(&self.path, &bytes) {
            let error = failed(error);
            if self.has_changed() {
                // In place but perhaps not for long: what is on disk counts.
                (self.content, self.stamp) = (Err(UNREAD.to_owned()), None);
            }
            return Err(error);
        }
        (self.content, self.stamp) = (Ok(Arc::new(book)), Some(stamp(&self.path)));
        Ok(())
    }
}

pub(super) fn make_dir(dir: &Path) -> Result<(), StoreError> {
    files::create_private_dir(dir).map_err(|error| StoreError::io("create", dir, error))
}
