//! Which file the path of a request names. Pure.

use crate::protocol::limits;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Bytes in the name of a file, which the system limits as well.
const NAME: usize = 255;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The names on the way, none of which leads up or is hidden.
    pub(super) names: Vec<OsString>,
    /// The path ends with a slash.
    pub(super) is_folder: bool,
}

/// The place that a path, without the slash at its beginning, names. `None` if it names none that
/// may be served.
pub(super) fn place(path: &str) -> Option<Place> {
    let (way, is_folder) = match path.strip_suffix('/') {
        Some(way) => (way, true),
        None => (path, path.is_empty()),
    };
    if path.is_empty() {
        return Some(Place { names: Vec::new(), is_folder });
    }
    let names: Option<Vec<OsString>> = way.split('/').map(name).collect();
    let names = names.filter(|names| names.len() <= limits::CANVAS_DEPTH)?;
    Some(Place { names, is_folder })
}

/// One name of a path, decoded. Names that begin with a dot are not served: `..`, and what is
/// hidden, such as `.git`.
fn name(encoded: &str) -> Option<OsString> {
    let name = decoded(encoded)?;
    let is_odd = |byte: &u8| matches!(byte, b'/' | b'\\' | 0..=31 | 127);
    let is_name = (1..=NAME).contains(&name.len()) && name[0] != b'.' && !name.iter().any(is_odd);
    is_name.then(|| OsString::from_vec(name))
}

fn decoded(encoded: &str) -> Option<Vec<u8>> {
    let mut parts = encoded.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digit = |at: usize| char::from(*part.as_bytes().get(at)?).to_digit(16);
        bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_place_below_the_folder() {
        for (path, names, is_folder) in [
            ("", "", true),
            ("index.html", "index.html", false),
            ("a/b.png", "a|b.png", false),
            ("a/", "a", true),
            ("caf%C3%A9%20x.html", "café x.html", false),
            ("a%2Eb", "a.b", false),
            ("100%25", "100%", false),
            ("...x..", "", false),
        ] {
            let found = place(path).map(|place| {
                let names: Vec<_> = place.names.iter().map(|n| n.to_str().unwrap()).collect();
                (names.join("|"), place.is_folder)
            });
            let expected = (path != "...x..").then(|| (names.to_owned(), is_folder));
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn no_path_leads_out_or_to_what_is_hidden() {
        let long = "a".repeat(256);
        let deep = "a/".repeat(limits::CANVAS_DEPTH + 1);
        for path in [
            "..",
            "../x",
            "a/../x",
            "a/..",
            ".",
            "./x",
            "%2e%2e/x",
            "%2E./x",
            ".%2e",
            "a//b",
            "/a",
            "//",
            "/",
            "..%2fx",
            "a%2f..%2fx",
            "a%5c..%5cx",
            "..\\x",
            "a\\b",
            "a%00",
            "%00",
            "%",
            "%2",
            "%zz",
            "a%",
            "%+1",
            ".git/config",
            "a/.env",
            "%2egit",
            "a%0a",
            "a%7f",
            "é%2",
            &long,
            &deep,
        ] {
            assert_eq!(place(path), None, "{path}");
        }
    }

    #[test]
    fn letters_beyond_ascii_behind_a_percent_sign_are_no_digits() {
        assert_eq!(place("%é1"), None);
        assert_eq!(place("%1é"), None);
    }
}
