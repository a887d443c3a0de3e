//! Names as DNS has them: labels of at most 63 bytes (protocol section 10.4).

use crate::protocol::text::cut;

pub(crate) const LABEL_BYTES: usize = 63;

/// The machine's name as a DNS label: what stands before the first dot, in lowercase, with `-` for
/// what a label cannot hold.
pub(crate) fn host_label(name: &str) -> String {
    let first = name.trim().split('.').next().unwrap_or_default();
    let label = label(first);
    if label.is_empty() {
        "clawdbot".to_owned()
    } else {
        label
    }
}

/// Any text as a DNS label (protocol section 10.4); empty if nothing of it can be kept.
pub(crate) fn label(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = text.trim().chars().map(keep).collect();
    cut(label.trim_matches('-'), LABEL_BYTES).trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_letters_digits_and_dashes() {
        assert_eq!(host_label("Peters-MacBook.local"), "peters-macbook");
        assert_eq!(host_label("..."), "clawdbot");
        assert_eq!(label(" Peter's Studio! "), "peter-s-studio");
        assert_eq!(label("日本"), "");
        assert!(label(&"x-".repeat(60)).len() <= 63);
    }
}
