//! A buffered reader whose buffer is the caller's, so that a connection's can lie on its thread's
//! stack: it goes with the thread, where thousands of them in the heap would leave it in holes.

use std::io::{self, BufRead, Read};
use std::ops::Range;

/// As [`std::io::BufReader`], with a borrowed buffer.
#[derive(Debug)]
pub(crate) struct ReadBuffer<'b, R> {
    inner: R,
    bytes: &'b mut [u8],
    unread: Range<usize>,
}

impl<'b, R: Read> ReadBuffer<'b, R> {
    pub(crate) fn new(inner: R, bytes: &'b mut [u8]) -> Self {
        Self { inner, bytes, unread: 0..0 }
    }

    pub(crate) fn get_ref(&self) -> &R {
        &self.inner
    }

    pub(crate) fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Forgets what was read and not consumed.
    pub(crate) fn clear(&mut self) {
        self.unread = 0..0;
    }
}

impl<R: Read> Read for ReadBuffer<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?.read(buffer)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

impl<R: Read> BufRead for ReadBuffer<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.unread.is_empty() {
            self.unread = 0..self.inner.read(self.bytes)?;
        }
        Ok(&self.bytes[self.unread.clone()])
    }

    fn consume(&mut self, bytes: usize) {
        self.unread.start = self.unread.end.min(self.unread.start + bytes);
    }
}
