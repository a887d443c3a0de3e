//! A node as the apps are: a socket, lines of JSON. Shares no code with the bridge.

use super::tls::{Client, Wire};
use super::{secrets, Daemon, DEADLINE};
use serde_json::{json, Value};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub(crate) struct Phone {
    stream: Wire,
    buffer: Vec<u8>,
    /// The token it was given, if it was paired on this connection or logged in.
    pub(crate) token: String,
}

fn open(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
    stream.set_nodelay(true).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    Some(stream)
}

/// What came next.
#[derive(Debug)]
pub(crate) enum Next {
    Frame(Value),
    Closed,
    Silence,
}

/// A method that the router refuses by itself, in the order of what it handles.
const REFUSED: &str = "no.such.method";

impl Phone {
    /// Connects as the daemon wants it: with TLS if that is required.
    pub(crate) fn connect(daemon: &Daemon) -> Self {
        match daemon.requires_tls() {
            true => Self::secured(daemon.address(), &Client::default()),
            false => Self::connect_to(daemon.address()),
        }
    }

    /// Connects with TLS.
    #[track_caller]
    pub(crate) fn secured(address: SocketAddr, client: &Client) -> Self {
        let stream = open(address).unwrap();
        let stream = client.secure(stream).expect("a TLS connection");
        Self { stream, buffer: Vec::new(), token: String::new() }
    }

    pub(crate) fn connect_to(address: SocketAddr) -> Self {
        Self::try_connect_to(address).unwrap()
    }

    /// `None` if nobody listens.
    pub(crate) fn try_connect_to(address: SocketAddr) -> Option<Self> {
        let stream = Wire::Plain(open(address)?);
        Some(Self { stream, buffer: Vec::new(), token: String::new() })
    }

    /// Connects and asks to be paired; nobody has answered yet.
    pub(crate) fn asking(daemon: &Daemon, node: &str) -> Self {
        let mut phone = Self::connect(daemon);
        phone.send(&json!({ "type": "hello", "nodeId": node }));
        phone.expect("error");
        phone.send(&json!({ "type": "pair-request", "nodeId": node }));
        daemon.pending_request(node);
        phone
    }

    /// Connects and is paired by the operator.
    pub(crate) fn paired(daemon: &Daemon, node: &str) -> Self {
        let mut phone = Self::asking(daemon, node);
        daemon.approve(node);
        phone.expect_token();
        phone.expect("hello-ok");
        phone.expect_event("voicewake.changed");
        phone
    }

    /// Connects with a token.
    #[track_caller]
    pub(crate) fn log_in(daemon: &Daemon, node: &str, token: &str) -> Self {
        let mut phone = Self::connect(daemon);
        phone.send(&json!({ "type": "hello", "nodeId": node, "token": token }));
        phone.expect("hello-ok");
        phone.expect_event("voicewake.changed");
        phone.token = token.to_owned();
        phone
    }

    /// What its bytes travel in.
    pub(crate) fn wire(&self) -> &Wire {
        &self.stream
    }

    pub(crate) fn wire_mut(&mut self) -> &mut Wire {
        &mut self.stream
    }

    pub(crate) fn into_wire(self) -> Wire {
        self.stream
    }

