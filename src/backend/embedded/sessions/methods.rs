//! The methods `sessions.*` (protocol section 5.3).

use super::entry::{is_one_of, session_id, usable_key, Entry};
use super::{list, names, patch, transcript, Sessions, StoreError};
use crate::protocol::rpc::sessions::{
    SessionAnew, SessionCompacted, SessionDefaults, SessionDeleted, SessionList, SessionPatched,
    SessionResolved, SessionsCompact, SessionsDelete, SessionsList, SessionsPatch, SessionsReset,
    SessionsResolve,
};
use crate::protocol::{limits, session, NodeId, WireError};
use std::fs;
use std::path::Path;
use std::time::Duration;

type Answer<T> = Result<T, WireError>;

/// The runs under way, as far as the sessions need to know.
pub(crate) trait ActiveRuns {
    /// Whether a run of this session is active. Called while the store is locked: it must not wait
    /// for a thread that is calling the sessions. A run counts from before its session is touched
    /// until after its last message is appended.
    fn is_active(&self, canonical_key: &str) -> bool;

    /// Aborts the session's runs and waits for their end; whether they have ended in time.
    fn abort_and_wait(&self, canonical_key: &str, timeout: Duration) -> bool;
}

/// What a session keeps when it starts anew.
const KEPT_BY_RESET: &str = "thinkingLevel verboseLevel reasoningLevel model contextTokens \
    sendPolicy label origin displayName chatType channel subject groupChannel space lastChannel \
    lastTo skillsSnapshot";

impl Sessions {
    pub(crate) fn list(&self, params: SessionsList, now_ms: u64) -> Answer<SessionList> {
        let SessionsList { limit, active_minutes, mut filter } = params;
        filter.label = trimmed(filter.label);
        let active_since = active_minutes.map_or(i64::MIN, |minutes| {
            let since = now_ms.saturating_sub(minutes.saturating_mul(60_000));
            i64::try_from(since).unwrap_or(i64::MAX)
        });
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let (path, book) = (shown(&self.store_path()), self.book()?);
        let wanted = list::select(&book, &filter, active_since).into_iter();
        let sessions: Vec<_> =
            wanted.take(limit).map(|(key, entry)| list::row(key, entry)).collect();
        let (count, defaults) = (sessions.len(), SessionDefaults::default());
        Ok(SessionList { ts: now_ms, path, count, defaults, sessions })
    }

    pub(crate) fn resolve(&self, params: SessionsResolve) -> Answer<SessionResolved> {
        let SessionsResolve { key, mut filter } = params;
        filter.label = trimmed(filter.label);
        let book = self.book()?;
        let found = match (trimmed(key), &filter.label) {
            (Some(_), Some(_)) => Err("Provide either key or label (not both)".to_owned()),
            (None, None) => Err("Either key or label is required".to_owned()),
            (Some(key), None) => {
                let one = session::canonical(&key);
                let is_known = book.entries.contains_key(&one);
                is_known.then_some(one).ok_or_else(|| format!("No session found: {key}"))
            }
            (None, Some(label)) => match list::select(&book, &filter, i64::MIN)[..] {
                [] => Err(format!("No session found with label: {label}")),
                [(one, _)] => Ok(one.to_owned()),
                [(a, _), (b, _), ..] => {
                    Err(format!("Multiple sessions found with label: {label} ({a}, {b})"))
                }
            },
        };
        found.map(|key| SessionResolved { ok: true, key }).map_err(WireError::invalid)
    }

    pub(crate) fn patch(
        &self,
        params: &SessionsPatch,
        node: Option<&NodeId>,
        now_ms: u64,
    ) -> Answer<SessionPatched> {
        let key = usable_key(required(&params.key)?)?;
        self.storage.check_disk(0)?;
        let (_, entry) = self.enter(&key, node, now_ms, |book| {
            patch::check_label(book, &key, &params.changes)?;
            book.update(&key, now_ms, |entry| patch::apply(&params.changes, &key, entry))
        })?;
        let (path, entry) = (shown(&self.store_path()), Entry::clone(&entry));
        Ok(SessionPatched { ok: true, path, key, entry })
    }

    pub(crate) fn reset(
        &self,
        params: &SessionsReset,
        node: Option<&NodeId>,
        now_ms: u64,
    ) -> Answer<SessionAnew> {
        let given = required(&params.key)?;
        let key = usable_key(given)?;
        self.storage.check_disk(0)?;
        let new_id = names::session_id();
        let (_, entry) = self.enter(&key, node, now_ms, |book| {
            book.update(&key, now_ms, |entry| {
                entry.retain(|name, _| is_one_of(KEPT_BY_RESET, name));
                entry.insert("sessionId".into(), new_id.into());
                entry.insert("systemSent".into(), false.into());
                entry.insert("abortedLastRun".into(), false.into());
                Ok::<_, WireError>(())
            })
        })?;
        Ok(SessionAnew { ok: true, key: given.to_owned(), entry: Entry::clone(&entry) })
    }

