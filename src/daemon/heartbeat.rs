//! The sign of life that the router thread gives to a watchdog, and the news that it has then.

use crate::protocol::limits;
use crate::protocol::operator::NodeCounts;
use crate::router::Mono;
use std::sync::Arc;
use std::time::Duration;

/// What is called while the router thread works.
pub(super) type Beat = Arc<dyn Fn(NodeCounts) + Send + Sync>;

pub(super) struct Heartbeat {
    every: Duration,
    last: Option<(Mono, NodeCounts)>,
    beat: Beat,
}

impl Heartbeat {
    pub(super) fn new((every, beat): (Duration, Beat)) -> Self {
        Self { every, last: None, beat }
    }

    /// Beats if it is time to, or if there is news; returns how long the thread may sleep.
    pub(super) fn beat_if_due(&mut self, now: Mono, counts: NodeCounts) -> Duration {
        let wait = match self.last {
            None => Duration::ZERO,
            // A node that comes and goes all the time is no reason to beat faster.
            Some((at, told)) if told != counts => {
                (at + limits::NEWS_EVERY.min(self.every)).since(now)
            }
            Some((at, _)) => (at + self.every).since(now),
        };
        if !wait.is_zero() {
            return wait;
        }
        (self.beat)(counts);
        self.last = Some((now, counts));
        self.every
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn beats_in_time_and_at_news_but_not_for_each_of_many() {
        let beats = Arc::new(Mutex::new(Vec::new()));
        let written = beats.clone();
        let beat = move |counts: NodeCounts| written.lock().unwrap().push(counts.connected);
        let mut heart = Heartbeat::new((Duration::from_secs(30), Arc::new(beat)));
        let mut at = |seconds: f64, connected| {
            let counts = NodeCounts { connected, ..NodeCounts::default() };
            heart.beat_if_due(Mono(Duration::from_secs_f64(seconds)), counts).as_secs_f64()
        };
        assert_eq!([at(0.0, 0), at(10.0, 0), at(29.5, 0)], [30.0, 20.0, 0.5]);
        assert_eq!([at(30.0, 0), at(30.25, 1), at(30.5, 2), at(30.75, 1)], [30.0, 0.75, 0.5, 0.25]);
        assert_eq!([at(31.0, 3), at(50.0, 3), at(51.0, 2), at(51.5, 2)], [30.0, 11.0, 30.0, 29.5]);
        assert_eq!(*beats.lock().unwrap(), [0, 0, 3, 2]);
    }
}
