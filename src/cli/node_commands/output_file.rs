//! A file that is there whole or not at all.
//!
//! Until it is complete it has no name (`O_TMPFILE`), so that nothing is left of it however the
//! program ends. Where the file system cannot do that it has a hidden name, which is removed when
//! it is dropped or the program is interrupted.

use crate::random;
use rustix::fs::{linkat, openat, AtFlags, Mode, OFlags, CWD};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much of a file's name its hidden name repeats, in bytes. File systems take 255 in all.
const NAME_BYTES: usize = 200;

/// The hidden files that an interruption has to remove.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file in the making, readable and writable by its owner only.
#[derive(Debug)]
pub(super) struct OutputFile {
    file: File,
    dir: PathBuf,
    /// Its hidden name, if it could not be without one.
    hidden: Option<PathBuf>,
}

impl OutputFile {
    /// An empty file in this directory.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        match Self::without_name(dir) {
            Ok(file) => Ok(Self { file, dir: dir.to_owned(), hidden: None }),
            Err(_) => Self::hidden(dir),
        }
    }

    /// Whether an interruption would leave it behind.
    pub(super) fn is_hidden(&self) -> bool {
        self.hidden.is_some()
    }

    fn without_name(dir: &Path) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = File::from(openat(CWD, dir, flags, Mode::RUSR | Mode::WUSR)?);
        // It gets its name through this place.
        fs::metadata(by_descriptor(&file)).map(|_| file)
    }

    fn hidden(dir: &Path) -> io::Result<Self> {
        let path = dir.join(hidden_name(&OsString::from("openclaw-bridge"))?);
        // Held meanwhile, so that no interruption comes between the file and its being known.
        let mut unfinished = unfinished();
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        unfinished.push(path.clone());
        Ok(Self { file, dir: dir.to_owned(), hidden: Some(path) })
    }

    /// How many bytes are in it.
    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Gives the complete file a name that nothing has yet.
    pub(super) fn name(self, name: &str) -> io::Result<PathBuf> {
        let path = self.dir.join(name);
        self.link(&path)?;
        Ok(path)
    }

    /// Puts the complete file in the place of `target`, which is in the same directory and may
    /// exist.
    pub(super) fn replace(self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        let beside = self.dir.join(hidden_name(target.file_name().unwrap_or_default())?);
        self.link(&beside)?;
        fs::rename(&beside, target).inspect_err(|_| {
            // Best effort; the error that is told is the one that matters.
            let _ = fs::remove_file(&beside);
        })
    }

    fn link(&self, path: &Path) -> io::Result<()> {
        let Some(hidden) = &self.hidden else {
            let from = by_descriptor(&self.file);
            return Ok(linkat(CWD, from, CWD, path, AtFlags::SYMLINK_FOLLOW)?);
        };
        fs::hard_link(hidden, path).or_else(|_| rename_to_new(hidden, path))
    }
}

/// For file systems that have no links either.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            // It may have been renamed already.
            let _ = fs::remove_file(hidden);
            unfinished().retain(|path| path != hidden);
        }
    }
}

/// Removes what would be half a file.
pub(super) fn remove_unfinished() {
    for path in unfinished().drain(..) {
        // It may have been renamed already.
        let _ = fs::remove_file(path);
    }
}

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn by_descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// A name that nobody else uses or can guess.
fn hidden_name(name: &OsStr) -> io::Result<OsString> {
    let bits = random::bits().map_err(|_| io::Error::other("no random numbers"))?;
    // The suffix shall not make a name too long that is none by itself.
    let name = name.as_bytes();
    let mut hidden = OsString::from(".");
    hidden.push(OsStr::from_bytes(&name[..name.len().min(NAME_BYTES)]));
    hidden.push(format!(".{bits:032x}.part"));
    Ok(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_complete_file_gets_a_new_name_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        for make in [OutputFile::create, OutputFile::hidden] {
            let mut file = make(dir.path()).unwrap();
            file.write_all(b"picture").unwrap();
            assert!(!names(dir.path()).contains(&"a.jpg".to_owned()));
            let path = file.name("a.jpg").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"picture");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(names(dir.path()), ["a.jpg"]);
            let other = OutputFile::create(dir.path()).unwrap();
            let taken = other.name("a.jpg").unwrap_err();
            assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
            fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn what_is_there_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a.jpg");
        for make in [OutputFile::create, OutputFile::hidden] {
            fs::write(&target, "old").unwrap();
            let mut file = make(dir.path()).unwrap();
            file.write_all(b"new").unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"old");
            file.replace(&target).unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"new");
            assert_eq!(names(dir.path()), ["a.jpg"]);
        }
    }

    #[test]
    fn a_name_may_be_as_long_as_the_file_system_takes() {
        let dir = tempfile::tempdir().unwrap();
        let name = "é".repeat(127);
        for make in [OutputFile::create, OutputFile::hidden] {
            make(dir.path()).unwrap().replace(&dir.path().join(&name)).unwrap();
            assert_eq!(names(dir.path()), [name.as_str()]);
        }
    }

    #[test]
    fn half_a_file_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        for make in [OutputFile::create, OutputFile::hidden] {
            let mut file = make(dir.path()).unwrap();
            file.write_all(b"half").unwrap();
            drop(file);
            assert_eq!(names(dir.path()), Vec::<String>::new());
        }
    }
}
