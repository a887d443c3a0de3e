//! Keeps unauthenticated connections from filling the log: a limited number of lines of one kind in a
//! period, then a count.

use crate::lock::lock;
use crate::protocol::limits;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

/// Counts lines by kind.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    kinds: Mutex<BTreeMap<&'static str, Window>>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
}

impl LogLimit {
    /// Whether one more line of this kind may be written; if so, what to add to it: nothing, or
    /// how many were left out before it.
    pub(crate) fn admit(&self, kind: &'static str) -> Option<String> {
        self.admit_at(kind, Instant::now())
    }

    fn admit_at(&self, kind: &'static str, now: Instant) -> Option<String> {
        let mut kinds = lock(&self.kinds);
        let window = kinds.entry(kind).or_insert(Window { since: now, lines: 0 });
        let mut left_out = 0;
        if now.saturating_duration_since(window.since) >= limits::LOG_WINDOW {
            left_out = window.lines.saturating_sub(limits::LOG_BURST);
            *window = Window { since: now, lines: 0 };
        }
        window.lines = window.lines.saturating_add(1);
        if window.lines > limits::LOG_BURST {
            return None;
        }
        Some(match left_out {
            0 => String::new(),
            n => format!(" ({n} more like this were left out)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_reported_later() {
        let limit = LogLimit::default();
        let start = Instant::now();
        let written = (0..1000).filter(|_| limit.admit_at("flood", start).is_some()).count();
        assert_eq!(written, limits::LOG_BURST as usize);
        assert_eq!(limit.admit_at("other", start).as_deref(), Some(""));
        let later = start + limits::LOG_WINDOW;
        assert_eq!(
            limit.admit_at("flood", later).as_deref(),
            Some(" (990 more like this were left out)")
        );
    }
}
