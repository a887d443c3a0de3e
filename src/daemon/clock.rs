//! The only clock of the router.

use crate::router::{Mono, Now, Wall};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Time since the start, and the calendar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(super) fn now(self) -> Now {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        Now { mono: Mono(self.start.elapsed()), wall: Wall(wall) }
    }
}
