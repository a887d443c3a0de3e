//! Waiting for a node: on a terminal, a line on standard error with the elapsed time and how much
//! has arrived.

use super::*;
use indicatif::{DecimalBytes, ProgressBar, ProgressState, ProgressStyle};
use std::fmt;

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(100);

/// The line, from its start to its drop.
pub(super) struct ProgressLine(ProgressBar);

impl ProgressLine {
    pub(super) fn start(title: &str) -> Self {
        let time = |state: &ProgressState, out: &mut dyn fmt::Write| {
            // A line that cannot be drawn is no loss.
            let _ = out.write_str(&span(in_milliseconds(state.elapsed())));
        };
        let received = |state: &ProgressState, out: &mut dyn fmt::Write| {
            if state.pos() > 0 {
                let _ = write!(out, " · {:.1}", DecimalBytes(state.pos()));
            }
        };
        let bar = ProgressBar::new_spinner().with_message(safe(title));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} · {time}{received}") {
            let style = style.tick_chars("|/-\\ ");
            bar.set_style(style.with_key("time", time).with_key("received", received));
        }
        if !bar.is_hidden() {
            interrupt::clear_line(&bar);
            bar.enable_steady_tick(TICK);
        }
        Self(bar)
    }

    /// A writer that adds what passes through it to the size on the line.
    pub(super) fn counting<'a>(&self, to: &'a mut dyn Write) -> impl Write + 'a {
        self.0.wrap_write(to)
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
