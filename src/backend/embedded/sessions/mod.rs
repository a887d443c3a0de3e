//! The sessions: `sessions.json` and the transcripts beside it, in the layout of the old gateway
//! (protocol section 9), and the methods `sessions.*` (section 5.3).
//!
//! Called by the worker threads, several at once. Whoever writes a file, the store or a transcript,
//! waits for its turn; whoever reads waits for nobody. What is acknowledged is on disk.

#[cfg(feature = "cli")]
mod adopt;
mod book;
mod entry;
mod error;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod group;
mod history;
mod list;
mod message;
mod methods;
mod names;
mod patch;
mod pictures;
mod places;
mod reverse_lines;
mod storage;
mod store;
mod transcript;

#[cfg(test)]
mod method_tests;
#[cfg(test)]
mod places_tests;
#[cfg(test)]
mod storage_tests;
#[cfg(test)]
mod transcript_tests;

#[cfg(feature = "cli")]
pub(crate) use adopt::ForeignStore;
pub(crate) use entry::{session_id, transcript_name, Entry};
pub(crate) use error::StoreError;
pub(crate) use methods::ActiveRuns;

use super::named_locks::NamedLocks;
use crate::lock::lock;
use crate::protocol::rpc::chat::{ChatInject, ChatMessage, History};
use crate::protocol::rpc::system::DiskHealth;
use crate::protocol::{limits, session, NodeId, WireError};
use book::Book;
use places::Places;
use serde::Serialize;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use storage::Storage;
use store::Store;

/// Where a state directory keeps the sessions of the only agent.
pub(crate) fn dir(state_dir: &Path) -> PathBuf {
    state_dir.join("agents").join(session::DEFAULT_AGENT).join("sessions")
}

#[derive(Debug)]
pub(crate) struct Sessions {
    dir: PathBuf,
    /// Locked while it is written.
    store: Mutex<Store>,
    /// Its content as it was written last, so that who reads it does not wait for the disk.
    current: Mutex<Option<Arc<Book>>>,
    /// Locked after the store.
    places: Mutex<Places>,
    /// By the name of the file: one writer at a time, in the order in which they came.
    writers: NamedLocks,
    storage: Storage,
}

/// One session as it was when it was looked up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SessionRecord {
    pub(crate) key: String,
    /// The id of its current transcript.
    pub(crate) session_id: String,
    pub(crate) entry: Entry,
    /// The file of its transcript, which need not exist.
    pub(crate) transcript: PathBuf,
}

impl SessionRecord {
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        entry::text(&self.entry, name).map(str::to_owned)
    }

    /// The model that was chosen for it, behind its provider and `/` if one was named.
    pub(crate) fn model(&self) -> Option<String> {
        let model = self.text("modelOverride")?;
        Some(match self.text("providerOverride") {
            Some(provider) => format!("{provider}/{model}"),
            None => model,
        })
    }
}

impl Sessions {
    /// The sessions in this directory. Nothing is read before the
    /// first call, and nothing is created before the first write.
    pub(crate) fn open(dir: PathBuf) -> Self {
        let store = Mutex::new(Store::new(dir.join("sessions.json")));
        let storage = Storage::new(dir.clone());
        let (current, places, writers) = Default::default();
        Self { dir, store, current, places, writers, storage }
    }

    /// How many bytes on disk all sessions may have.
    pub(crate) fn set_limit(&self, bytes: u64) {
        self.storage.set_limit(bytes);
    }

    pub(crate) fn find(&self, key: &str) -> Result<Option<SessionRecord>, StoreError> {
        let key = session::canonical(key);
        let book = self.book()?;
        Ok(book.entries.get(&key).and_then(|entry| {
            let id = session_id(entry)?.to_owned();
            Some(self.session(key, id, entry))
        }))
    }

    fn book(&self) -> Result<Arc<Book>, StoreError> {
        if let Some(book) = &*lock(&self.current) {
            return Ok(book.clone());
        }
        let mut store = lock(&self.store);
        let book = store.book()?.clone();
        *lock(&self.current) = Some(book.clone());
        Ok(book)
    }

