//! An agent's standard error: lines for the log, and the last one as the reason of a failure.

use super::lines::{one_line, LineSplitter};
use crate::protocol::limits;
use std::time::Instant;

pub(super) struct Stderr {
    run: String,
    lines: LineSplitter,
    last: Option<String>,
    /// When the period began in which lines are counted.
    since: Instant,
    logged: u32,
    left_out: u64,
}

impl Stderr {
    pub(super) fn new(run_id: &str) -> Self {
        Self {
            // It comes from a node.
            run: one_line(run_id, 64),
            // A character has up to four bytes; one more shows that the line goes on.
            lines: LineSplitter::new(4 * (limits::AGENT_LOG_CHARS + 1)),
            last: None,
            since: Instant::now(),
            logged: 0,
            left_out: 0,
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        for line in self.lines.take(bytes) {
            self.keep(&line);
        }
    }

    fn keep(&mut self, line: &[u8]) {
        let line = one_line(&String::from_utf8_lossy(line), limits::AGENT_LOG_CHARS);
        if !line.trim().is_empty() {
            self.note(&line);
            self.last = Some(line);
        }
    }

    pub(super) fn note(&mut self, line: &str) {
        let now = Instant::now();
        if now.duration_since(self.since) >= limits::LOG_WINDOW {
            self.note_left_out();
            (self.since, self.logged) = (now, 0);
        }
        if self.logged >= limits::AGENT_LOG_LINES {
            self.left_out += 1;
            return;
        }
        self.logged += 1;
        log::info!("agent: run={:?} {line}", self.run);
    }

    fn note_left_out(&mut self) {
        if self.left_out > 0 {
            log::info!("agent: run={:?} ({} more lines were left out)", self.run, self.left_out);
            self.left_out = 0;
        }
    }

    /// Takes the rest, when nothing more will be written. Returns the last line that is not blank.
    pub(super) fn finish(&mut self) -> Option<&str> {
        if let Some(line) = self.lines.finish() {
            self.keep(&line);
        }
        self.note_left_out();
        self.last.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_is_not_blank_is_kept() {
        let mut stderr = Stderr::new("r");
        stderr.take(b"first\nsec");
        stderr.take(b"ond\n \n");
        assert_eq!(stderr.finish(), Some("second"));
        stderr.take(b"no \x07 end");
        assert_eq!(stderr.finish(), Some("no   end"));
    }

    #[test]
    fn a_flood_is_counted_and_its_lines_are_cut() {
        let mut stderr = Stderr::new("r");
        for _ in 0..200 {
            stderr.take("ä".repeat(10_000).as_bytes());
            stderr.take(b"\n");
        }
        assert_eq!(stderr.left_out, 200 - u64::from(limits::AGENT_LOG_LINES));
        let last = stderr.finish().unwrap();
        assert_eq!(last.chars().count(), limits::AGENT_LOG_CHARS + 3);
    }
}
