//! The patterns of the allowlist, compared with the path of a program. With a `/`, a pattern is
//! about the whole path: `?` is one character and `*` any number of them, both within one name;
//! `**` is anything; `~/` at the beginning is the owner's home. Without a `/`, it is about the name
//! of a program that is found by its name, so `git` is the git of the node's `PATH` and not some
//! `/tmp/git`. Upper and lower case differ, as they do in the file system (the old node host did
//! not look).

use crate::node_host::which::Found;
use std::path::Path;

/// One entry of an allowlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    pieces: Vec<Piece>,
    is_path: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Exactly(char),
    One,
    Some,
    Any,
}

impl Pattern {
    /// Reads a pattern; `None` if it is blank, or begins with `~/` and there is no home.
    pub(crate) fn new(text: &str, home: Option<&Path>) -> Option<Self> {
        let text = text.trim();
        let expanded = match text.strip_prefix("~/") {
            Some(rest) => format!("{}/{rest}", home?.to_str()?.trim_end_matches('/')),
            None => text.to_owned(),
        };
        let mut pieces = Vec::new();
        for character in expanded.chars() {
            match (character, pieces.last()) {
                ('*', Some(Piece::Some | Piece::Any)) => {
                    pieces.pop();
                    pieces.push(Piece::Any);
                }
                ('*', _) => pieces.push(Piece::Some),
                ('?', _) => pieces.push(Piece::One),
                (character, _) => pieces.push(Piece::Exactly(character)),
            }
        }
        let is_path = expanded.contains('/') || pieces.contains(&Piece::Any);
        (!pieces.is_empty()).then(|| Self { text: text.to_owned(), pieces, is_path })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it means this program. One whose path is not UTF-8 is never meant.
    pub(super) fn matches(&self, program: &Found) -> bool {
        let text = if self.is_path {
            program.path.to_str()
        } else {
            program.name().filter(|_| program.is_in_search_path)
        };
        text.is_some_and(|text| self.fits(text))
    }

    /// All places of the pattern at which the text read so far can end, after each character:
    /// the time is the product of both lengths, whatever the pattern.
    fn fits(&self, text: &str) -> bool {
        let mut places = vec![false; self.pieces.len() + 1];
        places[0] = true;
        self.skip_empty(&mut places);
        for character in text.chars() {
            let mut next = vec![false; places.len()];
            for (at, piece) in self.pieces.iter().enumerate().filter(|(at, _)| places[*at]) {
                match piece {
                    Piece::Exactly(wanted) => next[at + 1] |= *wanted == character,
                    Piece::One => next[at + 1] |= character != '/',
                    Piece::Some => next[at] |= character != '/',
                    Piece::Any => next[at] = true,
                }
            }
            self.skip_empty(&mut next);
            places = next;
        }
        places[self.pieces.len()]
    }

    /// Stars may stand for nothing.
    fn skip_empty(&self, places: &mut [bool]) {
        for (at, piece) in self.pieces.iter().enumerate() {
            if places[at] && matches!(piece, Piece::Some | Piece::Any) {
                places[at + 1] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str, is_in_search_path: bool) -> bool {
        let pattern = Pattern::new(pattern, Some(Path::new("/home/pi/"))).unwrap();
        pattern.matches(&Found { path: path.into(), is_in_search_path })
    }

    #[test]
    fn a_pattern_with_a_slash_is_about_the_whole_path() {
        for (pattern, path, expected) in [
            ("/usr/bin/git", "/usr/bin/git", true),
            ("/usr/bin/git", "/usr/bin/Git", false),
            ("/usr/bin/git", "/usr/bin/git2", false),
            ("/usr/bin/g?t", "/usr/bin/got", true),
            ("/usr/?", "/usr//", false),
            ("/usr/*/git", "/usr/bin/git", true),
            ("/usr/*", "/usr/bin/git", false),
            ("/usr/bin/*", "/usr/bin/git", true),
            ("/usr/**", "/usr/bin/git", true),
            ("/usr/***", "/usr/bin/git", true),
            ("/usr/**/git", "/usr/git", false),
            ("**", "/anything/at/all", true),
            ("**/git", "/opt/x/git", true),
            ("~/bin/*", "/home/pi/bin/lamp", true),
            ("~/bin/*", "/home/eve/bin/lamp", false),
            ("/a.c", "/abc", false),
            ("/x/[a]", "/x/a", false),
            ("/usr/bin/\u{e9}*", "/usr/bin/\u{e9}t\u{e9}", true),
        ] {
            assert_eq!(matches(pattern, path, true), expected, "{pattern} {path}");
            assert_eq!(matches(pattern, path, false), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_without_a_slash_is_about_what_its_name_finds() {
        assert!(matches("git", "/usr/bin/git", true));
        assert!(!matches("git", "/tmp/git", false));
        assert!(matches("git*", "/usr/bin/git-shell", true));
        assert!(matches("*", "/usr/bin/git", true) && !matches("*", "/tmp/git", false));
    }

    #[test]
    fn blank_patterns_and_homes_that_are_missing_mean_nothing() {
        assert_eq!(Pattern::new(" ", None), None);
        assert_eq!(Pattern::new("~/bin/x", None), None);
        assert_eq!(Pattern::new(" git ", None).unwrap().as_str(), "git");
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern = Pattern::new(&format!("/{}b", "a*".repeat(2000)), None).unwrap();
        let path = format!("/{}", "a".repeat(2000));
        assert!(!pattern.matches(&Found { path: path.into(), is_in_search_path: true }));
    }
}
