//! A limit on events per second, such as datagrams on one socket.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct RateLimit {
    per_second: u32,
    window_start: Option<Instant>,
    used: u32,
}

impl RateLimit {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, window_start: None, used: 0 }
    }

    /// Counts one event; whether it is permitted.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if self.window_end(now).is_none() {
            self.window_start = Some(now);
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
        self.used <= self.per_second
    }

    /// When events are permitted again; `None` if they are.
    pub(super) fn exhausted_until(&self, now: Instant) -> Option<Instant> {
        self.window_end(now).filter(|_| self.used >= self.per_second)
    }

    fn window_end(&self, now: Instant) -> Option<Instant> {
        self.window_start.map(|start| start + WINDOW).filter(|end| now < *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_used_up_and_renewed() {
        let (mut limit, start) = (RateLimit::new(2), Instant::now());
        assert_eq!([(); 4].map(|()| limit.take(start)), [true, true, false, false]);
        assert_eq!(limit.exhausted_until(start), Some(start + WINDOW));
        assert_eq!(limit.exhausted_until(start + WINDOW), None);
        assert!(limit.take(start + WINDOW));
    }
}
