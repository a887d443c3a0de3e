//! The words that wake voice mode.

use super::legacy::{exists, Legacy};
use super::report::Outcome::{Damaged, Kept, Skipped, Taken};
use super::report::{ItemKind, Report};
use super::Error;
use crate::backend::embedded::voicewake;
use crate::protocol::limits;
use crate::router::Wall;
use std::path::Path;

/// Decides what becomes of the words; returns those to take.
pub(super) fn plan(legacy: &Legacy, state_dir: &Path, report: &mut Report) -> Vec<String> {
    let Some(path) = legacy.path("settings/voicewake.json") else { return Vec::new() };
    let read = legacy.read_as(&path, limits::IMPORT_WAKE_WORDS_BYTES, voicewake::read_foreign);
    let verdict = match &read {
        Ok(None) => return Vec::new(),
        Ok(Some(_)) | Err(_) if exists(&voicewake::file(state_dir)) => {
            Kept.because("there are wake words already")
        }
        Ok(Some(words)) if words.is_empty() => Skipped.because("there are no words in it"),
        Ok(Some(words)) => Taken.because(words.join(", ")),
        Err(reason) => Damaged.because(reason.as_str()),
    };
    let words = read.ok().flatten().filter(|_| verdict.0 == Taken).unwrap_or_default();
    report.add(ItemKind::WAKE_WORDS, legacy.name(&path), verdict);
    words
}

/// Writes the words; they are on disk when this returns.
pub(super) fn write(words: &[String], state_dir: &Path, now: Wall) -> Result<(), Error> {
    if words.is_empty() {
        return Ok(());
    }
    voicewake::adopt(state_dir, words, now.0)
        .map_err(|source| Error::write(&voicewake::file(state_dir), source))
}
