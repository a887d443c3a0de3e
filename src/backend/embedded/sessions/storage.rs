//! How many bytes the conversations have on disk, and which node they are of: no node fills the
//! disk, and none takes all that conversations may have.

use super::StoreError;
use crate::lock::lock;
use crate::log_limit::LogLimit;
use crate::protocol::rpc::system::DiskHealth;
use crate::protocol::{limits, NodeId};
use crate::shares::Shares;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Storage {
    dir: PathBuf,
    limit: AtomicU64,
    taken: Mutex<Taken>,
    /// How the free space is found out; another way in tests.
    space: fn(&Path) -> Option<Space>,
    log_limit: LogLimit,
}

/// What is on disk, when it was last counted, and what was written since then.
#[derive(Debug)]
struct Taken {
    shares: Shares,
    counted: Option<Instant>,
}

impl Taken {
    fn recounted(&mut self, limit: u64, used: Option<u64>) {
        self.shares.recounted(limit, used.unwrap_or_else(|| self.shares.used()));
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub(super) free: u64,
    pub(super) whole: u64,
}

impl Space {
    /// How much of it stays free.
    fn kept(self) -> u64 {
        limits::DISK_KEPT_FREE.min(self.whole / 20)
    }
}

impl Storage {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            limit: limits::CONVERSATION_BYTES.into(),
            taken: Mutex::new(Taken { shares: Shares::new(0), counted: None }),
            space,
            log_limit: LogLimit::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn with_space(mut self, space: fn(&Path) -> Option<Space>) -> Self {
        self.space = space;
        self
    }

    pub(super) fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
        // Counted again with the new limit.
        lock(&self.taken).counted = None;
    }

    /// Whether the conversations may get so many bytes more from a node, or from somebody else.
    pub(super) fn check(&self, node: Option<&NodeId>, bytes: u64) -> Result<(), StoreError> {
        self.check_disk(bytes)?;
        let now = Instant::now();
        let mut taken = self.taken();
        if taken.shares.fits(node, bytes) {
            return Ok(());
        }
        // Somebody may have removed files since. Others do not wait while they are counted.
        if taken.counted.is_none_or(|at| now - at >= limits::RECOUNT_EVERY) {
            taken.counted = Some(now);
            drop(taken);
            let used = self.count();
            taken = lock(&self.taken);
            taken.recounted(self.limit(), used);
        }
        let (fits, used) = (taken.shares.fits(node, bytes), taken.shares.used());
        drop(taken);
        match fits {
            true => Ok(()),
            false => Err(self.refused(node, StoreError::Quota { used })),
        }
    }

    /// Whether the disk has room for so many bytes more, and for everything else.
    pub(super) fn check_disk(&self, bytes: u64) -> Result<(), StoreError> {
        let Some(space) = self.on_disk() else { return Ok(()) };
        if space.free >= space.kept().saturating_add(bytes) {
            return Ok(());
        }
        Err(self.refused(None, StoreError::DiskFull { free: space.free }))
    }

    fn on_disk(&self) -> Option<Space> {
        let existing = self.dir.ancestors().find(|dir| dir.exists());
        existing.and_then(self.space)
    }

    /// How full the disk is, and how much the conversations have of it.
    pub(super) fn disk(&self) -> Option<DiskHealth> {
        let space = self.on_disk()?;
        Some(DiskHealth {
            free_bytes: space.free,
            conversation_bytes: self.taken().shares.used(),
            nearly_full: space.free < space.kept(),
        })
    }

    /// What is taken; before the first count nobody knows that.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        let mut taken = lock(&self.taken);
        if taken.counted.is_none() {
            taken.recounted(self.limit(), self.count());
            taken.counted = Some(Instant::now());
        }
        taken
    }

    /// So much was written; a new file counts with what the file system needs for it.
    pub(super) fn wrote(&self, node: Option<&NodeId>, bytes: u64) {
        lock(&self.taken).shares.add(node, bytes);
    }

    fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Bytes of what is there. What cannot be read cannot be written either, which has an error of
    /// its own.
    fn count(&self) -> Option<u64> {
        let counted = bytes_in(&self.dir, limits::SESSION_DIRS);
        counted.map_err(|e| log::debug!("backend: could not count the conversations: {e}")).ok()
    }

    fn refused(&self, node: Option<&NodeId>, error: StoreError) -> StoreError {
        if let Some(more) = self.log_limit.admit("storage") {
            let (dir, node) = (self.dir.display(), node.map_or("", |node| node.as_str()));
            log::error!("backend: refused a message: {error} dir={dir} node={node:?}{more}");
        }
        error
    }
}

