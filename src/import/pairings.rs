//! Pairings: which nodes may log in with which token.

use super::legacy::Legacy;
use super::report::Outcome::{Damaged, Kept, Skipped, Taken};
use super::report::{ItemKind, Report, Verdict};
use super::Error;
use crate::pairing_store::{self, PairingStore, Unusable};
use crate::protocol::{limits, NodeId};
use crate::router::{PairedNode, PairingBook, Wall};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(super) type Paired = BTreeMap<NodeId, Arc<PairedNode>>;

/// Decides what becomes of every entry of the pairing files; returns those to take.
pub(super) fn plan(
    legacy: &Legacy,
    state_dir: &Path,
    report: &mut Report,
) -> Result<Paired, Error> {
    let existing = PairingStore::peek(state_dir).map_err(Error::state)?;
    let mut wanted = Paired::new();
    for path in legacy.pairing_files() {
        let most = limits::IMPORT_PAIRINGS_BYTES;
        match legacy.read_as(&path, most, pairing_store::read_foreign) {
            Ok(entries) => {
                for (key, entry) in entries.into_iter().flatten() {
                    let label =
                        entry.as_ref().ok().and_then(|(_, node)| node.profile.display_name.clone());
                    let verdict = take(entry, &existing, &mut wanted);
                    report.add_labelled(ItemKind::PAIRING, key, label.as_deref(), verdict);
                }
            }
            Err(why) => report.add(ItemKind::FILE, legacy.name(&path), Damaged.because(why)),
        }
    }
    if legacy.path("nodes/pending.json").is_some_and(|path| legacy.has(&path)) {
        let why = "pairing requests expire after five minutes; nodes that are not paired ask again";
        report.add(ItemKind::FILE, "nodes/pending.json", Skipped.because(why));
    }
    Ok(wanted)
}

/// Adds an entry to those that are wanted, if it can be taken.
fn take(
    entry: Result<(NodeId, PairedNode), Unusable>,
    existing: &Paired,
    wanted: &mut Paired,
) -> Verdict {
    let (id, node) = match entry {
        Ok(entry) => entry,
        Err(Unusable::NoToken) => {
            return Skipped.because("it has no token; the node must pair again");
        }
        Err(Unusable::BadId(why)) => return Skipped.because(why),
        Err(Unusable::Damaged(why)) => return Damaged.because(why),
    };
    if existing.contains_key(&id) {
        Kept.because("this node is paired already")
    } else if wanted.contains_key(&id) {
        Skipped.because("this node is listed twice; the first entry was used")
    } else if existing.len() + wanted.len() >= limits::PAIRED_NODES {
        Skipped.because(format!("{} nodes are paired, which is the limit", limits::PAIRED_NODES))
    } else {
        wanted.insert(id, Arc::new(node));
        Taken.because("")
    }
}

/// Adds pairings to those of the state directory; they are on disk when this returns.
pub(super) fn write(wanted: Paired, state_dir: &Path, now: Wall) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    let (mut store, book) = PairingStore::open(state_dir, now).map_err(Error::state)?;
    let mut paired = Paired::clone(&book.paired);
    for (id, node) in wanted {
        paired.entry(id).or_insert(node);
    }
    let book = PairingBook { paired: Arc::new(paired), pending: book.pending };
    store.save(&book).map_err(Error::state)
}
