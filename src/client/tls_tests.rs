//! A node against a scripted gateway that speaks TLS, or should, or should not.

use super::fake_gateway::{FakeGateway, FakeListener, TestCertificate, TlsStream, DEADLINE};
use super::tests::{assert_no_event_is_lost, soon, Node, HELLO_OK};
use super::*;
use crate::protocol::{NodeFrame, Token};
use rustls::version::{TLS12, TLS13};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

fn connect_tls(port: u16, trust: Trust) -> Result<Connection, Error> {
    let options = ConnectOptions { tls: Some(trust), ..ConnectOptions::default() };
    connect("127.0.0.1", port, options, &Stop::new().unwrap())
}

/// Everything that a node tells a gateway with this certificate until it leaves.
fn overhear(listener: &FakeListener, certificate: &TestCertificate) -> Vec<u8> {
    let mut said = Vec::new();
    // An alert in the handshake is an error here; what counts is what came before.
    let _ = listener.accept_stream(certificate.config()).read_to_end(&mut said);
    said
}

#[test]
fn a_certificate_met_first_is_on_disk_before_hello_and_demanded_from_then_on() {
    let mut alice = Node::alice().paired(1);
    let (first, other) = (TestCertificate::new(), TestCertificate::new());
    let (pin, presented) = (first.fingerprint(), other.fingerprint());
    let file = alice.file();
    let gateway = FakeGateway::start(move |listener| {
        for _ in 0..2 {
            let mut visit = listener.accept_tls(first.config());
            assert_eq!(visit.expect("hello")["token"], Token::from_bits(1).reveal());
            let stored = std::fs::read_to_string(&file).unwrap();
            assert!(stored.contains(&format!("\"tlsFingerprint\": \"{pin}\"")), "{stored}");
            visit.send(HELLO_OK);
            visit.expect_closed();
        }
        assert_eq!(overhear(listener, &other), b"");
    });
    for _ in 0..2 {
        drop(alice.join_with(gateway.port, Some(Trust::FirstUse)).unwrap());
        assert_eq!(alice.progress, [Progress::Trusted(pin)], "said once");
    }
    let error = alice.join_with(gateway.port, Some(Trust::FirstUse)).unwrap_err();
    let is_mismatch = matches!(&error, Error::PinMismatch { expected, presented: shown }
        if (*expected, *shown) == (pin, presented));
    assert!(is_mismatch && !error.is_transient(), "{error}");
    gateway.finish();
}

#[test]
fn another_certificate_than_the_named_one_is_told_nothing() {
    for version in VERSIONS {
        let certificate = TestCertificate::new();
        let (expected, presented) =
            (TestCertificate::new().fingerprint(), certificate.fingerprint());
        let gateway = FakeGateway::start(move |listener| {
            let mut stream = listener.accept_stream(certificate.config_for(&[version]));
            let mut said = Vec::new();
            let alert = stream.read_to_end(&mut said).unwrap_err();
            assert_eq!(said, b"");
            assert!(alert.to_string().contains("CertificateUnknown"), "{alert}");
        });
        let mut alice = Node::alice().paired(1);
        let before = std::fs::read(alice.file()).unwrap();
        let trust = Trust::Pinned(expected);
        let error = alice.join_with(gateway.port, Some(trust)).unwrap_err().to_string();
        for fingerprint in [expected, presented] {
            assert!(error.contains(&fingerprint.to_string()), "{error}");
        }
        assert_eq!(std::fs::read(alice.file()).unwrap(), before);
        gateway.finish();
    }
}

#[test]
fn a_stolen_certificate_is_worth_nothing_without_its_key() {
    for version in VERSIONS {
        let certificate = TestCertificate::new();
        let pin = certificate.fingerprint();
        let gateway = FakeGateway::start(move |listener| {
            let mut said = Vec::new();
            let config = certificate.stolen().config_for(&[version]);
            listener.accept_stream(config).read_to_end(&mut said).unwrap_err();
            assert_eq!(said, b"");
        });
        let error = connect_tls(gateway.port, Trust::Pinned(pin)).unwrap_err();
        assert!(matches!(error, Error::Handshake(_)), "{error}");
        gateway.finish();
    }
}

#[test]
fn a_named_certificate_replaces_the_stored_one() {
    let mut alice = Node::alice().paired(1);
    let (old, new) = (TestCertificate::new(), TestCertificate::new());
    let pin = new.fingerprint();
    let gateway = FakeGateway::start(move |listener| {
        let mut visit = listener.accept_tls(new.config());
        assert_eq!(visit.expect("hello")["token"], Token::from_bits(1).reveal());
        visit.send(HELLO_OK);
        visit.expect_closed();
    });
    let address = ("127.0.0.1", gateway.port);
    alice.identity.store_pin(address, old.fingerprint()).unwrap();
    drop(alice.join_with(gateway.port, Some(Trust::Pinned(pin))).unwrap());
    let stored = IdentityFile::open(&alice.file(), None).unwrap();
    assert_eq!(stored.trust_for(address, None), Some(Trust::Pinned(pin)));
    gateway.finish();
}

