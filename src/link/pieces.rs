//! What is encoded and not yet written: short lines gathered in one buffer, long bodies where they
//! are.

use crate::protocol::{limits, Payload};
use std::collections::VecDeque;

/// A queue of bytes in pieces. The writer takes from the front as much as the socket takes.
#[derive(Debug, Default)]
pub struct Pieces {
    queue: VecDeque<Piece>,
    /// Bytes of the first piece that are written.
    written: usize,
    left: usize,
}

#[derive(Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Shared(Payload),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Shared(payload) => payload.as_bytes(),
        }
    }
}

impl Pieces {
    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.left
    }

    /// Adds what `fill` appends to the buffer it is given.
    pub fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        // What is written of a piece goes when all of it is, so a piece must have an end even if
        // the queue never has.
        match self.queue.back() {
            Some(Piece::Bytes(bytes)) if bytes.len() < limits::WRITE_BUFFER => {}
            _ => self.queue.push_back(Piece::Bytes(Vec::new())),
        }
        if let Some(Piece::Bytes(bytes)) = self.queue.back_mut() {
            let before = bytes.len();
            fill(bytes);
            self.left += bytes.len() - before;
        }
    }

    /// Adds encoded bytes; many are not copied.
    pub fn push(&mut self, bytes: Vec<u8>) {
        if bytes.len() < limits::WRITE_BUFFER {
            return self.append(|out| out.extend_from_slice(&bytes));
        }
        self.drop_empty_back();
        self.left += bytes.len();
        self.queue.push_back(Piece::Bytes(bytes));
    }

    /// Adds a payload without copying it.
    pub fn share(&mut self, payload: Payload) {
        self.drop_empty_back();
        if !payload.is_empty() {
            self.left += payload.len();
            self.queue.push_back(Piece::Shared(payload));
        }
    }

    /// Only the last piece may be empty, or the front would look as if nothing waited.
    fn drop_empty_back(&mut self) {
        while self.queue.back().is_some_and(|piece| piece.bytes().is_empty()) {
            self.queue.pop_back();
        }
    }

    /// What to write next; empty if there is nothing.
    pub fn front(&self) -> &[u8] {
        self.queue.front().map_or(&[], |piece| &piece.bytes()[self.written..])
    }

    /// So many bytes of [`Pieces::front`] are written.
    pub fn advance(&mut self, bytes: usize) {
        self.written += bytes;
        self.left -= bytes;
        while self.queue.front().is_some_and(|piece| piece.bytes().len() == self.written) {
            self.written = 0;
            match self.queue.pop_front() {
                // The buffer is used again, unless a large frame has made it large.
                Some(Piece::Bytes(mut bytes)) if self.queue.is_empty() => {
                    bytes.clear();
                    bytes.shrink_to(limits::WRITE_BUFFER);
                    if bytes.capacity() > 0 {
                        self.queue.push_back(Piece::Bytes(bytes));
                    }
                    return;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pieces: &mut Pieces, at_once: usize) -> String {
        let mut all = Vec::new();
        while !pieces.is_empty() {
            let bytes = pieces.front().len().min(at_once);
            assert!(bytes > 0, "something waits, and nothing is shown");
            all.extend_from_slice(&pieces.front()[..bytes]);
            pieces.advance(bytes);
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn everything_comes_out_in_order_however_it_is_taken() {
        for at_once in [1, 3, 100] {
            let mut pieces = Pieces::default();
            for _ in 0..2 {
                pieces.append(|out| out.extend_from_slice(b"head "));
                pieces.append(|_| ());
                pieces.share("body".into());
                pieces.share("".into());
                pieces.append(|out| out.extend_from_slice(b" tail"));
                pieces.append(|out| out.extend_from_slice(b"\n"));
                assert_eq!(pieces.len(), 15);
                assert_eq!(taken(&mut pieces, at_once), "head body tail\n");
                assert_eq!((pieces.len(), pieces.front()), (0, &b""[..]));
            }
        }
    }

    #[test]
    fn what_waits_is_always_at_the_front() {
        let mut pieces = Pieces::default();
        pieces.append(|_| ());
        pieces.share("one".into());
        assert_eq!(taken(&mut pieces, 100), "one");
        pieces.append(|out| out.push(b'-'));
        assert_eq!(taken(&mut pieces, 100), "-");
        pieces.share("two".into());
        assert_eq!(taken(&mut pieces, 100), "two");
    }

    fn kept(pieces: &Pieces) -> usize {
        let bytes = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => bytes.capacity(),
            Piece::Shared(payload) => payload.len(),
        };
        pieces.queue.iter().map(bytes).sum()
    }

    #[test]
    fn a_large_buffer_is_given_back() {
        let mut pieces = Pieces::default();
        pieces.append(|out| out.resize(10 * limits::WRITE_BUFFER, b'x'));
        taken(&mut pieces, usize::MAX);
        assert!(kept(&pieces) <= limits::WRITE_BUFFER, "{}", kept(&pieces));
    }

    #[test]
    fn what_is_written_does_not_stay_because_more_is_always_waiting() {
        let mut pieces = Pieces::default();
        pieces.append(|out| out.resize(100, b'x'));
        for _ in 0..1000 {
            // As TLS takes it, a record at a time, while the outbox never runs dry.
            pieces.append(|out| out.resize(out.len() + limits::WRITE_BUFFER, b'x'));
            pieces.advance(pieces.front().len().min(limits::WRITE_BUFFER));
            while pieces.len() > limits::WRITE_BUFFER {
                pieces.advance(pieces.front().len().min(limits::WRITE_BUFFER));
            }
            assert!(!pieces.is_empty());
        }
        assert!(kept(&pieces) <= 4 * limits::WRITE_BUFFER, "{}", kept(&pieces));
    }
}
