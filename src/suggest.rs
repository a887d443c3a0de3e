//! "Did you mean …?": the known word closest to a misspelt one.

/// The known word that `word` was most likely meant to be; `None` if none is close.
///
/// Close means at most one slip in three characters, where a slip is a character too many, one
/// too few, a wrong one, or two swapped; case does not count. Among equally close words the first
/// wins.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    if word.len() > LONGEST {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let letters: Vec<char> = candidate.to_lowercase().chars().collect();
        if letters.len() > LONGEST {
            continue;
        }
        let slips = distance(&word, &letters);
        let allowed = (word.len().max(letters.len()) / 3).max(1);
        // A word of which nothing is left is not a misspelling of it.
        let kin = slips < letters.len().min(word.len());
        if kin && slips <= allowed && best.is_none_or(|(fewest, _)| slips < fewest) {
            best = Some((slips, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The work grows with the square of the length, and no word of ours is longer.
const LONGEST: usize = 64;

/// The optimal string alignment distance: insertions, deletions, substitutions and swaps of
/// neighbours, no place edited twice.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut fewest = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                fewest = fewest.min(before_last[j - 1] + 1);
            }
            row[j + 1] = fewest;
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 6] = ["approve", "reject", "describe", "port", "bind", "config"];

    fn slips(a: &str, b: &str) -> usize {
        distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>())
    }

    #[test]
    fn every_kind_of_slip_costs_one() {
        assert_eq!(slips("port", "port"), 0);
        assert_eq!(slips("port", "poort"), 1, "one too many");
        assert_eq!(slips("port", "pot"), 1, "one too few");
        assert_eq!(slips("port", "part"), 1, "a wrong one");
        assert_eq!(slips("port", "prot"), 1, "two swapped");
        assert_eq!(slips("", "port"), 4);
        assert_eq!(slips("kitten", "sitting"), 3);
    }

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