    /// Changes the store; it is on disk when this returns. On an error nothing has changed.
    fn change<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, E>,
    ) -> Result<T, E> {
        let _turn = self.writers.lock(&self.store_path());
        let mut store = lock(&self.store);
        let result = store.change(change);
        *lock(&self.current) = store.snapshot();
        result
    }

    fn store_path(&self) -> PathBuf {
        self.dir.join("sessions.json")
    }

    /// Marks a session as used now by a node, or somebody else, creating it if there is none, and
    /// keeps the thinking level, if one was chosen. On disk when this returns; on an error nothing
    /// has changed.
    pub(crate) fn touch(
        &self,
        key: &str,
        node: Option<&NodeId>,
        thinking: Option<&str>,
        now_ms: u64,
    ) -> Result<SessionRecord, StoreError> {
        let key = entry::usable_key(key)?;
        let (id, entry) = self.enter(&key, node, now_ms, |book| {
            book.update(&key, now_ms, |entry| {
                if let Some(level) = thinking {
                    patch::keep_thinking(level, &key, entry);
                }
                Ok::<_, StoreError>(())
            })
        })?;
        Ok(self.session(key, id, &entry))
    }

    /// Makes a change of the store that creates the session of this key if there is none.
    fn enter<T, E: From<StoreError>>(
        &self,
        key: &str,
        node: Option<&NodeId>,
        now_ms: u64,
        change: impl FnOnce(&mut Book) -> Result<T, E>,
    ) -> Result<T, E> {
        let is_empty =
            |entry: &Entry| session_id(entry).is_none_or(|id| !self.transcript(id, entry).exists());
        self.change(|book| {
            if book.entries.contains_key(key) {
                return change(book);
            }
            let mut places = lock(&self.places);
            places.make_room(book, key, node, now_ms, is_empty)?;
            let result = change(book)?;
            // Should the store not be written, it counts only what is there.
            places.began(book, key, node);
            Ok(result)
        })
    }

    /// Appends a message that a node, or somebody else, has caused to the session's transcript, and
    /// returns its id. On disk when this returns; on an error the transcript is as it was.
    pub(crate) fn append(
        &self,
        session: &SessionRecord,
        message: &impl Serialize,
        node: Option<&NodeId>,
        now_ms: u64,
    ) -> Result<String, StoreError> {
        let _writer = self.writers.lock(&session.transcript);
        let path = &session.transcript;
        let (id, bytes) = transcript::append(path, &session.session_id, message, now_ms)?;
        self.storage.wrote(node, bytes);
        Ok(id)
    }

    /// Keeps a picture that a message of the session will name, which a node, or somebody else, has
    /// caused; returns that name. On disk when this returns.
    pub(crate) fn keep_picture(
        &self,
        session: &SessionRecord,
        (extension, bytes): (&str, &[u8]),
        node: Option<&NodeId>,
    ) -> Result<String, StoreError> {
        let size = bytes.len() as u64 + limits::FILE_BYTES;
        self.storage.check(node, size)?;
        let name = pictures::keep(&self.pictures(), &session.session_id, extension, bytes)?;
        self.storage.wrote(node, size);
        Ok(name)
    }

    fn pictures(&self) -> PathBuf {
        self.dir.join("media")
    }

    /// Whether a node, or somebody else, may add so many bytes. What it causes by that, such as the
    /// agent's answer, is not refused but counts.
    pub(crate) fn has_room(&self, node: Option<&NodeId>, bytes: usize) -> Result<(), StoreError> {
        self.storage.check(node, bytes as u64)
    }

    /// How much room there is, if that can be found out.
    pub(crate) fn disk(&self) -> Option<DiskHealth> {
        self.storage.disk()
    }

    /// The last messages of a session, at most `limit` and [`limits::HISTORY_BYTES`], but one at
    /// least, with so many bytes of their pictures. An unknown session has none.
    pub(crate) fn history(
        &self,
        key: &str,
        limit: usize,
        pictures: usize,
    ) -> Result<History, StoreError> {
        let book = self.book()?;
        let entry = book.entries.get(&session::canonical(key)).map(|entry| &**entry);
        let mut history = History {
            session_key: key.to_owned(),
            session_id: None,
            messages: Vec::new(),
            thinking_level: history::thinking_level(entry),
        };
        if let Some((id, entry)) = entry.and_then(|entry| Some((session_id(entry)?, entry))) {
            let (messages, bytes) =
                history::read(&self.transcript(id, entry), limit, (&self.pictures(), pictures))?;
            log::trace!("backend: history read messages={} bytes={bytes}", messages.len());
            (history.session_id, history.messages) = (Some(id.to_owned()), messages);
        }
        Ok(history)
    }

    /// Appends a message of the assistant to an existing transcript, for `chat.inject` (protocol
    /// section 5.4). Returns its session, its id and the message.
    pub(crate) fn inject(
        &self,
        params: &ChatInject,
        node: Option<&NodeId>,
        now_ms: u64,
    ) -> Result<(SessionRecord, String, ChatMessage), WireError> {
        self.has_room(node, params.message.len())?;
        let session = self.find(&params.session_key)?;
        let session = session.ok_or_else(|| WireError::invalid("session not found"))?;
        let text = match params.label.as_deref().map(str::trim).unwrap_or_default() {
            "" => params.message.clone(),
            label => format!("[{label}]\n\n{}", params.message),
        };
        let mut message = ChatMessage::text("assistant", &text, now_ms);
        message.stop_reason = Some("injected".to_owned());
        message.usage = Some(json!({
            "input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 0,
        }));
        let (path, id) = (&session.transcript, &session.session_id);
        let _writer = self.writers.lock(path);
        if let Ok(false) = path.try_exists() {
            return Err(WireError::invalid("transcript file not found"));
        }
        let appended = transcript::append(path, id, &message, now_ms);
        let (message_id, bytes) = appended.map_err(|error| {
            WireError::unavailable(format!("failed to write transcript: {}", error.reason()))
        })?;
        self.storage.wrote(node, bytes);
        Ok((session, message_id, message))
    }

    fn session(&self, key: String, session_id: String, entry: &Entry) -> SessionRecord {
        let transcript = self.transcript(&session_id, entry);
        SessionRecord { key, session_id, entry: entry.clone(), transcript }
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
    /// method sets it, and a path from the store's file is not trusted.
    fn own_file(&self, entry: &Entry) -> Option<PathBuf> {
        let path = self.dir.join(entry::text(entry, "sessionFile")?);
        transcript_name(path.file_name()?.to_str()?)?;
        let (parent, dir) = (path.parent()?.canonicalize().ok()?, self.dir.canonicalize().ok()?);
        let is_link = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
        (parent.starts_with(dir) && !is_link).then_some(path)
    }
}
