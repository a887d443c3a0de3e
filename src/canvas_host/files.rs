//! The owner's folder: opens files in it, and nothing outside of it.

pub(super) use crate::files::open_beneath as open;
use crate::protocol::limits;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What tells the versions of a file apart.
pub(super) fn version(meta: &Metadata) -> String {
    format!("{:x}-{:x}-{:x}-{:x}", meta.mtime(), meta.mtime_nsec(), meta.len(), meta.ino())
}

/// What is in the folder, as far as pages depend on it.
pub(super) struct Contents {
    /// Changes with every file.
    pub(super) stamp: u64,
    /// The folder and those in it.
    pub(super) folders: Vec<PathBuf>,
}

/// Looks at the whole folder, without what is hidden and what is beyond the limits.
pub(super) fn contents(root: &Path) -> Contents {
    let mut hasher = DefaultHasher::new();
    let (mut folders, mut files, mut next) = (vec![root.to_owned()], 0, 0);
    while let Some(folder) = folders.get(next).cloned() {
        next += 1;
        // One that cannot be read has nothing to serve.
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut found = Vec::new();
        for entry in entries.take(limits::CANVAS_FILES.saturating_sub(files)) {
            files += 1;
            let Ok(meta) = entry.metadata() else { continue };
            if !entry.file_name().as_bytes().starts_with(b".") {
                found.push((entry.path(), meta));
            }
        }
        // The order in which a file system lists them means nothing.
        found.sort_by(|a, b| a.0.cmp(&b.0));
        for (path, meta) in found {
            if meta.is_dir() && folders.len() < limits::CANVAS_FOLDERS {
                folders.push(path);
            } else if meta.is_file() {
                (path, version(&meta)).hash(&mut hasher);
            }
        }
    }
    Contents { stamp: hasher.finish(), folders }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas_host::path::place;
    use std::os::unix::fs::symlink;

    fn opens(root: &Path, path: &str) -> bool {
        open(root, &place(path).unwrap().names).is_ok_and(|(_, meta)| meta.is_file())
    }

    #[test]
    fn only_what_is_in_the_folder_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("in/side")).unwrap();
        fs::write(dir.path().join("secret"), "s").unwrap();
        fs::write(root.join("in/side/page"), "p").unwrap();
        symlink(dir.path(), root.join("out")).unwrap();
        symlink("../secret", root.join("up")).unwrap();
        symlink("in/side/page", root.join("same")).unwrap();
        symlink("in", root.join("other")).unwrap();
        assert!(opens(&root, "in/side/page"));
        for path in ["out/secret", "up", "same", "other/side/page", "in/side", "in/none", "page/x"]
        {
            assert!(!opens(&root, path), "{path}");
        }
        // The owner may have the folder be a link.
        symlink(&root, dir.path().join("link")).unwrap();
        assert!(opens(&dir.path().join("link"), "in/side/page"));
    }

    #[test]
    fn a_change_that_matters_changes_the_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let stamp = || contents(dir.path()).stamp;
        let empty = stamp();
        fs::write(dir.path().join(".hidden"), "x").unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        assert_eq!(stamp(), empty);
        fs::write(dir.path().join("folder/a.css"), "x").unwrap();
        let one = stamp();
        assert_ne!(one, empty);
        fs::write(dir.path().join("folder/a.css"), "xy").unwrap();
        assert_ne!(stamp(), one);
        assert_eq!(contents(dir.path()).folders.len(), 2);
        fs::remove_file(dir.path().join("folder/a.css")).unwrap();
        assert_eq!(stamp(), empty);
    }

    #[test]
    fn a_folder_that_is_too_large_is_not_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..limits::CANVAS_FOLDERS + 10 {
            fs::create_dir(dir.path().join(number.to_string())).unwrap();
        }
        assert_eq!(contents(dir.path()).folders.len(), limits::CANVAS_FOLDERS);
        assert_eq!(contents(&dir.path().join("none")).folders.len(), 1);
    }
}
