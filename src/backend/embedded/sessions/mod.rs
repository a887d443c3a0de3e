//! The sessions: `sessions.json` and the transcripts beside it, in the layout of the old gateway
//! (protocol section 9), and the methods `sessions.*` (section 5.3).
//!
//! Called by the worker threads, several at once. One lock guards the store and is held while it
//! is written; others guard the writing of transcripts. None is held while a transcript is read
//! for its history. What is acknowledged is on disk.

mod adopt;
mod book;
mod error;
mod history;
mod lines;
mod list;
mod message;
mod methods;
mod names;
mod patch;
mod store;
mod transcript;

#[cfg(test)]
mod method_tests;
#[cfg(test)]
mod storage_tests;
#[cfg(test)]
mod transcript_tests;

pub(crate) use adopt::{session_id_of, transcript_name, ForeignStore};
pub(crate) use error::StoreError;
pub(crate) use history::History;
pub(crate) use methods::ActiveRuns;

use crate::backend::embedded::stripes::Stripes;
use crate::protocol::{limits, session, WireError};
use book::Book;
use serde_json::{json, Map, Value};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Store;
use transcript::IfMissing;

/// What the store keeps of one session: the fields of protocol section 9.3, and whatever else
/// somebody put there.
pub(crate) type Entry = Map<String, Value>;

/// The store and the transcripts.
#[derive(Debug)]
pub(crate) struct Sessions {
    dir: PathBuf,
    store: Mutex<Store>,
    /// By the name of the transcript, which has one writer at a time.
    writers: Stripes,
}

/// One session as it was when it was looked up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session {
    /// The canonical key.
    pub(crate) key: String,
    /// The id of its current transcript.
    pub(crate) session_id: String,
    /// Its entry in the store.
    pub(crate) entry: Entry,
    /// The file of its transcript, which need not exist.
    pub(crate) transcript: PathBuf,
}

/// A message that was put into a session from outside.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Injected {
    /// The session.
    pub(crate) session: Session,
    /// Eight hex digits.
    pub(crate) message_id: String,
    /// The message as it is in the transcript, for the event that tells of it.
    pub(crate) message: Value,
}

impl Sessions {
    /// The sessions in this directory, `<state>/agents/main/sessions`. Nothing is read before
    /// somebody asks, and nothing is made before something is written.
    pub(crate) fn open(dir: PathBuf) -> Self {
        let store = Mutex::new(Store::new(dir.join("sessions.json")));
        Self { dir, store, writers: Default::default() }
    }

