//! Random delays, so that hosts do not all send at once. Nothing secret depends on them.

use std::ops::Range;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next number, which may seed another generator.
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A duration in this range of milliseconds.
    pub(super) fn within(&mut self, range: Range<u64>) -> Duration {
        let width = (range.end - range.start).max(1);
        Duration::from_millis(range.start + self.next() % width)
    }
}
