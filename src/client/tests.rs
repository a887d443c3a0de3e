//! A node against a scripted gateway.

use super::fake_gateway::{FakeGateway, DEADLINE};
use super::*;
use crate::protocol::{limits, GatewayFrame, NodeFrame, NodeProfile, Token};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(super) const HELLO_OK: &str =
    r#"{"type":"hello-ok","serverName":"fake","mainSessionKey":"main"}"#;

pub(super) struct Node {
    dir: tempfile::TempDir,
    pub(super) identity: IdentityFile,
    pub(super) stop: Stop,
    pub(super) progress: Vec<Progress>,
}

impl Node {
    pub(super) fn alice() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = IdentityFile::open(&dir.path().join("node.json"), Some("alice")).unwrap();
        Self { dir, identity, stop: Stop::new().unwrap(), progress: Vec::new() }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.path().join("node.json")
    }

    pub(super) fn paired(mut self, token: u128) -> Self {
        self.identity.store_token(Token::from_bits(token), ("127.0.0.1", 1), None).unwrap();
        self
    }

    fn join(&mut self, port: u16) -> Result<Session, Error> {
        self.join_with(port, None)
    }

    /// Joins with exactly this trust, whatever the identity file says.
    pub(super) fn join_with(&mut self, port: u16, tls: Option<Trust>) -> Result<Session, Error> {
        let options = ConnectOptions { tls, ..ConnectOptions::default() };
        let connection = connect("127.0.0.1", port, options, &self.stop)?;
        let Self { identity, progress, .. } = self;
        join(connection, identity, &NodeProfile::default(), &mut |step| progress.push(step))
    }
}

pub(super) fn soon() -> Instant {
    Instant::now() + DEADLINE
}