#[test]
fn a_certificate_that_cannot_be_stored_is_told_nothing() {
    let mut alice = Node::alice().paired(1);
    std::fs::remove_file(alice.file()).unwrap();
    std::fs::create_dir(alice.file()).unwrap();
    let certificate = TestCertificate::new();
    let gateway =
        FakeGateway::start(move |listener| assert_eq!(overhear(listener, &certificate), b""));
    let error = alice.join_with(gateway.port, Some(Trust::FirstUse)).unwrap_err();
    assert!(matches!(error, Error::File { .. }) && !error.is_transient(), "{error}");
    gateway.finish();
}

#[test]
fn what_was_trusted_over_tls_is_told_nothing_in_the_clear() {
    let mut alice = Node::alice().paired(1);
    let gateway = FakeGateway::start(|listener| {
        let mut said = Vec::new();
        listener.accept_socket().read_to_end(&mut said).unwrap();
        assert_eq!(said, b"");
    });
    let elsewhere = ("studio", 18790);
    alice.identity.store_pin(elsewhere, TestCertificate::new().fingerprint()).unwrap();
    let error = alice.join_with(gateway.port, None).unwrap_err();
    assert!(matches!(error, Error::TlsRequired) && !error.is_transient(), "{error}");
    gateway.finish();
}

#[test]
fn a_plain_gateway_is_told_apart_from_one_that_speaks_tls() {
    let gateway = FakeGateway::start(|listener| {
        let mut socket = listener.accept_socket();
        let mut first = [0];
        socket.read_exact(&mut first).unwrap();
        assert_eq!(first, [0x16]);
        socket.write_all(b"{\"type\":\"error\",\"code\":\"INVALID_REQUEST\"}\n").unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let _ = socket.read_to_end(&mut Vec::new());
    });
    let error = connect_tls(gateway.port, Trust::FirstUse).unwrap_err();
    assert!(matches!(error, Error::NotTls), "{error}");
    gateway.finish();
}

#[test]
fn a_gateway_that_speaks_tls_is_told_apart_from_a_plain_one() {
    let certificate = TestCertificate::new();
    let gateway = FakeGateway::start(move |listener| {
        assert_eq!(overhear(listener, &certificate), b"");
        // A fatal alert that contains a line feed, and one that only hangs up.
        let mut socket = listener.accept_socket();
        socket.write_all(b"\x15\x03\x03\x00\x02\x02\x0a").unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        socket.read_to_end(&mut Vec::new()).unwrap();
        listener.accept_socket().read_exact(&mut [0]).unwrap();
    });
    let mut alice = Node::alice();
    for _ in 0..2 {
        let error = alice.join_with(gateway.port, None).unwrap_err();
        assert!(matches!(error, Error::SpeaksTls), "{error}");
    }
    let error = alice.join_with(gateway.port, None).unwrap_err();
    assert!(matches!(error, Error::HungUp) && error.is_transient(), "{error}");
    gateway.finish();
}

