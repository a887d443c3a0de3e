//! Splits a program's output into lines, and makes text of others fit for one line of a log.

/// At most `most` characters of `text` on one line, with `...` where it was cut. Control
/// characters become spaces, so that nothing can start a line of its own or drive a terminal.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let clean =
        |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
    let mut chars = text.trim().chars().map(clean);
    let mut line: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        line.push_str("...");
    }
    line
}

/// Splits bytes into lines of at most `most` bytes; the rest of a longer one is skipped.
pub(super) struct LineSplitter {
    pending: Vec<u8>,
    most: usize,
}

impl LineSplitter {
    pub(super) fn new(most: usize) -> Self {
        Self { pending: Vec::new(), most }
    }

    /// Takes more bytes; returns the lines that are complete now.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n");
            let room = self.most - self.pending.len();
            self.pending.extend(text.unwrap_or(part).iter().take(room));
            if text.is_some() {
                lines.push(std::mem::take(&mut self.pending));
            }
        }
        lines
    }

    /// The last line, if it has no line break.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.pending)).filter(|line| !line.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_short() {
        assert_eq!(one_line(" a\n\u{1b}[31mb\u{2028}c\r\n", 99), "a  [31mb c");
        assert_eq!(one_line("äöü", 3), "äöü");
        assert_eq!(one_line("äöüß", 3), "äöü...");
    }

    #[test]
    fn lines_come_whole_and_never_longer_than_allowed() {
        let mut lines = LineSplitter::new(4);
        let mut seen = Vec::new();
        for bytes in ["a", "b\n\nabcd\nabc", "de", "fg\nx"] {
            seen.extend(lines.take(bytes.as_bytes()));
        }
        seen.extend(lines.finish());
        seen.extend(lines.finish());
        assert_eq!(seen, ["ab", "", "abcd", "abcd", "x"].map(str::as_bytes));
    }
}