    pub(crate) fn send(&mut self, frame: &Value) {
        self.send_raw(format!("{frame}\n").as_bytes());
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// As [`Phone::send_raw`], for what the bridge may refuse to read to its end.
    pub(crate) fn try_send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// How long sending may be held up before [`Phone::try_send_raw`] fails.
    pub(crate) fn patience_for_sending(&mut self, patience: Duration) {
        self.stream.tcp().set_write_timeout(Some(patience)).unwrap();
    }

    /// Calls a method and waits for the answer, throwing away what comes before.
    #[track_caller]
    pub(crate) fn request(&mut self, method: &str, params: Option<&str>) -> Value {
        let id = format!("to-{method}");
        self.send(&json!({ "type": "req", "id": id, "method": method, "paramsJSON": params }));
        loop {
            let frame = self.receive();
            if frame["type"] == "res" && frame["id"] == *id {
                return frame;
            }
        }
    }

    /// Has a ping answered, which the connection does by itself, and a request, which the router
    /// does; how long that took.
    #[track_caller]
    pub(crate) fn ping(&mut self) -> Duration {
        let began = Instant::now();
        self.send(&json!({ "type": "ping", "id": "p" }));
        while self.receive()["type"] != "pong" {}
        self.request(REFUSED, None);
        began.elapsed()
    }

    /// Whether the connection is open: a ping is answered, or the bridge has closed.
    pub(crate) fn is_alive(&mut self) -> bool {
        // A closed connection shows when something is sent, or when nothing more comes.
        let _ = self.try_send_raw(b"{\"type\":\"ping\",\"id\":\"alive?\"}\n");
        loop {
            match self.next_within(DEADLINE) {
                Next::Frame(frame) if frame["type"] == "pong" => return true,
                Next::Frame(_) => {}
                Next::Closed => return false,
                Next::Silence => panic!("neither an answer nor an end"),
            }
        }
    }

    /// The next frame, or what else happens first.
    pub(crate) fn next_within(&mut self, patience: Duration) -> Next {
        let end = Instant::now() + patience;
        let mut searched = 0;
        loop {
            let found = self.buffer[searched..].iter().position(|byte| *byte == b'\n');
            if let Some(at) = found.map(|at| searched + at) {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                let text = String::from_utf8(line).expect("the bridge sends UTF-8");
                assert!(text.trim() != "", "the bridge sends no blank lines");
                let frame = serde_json::from_str(&text).expect("the bridge sends JSON");
                return Next::Frame(frame);
            }
            searched = self.buffer.len();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Silence;
            }
            self.stream.tcp().set_read_timeout(Some(left)).unwrap();
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    assert!(self.buffer.is_empty(), "the bridge closed in the middle of a frame");
                    return Next::Closed;
                }
                Ok(bytes) => self.buffer.extend_from_slice(&chunk[..bytes]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return Next::Closed,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn receive(&mut self) -> Value {
        match self.next_within(DEADLINE) {
            Next::Frame(frame) => frame,
            other => panic!("a frame was expected, not {other:?}"),
        }
    }

    /// The next frame, which has to be of this type.
    #[track_caller]
    pub(crate) fn expect(&mut self, kind: &str) -> Value {
        let frame = self.receive();
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// The next frame, which has to be this error.
    #[track_caller]
    pub(crate) fn expect_error(&mut self, code: &str, message: &str) {
        let frame = self.receive();
        assert_eq!(frame, json!({ "type": "error", "code": code, "message": message }));
    }

    /// The next frame, which has to be this event; its payload.
    #[track_caller]
    pub(crate) fn expect_event(&mut self, name: &str) -> Value {
        let frame = self.expect("event");
        assert_eq!(frame["event"], name, "{frame}");
        serde_json::from_str(frame["payloadJSON"].as_str().unwrap()).unwrap()
    }

    /// The next frame, which has to bring the token.
    #[track_caller]
    pub(crate) fn expect_token(&mut self) -> String {
        let frame = self.expect("pair-ok");
        self.token = frame["token"].as_str().unwrap().to_owned();
        secrets::remember(&self.token);
        self.token.clone()
    }

    /// The token, unless the connection ends before it comes.
    pub(crate) fn token_if_any(&mut self) -> Option<String> {
        let end = Instant::now() + DEADLINE;
        let mut chunk = [0; 1024];
        self.stream.tcp().set_read_timeout(Some(DEADLINE)).unwrap();
        while !self.buffer.contains(&b'\n') && Instant::now() < end {
            // A bridge that is killed may leave half a line, or a reset.
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(bytes) => self.buffer.extend_from_slice(&chunk[..bytes]),
            }
        }
        Some(self.expect_token())
    }

    /// The bridge closes, without another word.
    #[track_caller]
    pub(crate) fn expect_close(&mut self) {
        self.expect_close_within(DEADLINE);
    }

    #[track_caller]
    pub(crate) fn expect_close_within(&mut self, patience: Duration) {
        match self.next_within(patience) {
            Next::Closed => {}
            other => panic!("the connection was expected to end, not {other:?}"),
        }
    }

    /// The router has sent nothing else before its next answer: for what must not be said.
    #[track_caller]
    pub(crate) fn expect_nothing_else(&mut self) {
        self.send(&json!({ "type": "req", "id": "quiet?", "method": REFUSED }));
        assert_eq!(self.receive()["id"], "quiet?");
    }
}

impl Daemon {
    /// Waits for the pairing request of a node.
    pub(crate) fn pending_request(&self, node: &str) -> Value {
        super::eventually("the request is shown", || {
            let pending = self.ask("node.pair.list", &json!({}))["pending"].take();
            let pending = pending.as_array().unwrap();
            pending.iter().find(|r| r["nodeId"] == node && r["waiting"] == true).cloned()
        })
    }

    /// Approves the pairing request of a node, by its full id; the one that is waited for, if there
    /// are several.
    #[track_caller]
    pub(crate) fn approve(&self, node: &str) -> Value {
        let pending = self.ask("node.pair.list", &json!({}))["pending"].take();
        let pending: Vec<Value> =
            pending.as_array().unwrap().iter().filter(|r| r["nodeId"] == node).cloned().collect();
        let found = pending.iter().find(|r| r["waiting"] == true).or_else(|| pending.first());
        let id = found.map_or_else(|| json!(node), |request| request["requestId"].clone());
        self.ask("node.pair.approve", &json!({ "requestId": id }))
    }
}
