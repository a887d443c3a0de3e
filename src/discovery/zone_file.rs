//! The zone's file: read before it is replaced, and replaced whole, because a DNS server may read
//! it at any moment and trusts its serial.
//!
//! It is rewritten only when the hash in its first line is not that of the zone any more. A file
//! that somebody has edited stays until then, and is kept under a second name after that.

use crate::discovery::zone::{next_serial, Old, Zone};
use crate::files::{create_private_dir, sync_dir, Staged};
use crate::protocol::limits;
use rustix::fs::{flock, FlockOperation};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{error, fmt};

/// A zone file, there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneFile {
    path: PathBuf,
}

/// How a zone compares with its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The file as it should be.
    pub text: String,
    /// Its serial.
    pub serial: u32,
    /// Whether the file is that way already.
    pub is_current: bool,
    /// Whether somebody else has made, or edited, the file.
    pub is_foreign: bool,
}

/// What came of keeping a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The serial in the file now.
    pub serial: u32,
    /// Whether it was written.
    pub is_new: bool,
    /// Whether it was edited by somebody else, and stays because it is current all the same.
    pub is_foreign: bool,
    /// Where the edited version is that stood there before.
    pub aside: Option<PathBuf>,
}

/// Why the file could not be kept.
#[derive(Debug)]
pub enum Error {
    /// Somebody else is writing it at this moment.
    Busy(PathBuf),
    /// The system refused.
    Io {
        /// What was to be done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(path) => {
                write!(f, "somebody else is writing `{}`; try again", path.display())
            }
            Self::Io { doing, path, .. } => write!(f, "could not {doing} `{}`", path.display()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Busy(_) => None,
        }
    }
}

impl ZoneFile {
    /// The file of a domain, which has to be a name as [`crate::config::domain_name`] makes it.
    pub fn new(state_dir: &Path, domain: &str) -> Self {
        Self { path: state_dir.join("dns").join(format!("{domain}.db")) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Compares without writing.
    ///
    /// # Errors
    /// There is something that cannot be read.
    pub fn compare(&self, zone: &Zone, now_ms: u64) -> Result<Comparison, Error> {
        let bytes = read(&self.path).map_err(|e| self.io("read", e))?;
        // What is not text, or too long, is not ours; its serial stays unknown.
        let text = bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes));
        let old = text.as_ref().map(|text| Old::read(text));
        let (hash, serial) = old.as_ref().map_or((None, None), |old| (old.hash, old.serial));
        let is_foreign = old.as_ref().is_some_and(|old| !old.is_intact);
        Ok(match (serial, &text) {
            (Some(serial), Some(text)) if hash == Some(&zone.hash()) => {
                Comparison { text: text.clone().into_owned(), serial, is_current: true, is_foreign }
            }
            _ => {
                let serial = next_serial(serial, now_ms);
                Comparison { text: zone.text(serial), serial, is_current: false, is_foreign }
            }
        })
    }

    /// Writes the file if it is not current; it is on disk when this returns.
    ///
    /// # Errors
    /// See [`Error`]; what was there is still there.
    pub fn keep(&self, zone: &Zone, now_ms: u64) -> Result<Kept, Error> {
        let _lock = self.lock()?;
        let Comparison { text, serial, is_current, is_foreign } = self.compare(zone, now_ms)?;
        if is_current {
            return Ok(Kept { serial, is_new: false, is_foreign, aside: None });
        }
        let staged = Staged::fill(&self.path, |file| {
            file.write_all(text.as_bytes())?;
            // Nothing in it is secret, and DNS servers run under accounts of their own.
            file.set_permissions(Permissions::from_mode(0o644))
        });
        let (staged, ()) = staged.map_err(|e| self.io("write", e))?;
        let aside = is_foreign.then(|| self.keep_aside()).transpose();
        let aside = aside.map_err(|e| self.io("keep a copy of", e))?;
        staged.commit().map_err(|e| self.io("replace", e))?;
        sync_dir(self.dir()).map_err(|e| self.io("sync the directory of", e))?;
        Ok(Kept { serial, is_new: true, is_foreign: false, aside })
    }

