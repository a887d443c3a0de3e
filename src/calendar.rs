//! Times as they are written, and the clock they are read from.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds in a day.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Days from 0000-03-01 to 1970-01-01, and in 400 years of the calendar.
const DAYS_TO_1970: u64 = 719_468;
const DAYS_OF_ERA: u64 = 146_097;

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// `2026-01-19T05:06:07.123Z`.
pub fn iso(ms: u64) -> String {
    let days = ms / DAY_MS + DAYS_TO_1970;
    // Years here begin in March, so that the leap day is the last one; months have a pattern of
    // 153 days in five.
    let (era, day) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (second, milli) = (ms % DAY_MS / 1000, ms % 1000);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The milliseconds of a time as [`iso`] writes it; the fraction may be missing.
pub fn parse_iso(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let shape = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !shape.iter().all(|(at, byte)| text.as_bytes().get(*at) == Some(byte)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let milli = match text.get(19..)? {
        "Z" => 0,
        _ if text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.' => {
            number(20, 23)?
        }
        _ => return None,
    };
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year / 400, year % 400);
    let days = era * DAYS_OF_ERA + year * 365 + year / 4 - year / 100
        + (153 * march_month + 2) / 5
        + (day - 1);
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    Some((days - DAYS_TO_1970) * DAY_MS + seconds * 1000 + milli)
}

/// As [`iso`], without the milliseconds: `2026-01-19T05:06:07Z`.
pub fn iso_seconds(ms: u64) -> String {
    let text = iso(ms);
    let seconds = text.rsplit_once('.').map_or(&*text, |(seconds, _)| seconds);
    format!("{seconds}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_javascript_does() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_768_799_167_123, "2026-01-19T05:06:07.123Z"),
            (1_772_323_200_000, "2026-03-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(iso(ms), text);
            assert_eq!(parse_iso(text), Some(ms));
        }
        assert_eq!(parse_iso("2026-01-19T05:06:07Z"), Some(1_768_799_167_000));
        for bad in
            ["", "yesterday", "2026-01-19", "2026-01-19T05:06:07.12Z", "2026-13-19T05:06:07Z"]
        {
            assert_eq!(parse_iso(bad), None, "{bad}");
        }
        assert_eq!(parse_iso("1968-01-19T05:06:07Z"), None);
        assert_eq!(parse_iso("2026-01-19T05:06:07.1é"), None);
        assert!(iso(u64::MAX).ends_with('Z'));
    }

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
            assert_eq!(iso_seconds(seconds * 1000), text);
        }
    }
}
