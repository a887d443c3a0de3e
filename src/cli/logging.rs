//! Where log lines go, what they look like, and which modules log how much.

use crate::calendar;
use crate::cli::text::safe;
use env_logger::{Builder, Logger, WriteStyle};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::env;
use std::io::{self, Write};
use std::sync::{PoisonError, RwLock};

/// The logger of the process, which is exchanged while it runs.
static LOGGER: RwLock<Option<Logger>> = RwLock::new(None);

/// Logs at this level from now on, except in modules that `RUST_LOG` names. A level in `RUST_LOG`
/// without a module counts instead of `level`, unless that was set explicitly: by a flag, or in a
/// running daemon.
pub(super) fn set_level(level: LevelFilter, is_explicit: bool) {
    let filters = env::var("RUST_LOG").unwrap_or_default();
    let mut builder = Builder::new();
    builder.filter_level(level).parse_filters(&filters);
    if is_explicit {
        builder.filter_level(level);
    }
    // Under systemd the journal adds the time and wants a priority.
    let journal = env::var_os("JOURNAL_STREAM").is_some();
    builder.write_style(WriteStyle::Never);
    let logger = builder.format(move |out, record| write_line(out, record, journal)).build();
    let most = logger.filter();
    *LOGGER.write().unwrap_or_else(PoisonError::into_inner) = Some(logger);
    // Fails if there is a logger already: this one, unless the embedding program has its own.
    let _ = log::set_logger(&Exchangeable);
    log::set_max_level(most);
}

/// Whatever logger is in [`LOGGER`] at the moment.
struct Exchangeable;

impl Exchangeable {
    fn with<T: Default>(&self, act: impl FnOnce(&Logger) -> T) -> T {
        let logger = LOGGER.read().unwrap_or_else(PoisonError::into_inner);
        logger.as_ref().map(act).unwrap_or_default()
    }
}

impl Log for Exchangeable {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.with(|logger| logger.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        self.with(|logger| logger.log(record));
    }

    fn flush(&self) {}
}

fn write_line(out: &mut impl Write, record: &Record<'_>, journal: bool) -> io::Result<()> {
    // Names and errors in it may come from unauthenticated connections.
    let text = safe(&record.args().to_string());
    if journal {
        // As in syslog.
        let priority = match record.level() {
            Level::Error => 3,
            Level::Warn => 4,
            Level::Info => 6,
            Level::Debug | Level::Trace => 7,
        };
        return writeln!(out, "<{priority}>{text}");
    }
    let time = calendar::iso_seconds(calendar::now_ms());
    writeln!(out, "{time} {:5} {text}", record.level().as_str().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_whatever_a_node_sends() {
        let mut out = Vec::new();
        let args = format_args!("name=\"a\n<0>forged\u{1b}[2J\"");
        let record = Record::builder().level(Level::Warn).args(args).build();
        write_line(&mut out, &record, true).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line, "<4>name=\"a\\u000a<0>forged\\u001b[2J\"\n");
    }
}
