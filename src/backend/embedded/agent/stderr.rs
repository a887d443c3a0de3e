//! An agent's standard error: lines for the log, and the last one as the reason of a failure.

use super::lines::{one_line, LineSplitter};
use crate::protocol::limits;
use std::time::Instant;

/// The standard error of one run.
pub(super) struct Stderr {
    lines: LineSplitter,
    log: RunLog,
    last: Option<String>,
}

impl Stderr {
    pub(super) fn new(run_id: &str) -> Self {
        // A character has up to four bytes; one more shows that the line goes on.
        let lines = LineSplitter::new(4 * (limits::AGENT_LOG_CHARS + 1));
        Self { lines, log: RunLog::new(run_id), last: None }
    }

    /// Takes what was written.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let Self { lines, log, last } = self;
        lines.take(bytes, |line, _| keep(line, log, last));
    }

    /// Logs a line of our own about what the agent does.
    pub(super) fn note(&mut self, text: &str) {
        self.log.write(text);
    }

    /// Takes the rest, when nothing more will be written. Returns the last line that is not blank.
    pub(super) fn finish(&mut self) -> Option<&str> {
        let Self { lines, log, last } = self;
        lines.finish(|line, _| keep(line, log, last));
        log.finish();
        last.as_deref()
    }
}

fn keep(line: &[u8], log: &mut RunLog, last: &mut Option<String>) {
    let line = one_line(&String::from_utf8_lossy(line), limits::AGENT_LOG_CHARS);
    if !line.trim().is_empty() {
        log.write(&line);
        *last = Some(line);
    }
}

/// Log lines about one run, with a limit on their rate.
struct RunLog {
    run: String,
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl RunLog {
    /// The run's id comes from a node.
    fn new(run_id: &str) -> Self {
        Self { run: one_line(run_id, 64), since: Instant::now(), lines: 0, left_out: 0 }
    }

    fn write(&mut self, line: &str) {
        let now = Instant::now();
        if now.duration_since(self.since) >= limits::LOG_WINDOW {
            self.finish();
            (self.since, self.lines) = (now, 0);
        }
        if self.lines >= limits::AGENT_LOG_LINES {
            self.left_out += 1;
            return;
        }
        self.lines += 1;
        log::info!("agent: run={:?} {line}", self.run);
    }

    fn finish(&mut self) {
        if self.left_out > 0 {
            log::info!("agent: run={:?} ({} more lines were left out)", self.run, self.left_out);
            self.left_out = 0;
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
        assert_eq!(stderr.finish(), Some("no   end"));
    }

    #[test]
    fn a_flood_is_counted_and_its_lines_are_cut() {
        let mut stderr = Stderr::new("r");
        for _ in 0..200 {
            stderr.take("ä".repeat(10_000).as_bytes());
            stderr.take(b"\n");
        }
        assert_eq!(stderr.log.left_out, 200 - u64::from(limits::AGENT_LOG_LINES));
        let last = stderr.finish().unwrap();
        assert_eq!(last.chars().count(), limits::AGENT_LOG_CHARS + 3);
    }
}
