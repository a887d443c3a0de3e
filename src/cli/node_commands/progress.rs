//! Waiting for a node: on a terminal, a line on standard error with the elapsed time and how much
//! has arrived.

use super::*;
use crate::cli::columns;
use crate::lock::lock;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Instant;

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(100);
const WHEEL: [char; 4] = ['|', '/', '-', '\\'];
/// Erases the line, and leaves the cursor at its beginning.
const CLEAR: &str = "\r\u{1b}[2K";
/// Of a terminal that does not know its width.
const COLUMNS: usize = 80;

/// The line, from its start to its drop.
pub(super) struct ProgressLine(Arc<Line>);

pub(super) struct Line {
    title: String,
    began: Instant,
    received: AtomicU64,
    /// Held while something is drawn, so that nothing is after the end.
    is_over: Mutex<bool>,
    ended: Condvar,
}

impl ProgressLine {
    pub(super) fn start(title: &str) -> Self {
        let line = Arc::new(Line {
            title: safe(title),
            began: Instant::now(),
            received: AtomicU64::new(0),
            is_over: Mutex::new(!io::stderr().is_terminal()),
            ended: Condvar::new(),
        });
        if !*lock(&line.is_over) {
            interrupt::clear_line(&line);
            let drawn = line.clone();
            // A line that cannot be drawn is no loss.
            let _ = Builder::new().name("progress".into()).spawn(move || drawn.draw_until_end());
        }
        Self(line)
    }

    /// A writer that adds what passes through it to the size on the line.
    pub(super) fn counting<'a>(&'a self, to: &'a mut dyn Write) -> impl Write + 'a {
        Counting { to, line: &self.0 }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Line {
    /// Erases the line, which does not come back.
    pub(super) fn end(&self) {
        if !std::mem::replace(&mut *lock(&self.is_over), true) {
            self.show(CLEAR);
        }
        self.ended.notify_all();
    }

    fn draw_until_end(&self) {
        let mut is_over = lock(&self.is_over);
        for sign in WHEEL.iter().cycle() {
            if *is_over {
                return;
            }
            let columns = columns::size(io::stderr()).map_or(COLUMNS, |(columns, _)| columns);
            // The cursor stays on the line if its last column is empty.
            let text = clip(&self.text(*sign), columns.saturating_sub(1));
            self.show(&format!("{CLEAR}{text}"));
            let waited = self.ended.wait_timeout(is_over, TICK);
            is_over = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn text(&self, sign: char) -> String {
        let time = span(in_milliseconds(self.began.elapsed()));
        let received = match self.received.load(Ordering::Relaxed) {
            0 => String::new(),
            bytes => format!(" · {}", size(bytes)),
        };
        format!("{sign} {} · {time}{received}", self.title)
    }

    fn show(&self, text: &str) {
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// A number of bytes for people: `1.5 MB`.
fn size(bytes: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    match units.into_iter().find(|(_, unit)| bytes as f64 >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit),
        None => format!("{bytes} B"),
    }
}

struct Counting<'a> {
    to: &'a mut dyn Write,
    line: &'a Line,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.line.received.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_time_and_what_has_arrived() {
        let line = ProgressLine::start("camera.clip on kitchen\u{1b}");
        assert_eq!(line.0.text('|'), r"| camera.clip on kitchen\u001b · 0s");
        let mut file = Vec::new();
        line.counting(&mut file).write_all(&[0; 1500]).unwrap();
        assert_eq!((file.len(), line.0.text('/').ends_with(" · 0s · 1.5 kB")), (1500, true));
        assert_eq!([999, 2_000_000, 3_500_000_000].map(size), ["999 B", "2.0 MB", "3.5 GB"]);
    }
}
