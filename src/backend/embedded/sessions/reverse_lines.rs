//! The lines of a file from its last to its first, read in blocks from the end, as far as needed.
//!
//! Our own because the crates for this have no limit on a line and do not report where it begins.

use crate::protocol::limits;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

#[derive(Debug)]
pub(super) struct ReverseLines<'f> {
    file: &'f File,
    /// Where in the file `buffer` begins.
    start: u64,
    buffer: Vec<u8>,
    /// The part of `buffer` before this has not been returned yet.
    end: usize,
    /// Between this and `end` there is no line break.
    unsearched: usize,
    /// The line at the end of `buffer` was longer than any may be, and its end is forgotten.
    too_long: bool,
    done: bool,
    bytes_read: usize,
    /// [`limits::TRANSCRIPT_LINE`], except in tests.
    longest: usize,
}

#[derive(Debug)]
pub(super) struct ReverseLine<'b> {
    /// Its bytes without the line break; none if it is too long.
    pub(super) bytes: &'b [u8],
    pub(super) start: u64,
    pub(super) too_long: bool,
}

impl ReverseLine<'_> {
    pub(super) fn is_blank(&self) -> bool {
        !self.too_long && self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

impl<'f> ReverseLines<'f> {
    /// The lines of the first `len` bytes. What is appended meanwhile does not matter.
    pub(super) fn new(file: &'f File, len: u64) -> Self {
        Self {
            file,
            start: len,
            buffer: Vec::new(),
            end: 0,
            unsearched: 0,
            too_long: false,
            done: false,
            bytes_read: 0,
            longest: limits::TRANSCRIPT_LINE,
        }
    }

    pub(super) fn bytes_read(&self) -> usize {
        self.bytes_read
    }

    /// The line before the one returned last. The text after the last line break counts as one.
    pub(super) fn previous(&mut self) -> io::Result<Option<ReverseLine<'_>>> {
        while !self.done {
            let unsearched = &self.buffer[..self.unsearched];
            if let Some(line_break) = unsearched.iter().rposition(|byte| *byte == b'\n') {
                return Ok(Some(self.take(line_break + 1, line_break)));
            }
            if self.start == 0 {
                self.done = true;
                return Ok(Some(self.take(0, 0)));
            }
            self.unsearched = 0;
            self.read_block()?;
        }
        Ok(None)
    }

    fn take(&mut self, begin: usize, left: usize) -> ReverseLine<'_> {
        let end = std::mem::replace(&mut self.end, left);
        self.unsearched = left;
        let too_long = std::mem::take(&mut self.too_long) || end - begin > self.longest;
        let bytes = if too_long { &[] } else { &self.buffer[begin..end] };
        ReverseLine { bytes, start: self.start + begin as u64, too_long }
    }

    /// Puts the bytes before the buffer in front of it. Blocks grow with the line they belong to,
    /// so that a long line is not moved again and again.
    fn read_block(&mut self) -> io::Result<()> {
        if self.end > self.longest {
            self.too_long = true;
            self.end = 0;
        }
        let wanted = limits::TRANSCRIPT_BLOCK.max(self.end) as u64;
        let size = wanted.min(self.start) as usize;
        let start = self.start - size as u64;
        let mut block = Vec::with_capacity(size + self.end);
        block.resize(size, 0);
        self.file.read_exact_at(&mut block, start)?;
        block.extend_from_slice(&self.buffer[..self.end]);
        self.end = block.len();
        self.unsearched = size;
        self.buffer = block;
        self.start = start;
        self.bytes_read += size;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        file
    }

    fn backwards(content: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let file = file(content);
        let mut lines = ReverseLines::new(&file, content.len() as u64);
        let mut all = Vec::new();
        while let Some(line) = lines.previous().unwrap() {
            assert!(!line.too_long);
            all.push((line.start, line.bytes.to_vec()));
        }
        assert!(lines.previous().unwrap().is_none());
        assert_eq!(lines.bytes_read(), content.len());
        all
    }

    #[test]
    fn lines_come_from_the_last_to_the_first() {
        let block = limits::TRANSCRIPT_BLOCK;
        for content in [
            Vec::new(),
            b"one".to_vec(),
            b"one\n".to_vec(),
            b"\n\none\n\ntwo".to_vec(),
            [vec![b'a'; block - 1], b"\n".to_vec(), vec![b'b'; block]].concat(),
            [vec![b'a'; block], b"\n".to_vec(), vec![b'b'; block - 1]].concat(),
            [vec![b'a'; 9 * block + 7], b"\nx\n".to_vec(), vec![b'b'; 3 * block]].concat(),
        ] {
            let mut expected = Vec::new();
            let mut start = 0;
            for line in content.split(|byte| *byte == b'\n') {
                expected.insert(0, (start, line.to_vec()));
                start += line.len() as u64 + 1;
            }
            assert_eq!(backwards(&content), expected);
        }
    }

    #[test]
    fn a_line_without_end_is_passed_over_and_not_kept_in_memory() {
        let longest = 2 * limits::TRANSCRIPT_BLOCK;
        let long = vec![b'x'; longest * 9];
        let content = [b"first\n".to_vec(), long, b"\nlast\n".to_vec()].concat();
        let file = file(&content);
        let mut lines = ReverseLines::new(&file, content.len() as u64);
        lines.longest = longest;
        let mut found = Vec::new();
        while let Some(line) = lines.previous().unwrap() {
            found.push((line.bytes.to_vec(), line.start, line.too_long));
        }
        let end = content.len() as u64;
        let expected = [
            (b"".to_vec(), end, false),
            (b"last".to_vec(), end - 5, false),
            (b"".to_vec(), 6, true),
            (b"first".to_vec(), 0, false),
        ];
        assert_eq!(found, expected);
        assert!(lines.buffer.capacity() <= 3 * longest);
    }

    #[test]
    fn only_the_blocks_that_are_needed_are_read() {
        let content = b"a line of a few words\n".repeat(100_000);
        let file = file(&content);
        let mut lines = ReverseLines::new(&file, content.len() as u64);
        for _ in 0..200 {
            lines.previous().unwrap();
        }
        assert_eq!(lines.bytes_read(), limits::TRANSCRIPT_BLOCK);
    }
}