#[test]
fn a_new_token_is_on_disk_before_the_node_goes_on() {
    let mut alice = Node::alice();
    let file = alice.file();
    let gateway = FakeGateway::start(move |listener| {
        let mut visit = listener.accept();
        let hello = visit.expect("hello");
        assert_eq!((&hello["nodeId"], hello.get("token")), (&"alice".into(), None));
        visit.send(r#"{"type":"error","code":"NOT_PAIRED","message":"pairing required"}"#);
        assert!(visit.expect("pair-request").get("token").is_none());
        // Pings are answered during the wait, and the answer to the one behind pair-ok can only
        // come after the token was dealt with.
        visit.send(r#"{"type":"ping","id":"1"}"#);
        assert_eq!(visit.expect("pong")["id"], "1");
        visit.send(r#"{"type":"event","event":"tick","payloadJSON":null}"#);
        visit.send("{\"type\":\"pair-ok\",\"token\":\"s3cret\"}\n{\"type\":\"ping\",\"id\":\"2\"}");
        assert_eq!(visit.expect("pong")["id"], "2");
        let stored = IdentityFile::open(&file, None).unwrap();
        assert_eq!(stored.token().map(Token::reveal), Some("s3cret"));
        visit.send(HELLO_OK);
        visit.expect_closed();
    });
    let session = alice.join(gateway.port).unwrap();
    assert_eq!(session.admission().main_session_key.as_deref(), Some("main"));
    let asked = Progress::AskedForPairing(alice.identity.node_id().clone());
    assert_eq!(alice.progress, [asked, Progress::Paired]);
    drop(session);
    gateway.finish();
}

#[test]
fn a_token_that_is_not_accepted_leads_to_a_pair_request_on_the_same_connection() {
    let mut alice = Node::alice().paired(1);
    let gateway = FakeGateway::start(|listener| {
        let mut visit = listener.accept();
        assert_eq!(visit.expect("hello")["token"], Token::from_bits(1).reveal());
        visit.send(r#"{"type":"error","code":"UNAUTHORIZED","message":"invalid token"}"#);
        assert!(visit.expect("pair-request").get("token").is_none());
        visit.send(r#"{"type":"error","code":"UNAUTHORIZED","message":"pairing rejected"}"#);
        visit.expect_closed();
    });
    let error = alice.join(gateway.port).unwrap_err();
    assert_eq!(error.to_string(), "the gateway refused: UNAUTHORIZED: pairing rejected");
    assert!(error.is_transient());
    let kept = IdentityFile::open(&alice.file(), None).unwrap();
    assert_eq!(kept.token(), Some(&Token::from_bits(1)), "a rejection takes no token away");
    gateway.finish();
}

#[test]
fn a_token_that_cannot_be_stored_ends_the_connection() {
    let mut alice = Node::alice();
    std::fs::remove_file(alice.file()).unwrap();
    std::fs::create_dir(alice.file()).unwrap();
    let gateway = FakeGateway::start(|listener| {
        let mut visit = listener.accept();
        visit.ask_to_be_paired();
        visit.send(r#"{"type":"pair-ok","token":"s3cret"}"#);
        visit.expect_closed();
    });
    let error = alice.join(gateway.port).unwrap_err();
    assert!(matches!(error, Error::File { .. }) && !error.is_transient(), "{error}");
    gateway.finish();
}

#[test]
fn a_token_that_is_too_long_does_not_replace_the_one_that_works() {
    let gateway = FakeGateway::start(|listener| {
        let mut visit = listener.accept();
        visit.ask_to_be_paired();
        visit.send(&format!("{{\"type\":\"pair-ok\",\"token\":\"{}\"}}", "x".repeat(200_000)));
        visit.expect_closed();
        let (_, hello) = listener.admit();
        assert_eq!(hello["token"], *Token::from_bits(7).reveal());
    });
    let mut alice = Node::alice().paired(7);
    let error = alice.join(gateway.port).unwrap_err().to_string();
    assert!(error.contains("a token of more than 256 characters"), "{error}");
    alice.join(gateway.port).unwrap();
    gateway.finish();
}

#[test]
fn other_refusals_and_foreign_frames_end_the_connection() {
    for (line, expected) in [
        (r#"{"type":"error","code":"INVALID_REQUEST","message":"x"}"#, "INVALID_REQUEST: x"),
        (r#"{"type":"event","event":"tick"}"#, "did not answer hello"),
        ("HTTP/1.1 400 Bad Request", "not JSON"),
    ] {
        let gateway = FakeGateway::start(move |listener| {
            let mut visit = listener.accept();
            visit.expect("hello");
            visit.send(line);
            visit.expect_closed();
        });
        let error = Node::alice().join(gateway.port).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        gateway.finish();
    }
}

#[test]
fn a_silent_gateway_is_pinged_and_then_given_up() {
    let mut alice = Node::alice().paired(1);
    let gateway = FakeGateway::start(|listener| {
        let (mut visit, _) = listener.admit();
        let id = visit.expect("ping")["id"].clone();
        visit.send(&serde_json::json!({ "type": "pong", "id": id }).to_string());
        visit.expect("ping");
        visit.expect_only_until_closed("ping");
    });
    let mut session = alice.join(gateway.port).unwrap();
    session.ping_after = Duration::from_millis(50);
    session.lost_after = Duration::from_millis(700);
    let error = session.next(soon()).unwrap_err();
    assert!(matches!(error, Error::NoAnswer { to: "ping", .. }), "{error}");
    drop(session);
    gateway.finish();
}

#[test]
fn frames_and_the_deadline_come_out_of_a_session() {
    let mut alice = Node::alice().paired(1);
    let gateway = FakeGateway::start(|listener| {
        let (mut visit, _) = listener.admit();
        let id = visit.expect("req")["id"].clone();
        visit.send("{broken");
        visit.send(
            &serde_json::json!({ "type": "res", "id": id, "ok": true, "payloadJSON": "{}" })
                .to_string(),
        );
        visit.send(r#"{"type":"error","code":"UNAUTHORIZED","message":"revoked"}"#);
        visit.expect_closed();
    });
    let mut session = alice.join(gateway.port).unwrap();
    assert_eq!(session.next(Instant::now()).unwrap(), None);
    let id = session.request("health", None).unwrap();
    let answer = GatewayFrame::Res { id, result: Ok(Some("{}".into())) };
    assert_eq!(session.next(soon()).unwrap(), Some(answer));
    assert!(matches!(session.next(soon()), Err(Error::Refused(_))));
    drop(session);
    gateway.finish();
}

#[test]
fn nobody_listening_is_told_apart() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = Node::alice().join(port).unwrap_err();
    assert!(error.is_not_listening(), "{error}");
}

fn pair() -> (TcpStream, Connection, Stop) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = Stop::new().unwrap();
    let connection = connect("127.0.0.1", port, ConnectOptions::default(), &stop).unwrap();
    (listener.accept().unwrap().0, connection, stop)
}

#[test]
fn a_line_may_arrive_in_pieces_and_after_a_deadline() {
    let (mut gateway, mut node, _stop) = pair();
    gateway.write_all(b"one\ntwo\nth").unwrap();
    for line in [b"one", b"two"] {
        assert_eq!(node.read_line(soon()).unwrap().as_deref(), Some(&line[..]));
    }
    assert_eq!(node.read_line(Instant::now()).unwrap(), None);
    gateway.write_all(b"ree\n").unwrap();
    assert_eq!(node.read_line(soon()).unwrap().as_deref(), Some(&b"three"[..]));
    drop(gateway);
    assert!(matches!(node.read_line(soon()), Err(Error::Closed)));
}

#[test]
fn a_line_without_end_is_refused_at_the_limit() {
    let (mut gateway, mut node, _stop) = pair();
    let flood = std::thread::spawn(move || {
        let chunk = vec![b'x'; 1024 * 1024];
        while gateway.write_all(&chunk).is_ok() {}
    });
    assert!(matches!(node.read_line(soon()), Err(Error::LineTooLong(_))));
    drop(node);
    flood.join().unwrap();
}

#[test]
fn a_stop_ends_a_read() {
    let (_gateway, mut node, stop) = pair();
    let stopping = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        stop.request();
    });
    assert!(matches!(node.read_line(soon()), Err(Error::Stopped)));
    stopping.join().unwrap();
    assert!(matches!(node.read_line(soon()), Err(Error::Stopped)));
}

#[test]
fn a_trace_that_panics_costs_one_line_and_not_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let trace: Trace =
        std::sync::Arc::new(|_, line| assert!(!line.contains("bad"), "as it should"));
    let options = ConnectOptions { trace: Some(trace), ..ConnectOptions::default() };
    let node = connect("127.0.0.1", port, options, &Stop::new().unwrap()).unwrap();
    let writer = node.writer().clone();
    let bad = std::thread::spawn(move || writer.send(&NodeFrame::Pong { id: "bad".into() }));
    assert!(bad.join().is_err());
    node.writer().send(&NodeFrame::Pong { id: "good".into() }).unwrap();
    let writer = node.writer().clone();
    drop(node);
    assert!(matches!(writer.send(&NodeFrame::Pong { id: "late".into() }), Err(Error::Closed)));
    let mut heard = String::new();
    listener.accept().unwrap().0.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "{\"type\":\"pong\",\"id\":\"good\"}\n");
}

#[test]
fn what_waits_is_sent_before_the_end_unless_the_gateway_takes_nothing() {
    let payload = format!("\"{}\"", "x".repeat(20_000_000));
    let event = NodeFrame::event("big", payload.as_str());
    let (mut gateway, node, stop) = pair();
    stop.request();
    let listening = std::thread::spawn(move || {
        let mut heard = Vec::new();
        gateway.read_to_end(&mut heard).map(|_| heard.len())
    });
    node.writer().send(&event).unwrap();
    drop(node);
    assert!(listening.join().unwrap().unwrap() > payload.len());

    let (_silent, node, _stop) = pair();
    node.writer().send(&event).unwrap();
    let began = Instant::now();
    drop(node);
    let took = began.elapsed();
    assert!(took >= limits::CLOSE_FLUSH && took < limits::CLOSE_FLUSH * 10, "{took:?}");
}

#[test]
fn events_that_a_dying_connection_did_not_take_are_returned() {
    let (gateway, mut node, _stop) = pair();
    let big = format!("\"{}\"", "x".repeat(20_000_000));
    let unsent = [NodeFrame::event("partly", big.as_str()), NodeFrame::event("not", "1")];
    node.writer().send(&NodeFrame::event("wholly", "0")).unwrap();
    node.writer().send(&unsent[0]).unwrap();
    node.writer().send(&NodeFrame::invoke_res("i".into(), Ok(None))).unwrap();
    node.writer().send(&NodeFrame::req("r", "health", None)).unwrap();
    assert_eq!(node.read_line(Instant::now() + Duration::from_millis(50)).unwrap(), None);
    node.writer().send(&unsent[1]).unwrap();
    // Unread bytes make this a reset.
    drop(gateway);
    assert_eq!(node.close(), unsent);
    let late = node.writer().send(&NodeFrame::event("late", "2"));
    assert!(matches!(late, Err(Error::Closed)), "its sender keeps it");
    assert_eq!(node.close(), []);
}

/// Sends more events than the gateway takes, ends the connection, and checks that every event has
/// reached the gateway or is returned.
pub(super) fn assert_no_event_is_lost(
    mut node: Connection,
    read_what_came: impl FnOnce() -> Vec<u8>,
) {
    let events = |range: std::ops::Range<usize>| {
        let event = |i: usize| NodeFrame::event(&i.to_string(), "x".repeat(100_000));
        range.map(event).collect::<Vec<_>>()
    };
    for event in events(0..200) {
        node.writer().send(&event).unwrap();
        node.writer().send(&NodeFrame::invoke_res("i".into(), Ok(None))).unwrap();
    }
    assert_eq!(node.read_line(Instant::now() + Duration::from_millis(50)).unwrap(), None);
    let unsent = node.close();
    assert!(!unsent.is_empty() && unsent.len() < 200, "{}", unsent.len());
    assert_eq!(unsent, events(200 - unsent.len()..200));
    let came = read_what_came();
    let events = came.split_inclusive(|byte| *byte == b'\n').filter(|line| {
        line.ends_with(b"\n")
            && matches!(NodeFrame::decode(line), Some(Ok(NodeFrame::Event { .. })))
    });
    assert!(events.count() + unsent.len() >= 200);
}

#[test]
fn a_gateway_that_takes_nothing_gets_every_event_on_the_next_connection() {
    let (mut gateway, node, _stop) = pair();
    assert_no_event_is_lost(node, move || {
        let mut came = Vec::new();
        gateway.read_to_end(&mut came).unwrap();
        came
    });
}
