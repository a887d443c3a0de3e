//! Passes an answer on to the run's sink as it grows. The only place where deltas are paced.

use super::abort::AbortSignal;
use super::output::OutputEvent;
use super::run::RunSink;
use super::stderr::Stderr;
use crate::protocol::limits;
use std::time::Instant;

pub(super) struct DeltaPacer<'a> {
    sink: &'a mut dyn RunSink,
    abort: &'a AbortSignal,
    /// Bytes of the text that the sink has got.
    reported: usize,
    due: Instant,
}

impl<'a> DeltaPacer<'a> {
    pub(super) fn new(sink: &'a mut dyn RunSink, abort: &'a AbortSignal) -> Self {
        Self { sink, abort, reported: 0, due: Instant::now() }
    }

    /// Reports the text if it has grown and [`limits::DELTA_EVERY`] has passed since the last
    /// time. Returns when to call again.
    pub(super) fn text(&mut self, text: &str) -> Option<Instant> {
        if Instant::now() >= self.due {
            self.flush(text);
        }
        (self.reported < text.len()).then_some(self.due)
    }

    /// Reports the text if it has grown, however soon.
    pub(super) fn flush(&mut self, text: &str) {
        if self.reported < text.len() && !self.abort.is_requested() {
            self.reported = text.len();
            self.sink.text(text);
            self.due = Instant::now() + limits::DELTA_EVERY;
        }
    }

    /// Passes on what is not text: tools to the sink, the rest to the log.
    pub(super) fn event(&mut self, text: &str, event: OutputEvent, stderr: &mut Stderr) {
        match event {
            OutputEvent::Skipped(note) => stderr.note(&note),
            OutputEvent::Tool(_) if self.abort.is_requested() => {}
            OutputEvent::Tool(tool) => {
                self.text(text);
                self.sink.tool(&tool);
            }
        }
    }
}
