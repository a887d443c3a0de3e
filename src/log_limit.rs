//! Keeps others from filling the log: a limited number of lines of one kind and source in a period,
//! then a count. A source is whoever causes the line; so one that makes noise hides nobody else.

use crate::lock::lock;
use crate::protocol::limits;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

/// Counts lines by kind and source.
#[derive(Debug)]
pub(crate) struct LogLimit {
    /// Further sources share one count for each kind.
    sources: usize,
    /// Lines of one kind and source in a [`limits::LOG_WINDOW`].
    burst: u32,
    windows: Mutex<BTreeMap<(&'static str, Box<str>), Window>>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
    /// Left out earlier and not reported yet.
    left_out: u32,
}

impl Default for LogLimit {
    fn default() -> Self {
        Self::new(limits::LOG_SOURCES, limits::LOG_BURST)
    }
}

impl LogLimit {
    pub(crate) fn new(sources: usize, burst: u32) -> Self {
        Self { sources, burst, windows: Mutex::default() }
    }

    /// Whether one more line of this kind may be written; if so, what to add to it: nothing, or
    /// how many were left out before it.
    pub(crate) fn admit(&self, kind: &'static str) -> Option<String> {
        self.admit_from(kind, "")
    }

    /// As `admit`, for a line that this source has caused.
    pub(crate) fn admit_from(&self, kind: &'static str, source: &str) -> Option<String> {
        self.admit_at(kind, source, Instant::now())
    }

    /// How many lines were left out since the last one that told of it.
    pub(crate) fn left_out(&self) -> u32 {
        lock(&self.windows).values().map(|window| window.unreported(self.burst)).sum()
    }

    fn admit_at(&self, kind: &'static str, source: &str, now: Instant) -> Option<String> {
        let mut windows = lock(&self.windows);
        let mut key = (kind, source.into());
        if !windows.contains_key(&key) && windows.len() >= self.sources {
            forget_ended(&mut windows, self.burst, now);
            if windows.len() >= self.sources {
                key.1 = "".into();
            }
        }
        let new = Window { since: now, lines: 0, left_out: 0 };
        let window = windows.entry(key).or_insert(new);
        if window.has_ended(now) {
            *window = Window { since: now, lines: 0, left_out: window.unreported(self.burst) };
        }
        window.lines = window.lines.saturating_add(1);
        if window.lines > self.burst {
            return None;
        }
        Some(match std::mem::take(&mut window.left_out) {
            0 => String::new(),
            n => format!(" ({n} more like this were left out)"),
        })
    }
}

impl Window {
    fn has_ended(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= limits::LOG_WINDOW
    }

    fn unreported(&self, burst: u32) -> u32 {
        self.left_out.saturating_add(self.lines.saturating_sub(burst))
    }
}

/// Makes room. What was left out is reported with the next line that has no window of its own.
fn forget_ended(
    windows: &mut BTreeMap<(&'static str, Box<str>), Window>,
    burst: u32,
    now: Instant,
) {
    let mut left_out: BTreeMap<&'static str, u32> = BTreeMap::new();
    windows.retain(|(kind, source), window| {
        let stays = source.is_empty() || !window.has_ended(now);
        if !stays && window.unreported(burst) > 0 {
            *left_out.entry(kind).or_default() += window.unreported(burst);
        }
        stays
    });
    for (kind, more) in left_out {
        let new = Window { since: now, lines: 0, left_out: 0 };
        let window = windows.entry((kind, "".into())).or_insert(new);
        window.left_out = window.left_out.saturating_add(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_reported_later() {
        let limit = LogLimit::default();
        let start = Instant::now();
        let written = (0..1000).filter(|_| limit.admit_at("flood", "", start).is_some()).count();
        assert_eq!(written, limits::LOG_BURST as usize);
        assert_eq!(limit.admit_at("other", "", start).as_deref(), Some(""));
        let later = start + limits::LOG_WINDOW;
        assert_eq!(
            limit.admit_at("flood", "", later).as_deref(),
            Some(" (990 more like this were left out)")
        );
        assert_eq!(limit.admit_at("flood", "", later).as_deref(), Some(""));
    }

    #[test]
    fn noise_does_not_hide_a_second_attacker() {
        let limit = LogLimit::default();
        let now = Instant::now();
        for _ in 0..1000 {
            limit.admit_at("refused", "192.168.1.66", now);
        }
        assert_eq!(limit.admit_at("refused", "192.168.1.66", now), None);
        assert_eq!(limit.admit_at("refused", "192.168.1.77", now).as_deref(), Some(""));
    }

    #[test]
    fn many_sources_neither_fill_the_table_nor_the_log() {
        let limit = LogLimit::new(4, limits::LOG_BURST);
        let start = Instant::now();
        let admit = |source: u32, at| limit.admit_at("refused", &source.to_string(), at);
        let written = (0..1000).filter(|source| admit(*source, start).is_some()).count();
        assert_eq!(written, 4 + limits::LOG_BURST as usize);
        assert_eq!(lock(&limit.windows).len(), 5);
        // Later there is room again, and nothing that was left out is forgotten.
        let later = start + limits::LOG_WINDOW;
        assert_eq!(admit(2000, later).as_deref(), Some(""));
        assert_eq!(
            limit.admit_at("refused", "", later).as_deref(),
            Some(" (986 more like this were left out)")
        );
    }
}
