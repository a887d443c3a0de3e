//! How long to wait before the next attempt to connect. Pure: time and chance are arguments.

use crate::protocol::limits;
use std::time::Duration;

/// Waits that double with every failure in a row.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure: between half and all of the current step. `chance` spreads
    /// the nodes of one house, which all lost the gateway in the same moment.
    pub fn next_delay(&mut self, chance: u32) -> Duration {
        let step =
            limits::BACKOFF_MIN.saturating_mul(1 << self.failures.min(10)).min(limits::BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        let half = step / 2;
        half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX))
    }

    /// A connection ended that had been admitted for this long.
    pub fn admitted_for(&mut self, lived: Duration) {
        if lived >= limits::BACKOFF_RESET {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..9).map(|_| backoff.next_delay(u32::MAX).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
        let mut tired = Backoff { failures: u32::MAX };
        assert_eq!(tired.next_delay(u32::MAX), limits::BACKOFF_MAX);
    }

    #[test]
    fn chance_takes_away_at_most_half() {
        assert_eq!(Backoff::default().next_delay(0), Duration::from_millis(250));
        let middle = Backoff::default().next_delay(u32::MAX / 2);
        assert!(middle > Duration::from_millis(370) && middle < Duration::from_millis(380));
    }

    #[test]
    fn only_a_connection_that_lived_resets_the_waits() {
        let mut backoff = Backoff::default();
        backoff.next_delay(0);
        backoff.admitted_for(Duration::from_secs(2));
        assert_eq!(backoff.next_delay(u32::MAX), Duration::from_secs(1));
        backoff.admitted_for(limits::BACKOFF_RESET);
        assert_eq!(backoff.next_delay(u32::MAX), limits::BACKOFF_MIN);
    }
}
