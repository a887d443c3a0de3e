//! Imports the state of an old gateway: pairings, conversations, wake words (protocol sections 4.1,
//! 9 and 5.1).
//!
//! Everything is examined before anything is written, and nothing in the state directory is ever
//! replaced, so an import can be repeated: the second one finds everything there. The old directory
//! is only read, and no symbolic link is followed out of it.

mod error;
mod legacy;
mod ownership;
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
use crate::router::Wall;
use legacy::Legacy;
use std::path::Path;

/// Imports from `source`, the state directory of an old gateway or one of its pairing files, into
/// a state directory that no bridge is using. Without `apply` nothing is changed; the report shows
/// what would happen, and what is wrong with single files.
pub(crate) fn run(
    source: &Path,
    state_dir: &Path,
    apply: bool,
    now: Wall,
) -> Result<Report, Error> {
    let legacy = Legacy::open(source)?;
    if state_dir.canonicalize().is_ok_and(|dir| dir == legacy.root) {
        return Err(Error::SameDirectory(state_dir.to_owned()));
    }
    if !legacy.has_anything() {
        return Err(Error::NothingThere(source.to_owned()));
    }
    // Held until the end. A dry run is possible while a bridge is running.
    let _lock = apply.then(|| Lock::take(state_dir)).transpose().map_err(Error::state)?;
    let mut report = Report { applied: apply, items: Vec::new() };
    let pairings = pairings::plan(&legacy, state_dir, &mut report)?;
    let words = wake_words::plan(&legacy, state_dir, &mut report);
    let sessions = sessions::plan(&legacy, state_dir, &mut report)?;
    if apply {
        pairings::write(pairings, state_dir, now)?;
        wake_words::write(&words, state_dir, now)?;
    }
    sessions.carry_out(apply, &mut report)?;
    if apply {
        ownership::give_to_owner(state_dir)
            .map_err(|source| Error::Ownership { dir: state_dir.to_owned(), source })?;
    }
    Ok(report)
}
