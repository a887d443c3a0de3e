//! Where log lines go and what they look like: stderr, one line each, whatever is in them.

use crate::calendar;
use crate::cli::text::safe;
use env_logger::{Builder, WriteStyle};
use log::{Level, LevelFilter, Record};
use std::io::{self, Write};

/// Starts logging. Under systemd the journal keeps the time, and wants a priority.
pub(super) fn start(level: LevelFilter) {
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let mut builder = Builder::new();
    // The logger lets everything through: `log::set_max_level` is what a running daemon changes.
    builder.filter_level(LevelFilter::Trace).write_style(WriteStyle::Never);
    builder.format(move |out, record| write_line(out, record, journal));
    // It fails only when there is a logger already, which then serves as well.
    let _ = builder.try_init();
    log::set_max_level(level);
}

fn write_line(out: &mut impl Write, record: &Record<'_>, journal: bool) -> io::Result<()> {
    // Names and errors in it may come from strangers.
    let text = safe(&record.args().to_string());
    if journal {
        return writeln!(out, "<{}>{text}", priority(record.level()));
    }
    let time = calendar::iso_seconds(calendar::now_ms());
    writeln!(out, "{time} {:5} {text}", record.level().as_str().to_lowercase())
}

/// As in syslog.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_whatever_a_stranger_says() {
        let mut out = Vec::new();
        let args = format_args!("name=\"a\n<0>forged\u{1b}[2J\"");
        let record = Record::builder().level(Level::Warn).args(args).build();
        write_line(&mut out, &record, true).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line, "<4>name=\"a\\u000a<0>forged\\u001b[2J\"\n");
    }
}
