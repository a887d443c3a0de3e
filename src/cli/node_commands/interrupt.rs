//! Ctrl-C while a node works: the progress line and the unfinished file are removed, then the
//! signal does what it always does, so that a shell sees the program end by it (130 for Ctrl-C).

use crate::cli::signals;
use crate::lock::lock;
use indicatif::ProgressBar;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once};
use tempfile::{Builder, NamedTempFile};

#[derive(Default)]
struct Leftovers {
    line: Option<ProgressBar>,
    files: Vec<PathBuf>,
}

static LEFTOVERS: Mutex<Leftovers> = Mutex::new(Leftovers { line: None, files: Vec::new() });

/// SIGINT and SIGTERM clear this line from now on.
pub(super) fn clear_line(line: &ProgressBar) {
    lock(&LEFTOVERS).line = Some(line.clone());
    watch_signals();
}

/// An empty file with a hidden name, readable and writable by its owner only. It is removed if it is
/// dropped or the program is interrupted; no signal comes between its creation and its being known.
pub(super) fn unfinished_file(dir: &Path) -> io::Result<NamedTempFile> {
    watch_signals();
    let mut leftovers = lock(&LEFTOVERS);
    let file = Builder::new().prefix(".openclaw-bridge-").suffix(".part").tempfile_in(dir)?;
    leftovers.files.retain(|file| file.exists());
    leftovers.files.push(file.path().to_owned());
    Ok(file)
}

fn watch_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Without the thread the signals would be ignored; the program ends by itself in time.
        let _ = signals::on_each(&[SIGINT, SIGTERM], |signal| {
            // Held to the end, so that no other file is created.
            let mut leftovers = lock(&LEFTOVERS);
            if let Some(line) = leftovers.line.take() {
                line.finish_and_clear();
            }
            for file in std::mem::take(&mut leftovers.files) {
                // It is gone if it was complete.
                let _ = std::fs::remove_file(file);
            }
            if emulate_default_handler(signal).is_err() {
                std::process::exit(128 + signal);
            }
        });
    });
}
