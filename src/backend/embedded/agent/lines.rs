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

/// Splits bytes into lines. A line that is too long is cut, and its rest skipped.
pub(super) struct LineSplitter {
    pending: Vec<u8>,
    most: usize,
    skipping: bool,
}

impl LineSplitter {
    /// Lines of at most `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { pending: Vec::new(), most, skipping: false }
    }

    /// Takes more bytes; calls `each` with every complete line and whether it was cut.
    pub(super) fn take(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8], bool)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.add(&bytes[..end]);
            bytes = &bytes[end + 1..];
            each(&self.pending, self.skipping);
            self.pending.clear();
            self.skipping = false;
        }
        self.add(bytes);
    }

    /// Calls `each` with the last line, if it has no line break.
    pub(super) fn finish(&mut self, mut each: impl FnMut(&[u8], bool)) {
        if !self.pending.is_empty() {
            each(&self.pending, self.skipping);
            self.pending.clear();
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = self.most - self.pending.len();
        self.skipping |= bytes.len() > room;
        self.pending.extend_from_slice(&bytes[..bytes.len().min(room)]);
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
        let mut each =
            |line: &[u8], cut| seen.push((String::from_utf8_lossy(line).into_owned(), cut));
        for bytes in ["a", "b\n\nabcd\nabc", "de", "fg\nx"] {
            lines.take(bytes.as_bytes(), &mut each);
        }
        lines.finish(&mut each);
        lines.finish(&mut each);
        let expected = [("ab", false), ("", false), ("abcd", false), ("abcd", true), ("x", false)];
        assert_eq!(seen, expected.map(|(line, cut)| (line.to_owned(), cut)));
    }
}
