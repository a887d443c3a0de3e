//! The sign of life that the router thread gives to a watchdog.

use crate::router::Mono;
use std::sync::Arc;
use std::time::Duration;

/// What is called while the router thread works.
pub(super) type Beat = Arc<dyn Fn() + Send + Sync>;

pub(super) struct Heartbeat {
    every: Duration,
    next: Mono,
    beat: Beat,
}

impl Heartbeat {
    pub(super) fn new((every, beat): (Duration, Beat)) -> Self {
        Self { every, next: Mono::default(), beat }
    }

    /// Beats if it is time to; returns how long the thread may sleep.
    pub(super) fn beat_if_due(&mut self, now: Mono) -> Duration {
        if now >= self.next {
            self.next = now + self.every;
            (self.beat)();
        }
        self.next.since(now)
    }
}
