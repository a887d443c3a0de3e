//! The directory of the old gateway: read, never written, and never left.

use super::Error;
use crate::protocol::limits;
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where pairings can be, the file of the later gateway first.
const PAIRINGS: [&str; 2] = ["nodes/paired.json", "bridge/paired-nodes.json"];

/// The directory, and what in it is wanted.
#[derive(Debug)]
pub(super) struct Legacy {
    pub(super) root: PathBuf,
    /// Only this file of the directory is meant.
    only: Option<PathBuf>,
}

impl Legacy {
    /// A directory, or a pairing file alone.
    pub(super) fn open(source: &Path) -> Result<Self, Error> {
        let fail = |error| Error::Unreadable { dir: source.to_owned(), source: error };
        let path = source.canonicalize().map_err(fail)?;
        if path.is_dir() {
            return Ok(Self { root: path, only: None });
        }
        let is_pairing_file = path.file_name().and_then(OsStr::to_str).is_some_and(|name| {
            name.ends_with("paired.json") || name.ends_with("paired-nodes.json")
        });
        match path.parent() {
            Some(root) if is_pairing_file => Ok(Self { root: root.to_owned(), only: Some(path) }),
            _ => Err(fail(io::ErrorKind::NotADirectory.into())),
        }
    }

    /// Whether there is anything to look at.
    pub(super) fn has_anything(&self) -> bool {
        let more = ["nodes/pending.json", "settings/voicewake.json", "agents", "sessions"];
        self.only.is_some()
            || PAIRINGS.iter().chain(&more).any(|name| exists(&self.root.join(name)))
    }

    /// Where pairings can be.
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
        if !exists(path) {
            return Ok(None);
        }
        self.check_inside(path)?;
        // A pipe in its place would be waited for, a link followed.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        let flags = i32::try_from(flags).unwrap_or_default();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = file.map_err(unreadable)?;
        let meta = file.metadata().map_err(unreadable)?;
        if !meta.is_file() {
            return Err("not a regular file".into());
        }
        Ok(Some((file, meta.len())))
    }

    /// Reads a file of at most `limit` bytes; `None` if there is none.
    pub(super) fn read(&self, path: &Path, limit: usize) -> Result<Option<Vec<u8>>, String> {
        let Some((file, _)) = self.open_file(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > limit {
            return Err(format!("larger than {} KiB, which is the limit", limit / 1024));
        }
        Ok(Some(bytes))
    }

    /// The names in a directory inside this one, sorted; none if there is no such directory.
    pub(super) fn list(&self, dir: &Path) -> Result<Vec<String>, String> {
        if !exists(dir) {
            return Ok(Vec::new());
        }
        self.check_inside(dir)?;
        let entries = fs::read_dir(dir).map_err(unreadable)?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            if names.len() == limits::IMPORT_ENTRIES {
                let most = limits::IMPORT_ENTRIES;
                return Err(format!("has more than {most} entries, which is the limit"));
            }
            // Nothing that the old gateway wrote has a name that is not text.
            names.extend(entry.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    fn check_inside(&self, path: &Path) -> Result<(), String> {
        if path.is_symlink() {
            return Err("a symbolic link, which is not followed".into());
        }
        let path = path.canonicalize().map_err(unreadable)?;
        if !path.starts_with(&self.root) {
            return Err("it leads out of the imported directory, and is not followed".into());
        }
        Ok(())
    }
}

/// Whether there is something of this name, a dangling link included.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn unreadable(error: io::Error) -> String {
    format!("could not be read: {error}")
}
