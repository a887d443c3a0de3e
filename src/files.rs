//! Files that survive a power cut: written beside, synced, renamed, and the directory synced.

use rustix::fs::{openat, statat, AtFlags, FileType, Mode, OFlags, CWD};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Copies of one file that are kept when somebody else has changed it.
const COPIES: u32 = 100;

/// New content that is on disk but not in place yet. Dropped without [`Staged::commit`], it is
/// removed and the old content stays.
#[derive(Debug)]
pub(crate) struct Staged {
    temp: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl Staged {
    /// Writes `bytes` beside `target`, readable only by the owner, and syncs them. Only one
    /// writer per target at a time; what a killed one left behind is replaced.
    pub(crate) fn write(target: &Path, bytes: &[u8]) -> io::Result<Self> {
        Self::fill(target, |file| file.write_all(bytes)).map(|(staged, ())| staged)
    }

    /// As [`Staged::write`], readable by everybody: nothing in it is secret, and the programs that read
    /// it have accounts of their own.
    pub(crate) fn write_public(target: &Path, text: &str) -> io::Result<Self> {
        let fill = |file: &mut File| {
            file.write_all(text.as_bytes())?;
            file.set_permissions(Permissions::from_mode(0o644))
        };
        Self::fill(target, fill).map(|(staged, ())| staged)
    }

    /// As [`Staged::write`], for content that `fill` writes.
    pub(crate) fn fill<T>(
        target: &Path,
        fill: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> io::Result<(Self, T)> {
        let temp = temp_name(target);
        match fs::remove_file(&temp) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
        let staged = Self { temp, target: target.to_owned(), committed: false };
        let filled = fill(&mut file)?;
        file.sync_all()?;
        Ok((staged, filled))
    }

    /// Puts the new content in place of the old. Durable once the directory is synced.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        fs::rename(&self.temp, &self.target)?;
        self.committed = true;
        Ok(())
    }

    /// As [`Staged::commit`], and durable when this returns. If only syncing the directory failed,
    /// the new content is in place.
    pub(crate) fn commit_durably(self) -> io::Result<()> {
        let dir = dir_of(&self.target).to_owned();
        self.commit()?;
        sync_dir(&dir)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.committed {
            // Best effort: the next writer removes it otherwise.
            let _ = fs::remove_file(&self.temp);
        }
    }
}

/// Where the new content of a file is until it is put in place. A killed writer leaves it behind.
pub(crate) fn temp_name(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    target.with_file_name(name)
}

/// The directory that a file is in.
pub(crate) fn dir_of(file: &Path) -> &Path {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    dir.unwrap_or_else(|| Path::new("."))
}

/// Makes renames in this directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// All that can be read. More than `most` bytes are an error.
pub(crate) fn read_at_most(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let why = format!("it is larger than {} KiB, which is the limit", most / 1024);
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(bytes)
}

/// As [`read_at_most`], for text.
pub(crate) fn text_at_most(from: impl Read, most: u64) -> io::Result<String> {
    let text = String::from_utf8(read_at_most(from, most)?);
    // The error itself has the bytes, and they may be a secret.
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// The text of a small file. One of more than `most` bytes is an error.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    text_at_most(File::open(path)?, most)
}

/// Replaces the content of one file; it is on disk when this returns.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Staged::write(path, bytes)?.commit_durably()
}

/// Creates a directory, and those above it, for its owner only. They are on disk when this returns,
/// so that a power cut does not take them away with what is written into them. One that exists is
/// left as it is.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|dir| !is_there(dir)).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    missing.iter().try_for_each(|made| sync_dir(dir_of(made)))
}

fn is_there(dir: &Path) -> bool {
    dir.as_os_str().is_empty() || dir.is_dir()
}

/// Checks that only this user can look into a directory, or change what is in it; the error says
/// how to make it so. That others may pass through is no harm: its files are private themselves.
pub(crate) fn check_private(dir: &Path) -> io::Result<()> {
    let meta = fs::metadata(dir)?;
    let me = geteuid().as_raw();
    if meta.uid() != me {
        let uid = meta.uid();
        return Err(io::Error::other(format!(
            "it belongs to the user {uid} and not to this one ({me}); run this as that user, or run \
             `chown -R {me} {dir:?}`"
        )));
    }
    if meta.mode() & 0o066 != 0 {
        return Err(io::Error::other(format!(
            "others can look into it or change what is in it; run `chmod 700 {dir:?}`"
        )));
    }
    Ok(())
}

/// Checks that nobody but this user and root can change a file, or what is in a directory; the error
/// says how to make it so. In a directory with the sticky bit, such as `/tmp`, others can only add.
pub(crate) fn check_changed_by_owner_only(path: &Path, meta: &Metadata) -> io::Result<()> {
    let uid = meta.uid();
    if ![0, geteuid().as_raw()].contains(&uid) {
        return Err(io::Error::other(format!("{path:?} belongs to another user ({uid})")));
    }
    let is_sticky = meta.is_dir() && meta.mode() & 0o1000 != 0;
    if meta.mode() & 0o022 != 0 && !is_sticky {
        let why = format!("others can change {path:?}; run `chmod go-w {path:?}`");
        return Err(io::Error::other(why));
    }
    Ok(())
}

/// As [`check_changed_by_owner_only`], for an open file and the directory it is in.
pub(crate) fn check_written_by_owner_only(path: &Path, meta: &Metadata) -> io::Result<()> {
    check_changed_by_owner_only(path, meta)?;
    let dir = dir_of(path);
    check_changed_by_owner_only(dir, &fs::metadata(dir)?)
}

