//! The words that wake voice mode.

use super::legacy::{exists, Legacy};
use super::{Error, Report, Thing};
use crate::backend::embedded::voicewake;
use crate::router::Wall;
use std::path::Path;

/// The largest file of words, in bytes.
const LARGEST: usize = 64 * 1024;

/// The words to take, if any.
#[derive(Debug)]
pub(super) struct Plan {
    words: Vec<String>,
}

/// Looks at the words and says what becomes of them.
pub(super) fn plan(legacy: &Legacy, state_dir: &Path, report: &mut Report) -> Plan {
    let mut plan = Plan { words: Vec::new() };
    let Some(path) = legacy.path("settings/voicewake.json") else { return plan };
    let read = legacy
        .read(&path, LARGEST)
        .and_then(|bytes| bytes.map(|bytes| voicewake::read_foreign(&bytes)).transpose());
    let row = report.row(Thing::WakeWords, legacy.name(&path));
    match read {
        Ok(None) => {}
        Ok(Some(_)) | Err(_) if exists(&voicewake::file(state_dir)) => {
            row.kept("there are wake words already");
        }
        Ok(Some(words)) if words.is_empty() => row.skipped("there are no words in it"),
        Ok(Some(words)) => {
            row.taken(words.join(", "));
            plan.words = words;
        }
        Err(why) => row.damaged(why),
    }
    plan
}

impl Plan {
    pub(super) fn write(self, state_dir: &Path, now: Wall) -> Result<(), Error> {
        if self.words.is_empty() {
            return Ok(());
        }
        voicewake::adopt(state_dir, &self.words, now.0)
            .map_err(|source| Error::write(&voicewake::file(state_dir), source))
    }
}