/// Bytes of the transcripts in a directory and, so many levels deep, in those inside it.
fn bytes_in(dir: &Path, levels: usize) -> io::Result<u64> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        // The store has a limit of its own, and gets smaller when a session is deleted.
        if entry.file_name().to_string_lossy().starts_with("sessions.json") {
            continue;
        }
        // One that is gone meanwhile takes nothing.
        let Ok(meta) = entry.metadata() else { continue };
        bytes += match meta.is_dir() {
            true if levels > 0 => bytes_in(&entry.path(), levels - 1)?,
            _ => limits::FILE_BYTES + meta.len(),
        };
    }
    Ok(bytes)
}

fn space(dir: &Path) -> Option<Space> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Some(Space { free: bytes(stat.f_bavail), whole: bytes(stat.f_blocks) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn node(name: &str) -> NodeId {
        NodeId::new(name).unwrap()
    }

    fn fill(storage: &Storage, node: &NodeId) -> u64 {
        let mut written = 0;
        while storage.check(Some(node), MIB).is_ok() {
            storage.wrote(Some(node), MIB);
            written += MIB;
        }
        written
    }

    #[test]
    fn a_node_that_writes_without_end_leaves_room_for_others() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::new(dir.path().join("sessions"));
        storage.set_limit(400 * MIB);
        assert_eq!(fill(&storage, &node("eve")), 100 * MIB);
        assert_eq!(fill(&storage, &node("mallory")), 75 * MIB);
        assert_eq!(fill(&storage, &node("alice")), 56 * MIB);
        assert!(storage.check(None, 100 * MIB).is_ok(), "operators may take the rest");
        let error = storage.check(Some(&node("eve")), 1).unwrap_err();
        assert!(matches!(error, StoreError::Quota { used } if used == 231 * MIB));
    }

    #[test]
    fn what_is_there_at_the_start_counts_and_what_is_removed_does_not() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("inside")).unwrap();
        let file = |name: &str| dir.path().join(name);
        fs::write(file("sessions.json"), vec![0; 9 * MIB as usize]).unwrap();
        fs::write(file("a.jsonl"), vec![0; 3 * MIB as usize]).unwrap();
        fs::write(file("inside/b.jsonl.deleted"), vec![0; 4 * MIB as usize]).unwrap();
        let storage = Storage::new(dir.path().to_owned());
        storage.set_limit(9 * MIB);
        assert!(storage.check(None, 2 * MIB).is_err());
        fs::remove_file(file("inside/b.jsonl.deleted")).unwrap();
        assert!(storage.check(None, 2 * MIB).is_err(), "it is not counted every time");
        lock(&storage.taken).counted = None;
        storage.check(None, 2 * MIB).unwrap();
    }

    #[test]
    fn a_disk_that_is_almost_full_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let storage = |space| Storage::new(dir.path().to_owned()).with_space(space);
        let large = storage(|_| Some(Space { free: 65 * MIB, whole: 100_000 * MIB }));
        large.check(None, MIB).unwrap();
        assert!(matches!(large.check(None, MIB + 1), Err(StoreError::DiskFull { .. })));
        let small = storage(|_| Some(Space { free: 2 * MIB, whole: 20 * MIB }));
        small.check(None, MIB).unwrap();
        assert!(!large.disk().unwrap().nearly_full && !small.disk().unwrap().nearly_full);
        let full = storage(|_| Some(Space { free: MIB - 1, whole: 20 * MIB }));
        full.check(None, 0).unwrap_err();
        let disk = full.disk().unwrap();
        assert_eq!((disk.nearly_full, disk.free_bytes), (true, MIB - 1));
        storage(|_| None).check(None, MIB).unwrap();
        assert!(space(dir.path()).is_some_and(|space| space.whole >= space.free));
    }
}
