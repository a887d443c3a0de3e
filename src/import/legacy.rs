//! The directory of the old gateway: read, never written, and never left.

use super::Error;
use crate::files;
use crate::ownership::Acting;
use crate::protocol::limits;
use rustix::fs::Dir;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// Where pairings can be, the file of the later gateway first.
const PAIRINGS: [&str; 2] = ["nodes/paired.json", "bridge/paired-nodes.json"];

/// The directory, and what in it is wanted.
#[derive(Debug)]
pub(super) struct Legacy {
    pub(super) root: PathBuf,
    /// Only this file of the directory is meant.
    only: Option<PathBuf>,
    /// Everything is found from here.
    dir: OwnedFd,
    acting: Acting,
}

impl Legacy {
    /// A directory, or a pairing file alone.
    pub(super) fn open(source: &Path, acting: Acting) -> Result<Self, Error> {
        let fail = |error| Error::Unreadable { dir: source.to_owned(), source: error };
        let path = acting.read(|| source.canonicalize()).map_err(fail)?;
        let is_dir = acting.read(|| path.metadata()).is_ok_and(|meta| meta.is_dir());
        let is_pairing_file = path.file_name().and_then(OsStr::to_str).is_some_and(|name| {
            name.ends_with("paired.json") || name.ends_with("paired-nodes.json")
        });
        let (root, only) = match path.parent() {
            _ if is_dir => (path, None),
            Some(root) if is_pairing_file => (root.to_owned(), Some(path)),
            _ => return Err(fail(io::ErrorKind::NotADirectory.into())),
        };
        let dir = acting.read(|| files::open_folder(&root)).map_err(fail)?;
        Ok(Self { root, only, dir, acting })
    }

    /// Whether root reads it, and acts for somebody else.
    pub(super) fn is_for_others(&self) -> bool {
        self.acting.is_for_others()
    }

    pub(super) fn has_anything(&self) -> bool {
        let more = [
            "nodes/pending.json",
            "settings/voicewake.json",
            "agents",
            "sessions",
            "bridge/tls",
            "exec-approvals.json",
        ];
        self.only.is_some()
            || PAIRINGS.iter().chain(&more).any(|name| self.has(&self.root.join(name)))
    }

    pub(super) fn pairing_files(&self) -> Vec<PathBuf> {
        match &self.only {
            Some(file) => vec![file.clone()],
            None => PAIRINGS.iter().map(|name| self.root.join(name)).collect(),
        }
    }

    /// A file or directory beside the pairings; `None` if only pairings are meant.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.only.is_none().then(|| self.root.join(name))
    }

    /// The path as the report names it.
    pub(super) fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Opens a regular file inside the directory; `None` if there is none.
    pub(super) fn open_file(&self, path: &Path) -> Result<Option<(File, u64)>, String> {
        match self.open_inside(path)? {
            Some((_, meta)) if !meta.is_file() => Err("not a regular file".into()),
            found => Ok(found.map(|(file, meta)| (file, meta.len()))),
        }
    }

    /// Reads a file of at most `limit` bytes; `None` if there is none.
    pub(super) fn read(&self, path: &Path, limit: usize) -> Result<Option<Vec<u8>>, String> {
        let Some((file, _)) = self.open_file(path)? else { return Ok(None) };
        files::read_at_most(file, limit as u64).map(Some).map_err(unreadable)
    }

    /// What `parse` makes of a file of at most `limit` bytes; `None` if there is none.
    pub(super) fn read_as<T>(
        &self,
        path: &Path,
        limit: usize,
        parse: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        self.read(path, limit)?.map(|bytes| parse(&bytes)).transpose()
    }

    /// The names in a directory inside this one, sorted; none if there is no such directory.
    pub(super) fn list(&self, dir: &Path) -> Result<Vec<String>, String> {
        let Some((dir, _)) = self.open_inside(dir)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in Dir::new(dir).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if names.len() == limits::IMPORT_ENTRIES {
                let most = limits::IMPORT_ENTRIES;
                return Err(format!("has more than {most} entries, which is the limit"));
            }
            // Nothing that the old gateway wrote has a name that is not text.
            names.extend(entry.file_name().to_str().ok().map(str::to_owned));
        }
        names.retain(|name| name != "." && name != "..");
        names.sort();
        Ok(names)
    }

    /// Whether there is something of this name, a dangling link included.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.acting.read(|| fs::symlink_metadata(path)).is_ok()
    }

    /// Opens something inside the directory for reading. No link leads out, even if somebody exchanges
    /// directories for links meanwhile.
    fn open_inside(&self, path: &Path) -> Result<Option<(File, Metadata)>, String> {
        let relative = match self.relative(path) {
            Err(_) if !self.has(path) => return Ok(None),
            relative => relative?,
        };
        let names: Vec<OsString> = relative.iter().map(OsStr::to_owned).collect();
        match self.acting.read(|| files::open_in(self.dir.as_fd(), &names)) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
                Err("a symbolic link, which is not followed".into())
            }
            Err(error) => Err(unreadable(error)),
        }
    }

    /// The path without that of the directory.
    pub(super) fn relative(&self, path: &Path) -> Result<PathBuf, String> {
        let is_plain = |path: &Path| path.components().all(|c| matches!(c, Component::Normal(_)));
        let inside = |path: &Path| {
            let relative = path.strip_prefix(&self.root).ok().filter(|path| is_plain(path));
            relative.map(Path::to_owned)
        };
        // The directory may have another name by way of a link.
        let other_name = || inside(&self.acting.read(|| path.canonicalize()).ok()?);
        let why = "it leads out of the imported directory, and is not followed";
        inside(path).or_else(other_name).ok_or_else(|| why.to_owned())
    }
}

/// Whether there is something of this name, a dangling link included.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn unreadable(error: impl fmt::Display) -> String {
    format!("could not be read: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_directory_that_is_exchanged_for_a_link_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let (old, other) = (home.path().join("old"), home.path().join("other"));
        for dir in [&old.join("a/b"), &other.join("b")] {
            fs::create_dir_all(dir).unwrap();
            fs::write(dir.join("file"), dir.to_str().unwrap()).unwrap();
        }
        let (acting, _) = Acting::begin(&old, home.path()).unwrap();
        let legacy = Legacy::open(&old, acting).unwrap();
        let file = legacy.root.join("a/b/file");
        assert!(legacy.read(&file, 1000).unwrap().is_some());
        let renamed = home.path().join("renamed");
        fs::rename(&old, &renamed).unwrap();
        symlink(&other, &old).unwrap();
        assert!(
            legacy.read(&file, 1000).unwrap().is_some(),
            "the directory is the one that it was"
        );
        fs::rename(renamed.join("a"), renamed.join("was")).unwrap();
        symlink(&other, renamed.join("a")).unwrap();
        for refused in
            [legacy.read(&file, 1000).map(|_| ()), legacy.list(&legacy.root.join("a")).map(|_| ())]
        {
            assert!(refused.unwrap_err().contains("symbolic link"));
        }
        assert_eq!(legacy.read(&legacy.root.join("none/file"), 1000), Ok(None));
    }
}
