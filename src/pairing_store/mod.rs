//! `nodes/paired.json` and `nodes/pending.json`: the pairing book on disk (protocol section 4.1).
//! Read once, at the start; written by the router thread, the only writer. A damaged file stops the
//! start: it is never taken for an empty one, and never overwritten.

mod entry;
#[cfg(feature = "cli")]
mod foreign;
#[cfg(test)]
mod tests;

#[cfg(feature = "cli")]
pub(crate) use foreign::{read_foreign, Unusable};

use crate::files::{self, stamp, Staged, Stamp};
use crate::protocol::{limits, NodeId};
use crate::router::{PairedNode, PairingBook, PairingRequest, RequestId, Wall};
use entry::{Paired, Pending};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const PAIRED: &str = "paired.json";
const PENDING: &str = "pending.json";

/// The pairing files and what is known to be in them.
#[derive(Debug)]
pub struct PairingStore {
    dir: PathBuf,
    paired: PairingFile<NodeId, PairedNode>,
    pending: PairingFile<RequestId, PairingRequest>,
}

#[derive(Debug)]
struct PairingFile<K, V> {
    path: PathBuf,
    saved: Entries<K, V>,
    stamp: Stamp,
}

type Entries<K, V> = Arc<BTreeMap<K, Arc<V>>>;

/// Entries as they are written.
struct Formed<'a, K, V, F> {
    entries: &'a BTreeMap<K, Arc<V>>,
    form: F,
}

impl<'a, K: Serialize, V, E: Serialize, F: Fn(&'a K, &'a V) -> E> Serialize
    for Formed<'a, K, V, F>
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries.iter().map(|(k, v)| (k, (self.form)(k, v))))
    }
}

/// Why the pairing files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not {doing} `{}`", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    /// The file is there but makes no sense.
    #[error(
        "`{}` is damaged: {what}. Nothing was changed. Repair it, or move it away and pair the \
         nodes in it again",
        path.display()
    )]
    Damaged { path: PathBuf, what: String },
}

impl PairingStore {
    /// Reads the files in `nodes/` of the state directory, which is made if needed. Tokens in the
    /// clear, as the old gateway stored them, are replaced by their hashes at once.
    pub fn open(state_dir: &Path, now: Wall) -> Result<(Self, PairingBook), Error> {
        let dir = state_dir.join("nodes");
        files::create_private_dir(&dir).map_err(|e| Error::io("create", &dir, e))?;
        let (paired_path, pending_path) = (dir.join(PAIRED), dir.join(PENDING));
        let (paired, had_clear_tokens) = read_paired(&paired_path)?;
        let mut pending = read_pending(&pending_path)?;
        pending.retain(|_, request| is_current(request, &paired, now));
        let book = PairingBook { paired: Arc::new(paired), pending: Arc::new(pending) };
        let mut store = Self {
            dir,
            paired: PairingFile::new(paired_path, book.paired.clone()),
            pending: PairingFile::new(pending_path, book.pending.clone()),
        };
        if had_clear_tokens {
            let path = store.paired.path.display();
            log::info!("replacing tokens in the clear by their hashes path={path}");
            // Not the one from before, so the store takes it for changed.
            store.paired.saved = Arc::default();
            store.save(&book)?;
        }
        Ok((store, book))
    }

    /// Writes what has changed since the last time; it is on disk when this returns. After an error
    /// the router keeps the old book; should the first of two files be in place already, the next
    /// save brings the other one along.
    pub fn save(&mut self, book: &PairingBook) -> Result<(), Error> {
        // Both are complete on disk before either takes its place, so that a full disk is noticed
        // while nothing has changed.
        let paired = self.paired.stage(&book.paired, |node_id, node| Paired { node_id, node })?;
        let pending = self
            .pending
            .stage(&book.pending, |request_id, request| Pending { request_id, request })?;
        // A power cut between the two must neither lose a pairing nor let a revoked node back in.
        // So a pairing is put before its request is taken away (`is_current` repairs the rest), and
        // an approval is taken away before the pairing is.
        let revokes = self.paired.saved.keys().any(|node| !book.paired.contains_key(node));
        if revokes {
            self.pending.replace(pending, &book.pending)?;
            self.paired.replace(paired, &book.paired)?;
        } else {
            let only_pending = paired.is_none();
            self.paired.replace(paired, &book.paired)?;
            match self.pending.replace(pending, &book.pending) {
                Err(error) if !only_pending => {
                    log::warn!("{error}; it will be written with the next change");
                }
                other => other?,
            }
        }
        files::sync_dir(&self.dir).map_err(|e| Error::io("sync", &self.dir, e))
    }
}

