//! The methods `sessions.*` (protocol section 5.3).

use super::list::{self, Filter};
use super::patch::Patch;
use super::transcript::{self, Compacted};
use super::{names, session_id, update, usable, Entry, Sessions};
use crate::backend::embedded::params::Params;
use crate::protocol::{limits, session, Method, Payload, WireError};
use serde_json::{json, Map, Value};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The runs under way, as far as the sessions need to know.
pub(crate) trait ActiveRuns {
    /// Whether something runs for this session. Asked while the store is locked: the answer must
    /// not wait for anybody who is calling the sessions. A run counts from before its session is
    /// touched until after its last message is appended.
    fn is_active(&self, canonical_key: &str) -> bool;

    /// Aborts what runs and waits for its end; `true` if nothing runs any more.
    fn abort_and_wait(&self, canonical_key: &str, patience: Duration) -> bool;
}

/// What a session keeps when it starts anew.
const KEPT_BY_RESET: [&str; 17] = [
    "thinkingLevel",
    "verboseLevel",
    "reasoningLevel",
    "model",
    "contextTokens",
    "sendPolicy",
    "label",
    "origin",
    "displayName",
    "chatType",
    "channel",
    "subject",
    "groupChannel",
    "space",
    "lastChannel",
    "lastTo",
    "skillsSnapshot",
];

impl Sessions {
    /// Answers one of the methods `sessions.*`.
    ///
    /// # Errors
    /// What the caller is told instead.
    pub(crate) fn call(
        &self,
        method: Method,
        params: Option<&str>,
        now_ms: u64,
        runs: &dyn ActiveRuns,
    ) -> Result<Payload, WireError> {
        let params = Params::read(method, params)?;
        let result = match method {
            Method::SessionsList => self.list(params, now_ms),
            Method::SessionsResolve => self.resolve(params),
            Method::SessionsPatch => self.patch(params, now_ms),
            Method::SessionsReset => self.reset(params, now_ms),
            Method::SessionsDelete => self.delete(params, now_ms, runs),
            Method::SessionsCompact => self.compact(params, now_ms),
            other => Err(WireError::unavailable(format!("sessions do not provide {other}"))),
        };
        Ok(result?.to_string().into())
    }

    fn list(&self, mut params: Params, now_ms: u64) -> Result<Value, WireError> {
        let most = params.integer("limit", 1..=u64::MAX);
        let minutes = params.integer("activeMinutes", 1..=u64::MAX);
        let include_global = params.flag("includeGlobal").unwrap_or_default();
        let include_unknown = params.flag("includeUnknown").unwrap_or_default();
        let filter = Filter {
            include_global,
            include_unknown,
            label: trimmed(params.text("label", 1..=limits::SESSION_LABEL_CHARS)),
            spawned_by: params.text("spawnedBy", 1..=limits::SESSION_KEY_CHARS),
            agent: params.text("agentId", 1..=limits::SHORT_TEXT_CHARS),
            active_since: minutes.map_or(i64::MIN, |minutes| active_since(now_ms, minutes)),
        };
        params.finish()?;
        let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let mut store = self.store();
        let path = store.path().to_string_lossy().into_owned();
        let wanted = list::select(store.book()?, &filter);
        let rows = wanted.into_iter().take(most).map(|(key, entry)| list::row(key, entry));
        let rows: Vec<Value> = rows.collect();
        Ok(json!({
            "ts": now_ms,
            "path": path,
            "count": rows.len(),
            "defaults": { "modelProvider": null, "model": null, "contextTokens": null },
            "sessions": rows,
        }))
    }

    fn resolve(&self, mut params: Params) -> Result<Value, WireError> {
        let key = trimmed(params.text("key", 1..=limits::SESSION_KEY_CHARS));
        let label = trimmed(params.text("label", 1..=limits::SESSION_LABEL_CHARS));
        let filter = Filter {
            label: label.clone(),
            agent: params.text("agentId", 1..=limits::SHORT_TEXT_CHARS),
            spawned_by: params.text("spawnedBy", 1..=limits::SESSION_KEY_CHARS),
            include_global: params.flag("includeGlobal").unwrap_or_default(),
            include_unknown: params.flag("includeUnknown").unwrap_or_default(),
            active_since: i64::MIN,
        };
        params.finish()?;
        let mut store = self.store();
        let book = store.book()?;
        let found = match (key, label) {
            (Some(_), Some(_)) => Err("Provide either key or label (not both)".to_owned()),
            (None, None) => Err("Either key or label is required".to_owned()),
            (Some(key), None) => {
                let one = session::canonical(&key);
                let is_known = book.entries.contains_key(&one);
                is_known.then_some(one).ok_or_else(|| format!("No session found: {key}"))
            }
            (None, Some(label)) => match list::select(book, &filter)[..] {
                [] => Err(format!("No session found with label: {label}")),
                [(one, _)] => Ok(one.to_owned()),
                [(a, _), (b, _), ..] => {
                    Err(format!("Multiple sessions found with label: {label} ({a}, {b})"))
                }
            },
        };
        found.map(|key| json!({ "ok": true, "key": key })).map_err(WireError::invalid)
    }

    fn patch(&self, mut params: Params, now_ms: u64) -> Result<Value, WireError> {
        let key = params.required_text("key", 0..=limits::SESSION_KEY_CHARS);
        let patch = Patch::read(&mut params);
        params.finish()?;
        let key = usable(required(&key)?)?;
        let mut store = self.store();
        let (_, entry) = store.change(|book| {
            if let Some(label) = patch.label() {
                let is_taken = book.entries.iter().any(|(other, entry)| {
                    *other != key && entry.get("label").and_then(Value::as_str) == Some(label)
                });
                if is_taken {
                    return Err(WireError::invalid(format!("label already in use: {label}")));
                }
            }
            update(book, &key, now_ms, |entry| patch.apply(&key, entry))
        })?;
        Ok(
            json!({ "ok": true, "path": store.path().to_string_lossy(), "key": key, "entry": entry }),
        )
    }