/// Whether root alone can read a file: by its own mode, or by that of a directory above it.
#[cfg(feature = "cli")]
pub(crate) fn is_only_for_root(file: &Path) -> io::Result<bool> {
    let is_closed = |path: &Path, bit: u32| {
        let meta = fs::metadata(path)?;
        let group = if meta.gid() == 0 { 0 } else { bit << 3 };
        Ok::<_, io::Error>(meta.uid() == 0 && meta.mode() & (bit | group) == 0)
    };
    let file = file.canonicalize()?;
    let mut closed = is_closed(&file, 0o4)?;
    for dir in file.ancestors().skip(1) {
        closed |= is_closed(dir, 0o1)?;
    }
    Ok(closed)
}

/// Copies a file that somebody else has changed.
pub(crate) fn keep_copy(path: &Path) -> io::Result<PathBuf> {
    keep_copy_as(path, "changed-by-somebody-else")
}

/// Copies a file to a new name that says why it is there. (A hard link would be enough, but the
/// system may forbid one to another user's file.) Durable once the directory is synced.
pub(crate) fn keep_copy_as(path: &Path, why: &str) -> io::Result<PathBuf> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.mode();
    for number in 1..=COPIES {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{why}-{number}"));
        let mut copy = match OpenOptions::new().write(true).create_new(true).mode(mode).open(&name)
        {
            Ok(copy) => copy,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        if let Err(error) = io::copy(&mut file, &mut copy).and_then(|_| copy.sync_all()) {
            // An incomplete copy is useless, and the file itself is still in place.
            let _ = fs::remove_file(&name);
            return Err(error);
        }
        return Ok(name.into());
    }
    Err(io::Error::other(format!("there are {COPIES} copies already; remove some")))
}

/// Tells whether a file is still the one that was last read or written; `None` if there is none.
pub(crate) type Stamp = Option<(u64, u64, i64, i64)>;

/// The stamp of a file as it is now.
pub(crate) fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

/// Reads a regular file; `None` if there is none.
pub(crate) fn read_if_exists(path: &Path) -> io::Result<Option<Vec<u8>>> {
    read_beginning(path, u64::MAX)
}

/// As [`read_if_exists`], but only the first `most` bytes.
pub(crate) fn read_beginning(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        // Reading a pipe would block until something is written into it.
        Ok(meta) if !meta.is_file() => return Err(io::Error::other("not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// How a folder is opened in which something is to be opened.
const WAY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens a folder for [`open_in`].
pub(crate) fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path, WAY, Mode::empty())?)
}

/// As [`open_in`], in the folder at `root`.
pub(crate) fn open_beneath(root: &Path, names: &[OsString]) -> io::Result<(File, Metadata)> {
    open_in(open_folder(root)?.as_fd(), names)
}

/// Opens a file or folder. Symbolic links are not followed (the error is `ELOOP`), so what is opened
/// is below `root`, as long as no name leads up. A pipe or device does not block, and is for the
/// caller to refuse.
pub(crate) fn open_in(root: BorrowedFd<'_>, names: &[OsString]) -> io::Result<(File, Metadata)> {
    let here = OsString::from(".");
    let (last, folders) = names.split_last().unwrap_or((&here, &[]));
    let mut folder: Option<OwnedFd> = None;
    for name in folders {
        let at = folder.as_ref().map_or(root, AsFd::as_fd);
        let below = openat(at, name, WAY | OFlags::NOFOLLOW, Mode::empty());
        let below = below.map_err(|error| if is_link(at, name) { Errno::LOOP } else { error })?;
        folder = Some(below);
    }
    let at = folder.as_ref().map_or(root, AsFd::as_fd);
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(openat(at, last, read | OFlags::CLOEXEC, Mode::empty())?);
    let meta = file.metadata()?;
    Ok((file, meta))
}

/// Of a link to a folder, the system says that it is no folder.
fn is_link(folder: BorrowedFd<'_>, name: &OsString) -> bool {
    let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|meta| FileType::from_raw_mode(meta.st_mode).is_symlink())
}

/// The directory for temporary files: `TMPDIR`, else `/tmp`. An empty one counts as absent,
/// because it would mean the current directory.
pub(crate) fn temp_dir() -> PathBuf {
    or_tmp(std::env::temp_dir())
}

fn or_tmp(dir: PathBuf) -> PathBuf {
    if dir.as_os_str().is_empty() {
        "/tmp".into()
    } else {
        dir
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_directory_for_temporary_files_counts_as_none() {
        assert_eq!(or_tmp(PathBuf::new()), Path::new("/tmp"));
        assert_eq!(or_tmp("/var/tmp".into()), Path::new("/var/tmp"));
    }

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        fs::write(temp_name(&path), "left by a killed writer").unwrap();
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_committed_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        write_atomically(&path, b"old").unwrap();
        drop(Staged::write(&path, b"new").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_private_directory_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, is_private) in [(0o700, true), (0o711, true), (0o755, false), (0o720, false)] {
            fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
            let checked = check_private(dir.path());
            assert_eq!(checked.is_ok(), is_private, "{mode:o}");
            if let Err(error) = checked {
                assert!(error.to_string().contains("run `chmod 700 \""), "{error}");
            }
        }
        // `/` is root's; only root could make a directory somebody else's.
        let foreign = match geteuid().is_root() {
            true => std::os::unix::fs::chown(dir.path(), Some(65534), None).map(|()| dir.path()),
            false => Ok(Path::new("/")),
        };
        let error = check_private(foreign.unwrap()).unwrap_err().to_string();
        assert!(error.contains("belongs to the user") && error.contains("`chown -R "), "{error}");
    }

    #[test]
    fn a_directory_in_the_way_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        fs::create_dir(&path).unwrap();
        assert!(write_atomically(&path, b"new").is_err());
        assert!(path.is_dir());
    }
}