impl<K: Ord + Serialize, V> PairingFile<K, V> {
    fn new(path: PathBuf, saved: Entries<K, V>) -> Self {
        let stamp = stamp(&path);
        Self { path, saved, stamp }
    }

    /// Writes entries that are not the saved ones beside the file.
    fn stage<'a, E: Serialize>(
        &self,
        entries: &'a Entries<K, V>,
        form: impl Fn(&'a K, &'a V) -> E,
    ) -> Result<Option<Staged>, Error> {
        if Arc::ptr_eq(entries, &self.saved) {
            return Ok(None);
        }
        // As one text, the entries of many nodes would take as much memory again, and leave a hole.
        let staged = Staged::fill(&self.path, |file| {
            let mut out = BufWriter::new(file);
            serde_json::to_writer_pretty(&mut out, &Formed { entries, form })?;
            out.flush()
        });
        staged.map(|(staged, ())| Some(staged)).map_err(|e| Error::io("write", &self.path, e))
    }

    /// Puts staged entries in place. Somebody else's version of the file is copied first, so that
    /// it is not lost. The file itself is there at every moment.
    fn replace(&mut self, staged: Option<Staged>, entries: &Entries<K, V>) -> Result<(), Error> {
        let Some(staged) = staged else { return Ok(()) };
        let path = &self.path;
        let found = stamp(path);
        if found.is_some() && found != self.stamp {
            let aside = files::keep_copy(path).map_err(|e| Error::io("keep a copy of", path, e))?;
            log::warn!(
                "{} was edited while the bridge was running; the edited version was moved to {}. \
                 Use the nodes commands instead",
                path.display(),
                aside.display()
            );
        }
        staged.commit().map_err(|e| Error::io("replace", path, e))?;
        self.saved = entries.clone();
        self.stamp = stamp(path);
        Ok(())
    }
}

impl Error {
    fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }
}

/// Whether a request still waits: not expired, and not turned into a pairing by an approval whose
/// second file was lost to a power cut. A clock that was set back does not make it eternal: the
/// router gives it at most its whole time again.
fn is_current(
    request: &PairingRequest,
    paired: &BTreeMap<NodeId, Arc<PairedNode>>,
    now: Wall,
) -> bool {
    let decides =
        |node: &Arc<PairedNode>| node.approved_at >= request.ts || request.stale_token.is_some();
    if paired.get(&request.node).is_some_and(decides) {
        return false;
    }
    let age = |since: Wall| Duration::from_millis(now.0.saturating_sub(since.0));
    match request.approved_at {
        Some(at) => age(at) <= limits::APPROVAL_KEPT,
        None => age(request.ts) <= limits::PAIRING_TTL,
    }
}

fn read_paired(path: &Path) -> Result<(BTreeMap<NodeId, Arc<PairedNode>>, bool), Error> {
    let mut paired = BTreeMap::new();
    let mut had_clear_tokens = false;
    for_entries(path, |key, text| {
        let id = NodeId::new(key)?;
        let (node, was_clear) = entry::read_paired(text)?;
        had_clear_tokens |= was_clear;
        paired.insert(id, Arc::new(node));
        Ok(())
    })?;
    Ok((paired, had_clear_tokens))
}

fn read_pending(path: &Path) -> Result<BTreeMap<RequestId, Arc<PairingRequest>>, Error> {
    let mut pending = BTreeMap::new();
    for_entries(path, |key, text| {
        // An entry without what a request needs is no request; there is nothing to lose in it.
        if let Some(request) = entry::read_pending(text) {
            pending.insert(RequestId(key.into()), Arc::new(request));
        }
        Ok(())
    })?;
    Ok(pending)
}

/// Reads a file that is one JSON object of entries. No file is no entries; an empty file is a
/// damaged one.
fn for_entries(
    path: &Path,
    mut entry: impl FnMut(&str, &str) -> Result<(), &'static str>,
) -> Result<(), Error> {
    let bytes = files::read_if_exists(path).map_err(|e| Error::io("read", path, e))?;
    let Some(bytes) = bytes else { return Ok(()) };
    let damaged = |what: String| Error::Damaged { path: path.to_owned(), what };
    for (key, raw) in entries(&bytes).map_err(damaged)? {
        entry(&key, raw.get()).map_err(|what| damaged(format!("entry {key:?}: {what}")))?;
    }
    Ok(())
}

fn entries(bytes: &[u8]) -> Result<BTreeMap<String, &RawValue>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}
