//! The only clock of the router.

use crate::calendar;
use crate::router::{Mono, Now, Wall};
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(super) fn now(self) -> Now {
        Now { mono: Mono(self.start.elapsed()), wall: Wall(calendar::now_ms()) }
    }
}
