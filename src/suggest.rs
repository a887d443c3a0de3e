//! "Did you mean …?": the known word closest to a misspelt one.

/// The longest word that is compared: the time grows with the square of the length.
const LONGEST: usize = 64;

/// The known word that `word` was most likely meant to be; `None` if none is close.
///
/// Close means at most one edit in three characters, where an edit is a character too many, one
/// too few, a wrong one, or two swapped; case does not count. Among equally close words the first
/// wins.
pub(crate) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let close = known.into_iter().filter_map(|candidate| {
        let other = candidate.chars().count();
        if length.max(other) > LONGEST {
            return None;
        }
        let edits = strsim::osa_distance(&word, &candidate.to_lowercase());
        let allowed = (length.max(other) / 3).max(1);
        (edits <= allowed && edits < length.min(other)).then_some((edits, candidate))
    });
    close.min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 6] = ["approve", "reject", "describe", "port", "bind", "config"];

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        assert_eq!(closest("aprove", WORDS), Some("approve"));
        assert_eq!(closest("prot", WORDS), Some("port"));
        assert_eq!(closest("CONFIG", WORDS), Some("config"));
        assert_eq!(closest("decsribe", WORDS), Some("describe"));
    }

    #[test]
    fn a_different_word_gets_no_suggestion() {
        assert_eq!(closest("restart", WORDS), None);
        assert_eq!(closest("", WORDS), None);
        assert_eq!(closest("x", ["y", "z"]), None);
        assert_eq!(closest(&"port".repeat(100), WORDS), None);
    }

    #[test]
    fn the_closest_word_wins_and_then_the_first() {
        assert_eq!(closest("ports", ["parts", "port", "sports"]), Some("parts"));
        assert_eq!(closest("portz", ["parts", "port", "sports"]), Some("port"));
    }
}
