//! Ctrl-C while a node works: the progress line and the unfinished file are removed, then the
//! signal does what it always does, so that a shell sees the program end by it (130 for Ctrl-C).

use indicatif::ProgressBar;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::Builder;

#[derive(Default)]
struct Leftovers {
    line: Option<ProgressBar>,
    file: Option<PathBuf>,
}

static LEFTOVERS: Mutex<Leftovers> = Mutex::new(Leftovers { line: None, file: None });

/// SIGINT and SIGTERM clear this line from now on.
pub(super) fn clear_line(line: &ProgressBar) {
    leftovers().line = Some(line.clone());
    watch_signals();
}

/// SIGINT and SIGTERM remove the file that is created here. No signal comes between its creation
/// and its being known.
pub(super) fn remove_file<T>(
    create: impl FnOnce() -> io::Result<T>,
    path: impl FnOnce(&T) -> &Path,
) -> io::Result<T> {
    watch_signals();
    let mut leftovers = leftovers();
    let file = create()?;
    leftovers.file = Some(path(&file).to_owned());
    Ok(file)
}

fn watch_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
        let watch = move || {
            if let Some(signal) = signals.forever().next() {
                // Held to the end, so that no other file is created.
                let mut leftovers = leftovers();
                if let Some(line) = leftovers.line.take() {
                    line.finish_and_clear();
                }
                if let Some(file) = leftovers.file.take() {
                    // It is gone if it was complete.
                    let _ = std::fs::remove_file(file);
                }
                if emulate_default_handler(signal).is_err() {
                    std::process::exit(128 + signal);
                }
            }
        };
        // Without the thread the signals would be ignored; the program ends by itself in time.
        let _ = Builder::new().name("signals".into()).spawn(watch);
    });
}

fn leftovers() -> MutexGuard<'static, Leftovers> {
    LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner)
}
