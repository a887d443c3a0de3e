//! Looks programs up: the first one of a name in the node's `PATH`. (The `which` crate follows
//! relative directories of `PATH`, and does not resolve `..` in a path.)

use rustix::fs::{access, Access};
use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where programs are looked for. The gateway cannot change it.
#[derive(Clone, Debug)]
pub(super) struct SearchPath(Vec<PathBuf>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Absolute, without `.`, `..` or empty parts.
    pub(super) path: PathBuf,
    /// Whether its name alone would have found it.
    pub(super) is_in_search_path: bool,
}

impl Found {
    pub(super) fn name(&self) -> Option<&str> {
        self.path.file_name()?.to_str()
    }
}

impl SearchPath {
    pub(super) fn from_env() -> Self {
        Self::new(&env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into()))
    }

    /// Directories separated by colons. One that is not absolute would mean another place for
    /// every program that is run, so it counts for nothing.
    pub(super) fn new(text: &OsStr) -> Self {
        Self(env::split_paths(text).filter(|dir| dir.is_absolute()).collect())
    }

    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        if name.is_empty() || name.contains('/') {
            return None;
        }
        let candidates = self.0.iter().map(|dir| dir.join(name));
        candidates.into_iter().find(|path| is_program(path)).and_then(plain)
    }

    /// The program that a first argument means: a name, or a path, which begins in `cwd` if it is
    /// not absolute.
    pub(super) fn locate(&self, argument: &str, cwd: &Path) -> Option<Found> {
        if !argument.contains('/') {
            let path = self.find(argument)?;
            return Some(Found { path, is_in_search_path: true });
        }
        let path = plain(cwd.join(argument)).filter(|path| is_program(path))?;
        let name = path.file_name()?.to_str();
        let is_in_search_path = name.and_then(|name| self.find(name)).as_ref() == Some(&path);
        Some(Found { path, is_in_search_path })
    }

    /// What `system.which` answers: the names that mean a program, and where it is.
    pub(super) fn find_all<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> BTreeMap<String, String> {
        let path = |name| self.find(name)?.to_str().map(str::to_owned);
        names.filter_map(|name| Some((name.to_owned(), path(name)?))).collect()
    }
}

/// The same file by a path that a pattern can be compared with. `/home/pi/bin/../../eve/x` must
/// not pass for something in `/home/pi/bin`, so its directory is looked up. The last part stays
/// as it is: some programs act by the name they are called.
fn plain(path: PathBuf) -> Option<PathBuf> {
    let text = path.as_os_str().as_encoded_bytes();
    let mut parts = text.split(|byte| *byte == b'/').skip(1);
    let is_plain = path.is_absolute() && parts.all(|part| !matches!(part, b"" | b"." | b".."));
    if is_plain {
        return Some(path);
    }
    // A path that ends with `..` has no last part.
    let name = path.file_name()?;
    Some(path.parent()?.canonicalize().ok()?.join(name))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file()) && access(path, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{symlink, PermissionsExt};

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn names_find_the_first_program_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        program(&one.join("lamp"));
        program(&two.join("lamp"));
        program(&two.join("fan"));
        fs::create_dir(one.join("fan")).unwrap();
        fs::write(one.join("text"), "").unwrap();
        let list = format!("relative::{}:{}", one.display(), two.display());
        let path = SearchPath::new(list.as_ref());
        let names = ["lamp", "fan", "text", "", "../two/fan", "missing", "lamp\n"];
        let found = path.find_all(names.into_iter());
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let expected = [("lamp", one.join("lamp")), ("fan", two.join("fan"))];
        let expected = expected.map(|(name, path)| (name.to_owned(), text(path)));
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn a_path_is_judged_by_where_it_leads() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (allowed, other) = (root.join("allowed"), root.join("other"));
        program(&allowed.join("good"));
        program(&other.join("evil"));
        symlink(&other, allowed.join("way")).unwrap();
        let path = SearchPath::new(allowed.as_os_str());
        let located = |argument: &str| path.locate(argument, &allowed);
        let good = Found { path: allowed.join("good"), is_in_search_path: true };
        assert_eq!(located("good"), Some(good.clone()));
        assert_eq!(located("./good"), Some(good.clone()));
        assert_eq!(located(allowed.join("good").to_str().unwrap()), Some(good));
        for way_out in ["../other/evil", "way/../other/evil", "./../allowed//way/./evil"] {
            let evil = Found { path: other.join("evil"), is_in_search_path: false };
            assert_eq!(located(way_out), Some(evil), "{way_out}");
        }
        for nothing in ["", "evil", "/", "..", "../other", "/nowhere/x"] {
            assert_eq!(located(nothing), None, "{nothing}");
        }
    }
}
