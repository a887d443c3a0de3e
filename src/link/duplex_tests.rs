//! Tests of a connection against a stream that keeps what it cannot send, as TLS does.

use super::*;
use crate::link::OutboxSender;
use crate::protocol::GatewayFrame;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;

/// Takes everything at once and sends it when it can, as TLS does with a record.
#[derive(Debug)]
struct Keeping {
    socket: UnixStream,
    kept: Vec<u8>,
}

impl Read for Keeping {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for Keeping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        self.kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.kept.is_empty() {
            let sent = self.socket.write(&self.kept)?;
            self.kept.drain(..sent);
        }
        Ok(())
    }
}

impl Stream for Keeping {
    type Socket = UnixStream;

    fn socket(&self) -> io::Result<Arc<UnixStream>> {
        self.socket.socket()
    }

    fn has_unsent(&self) -> bool {
        !self.kept.is_empty()
    }
}

/// More than a socket takes at once.
const MUCH: usize = 4 * 1024 * 1024;

fn duplex() -> (UnixStream, Duplex<Keeping, GatewayFrame>) {
    let (other, socket) = UnixStream::pair().unwrap();
    socket.set_nonblocking(true).unwrap();
    let outbox = Arc::new(Outbox::new(0).unwrap());
    let payload = Some("x".repeat(MUCH).into());
    outbox.push(GatewayFrame::Event { event: "chat".into(), payload }).unwrap();
    (other, Duplex::new(Keeping { socket, kept: Vec::new() }, outbox, 1).unwrap())
}

#[test]
fn what_a_stream_keeps_has_to_leave_before_the_end() {
    let (mut other, mut duplex) = duplex();
    duplex.outbox.finish();
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        other.read_to_end(&mut all).map(|_| all.len())
    });
    assert_eq!(duplex.read(&mut [0]).unwrap(), 0);
    assert_eq!(duplex.ending(), Some(Ending::OurEnd));
    drop(duplex);
    assert!(reader.join().unwrap().unwrap() > MUCH);
}

#[test]
fn a_peer_that_does_not_take_what_a_stream_keeps_is_cut_off() {
    let (_other, mut duplex) = duplex();
    duplex.outbox.finish();
    assert_eq!(duplex.read(&mut [0]).unwrap(), 0);
    assert_eq!(duplex.ending(), Some(Ending::CutShort));
    assert!(duplex.endpoint().blocked_since.is_some(), "it would have timed out, too");
}

#[test]
fn reading_goes_on_while_a_stream_keeps_something() {
    let (mut other, mut duplex) = duplex();
    other.write_all(b"?").unwrap();
    let mut byte = [0];
    assert_eq!((duplex.read(&mut byte).unwrap(), byte), (1, *b"?"));
    assert!(duplex.endpoint().has_output() && duplex.endpoint().blocked_since.is_some());
    // It takes everything in the end, and nothing is blocked any more.
    let reader = thread::spawn(move || {
        let mut taken = 0;
        let mut buffer = vec![0; 64 * 1024];
        while taken < MUCH {
            taken += other.read(&mut buffer).unwrap();
        }
        other.write_all(b"!").unwrap();
        other
    });
    assert_eq!((duplex.read(&mut byte).unwrap(), byte), (1, *b"!"));
    let _other = reader.join().unwrap();
    duplex.endpoint().flush(&duplex.outbox).unwrap();
    assert!(!duplex.endpoint().has_output() && duplex.endpoint().blocked_since.is_none());
}

/// A connection whose thread reads until the end, and the other side of it.
struct Served {
    other: UnixStream,
    outbox: OutboxSender<GatewayFrame>,
    heard: mpsc::Receiver<Vec<u8>>,
    thread: thread::JoinHandle<Option<Ending>>,
}