    /// The session of this key, in any spelling.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn find(&self, key: &str) -> Result<Option<Session>, StoreError> {
        let key = session::canonical(key);
        let entry = self.store().entry(&key)?;
        Ok(entry.and_then(|entry| {
            let id = session_id(&entry)?.to_owned();
            Some(self.session(key, id, &entry))
        }))
    }

    /// Creates or updates a session: what `changes` does not touch stays as it was (W25), and
    /// `updatedAt` is now. On disk when this returns. `changes` must not call the sessions.
    ///
    /// # Errors
    /// The store cannot be read or written, or is full; nothing has changed then.
    pub(crate) fn touch(
        &self,
        key: &str,
        now_ms: u64,
        changes: impl FnOnce(&mut Entry),
    ) -> Result<Session, StoreError> {
        let key = usable(key)?;
        let (id, entry) = self.store().change(|book| {
            update(book, &key, now_ms, |entry| {
                changes(entry);
                Ok::<_, StoreError>(())
            })
        })?;
        Ok(self.session(key, id, &entry))
    }

    /// Appends a message to the session's transcript and returns its id. On disk when this
    /// returns.
    ///
    /// # Errors
    /// The transcript cannot be written, or the message is too long; the transcript is as it was.
    pub(crate) fn append(
        &self,
        session: &Session,
        message: &Value,
        now_ms: u64,
    ) -> Result<String, StoreError> {
        let _writer = self.writers.lock(&session.transcript);
        let (path, id) = (&session.transcript, &*session.session_id);
        transcript::append(path, id, IfMissing::Begin, message, now_ms)
    }

    /// The last messages of a session, at most `limit` and [`limits::HISTORY_BYTES`], but one at
    /// least. An unknown session has none.
    ///
    /// # Errors
    /// The store or the transcript cannot be read.
    pub(crate) fn history(&self, key: &str, limit: usize) -> Result<History, StoreError> {
        let entry = self.store().entry(&session::canonical(key))?;
        // From here on without the lock: others may write while this reads.
        let entry = entry.as_deref();
        let thinking_level = history::thinking_level(entry);
        let Some((id, entry)) = entry.and_then(|entry| Some((session_id(entry)?, entry))) else {
            return Ok(History { session_id: None, messages: Vec::new(), thinking_level });
        };
        let (messages, bytes) = history::read(&self.transcript(id, entry), limit)?;
        log::trace!("backend: history read messages={} bytes={bytes}", messages.len());
        Ok(History { session_id: Some(id.to_owned()), messages, thinking_level })
    }

    /// Puts a message of the assistant into an existing transcript: the files' part of
    /// `chat.inject` (protocol section 5.4).
    ///
    /// # Errors
    /// What the caller of the method is told.
    pub(crate) fn inject(
        &self,
        key: &str,
        message: &str,
        label: Option<&str>,
        now_ms: u64,
    ) -> Result<Injected, WireError> {
        let session = self.find(key)?.ok_or_else(|| WireError::invalid("session not found"))?;
        let text = match label.map(str::trim).filter(|label| !label.is_empty()) {
            Some(label) => format!("[{label}]\n\n{message}"),
            None => message.to_owned(),
        };
        let message = json!({
            "role": "assistant",
            "content": [{ "type": "text", "text": text }],
            "timestamp": now_ms,
            "stopReason": "injected",
            "usage": { "input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 0 },
        });
        let _writer = self.writers.lock(&session.transcript);
        let (path, id) = (&session.transcript, &*session.session_id);
        let appended = transcript::append(path, id, IfMissing::Fail, &message, now_ms);
        let message_id = appended.map_err(|error| {
            if error.is_missing_file() {
                return WireError::invalid("transcript file not found");
            }
            WireError::unavailable(format!("failed to write transcript: {}", error.reason()))
        })?;
        Ok(Injected { session, message_id, message })
    }

    /// A change of the store leaves the old state in place until it is complete, so that one that
    /// panicked has done no harm.
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self, key: String, session_id: String, entry: &Entry) -> Session {
        let transcript = self.transcript(&session_id, entry);
        Session { key, session_id, entry: entry.clone(), transcript }
    }

    /// Where a session's transcript is: one rule for reading and writing (protocol section 9.1).
    fn transcript(&self, session_id: &str, entry: &Entry) -> PathBuf {
        let usual = self.dir.join(format!("{session_id}.jsonl"));
        match self.own_file(entry) {
            Some(own) if own.exists() || !usual.exists() => own,
            _ => usual,
        }
    }

    /// The entry's `sessionFile`, if it is a transcript inside the directory of the sessions. No
    /// method sets it; what somebody wrote into the file is not trusted either.
    fn own_file(&self, entry: &Entry) -> Option<PathBuf> {
        let path = self.dir.join(entry.get("sessionFile")?.as_str()?);
        let name = path.file_name()?.to_str()?;
        let (parent, dir) = (path.parent()?.canonicalize().ok()?, self.dir.canonicalize().ok()?);
        let is_link = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
        let is_inside = parent.starts_with(dir) && !is_link;
        (is_inside && is_file_name(name) && name.ends_with(".jsonl")).then_some(path)
    }
}

/// The canonical form of a key under which a session may be created.
fn usable(key: &str) -> Result<String, StoreError> {
    let canonical = session::canonical(key);
    // The canonical form counts: it is the one that lists show and later calls bring.
    if key.trim().is_empty() || canonical.chars().count() > limits::SESSION_KEY_CHARS {
        return Err(StoreError::BadKey);
    }
    Ok(canonical)
}

/// The entry's session id, if it can name a file.
fn session_id(entry: &Entry) -> Option<&str> {
    entry.get("sessionId")?.as_str().filter(|id| is_file_name(id))
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= limits::TRANSCRIPT_NAME
        && !name.starts_with('.')
        && !name.contains(|c: char| c == '/' || c.is_control())
}

/// Changes the entry of a canonical key, making it if need be, and returns its session id and what
/// it is now. A change that refuses leaves the book as it was.
fn update<E: From<StoreError>>(
    book: &mut Book,
    key: &str,
    now_ms: u64,
    change: impl FnOnce(&mut Entry) -> Result<(), E>,
) -> Result<(String, Arc<Entry>), E> {
    let mut entry = book.entries.get(key).map(|entry| Entry::clone(entry)).unwrap_or_default();
    change(&mut entry)?;
    let id = match session_id(&entry) {
        Some(id) => id.to_owned(),
        None => names::session_id()?,
    };
    entry.insert("sessionId".into(), id.clone().into());
    entry.insert("updatedAt".into(), now_ms.into());
    let entry = Arc::new(entry);
    book.entries.insert(key.to_owned(), entry.clone());
    Ok((id, entry))
}
