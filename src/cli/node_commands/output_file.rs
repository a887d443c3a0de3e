//! An output file that appears only when it is complete. Until then it has a hidden name in the
//! same directory; it is removed if it is dropped or the program is interrupted.

use crate::cli::node_commands::interrupt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// An unfinished file, readable and writable by its owner only.
#[derive(Debug)]
pub(super) struct OutputFile {
    file: NamedTempFile,
    dir: PathBuf,
}

impl OutputFile {
    /// An empty file in this directory.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        let create = || Builder::new().prefix(".openclaw-bridge-").suffix(".part").tempfile_in(dir);
        let file = interrupt::remove_file(create, NamedTempFile::path)?;
        Ok(Self { file, dir: dir.to_owned() })
    }

    /// How many bytes are in it.
    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.file.as_file().metadata()?.len())
    }

    /// Gives the complete file a name that does not exist yet.
    pub(super) fn name(self, name: &str) -> io::Result<PathBuf> {
        let path = self.dir.join(name);
        self.file.persist_noclobber(&path)?;
        Ok(path)
    }

    /// Puts the complete file in the place of `target`, which is in the same directory and may
    /// exist.
    pub(super) fn replace(self, target: &Path) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(target)?;
        Ok(())
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
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
        let mut file = OutputFile::create(dir.path()).unwrap();
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

    #[test]
    fn what_is_there_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a.jpg");
        fs::write(&target, "old").unwrap();
        let mut file = OutputFile::create(dir.path()).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        file.replace(&target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(dir.path()), ["a.jpg"]);
    }

    #[test]
    fn half_a_file_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = OutputFile::create(dir.path()).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }
}
