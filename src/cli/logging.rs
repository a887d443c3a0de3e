//! Where log lines go and what they look like: stderr, one line each, whatever is in them.

use crate::cli::text::safe;
use env_logger::{Builder, WriteStyle};
use log::{Level, LevelFilter, Record};
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

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
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = utc(since_1970.as_secs());
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

/// Seconds since 1970 as `2026-01-31T23:59:59Z`.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Days since 1970 as year, month and day. Years are counted from March, so that the leap day is
/// the last of its year, and in eras of 400 years, which all have the same number of days.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    const DAYS_TO_1970_FROM_YEAR_0: u64 = 719_468;
    let days = days + DAYS_TO_1970_FROM_YEAR_0;
    let (era, day_of_era) = (days / ERA, days % ERA);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / (ERA - 1);
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_768_800_000, "2026-01-19T05:20:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

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
