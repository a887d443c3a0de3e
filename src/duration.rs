//! Durations as people write them, on the command line and in the configuration.

use std::time::Duration;

/// `15s`, `500ms`, `2m`, `1h 30m`, `1.5s` or bare milliseconds; capitals mean the same.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    // Humantime takes a capital M for months.
    let text = text.to_ascii_lowercase();
    match text.parse() {
        Ok(milliseconds) => Some(Duration::from_millis(milliseconds)),
        Err(_) => humantime::parse_duration(&text).ok(),
    }
}

/// A text that [`parse`] makes into this duration, to the millisecond.
pub(crate) fn show(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(milliseconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_milliseconds_or_have_a_unit_in_capitals_or_not() {
        let cases = [("0", 0), ("1500", 1500), ("500ms", 500), ("15s", 15_000), ("2m", 120_000)];
        for (text, milliseconds) in cases {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for (text, milliseconds) in [("1.5s", 1500), ("10S", 10_000), ("2M", 120_000)] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1", "ms", "soon", "99999999999999999999", "9999999999999999h"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for (text, shown) in
            [("1ms", "1ms"), ("1500", "1s 500ms"), ("90s", "1m 30s"), ("10m", "10m")]
        {
            assert_eq!(show(parse(text).unwrap()), shown);
            assert_eq!(parse(shown), parse(text));
        }
    }
}
