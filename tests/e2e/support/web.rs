//! A web view, as far as the canvas host sees it: a socket and requests. Shares no code with the
//! bridge.

use super::{Daemon, DEADLINE};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One connection to the canvas host.
pub(crate) struct Web {
    stream: TcpStream,
    read: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Daemon {
    /// Where the canvas host listens first.
    pub(crate) fn canvas(&self) -> SocketAddr {
        let status = self.status();
        status["canvasHost"]["addresses"][0].as_str().unwrap().parse().unwrap()
    }

    /// One request for a path below the owner's folder.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> Answer {
        Web::open(self.canvas()).get(&format!("/__clawdbot__/canvas/{path}"), "")
    }
}

impl Web {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Asks for a path; more fields of the head end with a line break each.
    pub(crate) fn ask(&mut self, method: &str, path: &str, fields: &str) {
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n"));
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str, fields: &str) -> Answer {
        self.ask("GET", path, fields);
        self.answer(true)
    }

    #[track_caller]
    pub(crate) fn head(&mut self, path: &str, fields: &str) -> Answer {
        self.ask("HEAD", path, fields);
        self.answer(false)
    }

    /// Reads the next answer, with the body that its head announces.
    #[track_caller]
    pub(crate) fn answer(&mut self, has_body: bool) -> Answer {
        let head = self.until("\r\n\r\n");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.field("content-length").filter(|_| has_body).unwrap_or("0");
        let length: usize = length.parse().unwrap();
        while self.read.len() < length {
            assert!(self.more() > 0, "the body is incomplete");
        }
        answer.body = self.read.drain(..length).collect();
        answer
    }

    /// Reads up to this text, and it.
    #[track_caller]
    pub(crate) fn until(&mut self, end: &str) -> String {
        loop {
            let found = self.read.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let text: Vec<u8> = self.read.drain(..at + end.len()).collect();
                return String::from_utf8(text).unwrap();
            }
            assert!(self.more() > 0, "the end before {end:?}: {:?}", self.read);
        }
    }

    /// Waits for the end of the connection.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        while self.more() > 0 {}
    }

    /// Whether nothing comes for this long.
    pub(crate) fn is_silent(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let silent = matches!(self.stream.peek(&mut [0]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        self.stream.set_read_timeout(Some(DEADLINE)).unwrap();
        silent
    }

    /// How many bytes came; 0 is the end.
    #[track_caller]
    fn more(&mut self) -> usize {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(count) => {
                self.read.extend_from_slice(&bytes[..count]);
                count
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("nothing comes: {error}"),
        }
    }
}

impl Answer {
    /// A field of the head.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}
