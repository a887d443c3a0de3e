//! Pairings: who may log in with which token.

use super::legacy::{exists, Legacy};
use super::{Error, Report, Thing};
use crate::pairing_store::{self, PairingStore, Unusable};
use crate::protocol::{limits, NodeId};
use crate::router::{PairedNode, PairingBook, Wall};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The largest pairing file, in bytes: some KiB for each node there can be.
const LARGEST: usize = 16 * 1024 * 1024;

type Paired = BTreeMap<NodeId, Arc<PairedNode>>;

/// Who is to be paired.
#[derive(Debug)]
pub(super) struct Plan {
    wanted: Paired,
}

/// Looks at the pairing files and says what becomes of every entry.
pub(super) fn plan(legacy: &Legacy, state_dir: &Path, report: &mut Report) -> Result<Plan, Error> {
    let there = PairingStore::peek(state_dir)?;
    let mut wanted = Paired::new();
    for path in legacy.pairing_files() {
        let name = legacy.name(&path);
        let read = legacy
            .read(&path, LARGEST)
            .and_then(|bytes| bytes.map(|bytes| pairing_store::read_foreign(&bytes)).transpose());
        match read {
            Ok(entries) => {
                for (key, entry) in entries.into_iter().flatten() {
                    take(&key, entry, &there, &mut wanted, report);
                }
            }
            Err(why) => report.row(Thing::File, name).damaged(why),
        }
    }
    if legacy.path("nodes/pending.json").is_some_and(|path| exists(&path)) {
        let why = "pairing requests last five minutes; nodes that are not paired ask again";
        report.row(Thing::File, "nodes/pending.json").skipped(why);
    }
    Ok(Plan { wanted })
}

fn take(
    key: &str,
    entry: Result<(NodeId, PairedNode), Unusable>,
    there: &Paired,
    wanted: &mut Paired,
    report: &mut Report,
) {
    let row = report.row(Thing::Pairing, key);
    let (id, node) = match entry {
        Ok(entry) => entry,
        Err(Unusable::NoToken) => {
            return row.skipped("it has no token; the node has to pair again")
        }
        Err(Unusable::BadId(why)) => return row.skipped(why),
        Err(Unusable::Damaged(why)) => return row.damaged(why),
    };
    let row = row.label(node.profile.display_name.as_deref());
    if there.contains_key(&id) {
        row.kept("this node is paired already");
    } else if wanted.contains_key(&id) {
        row.skipped("this node is in it twice; the first one counts");
    } else if there.len() + wanted.len() >= limits::PAIRED_NODES {
        row.skipped(format!("{} nodes are paired, which is the limit", limits::PAIRED_NODES));
    } else {
        row.taken("");
        wanted.insert(id, Arc::new(node));
    }
}

impl Plan {
    /// Adds the pairings to those of the state directory; they are on disk when this returns.
    pub(super) fn write(self, state_dir: &Path, now: Wall) -> Result<(), Error> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        let (mut store, book) = PairingStore::open(state_dir, now)?;
        let mut paired = Paired::clone(&book.paired);
        for (id, node) in self.wanted {
            paired.entry(id).or_insert(node);
        }
        store.save(&PairingBook { paired: Arc::new(paired), pending: book.pending })?;
        Ok(())
    }
}
