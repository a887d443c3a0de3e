//! Durations as people write them, on the command line and in the configuration.

use std::time::Duration;

/// The units, the largest first.
const UNITS: &[(&str, u64)] = &[("h", 60 * 60 * 1000), ("m", 60 * 1000), ("s", 1000), ("ms", 1)];

/// `15s`, `500ms`, `2m`, `1h`, or bare milliseconds.
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "" => 1,
        unit => UNITS.iter().find(|(name, _)| *name == unit)?.1,
    };
    number.checked_mul(unit).map(Duration::from_millis)
}

/// The shortest text that [`parse`] makes into this duration; what is less than a millisecond is
/// lost.
pub fn show(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let whole = |(_, unit): &&(&str, u64)| ms > 0 && ms % unit == 0;
    let (name, unit) = UNITS.iter().find(whole).unwrap_or(&("ms", 1));
    format!("{}{name}", ms / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_milliseconds_or_have_a_unit() {
        let cases = [("0", 0), ("1500", 1500), ("500ms", 500), ("15s", 15_000), ("2m", 120_000)];
        for (text, milliseconds) in cases {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in
            ["", "s", "-1", "1.5s", "1 s", "1d", "ms", "99999999999999999999", "9999999999999999h"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for text in ["0ms", "1ms", "1500ms", "15s", "90s", "10m", "24h"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
        assert_eq!(show(Duration::MAX), format!("{}ms", u64::MAX));
    }
}
