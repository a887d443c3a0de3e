//! When a certificate is valid. Nodes pin certificates and ignore the dates; operators see them.
//! Own DER reader for the one form that RFC 5280 prescribes: rustls-webpki keeps the dates private,
//! x509-parser adds a dozen crates, and yasna (below rcgen) panics on a forged length.

use crate::calendar::{self, DAY_MS};

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

/// The validity period of a certificate, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub not_before_ms: u64,
    pub not_after_ms: u64,
}

impl Validity {
    /// The validity of a certificate in DER form; `None` if it does not have the usual form.
    pub(crate) fn of(certificate: &[u8]) -> Option<Self> {
        let mut certificate = Der(Der(certificate).expect(SEQUENCE)?);
        let mut fields = Der(certificate.expect(SEQUENCE)?);
        if fields.0.first() == Some(&VERSION) {
            fields.element()?;
        }
        for _serial_algorithm_issuer in 0..3 {
            fields.element()?;
        }
        let mut dates = Der(fields.expect(SEQUENCE)?);
        Some(Self { not_before_ms: dates.time()?, not_after_ms: dates.time()? })
    }

    /// Whole days until the certificate expires; negative after it has expired.
    pub(crate) fn days_left(&self, now_ms: u64) -> i64 {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        signed(self.not_after_ms).saturating_sub(signed(now_ms)).div_euclid(signed(DAY_MS))
    }
}

/// The remaining elements of a sequence.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The tag and the content of the next element.
    fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (u32::from(first), rest),
            // No certificate needs more than four bytes for a length.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.element().filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
    }

    /// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`, in milliseconds since 1970; 0 for earlier times.
    fn time(&mut self) -> Option<u64> {
        let (tag, content) = self.element()?;
        let digits = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = match (tag, digits.len()) {
            (UTC_TIME, 12) if digits < "50" => format!("20{digits}"),
            (UTC_TIME, 12) => format!("19{digits}"),
            (GENERALIZED_TIME, 14) => digits.to_owned(),
            _ => return None,
        };
        if digits.as_str() < "1970" {
            return Some(0);
        }
        let [year, month, day, hour, minute, second] =
            [0..4, 4..6, 6..8, 8..10, 10..12, 12..14].map(|part| &digits[part]);
        calendar::parse_iso(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        assert!(content.len() < 128);
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn certificate(dates: &[u8]) -> Vec<u8> {
        let parts = [
            element(VERSION, &[2, 1, 2]),
            element(2, &[1]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, dates),
        ];
        element(SEQUENCE, &element(SEQUENCE, &parts.concat()))
    }

    fn dates(from: &str, until: &str) -> Option<(String, String)> {
        let tag = |text: &str| if text.len() == 13 { UTC_TIME } else { GENERALIZED_TIME };
        let time = |text: &str| element(tag(text), text.as_bytes());
        let validity = Validity::of(&certificate(&[time(from), time(until)].concat()))?;
        let shown = [validity.not_before_ms, validity.not_after_ms].map(calendar::iso_seconds);
        let [from, until] = shown;
        Some((from, until))
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let read = dates("260119050607Z", "20760120000000Z").unwrap();
        assert_eq!(read, ("2026-01-19T05:06:07Z".into(), "2076-01-20T00:00:00Z".into()));
        let old = dates("500101000000Z", "490101000000Z").unwrap();
        assert_eq!(old, ("1970-01-01T00:00:00Z".into(), "2049-01-01T00:00:00Z".into()));
        for bad in ["2601190506Z", "260119050607+", "261319050607Z", "26011905060éZ", ""] {
            assert_eq!(dates(bad, "490101000000Z"), None, "{bad}");
        }
    }

    #[test]
    fn days_are_counted_down_and_below_zero() {
        let validity = Validity { not_before_ms: 0, not_after_ms: 10 * DAY_MS };
        assert_eq!(validity.days_left(0), 10);
        assert_eq!(validity.days_left(9 * DAY_MS + 1), 0);
        assert_eq!(validity.days_left(10 * DAY_MS + 1), -1);
        let day = i64::try_from(DAY_MS).unwrap();
        assert_eq!(validity.days_left(u64::MAX), (10 * day - i64::MAX).div_euclid(day));
    }

    #[test]
    fn no_bytes_are_too_strange() {
        let date = element(UTC_TIME, b"260119050607Z");
        let good = certificate(&[date.clone(), date].concat());
        assert!(Validity::of(&good).is_some());
        for end in 0..good.len() {
            assert_eq!(Validity::of(&good[..end]), None);
        }
        for at in 0..good.len() {
            for byte in 0..=u8::MAX {
                let mut bad = good.clone();
                bad[at] = byte;
                // Whatever it says, it says something.
                let _ = Validity::of(&bad);
            }
        }
        assert_eq!(Validity::of(&[0x30, 0x88, 255, 255, 255, 255, 255, 255, 255, 255]), None);
        assert_eq!(Validity::of(&[0x30, 0x84, 255, 255, 255, 255]), None);
    }
}