    fn dir(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new("."))
    }

    /// Makes the directory and holds it for one writer.
    fn lock(&self) -> Result<File, Error> {
        let make = || {
            let dir = self.dir();
            create_private_dir(dir.parent().unwrap_or(dir))?;
            match DirBuilder::new().mode(0o755).create(dir) {
                Ok(()) => fs::set_permissions(dir, Permissions::from_mode(0o755))?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            File::open(dir)
        };
        let dir = make().map_err(|e| self.io("use the directory of", e))?;
        // Not waited for: whoever holds it may hang.
        match flock(&dir, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(dir),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Busy(self.path.clone())),
            Err(errno) => Err(self.io("lock the directory of", errno.into())),
        }
    }

    /// Copies what is there; a second name for the same file is not allowed if root has made it.
    fn keep_aside(&self) -> io::Result<PathBuf> {
        for number in 1..=limits::ZONES_ASIDE {
            let mut name = self.path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".changed-by-somebody-else-{number}"));
            let aside = self.path.with_file_name(name);
            match OpenOptions::new().write(true).create_new(true).mode(0o644).open(&aside) {
                Ok(mut copy) => {
                    let copied = io::copy(&mut File::open(&self.path)?, &mut copy);
                    if let Err(error) = copied.and_then(|_| copy.sync_all()) {
                        // Half a copy helps nobody; the whole is still in its place.
                        let _ = fs::remove_file(&aside);
                        return Err(error);
                    }
                    return Ok(aside);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        let most = limits::ZONES_ASIDE;
        Err(io::Error::other(format!("there are {most} of them already; look at them")))
    }

    fn io(&self, doing: &'static str, source: io::Error) -> Error {
        Error::Io { doing, path: self.path.clone(), source }
    }
}

/// The beginning of a file, which is all of it if it is ours; `None` if there is none.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => return Err(io::Error::other("not a regular file")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limits::ZONE_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::discovery::profile::Profile;
    use std::net::Ipv4Addr;

    const NOW: u64 = 1_768_800_000_000;

    fn zone(name: &str) -> Zone {
        let service = Profile::new(&Config::default(), name).service(18790, None);
        Zone::new("clawdbot.internal", &service, Ipv4Addr::new(100, 64, 1, 2), None)
    }

    fn fresh() -> (tempfile::TempDir, ZoneFile) {
        let dir = tempfile::tempdir().unwrap();
        let file = ZoneFile::new(&dir.path().join("state"), "clawdbot.internal");
        (dir, file)
    }

    #[test]
    fn a_file_is_written_when_the_content_changes_and_only_then() {
        let (_dir, file) = fresh();
        let kept = file.keep(&zone("one"), NOW).unwrap();
        assert_eq!((kept.serial, kept.is_new, kept.aside), (2_026_011_901, true, None));
        let again = file.keep(&zone("one"), NOW + 86_400_000).unwrap();
        assert_eq!((again.serial, again.is_new, again.is_foreign), (2_026_011_901, false, false));
        assert_eq!(file.keep(&zone("two"), NOW).unwrap().serial, 2_026_011_902);
        let text = fs::read_to_string(file.path()).unwrap();
        assert_eq!(text, zone("two").text(2_026_011_902));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file.path()), mode(file.dir())), (0o644, 0o755));
        assert_eq!(mode(file.dir().parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(file.dir()).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_edited_stays_until_the_content_changes_and_is_kept_then() {
        let (_dir, file) = fresh();
        file.keep(&zone("one"), NOW).unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        let edited = text.replace("2026011901", "2026011950") + "printer IN A 100.64.1.9\n";
        fs::write(file.path(), &edited).unwrap();
        let kept = file.keep(&zone("one"), NOW).unwrap();
        assert_eq!((kept.serial, kept.is_new, kept.is_foreign), (2_026_011_950, false, true));
        assert_eq!(fs::read_to_string(file.path()).unwrap(), edited);
        let kept = file.keep(&zone("two"), NOW).unwrap();
        assert_eq!((kept.serial, kept.is_new), (2_026_011_951, true));
        assert_eq!(fs::read_to_string(kept.aside.unwrap()).unwrap(), edited);
        fs::write(file.path(), b"\xff\xfe not a zone").unwrap();
        let kept = file.keep(&zone("two"), NOW).unwrap();
        let aside = kept.aside.unwrap();
        assert!(aside.to_str().unwrap().ends_with("changed-by-somebody-else-2"), "{aside:?}");
        assert_eq!(fs::read(aside).unwrap(), b"\xff\xfe not a zone");
    }

    #[test]
    fn what_cannot_be_read_or_is_being_written_is_left_alone() {
        let (_dir, file) = fresh();
        fs::create_dir_all(file.path()).unwrap();
        let error = file.keep(&zone("one"), NOW).unwrap_err().to_string();
        assert!(error.contains("could not read"), "{error}");
        assert!(file.path().is_dir());
        fs::remove_dir(file.path()).unwrap();
        let held = file.lock().unwrap();
        assert!(matches!(file.keep(&zone("one"), NOW), Err(Error::Busy(_))));
        drop(held);
        assert!(file.keep(&zone("one"), NOW).unwrap().is_new);
    }
}
