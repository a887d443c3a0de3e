//! Lines in, with a limit and a deadline; whole lines out, from any thread.

use crate::client::channel::Channel;
use crate::client::error::Error;
use crate::protocol::json::Fields;
use crate::protocol::{limits, NodeFrame};
use crate::wait;
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Which way a traced line went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the gateway.
    Received,
    /// To the gateway.
    Sent,
}

/// Is shown every line without its line feed. Tokens are replaced before.
pub type Trace = Arc<dyn Fn(Direction, &str) + Send + Sync>;

/// What came of waiting for a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A line without its line feed.
    Line(Vec<u8>),
    /// The deadline passed.
    Nothing,
}

/// The reading half.
pub struct LineReader {
    channel: Arc<Channel>,
    /// Bytes of which no line has been made yet.
    buffer: Vec<u8>,
    /// How many of them are known not to be a line feed, so that long lines cost linear time.
    searched: usize,
    heard: Instant,
    trace: Option<Trace>,
}

impl LineReader {
    pub(super) fn new(channel: Arc<Channel>, trace: Option<Trace>) -> Self {
        Self { channel, buffer: Vec::new(), searched: 0, heard: Instant::now(), trace }
    }

    /// When the last byte arrived.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Waits for the next line until `deadline`. Takes a little of what is there already even if
    /// the deadline has passed.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Broken`] (also when a line was cut off by the end),
    /// [`Error::LineTooLong`], [`Error::Stopped`].
    pub fn read_line(&mut self, deadline: Instant) -> Result<Received, Error> {
        let mut has_tried = false;
        loop {
            if let Some(line) = self.take_line() {
                self.show(&line);
                return Ok(Received::Line(line));
            }
            if self.buffer.len() > limits::LINE_NODE {
                return Err(Error::LineTooLong(limits::LINE_NODE));
            }
            // Bytes without end must not hold up the deadline.
            if has_tried && Instant::now() >= deadline {
                return Ok(Received::Nothing);
            }
            self.read_some(deadline)?;
            has_tried = true;
        }
    }

    /// What tells a gateway that expects TLS from one that expects lines.
    pub(super) fn is_encrypted(&self) -> bool {
        self.channel.is_encrypted()
    }

    /// What came after the last line.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let Some(found) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n')
        else {
            self.searched = self.buffer.len();
            return None;
        };
        let end = self.searched + found;
        let rest = self.buffer.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        line.truncate(end);
        self.searched = 0;
        Some(line)
    }

    fn read_some(&mut self, deadline: Instant) -> Result<(), Error> {
        let mut chunk = [0; limits::WRITE_BUFFER];
        match self.channel.read(&mut chunk, deadline) {
            Ok(0) => Ok(()),
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                self.heard = Instant::now();
                Ok(())
            }
            Err(Error::Closed) if !self.buffer.is_empty() => {
                let cut = "the gateway closed the connection in the middle of a line";
                Err(Error::Broken(io::Error::new(io::ErrorKind::UnexpectedEof, cut)))
            }
            Err(error) => Err(error),
        }
    }

    fn show(&self, line: &[u8]) {
        if let Some(trace) = &self.trace {
            trace(Direction::Received, &redacted(&String::from_utf8_lossy(line)));
        }
    }
}

impl fmt::Debug for LineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader").field("buffered", &self.buffer.len()).finish_non_exhaustive()
    }
}

/// The writing half; clones write to the same connection, one line at a time.
#[derive(Clone)]
pub struct Writer(Arc<WriterInner>);

struct WriterInner {
    channel: Arc<Channel>,
    /// Held while a line is written, never while anything is read.
    turn: Mutex<()>,
    timeout: Duration,
    trace: Option<Trace>,
}

impl Writer {
    pub(super) fn new(channel: Arc<Channel>, timeout: Duration, trace: Option<Trace>) -> Self {
        Self(Arc::new(WriterInner { channel, turn: Mutex::new(()), timeout, trace }))
    }

    /// Writes one frame. When that fails midway the connection is closed, because the gateway
    /// could not make sense of anything after half a line.
    ///
    /// # Errors
    /// [`Error::Broken`] or [`Error::Stopped`], or [`Error::LineTooLong`] before anything was
    /// written.
    pub fn send(&self, frame: &NodeFrame) -> Result<(), Error> {
        let mut line = Vec::new();
        frame.encode(&mut line);
        if line.len() > limits::LINE_NODE {
            return Err(Error::LineTooLong(limits::LINE_NODE));
        }
        // The caller's trace may panic, but nothing is written by then.
        let turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trace) = &self.0.trace {
            trace(Direction::Sent, &redacted(String::from_utf8_lossy(&line).trim_end()));
        }
        let written = self.0.channel.write(&line, wait::after(self.0.timeout));
        drop(turn);
        if written.is_err() {
            self.close();
        }
        written
    }

    /// Closes the connection in both directions; a thread that reads from it notices.
    pub fn close(&self) {
        self.0.channel.close();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer(…)")
    }
}

