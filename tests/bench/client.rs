//! One thread that plays all nodes: connections that do not block, and `epoll`.

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustls::{ClientConfig, ClientConnection};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection, with or without TLS.
pub(crate) struct Connection {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    input: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        let tls = tls.map(|config| {
            let name = "localhost".try_into().expect("a name");
            Box::new(ClientConnection::new(config.clone(), name).expect("a configuration"))
        });
        Self { stream, tls, input: Vec::new() }
    }

    /// Says hello as node `n` and waits until it is admitted.
    pub(crate) fn login(address: SocketAddr, tls: Option<&Arc<ClientConfig>>, n: usize) -> Self {
        let mut connection = Self::open(address, tls);
        let hello = format!(
            "{{\"type\":\"hello\",\"nodeId\":\"n{n}\",\"token\":\"t{n}\",\"platform\":\"linux\"}}\n"
        );
        connection.send(hello.as_bytes());
        let answer = connection.line();
        assert!(answer.contains("hello-ok"), "not admitted: {answer}");
        connection
    }

    /// Whether TLS took up an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        let kind = self.tls.as_ref().and_then(|tls| tls.handshake_kind());
        kind == Some(rustls::HandshakeKind::Resumed)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let result = match &mut self.tls {
            None => self.stream.write_all(bytes),
            Some(tls) => {
                tls.writer().write_all(bytes).expect("room for a line");
                while tls.is_handshaking() && tls.complete_io(&mut self.stream).is_ok() {}
                let mut result = Ok(());
                while tls.wants_write() && result.is_ok() {
                    result = tls.write_tls(&mut self.stream).map(drop);
                }
                result
            }
        };
        result.expect("the other side takes what it is sent");
    }

    /// Sends these bytes over and over, as long as the other side takes them, and without reading.
    pub(crate) fn send_what_fits(&mut self, bytes: &[u8], times: usize) {
        self.stream.set_nonblocking(true).expect("not blocking");
        for _ in 0..times {
            if self.stream.write(bytes).is_err() {
                break;
            }
        }
    }

    /// Reads what is there; false at the end.
    fn receive(&mut self) -> bool {
        let mut chunk = [0; 64 * 1024];
        let result = match &mut self.tls {
            None => self.stream.read(&mut chunk),
            Some(tls) => match tls.read_tls(&mut self.stream) {
                Ok(0) => Ok(0),
                Ok(_) => {
                    let state = tls.process_new_packets().expect("TLS");
                    let mut left = state.plaintext_bytes_to_read();
                    while left > 0 {
                        let bytes = tls.reader().read(&mut chunk).expect("plain text");
                        self.input.extend_from_slice(&chunk[..bytes]);
                        left -= bytes;
                    }
                    return true;
                }
                Err(error) => Err(error),
            },
        };
        match result {
            Ok(0) => false,
            Ok(bytes) => {
                self.input.extend_from_slice(&chunk[..bytes]);
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            Err(error) => panic!("a connection broke: {error}"),
        }
    }

    /// The next line, for a connection that still blocks.
    pub(crate) fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line = self.input.drain(..=end).collect();
                return String::from_utf8(line).expect("text");
            }
            assert!(self.receive(), "the connection was closed");
        }
    }
}

/// All connections of a row.
pub(crate) struct Crowd {
    pub(crate) connections: Vec<Connection>,
    epoll: OwnedFd,
}

impl Crowd {
    pub(crate) fn new(connections: Vec<Connection>) -> Self {
        let epoll = epoll::create(CreateFlags::CLOEXEC).expect("epoll");
        for (number, connection) in connections.iter().enumerate() {
            connection.stream.set_nonblocking(true).expect("not blocking");
            let data = EventData::new_u64(number as u64);
            epoll::add(&epoll, &connection.stream, data, EventFlags::IN).expect("epoll");
        }
        Self { connections, epoll }
    }

    /// Calls `on_line` with the connection's number and each line that arrives, and sends what it
    /// leaves in the buffer, until `is_over`, which is asked at least every 20 ms.
    pub(crate) fn run(
        &mut self,
        mut on_line: impl FnMut(usize, &[u8], &mut Vec<u8>),
        mut is_over: impl FnMut() -> bool,
    ) {
        let (mut out, mut events) = (Vec::new(), Vec::with_capacity(1024));
        let wait = rustix::time::Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        while !is_over() {
            events.clear();
            let spare = rustix::buffer::spare_capacity(&mut events);
            epoll::wait(&self.epoll, spare, Some(&wait)).expect("epoll");
            for event in &events {
                let number = event.data.u64() as usize;
                let connection = &mut self.connections[number];
                assert!(connection.receive(), "connection {number} was closed");
                let mut used = 0;
                while let Some(end) = connection.input[used..].iter().position(|b| *b == b'\n') {
                    on_line(number, &connection.input[used..used + end], &mut out);
                    used += end + 1;
                }
                connection.input.drain(..used);
                if !out.is_empty() {
                    connection.send(&out);
                    out.clear();
                }
            }
        }
    }

    /// Keeps `in_flight` requests open on each connection for `span`, after a fifth of it as
    /// warm-up. Returns how long each took.
    pub(crate) fn closed_loop(
        &mut self,
        request: &[u8],
        in_flight: usize,
        span: Duration,
    ) -> Samples {
        let warm = Instant::now() + span / 5;
        let end = warm + span;
        let mut open: Vec<VecDeque<Instant>> = Vec::new();
        for connection in &mut self.connections {
            connection.send(&request.repeat(in_flight));
            open.push(VecDeque::from(vec![Instant::now(); in_flight]));
        }
        let (mut samples, mut waiting) = (Samples::default(), self.connections.len() * in_flight);
        let mut now = Instant::now();
        let is_waiting = std::cell::Cell::new(true);
        self.run(
            |number, line, out| {
                if line.starts_with(b"{\"type\":\"event\"") {
                    return;
                }
                now = Instant::now();
                let began = open[number].pop_front().expect("a request for each answer");
                if began >= warm && now < end {
                    samples.push(now - began);
                }
                if now < end {
                    out.extend_from_slice(request);
                    open[number].push_back(now);
                } else {
                    waiting -= 1;
                    is_waiting.set(waiting > 0);
                }
            },
            || !is_waiting.get() || Instant::now() > end + PATIENCE,
        );
        assert!(!is_waiting.get(), "some requests were not answered");
        samples.span = span;
        samples
    }
}

/// Durations in nanoseconds, and how long they were collected.
#[derive(Default)]
pub(crate) struct Samples {
    ns: Vec<u64>,
    span: Duration,
}

impl Samples {
    pub(crate) fn push(&mut self, took: Duration) {
        self.ns.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn collected_in(mut self, span: Duration) -> Self {
        self.span = span;
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.ns.len()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.ns.len() as f64 / self.span.as_secs_f64()
    }

    /// Microseconds below which this share of the samples is.
    pub(crate) fn percentile_us(&mut self, share: f64) -> f64 {
        assert!(!self.ns.is_empty(), "nothing was measured");
        let at = ((self.ns.len() as f64 * share) as usize).min(self.ns.len() - 1);
        *self.ns.select_nth_unstable(at).1 as f64 / 1000.0
    }
}

/// The lines that a child process writes.
pub(crate) fn read_line(reader: &mut BufReader<impl Read>) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line of the child");
    line.trim().to_owned()
}