#[test]
fn pairing_over_tls_keeps_the_certificate_with_the_token() {
    for version in VERSIONS {
        let mut alice = Node::alice();
        let certificate = TestCertificate::new();
        let pin = certificate.fingerprint();
        let gateway = FakeGateway::start(move |listener| {
            let mut visit = listener.accept_tls(certificate.config_for(&[version]));
            visit.ask_to_be_paired();
            visit.send(&format!("{}\n{HELLO_OK}", r#"{"type":"pair-ok","token":"s3cret"}"#));
            visit.expect_closed();
        });
        drop(alice.join_with(gateway.port, Some(Trust::FirstUse)).unwrap());
        let stored = IdentityFile::open(&alice.file(), None).unwrap();
        let address = ("127.0.0.1", gateway.port);
        assert_eq!(stored.token().map(Token::reveal), Some("s3cret"));
        assert_eq!(stored.gateway(), Some(address));
        assert_eq!(stored.trust_for(address, None), Some(Trust::Pinned(pin)));
        gateway.finish();
    }
}

#[test]
fn long_lines_go_both_ways_at_once() {
    const LENGTH: usize = 20 * 1024 * 1024;
    for version in VERSIONS {
        let certificate = TestCertificate::new();
        let gateway = FakeGateway::start(move |listener| {
            let mut stream = listener.accept_stream(certificate.config_for(&[version]));
            let mut line = vec![b'x'; LENGTH];
            line.push(b'\n');
            // The node reads and writes at the same time.
            stream.write_all(&line).unwrap();
            stream.flush().unwrap();
            let mut stream = BufReader::new(stream);
            let mut read = Vec::new();
            stream.read_until(b'\n', &mut read).unwrap();
            assert!(read.len() > LENGTH && read.ends_with(b"\"}\n"), "{}", read.len());
            stream.get_mut().write_all(b"seen\n").unwrap();
            stream.read_to_end(&mut read).unwrap();
        });
        let mut node = connect_tls(gateway.port, Trust::FirstUse).unwrap();
        let writer = node.writer().clone();
        let writing = thread::spawn(move || {
            let payload = "y".repeat(LENGTH);
            writer.send(&NodeFrame::event("long", payload))
        });
        let line = node.read_line(soon()).unwrap().expect("a line in time");
        assert!(line.len() == LENGTH && line.iter().all(|byte| *byte == b'x'));
        let seen = node.read_line(soon()).unwrap();
        assert_eq!(seen, Some(b"seen".to_vec()));
        writing.join().unwrap().unwrap();
        drop(node);
        gateway.finish();
    }
}

/// A connection whose handshake is complete, and what the gateway does with it.
fn with_stream(script: impl FnOnce(TlsStream) + Send + 'static) -> (FakeGateway, Connection) {
    let certificate = TestCertificate::new();
    let gateway = FakeGateway::start(move |listener| {
        let mut stream = listener.accept_stream(certificate.config());
        stream.conn.complete_io(&mut stream.sock).unwrap();
        script(stream);
    });
    let node = connect_tls(gateway.port, Trust::FirstUse).unwrap();
    (gateway, node)
}

#[test]
fn a_change_of_keys_is_answered_even_by_a_node_that_says_nothing() {
    let (answered, answers) = crossbeam_channel::bounded(1);
    let (gateway, mut node) = with_stream(move |mut stream| {
        for _ in 0..3 {
            stream.conn.refresh_traffic_keys().unwrap();
            stream.write_all(b"news\n").unwrap();
            stream.flush().unwrap();
            stream.sock.peek(&mut [0]).expect("the answer in time");
            answered.send(()).unwrap();
            let mut line = [0; 28];
            stream.read_exact(&mut line).unwrap();
            assert_eq!(&line, b"{\"type\":\"pong\",\"id\":\"news\"}\n");
        }
    });
    for _ in 0..3 {
        assert_eq!(node.read_line(soon()).unwrap(), Some(b"news".to_vec()));
        answers.recv_timeout(DEADLINE).unwrap();
        node.writer().send(&NodeFrame::Pong { id: "news".into() }).unwrap();
    }
    drop(node);
    gateway.finish();
}

#[test]
fn leaving_is_said_by_the_node_and_need_not_be_by_the_gateway() {
    let (gateway, mut node) = with_stream(|mut stream| {
        stream.write_all(b"bye\n").unwrap();
        stream.flush().unwrap();
        stream.sock.shutdown(Shutdown::Write).unwrap();
        // An end without a word would be an error.
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    });
    assert_eq!(node.read_line(soon()).unwrap(), Some(b"bye".to_vec()));
    assert!(matches!(node.read_line(soon()), Err(Error::Closed)));
    drop(node);
    gateway.finish();
}

#[test]
fn an_event_that_is_encrypted_but_not_sent_is_not_lost() {
    let (ended, end) = crossbeam_channel::bounded(1);
    let (tell, told) = crossbeam_channel::bounded(1);
    let (gateway, node) = with_stream(move |mut stream| {
        end.recv_timeout(DEADLINE).unwrap();
        let mut came = Vec::new();
        // The connection is cut in the middle of a record.
        let _ = stream.read_to_end(&mut came);
        tell.send(came).unwrap();
    });
    assert_no_event_is_lost(node, || {
        ended.send(()).unwrap();
        told.recv_timeout(DEADLINE).unwrap()
    });
    gateway.finish();
}

#[test]
fn half_a_line_is_not_an_end() {
    let (gateway, mut node) = with_stream(|mut stream| {
        stream.write_all(b"{\"type\":").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    let error = node.read_line(soon()).unwrap_err();
    assert!(matches!(&error, Error::Broken(cause) if cause.kind() == ErrorKind::UnexpectedEof));
    gateway.finish();
}

#[test]
fn a_gateway_that_says_nothing_is_given_up_and_a_stop_does_not_wait_for_it() {
    let (arrived, arrivals) = crossbeam_channel::bounded(1);
    let gateway = FakeGateway::start(move |listener| {
        for _ in 0..2 {
            let mut socket = listener.accept_socket();
            socket.read_exact(&mut [0]).unwrap();
            arrived.send(()).unwrap();
            // Held until the node has left.
            let _ = socket.read_to_end(&mut Vec::new());
        }
    });
    let stop = Stop::new().unwrap();
    let mut options = ConnectOptions { tls: Some(Trust::FirstUse), ..ConnectOptions::default() };
    options.timeout = Duration::from_millis(100);
    let error = connect("127.0.0.1", gateway.port, options.clone(), &stop).unwrap_err();
    assert!(matches!(error, Error::NoAnswer { to: "the TLS handshake", .. }), "{error}");
    arrivals.recv_timeout(DEADLINE).unwrap();
    options.timeout = DEADLINE;
    let began = Instant::now();
    let waiting = {
        let (stop, port) = (stop.clone(), gateway.port);
        thread::spawn(move || connect("127.0.0.1", port, options, &stop).map(|_| ()))
    };
    arrivals.recv_timeout(DEADLINE).unwrap();
    stop.request();
    assert!(matches!(waiting.join().unwrap(), Err(Error::Stopped)));
    assert!(began.elapsed() < DEADLINE);
    gateway.finish();
}
