//! Generated names: session and message ids, and names of files that are put aside.

use crate::protocol::hash::to_hex;
use crate::{calendar, random};
use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn session_id() -> String {
    random::uuid(random::bits())
}

pub(super) fn message_id() -> String {
    to_hex(&random::bytes::<4>())
}

/// Where a file is put aside: `<file>.<why>.<time>`, with dashes in the time because colons are
/// not welcome everywhere. A name that is taken gets a number, so that nothing is replaced.
pub(super) fn aside(path: &Path, why: &str, now_ms: u64) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{why}.{}", calendar::iso(now_ms).replace(':', "-")));
    let mut aside = path.with_file_name(&name);
    for number in 2..=100 {
        if fs::symlink_metadata(&aside).is_err() {
            break;
        }
        let mut name = name.clone();
        name.push(format!("-{number}"));
        aside.set_file_name(name);
    }
    aside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_shapes() {
        let id = session_id();
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
        assert_eq!(message_id().len(), 8);
        assert_ne!(session_id(), id);
    }

    #[test]
    fn nothing_that_was_put_aside_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        let first = aside(&path, "bak", 0);
        assert_eq!(first, dir.path().join("a.jsonl.bak.1970-01-01T00-00-00.000Z"));
        fs::write(&first, "x").unwrap();
        let second = aside(&path, "bak", 0);
        assert_eq!(second, dir.path().join("a.jsonl.bak.1970-01-01T00-00-00.000Z-2"));
    }
}
