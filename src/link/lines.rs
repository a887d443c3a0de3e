//! One line at a time, with a limit that may change while the line arrives.

use std::io::{self, BufRead};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// There is a line; its line feed is not in it.
    Complete,
    /// The other side closed. An incomplete last line is dropped.
    End,
    /// The line is longer than this many bytes.
    TooLong(usize),
}

/// Reads up to the next line feed and appends to `line`, which holds what has come of the line so
/// far: after an error such as `WouldBlock`, reading can go on. `limit` is asked for every piece
/// that arrives, and `progress` called for every one that does not end the line. Fails with the
/// errors of the reader and of `progress`.
pub(crate) fn read_line(
    reader: &mut impl BufRead,
    line: &mut Vec<u8>,
    limit: impl Fn() -> usize,
    mut progress: impl FnMut() -> io::Result<()>,
) -> io::Result<Line> {
    loop {
        let piece = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if piece.is_empty() {
            return Ok(Line::End);
        }
        let end = piece.iter().position(|byte| *byte == b'\n');
        let wanted = &piece[..end.unwrap_or(piece.len())];
        let limit = limit();
        if line.len() + wanted.len() > limit {
            return Ok(Line::TooLong(limit));
        }
        line.extend_from_slice(wanted);
        let used = wanted.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(Line::Complete);
        }
        progress()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn lines(input: &[u8], chunk: usize, limit: usize) -> Vec<(Line, Vec<u8>)> {
        let mut reader = BufReader::with_capacity(chunk, input);
        let mut all = Vec::new();
        loop {
            let mut line = Vec::new();
            let end = read_line(&mut reader, &mut line, || limit, || Ok(())).unwrap();
            all.push((end, line));
            if end != Line::Complete {
                return all;
            }
        }
    }

    #[test]
    fn lines_are_cut_at_line_feeds_however_they_arrive() {
        for chunk in [1, 2, 3, 100] {
            let found = lines(b"one\n\ntwo\r\nrest", chunk, 10);
            let expected = [
                (Line::Complete, b"one".to_vec()),
                (Line::Complete, b"".to_vec()),
                (Line::Complete, b"two\r".to_vec()),
                (Line::End, b"rest".to_vec()),
            ];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_line_of_the_limit_passes_and_a_longer_one_does_not() {
        assert_eq!(lines(b"12345\n", 2, 5)[0].0, Line::Complete);
        assert_eq!(lines(b"123456\n", 2, 5)[0].0, Line::TooLong(5));
        assert_eq!(lines(&[b'x'; 100], 7, 5)[0].0, Line::TooLong(5));
    }
}
