//! Imports the state of an old gateway: pairings, conversations, wake words, the certificate and the
//! approvals of a node (protocol sections 4.1, 9, 5.1, 1.3 and 8.2). What it leaves, it names.
//!
//! Everything is examined before anything is written, and nothing in the state directory is ever
//! replaced, so an import can be repeated: the second one finds everything there. The old directory
//! is only read, and no symbolic link is followed out of it.

mod certificate;
mod error;
mod exec_approvals;
mod left;
mod legacy;
#[cfg(test)]
mod more_tests;
mod pairings;
mod report;
mod sessions;
#[cfg(test)]
mod tests;
mod transcripts;
mod wake_words;

pub(crate) use error::Error;
#[cfg(test)]
pub(crate) use report::ItemKind;
pub(crate) use report::{Item, Outcome, Report};

use crate::daemon::Lock;
use crate::ownership::Acting;
use crate::router::Wall;
use legacy::Legacy;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Destination {
    pub state_dir: PathBuf,
    /// Where the node of this user keeps what its owner allows.
    pub exec_approvals: Option<PathBuf>,
    /// Whether that file was named.
    pub is_file_named: bool,
}

/// Imports from `source`, the state directory of an old gateway or one of its pairing files, into
/// a state directory that no bridge is using. Without `apply` nothing is changed; the report shows
/// what would happen, and what is wrong with single files.
pub(crate) fn run(
    source: &Path,
    to: &Destination,
    apply: bool,
    now: Wall,
) -> Result<Report, Error> {
    let state_dir = &*to.state_dir;
    let own = state_dir.canonicalize().ok();
    let unusable = |error| Error::Ownership { dir: state_dir.to_owned(), source: error };
    let source = std::path::absolute(source).map_err(unusable)?;
    let (acting, reached) = Acting::begin(&source, state_dir).map_err(unusable)?;
    let legacy = Legacy::open(&source, acting)?;
    if own.is_some_and(|dir| dir == legacy.root) {
        return Err(Error::SameDirectory(state_dir.to_owned()));
    }
    if !legacy.has_anything() {
        return Err(Error::NothingThere(source));
    }
    let is_named = reached != Path::new(".");
    // A node runs as another user than the one that root acts for.
    let exec_approvals = to.exec_approvals.clone().filter(|_| !legacy.is_for_others());
    let to = Destination { state_dir: reached, exec_approvals, ..*to };
    let done = take_over(&legacy, &to, apply, now);
    done.map_err(|error| if is_named { error } else { error.seen_from(state_dir) })
}

/// Imports into a directory that is used with the rights of its owner.
fn take_over(legacy: &Legacy, to: &Destination, apply: bool, now: Wall) -> Result<Report, Error> {
    let state_dir = &*to.state_dir;
    // Held until the end. A dry run is possible while a bridge is running.
    let _lock = apply.then(|| Lock::take(state_dir)).transpose().map_err(Error::lock)?;
    let mut report = Report { applied: apply, items: Vec::new() };
    let pairings = pairings::plan(legacy, state_dir, &mut report)?;
    let words = wake_words::plan(legacy, state_dir, &mut report);
    let certificate = certificate::plan(legacy, state_dir, &mut report);
    let approvals = exec_approvals::plan(legacy, to, &mut report);
    let sessions = sessions::plan(legacy, state_dir, &mut report)?;
    if apply {
        // The certificate first: whoever may log in shall find the one that it has pinned.
        certificate.map_or(Ok(()), |pair| pair.write(state_dir))?;
        pairings::write(pairings, state_dir, now)?;
        wake_words::write(&words, state_dir, now)?;
        approvals.map_or(Ok(()), |approvals| approvals.write())?;
    }
    sessions.carry_out(apply, &mut report)?;
    left::report(legacy, &mut report);
    Ok(report)
}
