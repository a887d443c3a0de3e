//! What root does in a state directory is on behalf of its owner, and done with the owner's rights: a
//! link there leads no further than the owner could go alone, and what is created belongs to the
//! owner. An import also reads the old directory with the rights of that one's owner.

use rustix::io::Errno;
use rustix::process::{geteuid, getgroups, Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

type Owner = (Uid, Gid);

/// Root acts as the owner of the state directory until this is dropped. For anybody but root nothing
/// changes.
#[derive(Debug)]
pub(crate) struct Acting(Option<Identities>);

#[derive(Debug)]
struct Identities {
    reader: Owner,
    writer: Owner,
    /// The groups of root.
    groups: Vec<Gid>,
}

impl Acting {
    /// `source` is what [`Acting::read`] reads. Also returns by which path the owner of the state
    /// directory reaches it: one of systemd's is in a directory that only root can enter.
    pub(crate) fn begin(source: &Path, state_dir: &Path) -> io::Result<(Self, PathBuf)> {
        if !geteuid().is_root() {
            return Ok((Self(None), state_dir.to_owned()));
        }
        let (reader, writer) = (owner(source)?, owner(state_dir)?);
        if reader.0.is_root() && writer.0.is_root() {
            return Ok((Self(None), state_dir.to_owned()));
        }
        let identities = Identities { reader, writer, groups: getgroups()? };
        let mut reached = std::path::absolute(state_dir)?;
        if !writer.0.is_root() && reached.is_dir() {
            env::set_current_dir(&reached)?;
            reached = ".".into();
        }
        identities.become_user(writer)?;
        Ok((Self(Some(identities)), reached))
    }

    pub(crate) fn is_for_others(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let Some(identities) = &self.0 else { return read() };
        identities.become_user(identities.reader)?;
        let result = read();
        identities.become_user(identities.writer)?;
        result
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_ref().map(Identities::become_root) {
            log::warn!("could not act as root again: {error}");
        }
    }
}

// Of this thread, which is the only one.
impl Identities {
    fn become_user(&self, (user, group): Owner) -> Result<(), Errno> {
        self.become_root()?;
        if !user.is_root() {
            set_thread_groups(&[group])?;
            set_thread_res_gid(None, group, None)?;
            set_thread_res_uid(None, user, None)?;
        }
        Ok(())
    }

    fn become_root(&self) -> Result<(), Errno> {
        set_thread_res_uid(None, Uid::ROOT, None)?;
        set_thread_res_gid(None, Gid::ROOT, None)?;
        set_thread_groups(&self.groups)
    }
}

/// Whether there is such a user here. In a container, files of others belong to nobody, and its root
/// can do no more than whoever has started it.
fn exists(uid: u32, users: &str) -> bool {
    let mut ranges = users.lines().filter_map(|line| {
        let mut numbers = line.split_whitespace().map(str::parse);
        let (first, count): (u64, u64) = (numbers.next()?.ok()?, numbers.nth(1)?.ok()?);
        Some(first..first + count)
    });
    ranges.any(|range| range.contains(&uid.into()))
}

/// Who owns the directory or, if that is root or it does not exist, the last part of its path that
/// is not root's: that user decides where the path leads.
fn owner(dir: &Path) -> io::Result<Owner> {
    let path = std::path::absolute(dir)?;
    let parts = path.ancestors().filter_map(|part| fs::symlink_metadata(part).ok());
    let mut owners = fs::metadata(&path).into_iter().chain(parts);
    let users = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let owner = owners.find(|meta| meta.uid() != 0 && exists(meta.uid(), &users));
    let owner = owner.map(|meta| (Uid::from_raw(meta.uid()), Gid::from_raw(meta.gid())));
    Ok(owner.unwrap_or((Uid::ROOT, Gid::ROOT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_outside_a_container_do_not_exist_in_it() {
        let (all, container) = ("         0          0 4294967295\n", "0 1000 1\n1 100000 65534\n");
        assert!(exists(1000, all) && exists(65534, all));
        assert!(exists(1000, container) && !exists(65535, container) && !exists(0, ""));
    }
}
