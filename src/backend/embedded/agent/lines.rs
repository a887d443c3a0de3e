//! Splits a program's output into lines.

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
