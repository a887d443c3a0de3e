//! Times in files and logs, in RFC 3339, and the clock they are read from.

use humantime::{format_rfc3339_millis, format_rfc3339_seconds, parse_rfc3339};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// The last millisecond of the year 9999: RFC 3339 has four digits for the year.
const LATEST_MS: u64 = 253_402_300_799_999;

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    since_1970(SystemTime::now()).unwrap_or_default()
}

/// `2026-01-19T05:06:07.123Z`.
pub(crate) fn iso(ms: u64) -> String {
    format_rfc3339_millis(time(ms)).to_string()
}

/// `2026-01-19T05:06:07Z`.
pub(crate) fn iso_seconds(ms: u64) -> String {
    format_rfc3339_seconds(time(ms)).to_string()
}

/// The milliseconds of a time as [`iso`] or [`iso_seconds`] writes it.
pub(crate) fn parse_iso(text: &str) -> Option<u64> {
    let year = text.get(..4)?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    // Where pointers have 32 bits, humantime reads no year after 2038: it is given one of the same length.
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let alike = if is_leap { 1972 } else { 1970 };
    let days_before = |year: u64| 365 * year + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let since_alike = parse_rfc3339(&format!("{alike}{}", text.get(4..)?)).ok()?;
    Some(since_1970(since_alike)? + (days_before(year) - days_before(alike)) * DAY_MS)
}

fn time(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms.min(LATEST_MS))
}

fn since_1970(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_javascript_does() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_768_799_167_123, "2026-01-19T05:06:07.123Z"),
            (2_147_483_648_000, "2038-01-19T03:14:08.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (64_060_588_799_999, "3999-12-31T23:59:59.999Z"),
            (LATEST_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(iso(ms), text);
            assert_eq!(parse_iso(text), Some(ms));
        }
        assert_eq!(parse_iso("2026-01-19T05:06:07Z"), Some(1_768_799_167_000));
        assert_eq!(iso_seconds(1_768_799_167_123), "2026-01-19T05:06:07Z");
        for bad in [
            "",
            "yesterday",
            "2026-01-19",
            "2026-13-19T05:06:07Z",
            "2026-02-29T05:06:07Z",
            "2100-02-29T05:06:07Z",
            "2026-01-19T05:06:07.1é",
            "202é-01-19T05:06:07Z",
        ] {
            assert_eq!(parse_iso(bad), None, "{bad}");
        }
        assert_eq!(parse_iso("1968-01-19T05:06:07Z"), None);
        assert_eq!(iso(u64::MAX), "9999-12-31T23:59:59.999Z", "the latest that can be written");
    }
}
