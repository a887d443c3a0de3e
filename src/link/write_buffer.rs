//! Encoded bytes that are not yet written: short lines are gathered in one buffer, long bodies
//! stay where they are.

use crate::protocol::{limits, Payload};
use std::collections::VecDeque;

/// A queue of byte chunks. The writer takes from the front as much as the socket accepts.
#[derive(Debug, Default)]
pub(crate) struct WriteBuffer {
    queue: VecDeque<Chunk>,
    /// Bytes of the first chunk that are written.
    written: usize,
    left: usize,
}

#[derive(Debug)]
enum Chunk {
    Bytes(Vec<u8>),
    Shared(Payload),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Shared(payload) => payload.as_bytes(),
        }
    }
}

impl WriteBuffer {
    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.left
    }

    /// Adds what `fill` appends to the buffer it is given.
    pub(crate) fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        // What is written of a chunk goes when all of it is, so a chunk must have an end even if
        // the queue never has.
        match self.queue.back() {
            Some(Chunk::Bytes(bytes)) if bytes.len() < limits::WRITE_BUFFER => {}
            _ => self.queue.push_back(Chunk::Bytes(Vec::new())),
        }
        if let Some(Chunk::Bytes(bytes)) = self.queue.back_mut() {
            let before = bytes.len();
            fill(bytes);
            self.left += bytes.len() - before;
        }
    }

    /// Adds encoded bytes; many are not copied.
    pub(crate) fn push(&mut self, bytes: Vec<u8>) {
        if bytes.len() < limits::WRITE_BUFFER {
            return self.append(|out| out.extend_from_slice(&bytes));
        }
        self.add(Chunk::Bytes(bytes));
    }

    /// Adds a payload without copying it.
    pub(crate) fn share(&mut self, payload: Payload) {
        if !payload.is_empty() {
            self.add(Chunk::Shared(payload));
        }
    }

    /// Only the last chunk may be empty, or the front would look as if nothing waited.
    fn add(&mut self, chunk: Chunk) {
        self.left += chunk.bytes().len();
        let is_last_empty = self.queue.back().is_some_and(|last| last.bytes().is_empty());
        self.queue.insert(self.queue.len() - usize::from(is_last_empty), chunk);
    }

    /// What to write next; empty if there is nothing.
    pub(crate) fn front(&self) -> &[u8] {
        self.queue.front().map_or(&[], |chunk| &chunk.bytes()[self.written..])
    }

    /// Marks so many bytes of [`WriteBuffer::front`] as written.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.written += bytes;
        self.left -= bytes;
        while self.queue.front().is_some_and(|chunk| chunk.bytes().len() == self.written) {
            self.written = 0;
            match self.queue.pop_front() {
                // The buffer is used again, unless a large frame has made it large.
                Some(Chunk::Bytes(mut bytes)) if self.queue.is_empty() => {
                    bytes.clear();
                    bytes.shrink_to(limits::WRITE_BUFFER);
                    if bytes.capacity() > 0 {
                        self.queue.push_back(Chunk::Bytes(bytes));
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    /// Takes out everything that is not written, from the beginning of the line that is partly
    /// written. A line is never split between two chunks, as long as none was shared.
    pub(crate) fn take_unwritten(&mut self) -> Vec<Vec<u8>> {
        let Self { queue, written, .. } = std::mem::take(self);
        let mut chunks: Vec<_> = queue.iter().map(|chunk| chunk.bytes().to_vec()).collect();
        if let Some(first) = chunks.first_mut() {
            let end_of_last = first[..written].iter().rposition(|byte| *byte == b'\n');
            first.drain(..end_of_last.map_or(0, |end| end + 1));
        }
        chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(buffer: &mut WriteBuffer, at_once: usize) -> String {
        let mut all = Vec::new();
        while !buffer.is_empty() {
            let bytes = buffer.front().len().min(at_once);
            assert!(bytes > 0, "something waits, and nothing is shown");
            all.extend_from_slice(&buffer.front()[..bytes]);
            buffer.advance(bytes);
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn everything_comes_out_in_order_however_it_is_taken() {
        for at_once in [1, 3, 100] {
            let mut buffer = WriteBuffer::default();
            for _ in 0..2 {
                buffer.append(|out| out.extend_from_slice(b"head "));
                buffer.append(|_| ());
                buffer.share("body".into());
                buffer.share("".into());
                buffer.append(|out| out.extend_from_slice(b" tail"));
                buffer.append(|out| out.extend_from_slice(b"\n"));
                assert_eq!(buffer.len(), 15);
                assert_eq!(taken(&mut buffer, at_once), "head body tail\n");
                assert_eq!((buffer.len(), buffer.front()), (0, &b""[..]));
            }
        }
    }

    #[test]
    fn what_waits_is_always_at_the_front() {
        let mut buffer = WriteBuffer::default();
        buffer.append(|_| ());
        buffer.share("one".into());
        assert_eq!(taken(&mut buffer, 100), "one");
        buffer.append(|out| out.push(b'-'));
        assert_eq!(taken(&mut buffer, 100), "-");
        buffer.share("two".into());
        assert_eq!(taken(&mut buffer, 100), "two");
        assert!(kept(&buffer) > 0, "the buffer for short lines is used again");
    }

    fn kept(buffer: &WriteBuffer) -> usize {
        let bytes = |chunk: &Chunk| match chunk {
            Chunk::Bytes(bytes) => bytes.capacity(),
            Chunk::Shared(payload) => payload.len(),
        };
        buffer.queue.iter().map(bytes).sum()
    }

    #[test]
    fn a_large_buffer_is_given_back() {
        let mut buffer = WriteBuffer::default();
        buffer.append(|out| out.resize(10 * limits::WRITE_BUFFER, b'x'));
        taken(&mut buffer, usize::MAX);
        assert!(kept(&buffer) <= limits::WRITE_BUFFER, "{}", kept(&buffer));
    }

    #[test]
    fn what_is_written_does_not_stay_because_more_is_always_waiting() {
        let mut buffer = WriteBuffer::default();
        buffer.append(|out| out.resize(100, b'x'));
        for _ in 0..1000 {
            // As TLS takes it, a record at a time, while the outbox never runs dry.
            buffer.append(|out| out.resize(out.len() + limits::WRITE_BUFFER, b'x'));
            buffer.advance(buffer.front().len().min(limits::WRITE_BUFFER));
            while buffer.len() > limits::WRITE_BUFFER {
                buffer.advance(buffer.front().len().min(limits::WRITE_BUFFER));
            }
            assert!(!buffer.is_empty());
        }
        assert!(kept(&buffer) <= 4 * limits::WRITE_BUFFER, "{}", kept(&buffer));
    }
}
