//! An import by root is on behalf of the user the bridge runs as: what it creates is given to the
//! owner of the state directory.

use rustix::process::geteuid;
use std::fs;
use std::io;
use std::os::unix::fs::{lchown, MetadataExt};
use std::path::Path;

/// Gives everything of root's in the state directory to the directory's owner. Does nothing for
/// anybody but root.
pub(super) fn give_to_owner(state_dir: &Path) -> io::Result<()> {
    let owner = fs::metadata(state_dir)?;
    if !geteuid().is_root() || owner.uid() == 0 {
        return Ok(());
    }
    let mut dirs = vec![state_dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let meta = fs::symlink_metadata(&path)?;
            if meta.uid() == 0 {
                lchown(&path, Some(owner.uid()), Some(owner.gid()))?;
            }
            if meta.is_dir() {
                dirs.push(path);
            }
        }
    }
    Ok(())
}
