//! An agent's standard error: lines for the log, and the last one as the reason of a failure.

use super::lines::LineSplitter;
use crate::log_limit::LogLimit;
use crate::protocol::limits;
use crate::protocol::text::one_line;

pub(super) struct Stderr {
    run: String,
    lines: LineSplitter,
    last: Option<String>,
    log_limit: LogLimit,
}

impl Stderr {
    pub(super) fn new(run_id: &str) -> Self {
        Self {
            // It comes from a node.
            run: one_line(run_id, 64),
            // A character has up to four bytes; one more shows that the line goes on.
            lines: LineSplitter::new(4 * (limits::AGENT_LOG_CHARS + 1)),
            last: None,
            log_limit: LogLimit::new(1, limits::AGENT_LOG_LINES),
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
        if let Some(more) = self.log_limit.admit("stderr") {
            log::info!("agent: run={:?} {line}{more}", self.run);
        }
    }

    /// Takes the rest, when nothing more will be written. Returns the last line that is not blank.
    pub(super) fn finish(&mut self) -> Option<&str> {
        if let Some(line) = self.lines.finish() {
            self.keep(&line);
        }
        self.last.as_deref()
    }
}

impl Drop for Stderr {
    fn drop(&mut self) {
        let left_out = self.log_limit.left_out();
        if left_out > 0 {
            log::info!("agent: run={:?} ({left_out} more lines were left out)", self.run);
        }
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
        assert_eq!(stderr.finish(), Some("no end"));
    }

    #[test]
    fn a_flood_is_counted_and_its_lines_are_cut() {
        let mut stderr = Stderr::new("r");
        for _ in 0..200 {
            stderr.take("ä".repeat(10_000).as_bytes());
            stderr.take(b"\n");
        }
        assert_eq!(stderr.log_limit.left_out(), 200 - limits::AGENT_LOG_LINES);
        let last = stderr.finish().unwrap();
        assert_eq!(last.chars().count(), limits::AGENT_LOG_CHARS + 3);
    }
}
