//! How each node introduced itself to the gateway for the first time. A gateway pins platform and
//! family; a node that comes with other words would have to be approved again.

use crate::backend::NodeId;
use crate::files;
use crate::gateway::Platform;
use crate::lock::lock;
use crate::protocol::limits;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The nodes that the gateway has met, and their file.
#[derive(Debug)]
pub(super) struct KnownNodes {
    path: PathBuf,
    /// Held while the file is written.
    writing: Mutex<()>,
    nodes: Mutex<BTreeMap<NodeId, Platform>>,
}

impl KnownNodes {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let nodes = match files::read_text(path, limits::KNOWN_NODES_BYTES) {
            Ok(text) => serde_json::from_str(&text).map_err(|_| {
                let why = "it is damaged; restore it, or remove it, and the gateway may want some \
                           nodes approved again";
                io::Error::new(ErrorKind::InvalidData, why)
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.to_owned(), writing: Mutex::default(), nodes: Mutex::new(nodes) })
    }

    /// How the node introduces itself: as it did first, or, if there was no first time, as it would
    /// now. That is on disk when this returns.
    pub(super) fn introduction(&self, node: &NodeId, now: Platform) -> io::Result<Platform> {
        if let Some(first) = lock(&self.nodes).get(node).cloned() {
            return Ok(first);
        }
        let _writing = lock(&self.writing);
        let mut nodes = lock(&self.nodes).clone();
        if nodes.len() >= limits::PAIRED_NODES {
            return Ok(now);
        }
        let first = nodes.entry(node.clone()).or_insert(now).clone();
        files::write_atomically(&self.path, &serde_json::to_vec_pretty(&nodes)?)?;
        *lock(&self.nodes) = nodes;
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(platform: &str) -> Platform {
        Platform { platform: platform.into(), family: None }
    }

    #[test]
    fn pitfall_8_what_was_sent_first_stays_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nodes.json");
        let phone = NodeId::new("phone").unwrap();
        let known = KnownNodes::open(&path).unwrap();
        assert_eq!(known.introduction(&phone, platform("ios")).unwrap(), platform("ios"));
        let later = KnownNodes::open(&path).unwrap();
        assert_eq!(later.introduction(&phone, platform("android")).unwrap(), platform("ios"));
        std::fs::write(&path, "{").unwrap();
        assert!(KnownNodes::open(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{");
    }
}