/// The line with the value of its `token` replaced by `…`. A line that is not JSON might hold one
/// anywhere, so if it mentions the word it is not shown at all.
fn redacted(line: &str) -> Cow<'_, str> {
    const WANTED: &[&str] = &["token"];
    match Fields::read(line, WANTED) {
        Ok(fields) => {
            match fields.json("token").filter(|raw| raw.len() > 2 && raw.starts_with('"')) {
                Some(raw) => Cow::Owned(line.replace(raw, "\"…\"")),
                None => Cow::Borrowed(line),
            }
        }
        Err(_) if line.to_ascii_lowercase().contains("token") => {
            Cow::Owned(format!("({} bytes that are not JSON)", line.len()))
        }
        Err(_) => Cow::Borrowed(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{connect, ConnectOptions, Connection, Stop};
    use std::io::Read;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    fn pair() -> (TcpStream, Connection, Stop) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Stop::new().unwrap();
        let connection = connect("127.0.0.1", port, ConnectOptions::default(), &stop).unwrap();
        (listener.accept().unwrap().0, connection, stop)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn lines_are_cut_at_line_feeds_however_they_arrive() {
        let (mut gateway, mut node, _stop) = pair();
        gateway.write_all(b"one\ntwo\nth").unwrap();
        for line in ["one", "two"] {
            let expected = Received::Line(line.into());
            assert_eq!(node.reader.read_line(soon()).unwrap(), expected);
        }
        assert_eq!(node.reader.read_line(Instant::now()).unwrap(), Received::Nothing);
        gateway.write_all(b"ree\n").unwrap();
        assert_eq!(node.reader.read_line(soon()).unwrap(), Received::Line("three".into()));
        drop(gateway);
        assert!(matches!(node.reader.read_line(soon()), Err(Error::Closed)));
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_limit() {
        let (mut gateway, mut node, _stop) = pair();
        let flood = std::thread::spawn(move || {
            let chunk = vec![b'x'; 1024 * 1024];
            while gateway.write_all(&chunk).is_ok() {}
        });
        assert!(matches!(node.reader.read_line(soon()), Err(Error::LineTooLong(_))));
        node.writer.close();
        drop(node);
        flood.join().unwrap();
    }

    #[test]
    fn a_stop_ends_a_read() {
        let (_gateway, mut node, stop) = pair();
        stop.request();
        assert!(matches!(node.reader.read_line(soon()), Err(Error::Stopped)));
    }

    #[test]
    fn traces_never_show_a_token() {
        assert_eq!(redacted(r#"{"type":"ping"}"#), r#"{"type":"ping"}"#);
        for line in [
            r#"{"type":"pair-ok","token":"s3cret"}"#,
            r#"{"token":"s3cret","token":"s3cret"}"#,
            r#"{"tok\u0065n":"s3cret"}"#,
            r#"{"token":"s3cret""#,
        ] {
            assert!(!redacted(line).contains("s3cret"), "{line}");
        }
    }

    #[test]
    fn a_trace_that_panics_costs_one_line_and_not_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let trace: Trace = Arc::new(|_, line| assert!(!line.contains("bad"), "as it should"));
        let options = ConnectOptions { trace: Some(trace), ..ConnectOptions::default() };
        let node = connect("127.0.0.1", port, options, &Stop::new().unwrap()).unwrap();
        let writer = node.writer.clone();
        let bad = std::thread::spawn(move || writer.send(&NodeFrame::Pong { id: "bad".into() }));
        assert!(bad.join().is_err());
        node.writer.send(&NodeFrame::Pong { id: "good".into() }).unwrap();
        drop(node);
        let mut heard = String::new();
        listener.accept().unwrap().0.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "{\"type\":\"pong\",\"id\":\"good\"}\n");
    }

    #[test]
    fn a_node_that_leaves_says_its_last_words_unless_nobody_listens() {
        let payload = format!("\"{}\"", "x".repeat(20_000_000));
        let event = NodeFrame::event("big", payload.as_str());
        let (mut gateway, node, stop) = pair();
        stop.request();
        let listening = std::thread::spawn(move || {
            let mut heard = Vec::new();
            gateway.read_to_end(&mut heard).map(|_| heard.len())
        });
        node.writer.send(&event).unwrap();
        node.writer.close();
        assert!(listening.join().unwrap().unwrap() > payload.len());

        let (_deaf, node, stop) = pair();
        stop.request();
        let began = Instant::now();
        assert!(matches!(node.writer.send(&event), Err(Error::Stopped)));
        let took = began.elapsed();
        assert!(took >= limits::LAST_WORDS && took < limits::LAST_WORDS * 10, "{took:?}");
    }
}