impl Served {
    fn new(prepare: impl FnOnce(&mut Duplex<UnixStream, GatewayFrame>)) -> Self {
        let (other, socket) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        // As small as the system allows, so that a frame does not fit.
        socket2::SockRef::from(&socket).set_send_buffer_size(1).unwrap();
        other.set_read_timeout(Some(SOON)).unwrap();
        let outbox = Arc::new(Outbox::new(0).unwrap());
        let mut duplex = Duplex::new(socket, outbox.clone(), 2).unwrap().written_directly();
        prepare(&mut duplex);
        let (sender, heard) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut buffer = [0; 100];
            loop {
                match duplex.read(&mut buffer).unwrap() {
                    0 => return duplex.ending(),
                    bytes => sender.send(buffer[..bytes].to_vec()).unwrap(),
                }
            }
        });
        let served = Self { other, outbox: OutboxSender(outbox), heard, thread };
        served.wait_until_asleep();
        served
    }

    fn wait_until_asleep(&self) {
        let deadline = Instant::now() + SOON;
        while !self.outbox.waker().is_asleep() {
            assert!(Instant::now() < deadline, "it does not rest");
            thread::yield_now();
        }
    }

    fn push(&self, event: &str, bytes: usize) {
        let payload = Some("x".repeat(bytes).into());
        self.outbox.push(GatewayFrame::Event { event: event.into(), payload }).unwrap();
    }

    /// Ends the connection. Returns all events that came, with the length of their payloads.
    fn finish(mut self) -> (Vec<String>, Option<Ending>) {
        drop(self.outbox);
        let mut all = String::new();
        self.other.read_to_string(&mut all).unwrap();
        let ending = self.thread.join().unwrap();
        let name = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let payload = line["payloadJSON"].as_str().map_or(0, str::len);
            format!("{} {payload}", line["event"].as_str().unwrap_or("hello-ok"))
        };
        (all.lines().map(name).collect(), ending)
    }
}

const SOON: std::time::Duration = std::time::Duration::from_secs(20);

#[test]
fn a_frame_for_a_connection_that_rests_is_written_at_once() {
    let served = Served::new(|_| ());
    for is_left in [false, true, false] {
        if is_left {
            assert!(served.outbox.leave(GatewayFrame::Ping { id: "1".into() }).unwrap());
            served.outbox.deliver();
        } else {
            served.push("chat", 1);
        }
        // Nobody else has to run before it can be read.
        served.other.set_nonblocking(true).unwrap();
        assert!((&served.other).read(&mut [0; 1000]).unwrap() > 0);
        assert!(served.outbox.waker().is_asleep(), "its thread was not woken");
    }
}

#[test]
fn a_frame_does_not_overtake_one_that_was_left() {
    let served = Served::new(|_| ());
    let left = GatewayFrame::Event { event: "left".into(), payload: None };
    assert!(served.outbox.leave(left).unwrap());
    served.push("chat", 1);
    assert_eq!(served.finish().0, ["left 0", "chat 1"]);
}

#[test]
fn a_direct_write_that_stops_half_way_is_finished_by_the_connection() {
    let served = Served::new(|_| ());
    for round in 1..=20 {
        served.push("chat", 10_000 + round);
        served.push("agent", round);
    }
    let (lines, ending) = served.finish();
    let expected = (1..=20).flat_map(|n| [format!("chat {}", 10_000 + n), format!("agent {n}")]);
    assert_eq!(lines, expected.collect::<Vec<_>>());
    assert_eq!(ending, Some(Ending::OurEnd));
}

#[test]
fn a_verdict_is_not_overtaken_and_ends_the_pause_in_reading() {
    let mut served = Served::new(Duplex::await_admission);
    served.other.write_all(b"?").unwrap();
    served.push("chat", 1);
    let hello_ok = GatewayFrame::HelloOk {
        server_name: "here".into(),
        canvas_host_url: None,
        main_session_key: None,
    };
    served.outbox.push(hello_ok).unwrap();
    served.push("chat", 2);
    assert_eq!(served.heard.recv_timeout(SOON).unwrap(), b"?");
    assert_eq!(served.finish().0, ["chat 1", "hello-ok 0", "chat 2"]);
}

#[test]
fn a_node_that_is_revoked_while_its_answer_is_on_the_way_gets_the_answer_and_the_end() {
    let served = Served::new(Duplex::expect_answer);
    served.push("chat", 10_000);
    let result = Ok(Some("{}".into()));
    served.outbox.push(GatewayFrame::Res { id: "1".into(), result }).unwrap();
    let (lines, ending) = served.finish();
    assert_eq!((lines.len(), ending), (2, Some(Ending::OurEnd)));
}
