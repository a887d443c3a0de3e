//! What an import reads: another gateway's pairing files, and ours without changing them.

use super::{entries, entry, read_paired, read_pending, Error, PairingStore, PAIRED, PENDING};
use crate::protocol::NodeId;
use crate::router::PairedNode;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

impl PairingStore {
    /// Who is paired according to the files of a state directory, which need not exist. Nothing is
    /// made or changed.
    pub(crate) fn peek(state_dir: &Path) -> Result<BTreeMap<NodeId, Arc<PairedNode>>, Error> {
        let (paired, _) = read_paired(&state_dir.join("nodes").join(PAIRED))?;
        read_pending(&state_dir.join("nodes").join(PENDING))?;
        Ok(paired)
    }
}

/// An entry of another gateway's pairing file: its key, and the node or what is wrong with it.
pub(crate) type Foreign = (String, Result<(NodeId, PairedNode), Unusable>);

/// Why an entry of another gateway's pairing file is no pairing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Nobody could log in with it.
    NoToken,
    BadId(&'static str),
    Damaged(&'static str),
}

/// Reads a pairing file of another gateway, entry by entry. Tokens in the clear are hashed at
/// once; the key of an entry is the node's id, whatever the entry itself says.
pub(crate) fn read_foreign(bytes: &[u8]) -> Result<Vec<Foreign>, String> {
    let read = |key: &str, text: &str| {
        let id = NodeId::new(key).map_err(Unusable::BadId)?;
        let (node, _) = entry::read_paired(text).map_err(Unusable::Damaged)?;
        match node.token {
            Some(_) => Ok((id, node)),
            None => Err(Unusable::NoToken),
        }
    };
    let all = entries(bytes)?.into_iter();
    Ok(all
        .map(|(key, raw)| {
            let node = read(&key, raw.get());
            (key, node)
        })
        .collect())
}