    fn reset(&self, mut params: Params, now_ms: u64) -> Result<Value, WireError> {
        let given = params.required_text("key", 0..=limits::SESSION_KEY_CHARS);
        params.finish()?;
        let given = required(&given)?;
        let key = usable(given)?;
        let new_id = names::session_id()?;
        let (_, entry) = self.store().change(|book| {
            update(book, &key, now_ms, |entry| {
                let mut old = std::mem::take(entry);
                for name in KEPT_BY_RESET {
                    if let Some(value) = old.remove(name) {
                        entry.insert(name.to_owned(), value);
                    }
                }
                entry.insert("sessionId".into(), new_id.into());
                entry.insert("systemSent".into(), false.into());
                entry.insert("abortedLastRun".into(), false.into());
                Ok::<_, WireError>(())
            })
        })?;
        Ok(json!({ "ok": true, "key": given, "entry": entry }))
    }

    fn delete(
        &self,
        mut params: Params,
        now_ms: u64,
        runs: &dyn ActiveRuns,
    ) -> Result<Value, WireError> {
        let given = params.required_text("key", 0..=limits::SESSION_KEY_CHARS);
        let with_transcript = params.flag("deleteTranscript").unwrap_or(true);
        params.finish()?;
        let given = required(&given)?;
        let key = session::canonical(given);
        if key == session::canonical(session::MAIN) {
            let what = format!("Cannot delete the main session ({given}).");
            return Err(WireError::invalid(what));
        }
        let active = || {
            let what = format!("Session {given} is still active; try again in a moment.");
            WireError::unavailable(what)
        };
        if !runs.abort_and_wait(&key, limits::SESSION_ABORT_PATIENCE) {
            return Err(active());
        }
        let known = self.store().entry(&key)?.is_some();
        let removed: Option<Arc<Entry>> = match known {
            false => None,
            true => self.store().change(|book| {
                // One may have begun since; under the lock of the store, none can get its session.
                if runs.is_active(&key) {
                    return Err(active());
                }
                Ok(book.entries.remove(&key))
            })?,
        };
        // The entry goes first: a power cut in between leaves a transcript nobody asks for, and
        // not a session without its messages.
        let archived = match &removed {
            Some(entry) if with_transcript => self.archive(entry, now_ms),
            _ => Vec::new(),
        };
        let archived: Vec<_> = archived.iter().map(|path| path.to_string_lossy()).collect();
        let deleted = removed.is_some();
        Ok(json!({ "ok": true, "key": given, "deleted": deleted, "archived": archived }))
    }

    /// Puts the transcripts of a removed entry aside. What cannot be is left where it is and named
    /// in the log; the session is gone in any case.
    fn archive(&self, entry: &Entry, now_ms: u64) -> Vec<PathBuf> {
        let usual = session_id(entry).map(|id| self.dir.join(format!("{id}.jsonl")));
        let own = self.own_file(entry).filter(|own| Some(own) != usual.as_ref());
        let aside = own.into_iter().chain(usual).filter_map(|path| {
            let _writer = self.writers.lock(&path);
            transcript::archive(&path, now_ms).ok().flatten()
        });
        aside.collect()
    }

    fn compact(&self, mut params: Params, now_ms: u64) -> Result<Value, WireError> {
        let given = params.required_text("key", 0..=limits::SESSION_KEY_CHARS);
        let keep = params.integer("maxLines", 1..=u64::MAX).unwrap_or(limits::COMPACT_LINES);
        params.finish()?;
        let given = required(&given)?;
        let mut answer = Map::new();
        answer.insert("ok".into(), true.into());
        answer.insert("key".into(), given.into());
        answer.insert("compacted".into(), false.into());
        let Some(session) = self.find(given)? else {
            answer.insert("reason".into(), "no sessionId".into());
            return Ok(answer.into());
        };
        let compacted = {
            let _writer = self.writers.lock(&session.transcript);
            transcript::compact(&session.transcript, keep, now_ms)?
        };
        match compacted {
            Compacted::Missing => drop(answer.insert("reason".into(), "no transcript".into())),
            Compacted::ShortEnough(lines) => drop(answer.insert("kept".into(), lines.into())),
            Compacted::Done(archived) => {
                self.forget_tokens(&session.key, &session.session_id, now_ms)?;
                answer.insert("compacted".into(), true.into());
                answer.insert("archived".into(), archived.to_string_lossy().into());
                answer.insert("kept".into(), keep.into());
            }
        }
        Ok(answer.into())
    }

    /// The counts of a transcript that is shorter now. Not those of one that a reset put in its
    /// place meanwhile.
    fn forget_tokens(&self, key: &str, id: &str, now_ms: u64) -> Result<(), WireError> {
        self.store().change(|book| {
            if book.entries.get(key).is_none_or(|entry| session_id(entry) != Some(id)) {
                return Ok(());
            }
            update(book, key, now_ms, |entry| {
                for name in ["inputTokens", "outputTokens", "totalTokens"] {
                    entry.remove(name);
                }
                Ok::<_, WireError>(())
            })
            .map(drop)
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

fn active_since(now_ms: u64, minutes: u64) -> i64 {
    let since = now_ms.saturating_sub(minutes.saturating_mul(60_000));
    i64::try_from(since).unwrap_or(i64::MAX)
}
