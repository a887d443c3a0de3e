//! Parts of a file, and whether the other side has it already (RFC 9110, sections 13 and 14). Pure.

/// What a request for a part of a file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: nothing else is asked for, or nothing that is understood.
    Whole,
    /// From, and how many bytes.
    Some(u64, u64),
    /// There is no such part.
    Nothing,
}

/// What a `Range` field means for a file of `length` bytes. Several ranges at once count as none.
pub(super) fn part(range: &str, length: u64) -> Part {
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|r| r.split_once('-'))
    else {
        return Part::Whole;
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More than fits into the number is more than any file has.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (first, last) = (first.trim(), last.trim());
    match (number(first), number(last)) {
        (None, Some(count)) if first.is_empty() => match count.min(length) {
            0 => Part::Nothing,
            count => Part::Some(length - count, count),
        },
        (Some(from), None) if last.is_empty() => match from < length {
            true => Part::Some(from, length - from),
            false => Part::Nothing,
        },
        (Some(from), Some(to)) if from <= to => match from < length {
            true => Part::Some(from, to.min(length - 1) - from + 1),
            false => Part::Nothing,
        },
        _ => Part::Whole,
    }
}

/// Whether an `If-None-Match` field names this version.
pub(super) fn names_version(field: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    field.trim() == "*" || field.split(',').any(|tag| opaque(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_file_or_is_none() {
        for (range, length, expected) in [
            ("bytes=0-0", 10, Part::Some(0, 1)),
            ("bytes=0-", 10, Part::Some(0, 10)),
            ("bytes=2-5", 10, Part::Some(2, 4)),
            ("bytes=5-100", 10, Part::Some(5, 5)),
            ("bytes=5-99999999999999999999999", 10, Part::Some(5, 5)),
            ("bytes=-3", 10, Part::Some(7, 3)),
            ("bytes=-30", 10, Part::Some(0, 10)),
            (" bytes=1-2 ", 10, Part::Some(1, 2)),
            ("bytes=10-", 10, Part::Nothing),
            ("bytes=10-20", 10, Part::Nothing),
            ("bytes=-0", 10, Part::Nothing),
            ("bytes=0-", 0, Part::Nothing),
            ("bytes=-1", 0, Part::Nothing),
            ("bytes=5-2", 10, Part::Whole),
            ("bytes=0-1,3-4", 10, Part::Whole),
            ("bytes=", 10, Part::Whole),
            ("bytes=-", 10, Part::Whole),
            ("bytes=+1-2", 10, Part::Whole),
            ("bytes=a-b", 10, Part::Whole),
            ("lines=0-1", 10, Part::Whole),
            ("", 10, Part::Whole),
        ] {
            assert_eq!(part(range, length), expected, "{range} of {length}");
        }
    }

    #[test]
    fn a_version_is_found_in_a_list() {
        for (field, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(names_version(field, "\"a\""), expected, "{field}");
        }
    }
}
