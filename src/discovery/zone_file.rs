//! The zone's file. It is replaced as a whole, because a DNS server may read it at any moment, and
//! only when the hash in its first line is no longer that of the zone. A file that somebody has
//! edited stays until then, and is copied before it is replaced.

use crate::discovery::zone::{next_serial, ExistingZone, Zone};
use crate::files::{create_private_dir, dir_of, keep_copy, read_beginning, Staged};
use crate::protocol::limits;
use rustix::fs::{flock, FlockOperation};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZoneFile {
    path: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// What the file should contain.
    pub(crate) text: String,
    pub(crate) serial: u32,
    pub(crate) is_current: bool,
    /// Whether somebody else wrote or edited the file.
    pub(crate) is_foreign: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("another process is writing `{}`; try again", .0.display())]
    Busy(PathBuf),
    /// A file operation failed: its description, the file, and the cause.
    #[error("could not {} `{}`", .0, .1.display())]
    Io(&'static str, PathBuf, #[source] io::Error),
}

impl ZoneFile {
    /// The file of a domain, which must be a name as [`crate::config::domain_name`] returns it.
    pub(crate) fn new(state_dir: &Path, domain: &str) -> Self {
        Self { path: state_dir.join("dns").join(format!("{domain}.db")) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Compares the zone with the file without writing.
    pub(crate) fn compare(&self, zone: &Zone, now_ms: u64) -> Result<Comparison, Error> {
        let bytes = read_beginning(&self.path, limits::ZONE_BYTES);
        let bytes = bytes.map_err(|e| self.io("read", e))?;
        // A file that is not text, or is too long, is not ours; its serial stays unknown.
        let text = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default());
        let old = ExistingZone::read(&text);
        let is_foreign = bytes.is_some() && !old.is_intact;
        if let Some(serial) = old.serial.filter(|_| old.hash == Some(&zone.hash())) {
            let text = text.into_owned();
            return Ok(Comparison { text, serial, is_current: true, is_foreign });
        }
        let serial = next_serial(old.serial, now_ms);
        Ok(Comparison { text: zone.text(serial), serial, is_current: false, is_foreign })
    }

    /// Writes the file durably if it is not current. Returns how the zone compared with the file
    /// before, and the path of the copy of the replaced file, if that was foreign. After an error
    /// the old file is still in place.
    pub(crate) fn update(
        &self,
        zone: &Zone,
        now_ms: u64,
    ) -> Result<(Comparison, Option<PathBuf>), Error> {
        let _lock = self.lock()?;
        let compared = self.compare(zone, now_ms)?;
        if compared.is_current {
            return Ok((compared, None));
        }
        let staged = Staged::write_public(&self.path, &compared.text);
        let staged = staged.map_err(|e| self.io("write", e))?;
        let copy = compared.is_foreign.then(|| keep_copy(&self.path)).transpose();
        let copy = copy.map_err(|e| self.io("keep a copy of", e))?;
        staged.commit_durably().map_err(|e| self.io("replace", e))?;
        Ok((compared, copy))
    }

    fn dir(&self) -> &Path {
        dir_of(&self.path)
    }

    /// Creates the directory and locks it for one writer.
    fn lock(&self) -> Result<File, Error> {
        let create = || {
            let dir = self.dir();
            create_private_dir(dir.parent().unwrap_or(dir))?;
            match DirBuilder::new().mode(0o755).create(dir) {
                Ok(()) => fs::set_permissions(dir, Permissions::from_mode(0o755))?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            File::open(dir)
        };
        let dir = create().map_err(|e| self.io("use the directory of", e))?;
        // Without waiting, because the other process may hang.
        match flock(&dir, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(dir),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Busy(self.path.clone())),
            Err(errno) => Err(self.io("lock the directory of", errno.into())),
        }
    }

    fn io(&self, action: &'static str, source: io::Error) -> Error {
        Error::Io(action, self.path.clone(), source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::discovery::profile::Profile;
    use std::net::Ipv4Addr;

    const NOW: u64 = 1_768_800_000_000;

    fn zone(name: &str) -> Zone {
        let service = Profile::new(&Config::default(), name, None).service(18790, None);
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
        let (first, copy) = file.update(&zone("one"), NOW).unwrap();
        assert_eq!((first.serial, first.is_current, copy), (2_026_011_901, false, None));
        let again = file.update(&zone("one"), NOW + 86_400_000).unwrap().0;
        assert_eq!(
            (again.serial, again.is_current, again.is_foreign),
            (2_026_011_901, true, false)
        );
        assert_eq!(file.update(&zone("two"), NOW).unwrap().0.serial, 2_026_011_902);
        let text = fs::read_to_string(file.path()).unwrap();
        assert_eq!(text, zone("two").text(2_026_011_902));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file.path()), mode(file.dir())), (0o644, 0o755));
        assert_eq!(mode(file.dir().parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(file.dir()).unwrap().count(), 1);
    }

    #[test]
    fn an_edited_file_stays_until_the_content_changes_and_is_copied_then() {
        let (_dir, file) = fresh();
        file.update(&zone("one"), NOW).unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        let edited = text.replace("2026011901", "2026011950") + "printer IN A 100.64.1.9\n";
        fs::write(file.path(), &edited).unwrap();
        let kept = file.update(&zone("one"), NOW).unwrap().0;
        assert_eq!((kept.serial, kept.is_current, kept.is_foreign), (2_026_011_950, true, true));
        assert_eq!(fs::read_to_string(file.path()).unwrap(), edited);
        let (written, copy) = file.update(&zone("two"), NOW).unwrap();
        assert_eq!((written.serial, written.is_current), (2_026_011_951, false));
        assert_eq!(fs::read_to_string(copy.unwrap()).unwrap(), edited);
        fs::write(file.path(), b"\xff\xfe not a zone").unwrap();
        let copy = file.update(&zone("two"), NOW).unwrap().1.unwrap();
        assert!(copy.to_str().unwrap().ends_with("changed-by-somebody-else-2"), "{copy:?}");
        assert_eq!(fs::read(copy).unwrap(), b"\xff\xfe not a zone");
    }

    #[test]
    fn a_file_that_cannot_be_read_or_is_being_written_is_left_alone() {
        let (_dir, file) = fresh();
        fs::create_dir_all(file.path()).unwrap();
        let error = file.update(&zone("one"), NOW).unwrap_err().to_string();
        assert!(error.contains("could not read"), "{error}");
        assert!(file.path().is_dir());
        fs::remove_dir(file.path()).unwrap();
        let held = file.lock().unwrap();
        assert!(matches!(file.update(&zone("one"), NOW), Err(Error::Busy(_))));
        drop(held);
        assert!(!file.update(&zone("one"), NOW).unwrap().0.is_current);
    }
}