    pub(crate) fn delete(
        &self,
        params: &SessionsDelete,
        now_ms: u64,
        runs: &dyn ActiveRuns,
    ) -> Answer<SessionDeleted> {
        let given = required(&params.key)?;
        let key = session::canonical(given);
        if key == session::canonical(session::MAIN) {
            let what = format!("Cannot delete the main session ({given}).");
            return Err(WireError::invalid(what));
        }
        let active = || {
            let what = format!("Session {given} is still active; try again in a moment.");
            WireError::unavailable(what)
        };
        if !runs.abort_and_wait(&key, limits::SESSION_ABORT_TIMEOUT) {
            return Err(active());
        }
        let mut removed = self.book()?.entries.get(&key).cloned();
        if removed.is_some() {
            removed = self.change(|book| {
                // One may have begun since; under the lock of the store, none can get its session.
                if runs.is_active(&key) {
                    return Err(active());
                }
                Ok(book.entries.remove(&key))
            })?;
        }
        // The entry goes first: a power cut in between leaves a transcript without a session, and
        // not a session without its messages.
        let archived = match &removed {
            Some(entry) if params.delete_transcript != Some(false) => self.archive(entry, now_ms),
            _ => Vec::new(),
        };
        Ok(SessionDeleted { ok: true, key: given.to_owned(), deleted: removed.is_some(), archived })
    }

    /// Puts the transcripts of a removed entry aside. One that cannot be is left where it is and
    /// named in the log; the session is gone in any case.
    fn archive(&self, entry: &Entry, now_ms: u64) -> Vec<String> {
        let usual = session_id(entry).map(|id| self.dir.join(format!("{id}.jsonl")));
        let own = self.own_file(entry).filter(|own| Some(own) != usual.as_ref());
        let aside = own.into_iter().chain(usual).filter_map(|path| {
            let _writer = self.writers.lock(&path);
            transcript::archive(&path, now_ms).ok().flatten().as_deref().map(shown)
        });
        aside.collect()
    }

    pub(crate) fn compact(
        &self,
        params: &SessionsCompact,
        node: Option<&NodeId>,
        now_ms: u64,
    ) -> Answer<SessionCompacted> {
        let given = required(&params.key)?;
        let keep = params.max_lines.unwrap_or(limits::COMPACT_LINES);
        let unchanged =
            SessionCompacted { ok: true, key: given.to_owned(), ..SessionCompacted::default() };
        let Some(session) = self.find(given)? else {
            return Ok(SessionCompacted { reason: Some("no sessionId".to_owned()), ..unchanged });
        };
        let compacted = {
            let _writer = self.writers.lock(&session.transcript);
            // The whole transcript stays beside the new one.
            let bytes = || fs::metadata(&session.transcript).map_or(0, |meta| meta.len());
            self.storage.check(node, bytes())?;
            let compacted = transcript::compact(&session.transcript, keep, now_ms)?;
            if matches!(compacted, Some((_, Some(_)))) {
                self.storage.wrote(node, limits::FILE_BYTES + bytes());
            }
            compacted
        };
        let Some((kept, whole)) = compacted else {
            return Ok(SessionCompacted { reason: Some("no transcript".to_owned()), ..unchanged });
        };
        if whole.is_some() {
            self.forget_tokens(&session.key, &session.session_id, now_ms)?;
        }
        let (compacted, archived) = (whole.is_some(), whole.as_deref().map(shown));
        Ok(SessionCompacted { compacted, archived, kept: Some(kept), ..unchanged })
    }

    /// Removes the counts of a transcript that is shorter now, unless a reset has put another one
    /// in its place meanwhile.
    fn forget_tokens(&self, key: &str, id: &str, now_ms: u64) -> Result<(), StoreError> {
        self.change(|book| {
            if book.entries.get(key).is_none_or(|entry| session_id(entry) != Some(id)) {
                return Ok(());
            }
            let forget = |entry: &mut Entry| {
                for name in ["inputTokens", "outputTokens", "totalTokens"] {
                    entry.remove(name);
                }
                Ok(())
            };
            book.update(key, now_ms, forget).map(drop)
        })
    }
}

/// A key that is not blank, trimmed.
fn required(key: &str) -> Result<&str, WireError> {
    let key = key.trim();
    if key.is_empty() {
        return Err(WireError::invalid("key required"));
    }
    Ok(key)
}

fn trimmed(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
