//! Encrypted connections: the same bridge, whatever the bytes travel in.

use crate::support::tls::{Client, Wire};
use crate::support::{eventually, took_less_than, within, Daemon, Phone, DEADLINE};
use rustix::process::Signal;
use rustls::ProtocolVersion;
use serde_json::{json, Value};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

const TLS: &str = "{ bridge: { tls: { enabled: true } } }";
const BOTH: &str = "{ bridge: { tls: { enabled: true, allowPlaintext: true } } }";

const MIB: usize = 1024 * 1024;

/// Far more than an idle machine needs, far less than any deadline of the bridge.
const PROMPT: Duration = Duration::from_secs(3);

/// What a socket holds until it ends, which it must within the time; resets count as an end.
fn rest(stream: &mut TcpStream, patience: Duration) -> Vec<u8> {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => all,
    }
}

/// The first flight of a handshake.
fn client_hello() -> Vec<u8> {
    let mut bytes = Vec::new();
    Client::default().connection().write_tls(&mut bytes).unwrap();
    bytes
}

fn log_has(daemon: &Daemon, text: &str) {
    eventually(text, || daemon.log().contains(text).then_some(()));
}

#[test]
fn a_node_pairs_calls_and_is_invoked_over_both_versions_of_tls() {
    let daemon = Daemon::with_config(TLS);
    let mut new = Phone::paired(&daemon, "new");
    assert_eq!(new.wire().version(), ProtocolVersion::TLSv1_3);
    let mut old = Phone::secured(daemon.address(), &Client::old());
    assert_eq!(old.wire().version(), ProtocolVersion::TLSv1_2);
    old.send(&json!({ "type": "pair-request", "nodeId": "old" }));
    daemon.pending_request("old");
    daemon.approve("old");
    old.expect_token();
    old.expect("hello-ok");
    old.expect_event("voicewake.changed");
    for (phone, name) in [(&mut new, "new"), (&mut old, "old")] {
        assert_eq!(phone.request("health", None)["ok"], true);
        let operator = daemon.operator(["nodes", "invoke", "--node", name, "--command", "x.y"]);
        let invoke = phone.expect("invoke");
        let id = &invoke["id"];
        phone.send(&json!({ "type": "invoke-res", "id": id, "ok": true, "payloadJSON": "[7]" }));
        assert_eq!(operator.finish().ok().trim(), "[7]");
    }
}

#[test]
fn plain_text_on_the_tls_port_gets_no_answer_and_one_line_in_the_log() {
    let daemon = Daemon::with_config(TLS);
    for greeting in ["{\"type\":\"hello\",\"nodeId\":\"alice\"}\n", "G", "\n", "\u{0}"] {
        let mut stream = TcpStream::connect(daemon.address()).unwrap();
        let began = Instant::now();
        stream.write_all(greeting.as_bytes()).unwrap();
        assert_eq!(rest(&mut stream, DEADLINE), b"");
        took_less_than(PROMPT, began, "the end");
    }
    log_has(&daemon, "node: plain text on the TLS port conn=");
}

/// An iPhone that found the bridge in its list does not know that it uses TLS.
#[test]
fn a_node_without_tls_is_logged_with_what_to_do_and_cannot_fill_the_log() {
    // As it is installed, on this machine only.
    let packaged = include_str!("../../etc/bridge-lan.json5");
    let packaged = packaged.replace("bind: \"lan\"", "bind: \"loopback\"");
    let daemon = Daemon::with_config(&packaged);
    let try_without = || {
        let mut stream = TcpStream::connect(daemon.address()).unwrap();
        stream.write_all(b"{\"type\":\"hello\",\"nodeId\":\"alice\"}\n").unwrap();
        assert_eq!(rest(&mut stream, DEADLINE), b"");
    };
    (0..60).for_each(|_| try_without());
    // The line of each was written, or left out, before its end.
    let log = daemon.log();
    let told = log.lines().filter(|line| line.contains("node: plain text on the TLS port"));
    let told: Vec<&str> = told.collect();
    assert!((1..=10).contains(&told.len()), "{} lines", told.len());
    for line in told {
        assert!(line.contains("Z warn "), "{line}");
        assert!(line.contains("enter the bridge's address in it by hand"), "{line}");
        assert!(line.contains("set bridge.tls.allowPlaintext conn="), "{line}");
    }
    // The advice is right: with the line that the file has for it, the same node is answered.
    let open = packaged.replace("// allowPlaintext: true", "allowPlaintext: true");
    assert_ne!(open, packaged);
    daemon.setup().write_config(&open);
    let daemon = daemon.restart();
    let mut phone = Phone::connect_to(daemon.address());
    phone.send(&json!({ "type": "hello", "nodeId": "alice" }));
    phone.expect_error("NOT_PAIRED", "pairing required");
}

#[test]
fn one_port_can_serve_both() {
    let daemon = Daemon::with_config(BOTH);
    assert_eq!(daemon.status()["listeners"][0]["tls"], "optional");
    let token = Phone::paired(&daemon, "alice").token;
    let mut secured = Phone::secured(daemon.address(), &Client::default());
    secured.send(&json!({ "type": "hello", "nodeId": "alice", "token": token }));
    secured.expect("hello-ok");
    secured.expect_event("voicewake.changed");
    secured.ping();
    // A newer connection of the same node takes over, whatever it speaks.
    let mut plain = Phone::log_in(&daemon, "alice", &token);
    secured.expect_close();
    plain.ping();
}

#[test]
fn who_comes_back_resumes_its_session() {
    for client in [Client::default(), Client::old()] {
        let daemon = Daemon::with_config(TLS);
        let visit = || {
            let mut phone = Phone::secured(daemon.address(), &client);
            phone.send(&json!({ "type": "hello", "nodeId": "alice" }));
            phone.expect("error");
            phone.wire().is_resumed()
        };
        assert_eq!([visit(), visit(), visit()], [false, true, true]);
    }
}

#[test]
fn everything_at_once_in_the_flight_of_the_handshake_is_read() {
    let daemon = Daemon::with_config(BOTH);
    let token = Phone::paired(&daemon, "alice").token;
    let mut tls = Client::default().connection();
    let mut stream = TcpStream::connect(daemon.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    tls.write_tls(&mut stream).unwrap();
    while tls.is_handshaking() {
        tls.read_tls(&mut stream).unwrap();
        tls.process_new_packets().unwrap();
    }
    // Finished, hello and a hundred pings leave in one write; nothing more is ever sent.
    let mut frames = json!({ "type": "hello", "nodeId": "alice", "token": token }).to_string();
    for id in 0..100 {
        frames += &format!("\n{}", json!({ "type": "ping", "id": id.to_string() }));
    }
    frames.push('\n');
    tls.writer().write_all(frames.as_bytes()).unwrap();
    let mut flight = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut flight).unwrap();
    }
    stream.write_all(&flight).unwrap();
    let mut stream = rustls::StreamOwned::new(tls, stream);
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(&mut stream));
    let mut pongs = 0;
    while pongs < 100 {
        let frame: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if frame["type"] == "pong" {
            assert_eq!(frame["id"], pongs.to_string());
            pongs += 1;
        }
    }
}

#[test]
fn large_frames_pass_in_both_directions() {
    let daemon = Daemon::with_config(TLS);
    let mut phone = Phone::paired(&daemon, "alice");
    // In: nearly the longest line that a node may send.
    let operator =
        daemon.operator(["nodes", "invoke", "--node", "alice", "--command", "canvas.snapshot"]);
    let invoke = phone.expect("invoke");
    let payload = format!("{{\"base64\":\"{}\"}}", "A".repeat(31 * MIB));
    let (id, ok) = (&invoke["id"], true);
    phone.send(&json!({ "type": "invoke-res", "id": id, "ok": ok, "payloadJSON": payload }));
    assert!(operator.finish().ok().trim_end() == payload);
    // Out: more than the buffers of TLS and of the socket take at once.
    let text = "x".repeat(16 * MIB);
    let mut control = daemon.control();
    let ask = json!({ "nodeId": "alice", "command": "canvas.eval", "params": { "text": text } });
    let asked = control.send("node.invoke", &ask);
    let invoke = phone.expect("invoke");
    let params: Value = serde_json::from_str(invoke["paramsJSON"].as_str().unwrap()).unwrap();
    assert!(params["text"] == *text);
    phone.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": true }));
    control.answer(asked).unwrap();
    phone.ping();
    // One more than that is an error and the end, as without TLS.
    let sent = phone.try_send_raw(&vec![b'a'; 33 * MIB]);
    phone.expect_error("INVALID_REQUEST", &format!("line longer than {} bytes", 32 * MIB));
    phone.expect_close();
    drop(sent);
}

#[test]
fn a_phone_that_does_not_read_is_not_read_either_and_loses_nothing() {
    let daemon = Daemon::with_config(TLS);
    let mut greedy = Phone::paired(&daemon, "greedy");
    let mut bob = Phone::paired(&daemon, "bob");
    let request = json!({ "type": "req", "id": "i".repeat(200), "method": "voicewake.get" });
    let requests = format!("{request}\n").repeat(100);
    let (asked, mut sent) = (30_000, 0);
    greedy.patience_for_sending(Duration::from_millis(300));
    // A write that was cut off in a TLS record cannot be continued by hand; so it stops short of
    // what the sockets' buffers take.
    while sent < asked / 10 && greedy.try_send_raw(requests.as_bytes()).is_ok() {
        sent += 100;
    }
    assert!(bob.ping() < PROMPT);
    for _ in 0..sent {
        assert_eq!(greedy.expect("res")["ok"], Value::Bool(true));
    }
    greedy.ping();
}

#[test]
fn a_cut_off_connection_is_no_end_and_a_goodbye_is() {
    let daemon = Daemon::with_config(TLS);
    for goodbye in [true, false] {
        let mut phone = Phone::paired(&daemon, "alice");
        phone.ping();
        // Half a frame, which must not count.
        phone.send_raw(b"{\"type\":\"event\",\"event\":\"agent.request\",\"payloadJSON\":\"{}\"}");
        let (mut tls, mut stream) = phone.into_tls();
        if goodbye {
            tls.send_close_notify();
            tls.write_tls(&mut stream).unwrap();
        }
        stream.shutdown(Shutdown::Write).unwrap();
        rest(&mut stream, DEADLINE);
        eventually("the node is gone", || {
            (daemon.status()["nodes"]["connected"] == 0).then_some(())
        });
        assert_eq!(daemon.status()["counters"]["events"], 0);
        let cut = daemon.log().contains("without sending TLS close_notify");
        assert_eq!(cut, !goodbye);
    }
}

#[test]
fn whoever_leaves_in_the_middle_of_the_handshake_is_gone_at_once() {
    let daemon = Daemon::with_config(TLS);
    let hello = client_hello();
    for part in [0, 1, 50, hello.len()] {
        let mut stream = TcpStream::connect(daemon.address()).unwrap();
        stream.write_all(&hello[..part]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(&mut stream, PROMPT);
    }
    within(PROMPT, "nobody is left", || {
        (daemon.status()["connections"]["open"] == 0).then_some(())
    });
}

#[test]
fn whoever_is_closed_is_told_so() {
    let mut daemon = Daemon::with_config(TLS);
    let token = Phone::paired(&daemon, "alice").token;
    let mut first = Phone::log_in(&daemon, "alice", &token);
    let mut second = Phone::log_in(&daemon, "alice", &token);
    // A clean end: without the goodbye of TLS, reading would be an error.
    first.expect_close();
    second.ping();
    let mut silent = Phone::connect(&daemon);
    daemon.signal(Signal::TERM);
    second.expect_close();
    silent.expect_close();
    assert!(daemon.wait(PROMPT).success());
}

#[test]
fn whoever_stalls_in_the_handshake_is_cut_when_the_time_for_a_greeting_is_over() {
    let daemon = Daemon::with_config(TLS);
    let hello = client_hello();
    let began = Instant::now();
    let connect = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(daemon.address()).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    // Nothing; one byte; half a greeting; all of it, but no answer to ours; and one that drips.
    let mut stalled = [connect(b""), connect(&hello[..1]), connect(&hello[..50]), connect(&hello)];
    let mut drips = connect(&hello[..2]);
    let mut alice = Phone::paired(&daemon, "alice");
    for byte in hello[2..].iter().take(60) {
        if drips.write_all(&[*byte]).is_err() {
            break;
        }
        assert!(alice.ping() < PROMPT);
        drips.set_read_timeout(Some(Duration::from_millis(900))).unwrap();
        match drips.read(&mut [0; 64]) {
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(_) => {}
        }
    }
    let cut = began.elapsed();
    assert!((28..40).contains(&cut.as_secs()), "{cut:?}");
    for stream in &mut stalled {
        rest(stream, PROMPT);
    }
    within(PROMPT, "only alice is left", || {
        (daemon.status()["connections"]["open"] == 1).then_some(())
    });
}

#[test]
fn a_broken_handshake_ends_at_once_with_an_alert() {
    let daemon = Daemon::with_config(TLS);
    // A record whose content is no handshake message, and one that is longer than allowed.
    let mut bad = client_hello();
    bad[5] = 0xee;
    for bytes in [&bad[..], &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3], &[0x16; 300]] {
        let mut stream = TcpStream::connect(daemon.address()).unwrap();
        let began = Instant::now();
        stream.write_all(bytes).unwrap();
        let answer = rest(&mut stream, DEADLINE);
        took_less_than(PROMPT, began, "the end");
        assert_eq!((answer.len(), answer.first()), (7, Some(&0x15)), "{answer:?}");
    }
    log_has(&daemon, "TLS handshake failed");
    // The same when it is the phone that does not like what it sees.
    let stranger = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap().cert;
    let client = Client::trusting(stranger.der().clone(), "localhost");
    let stream = TcpStream::connect(daemon.address()).unwrap();
    assert!(client.secure(stream).is_err());
    log_has(&daemon, "received fatal alert");
    // And when it breaks later.
    let phone = Phone::paired(&daemon, "alice");
    let (_tls, mut stream) = phone.into_tls();
    stream.write_all(&[0x17, 3, 3, 0, 32]).unwrap();
    stream.write_all(&[0; 32]).unwrap();
    assert_eq!(rest(&mut stream, DEADLINE).first(), Some(&0x17), "an encrypted alert");
    log_has(&daemon, "TLS broken");
}

#[test]
fn a_line_that_begins_like_tls_inside_of_tls_is_only_a_bad_frame() {
    let daemon = Daemon::with_config(TLS);
    let mut phone = Phone::connect(&daemon);
    phone.send_raw(b"\x16\x03\x01\n");
    let error = phone.expect("error");
    assert_eq!(error["code"], "INVALID_REQUEST");
    assert!(!error["message"].as_str().unwrap().contains("TLS"), "{error}");
    phone.expect_close();
}

#[test]
fn a_crowd_that_only_shakes_hands_does_not_lock_out_a_paired_phone() {
    let daemon = Daemon::with_config(TLS);
    let token = Phone::paired(&daemon, "alice").token;
    let hello = client_hello();
    let crowd: Vec<TcpStream> = (0..320)
        .map(|_| {
            let mut stream = TcpStream::connect(daemon.address()).unwrap();
            stream.write_all(&hello).unwrap();
            stream
        })
        .collect();
    let mut alice = Phone::log_in(&daemon, "alice", &token);
    assert!(alice.ping() < PROMPT);
    eventually("the crowd has shrunk to its limit", || {
        let strangers = daemon.status()["connections"]["unauthenticated"].as_u64()?;
        (strangers <= 256).then_some(())
    });
    drop(crowd);
}

impl Phone {
    /// Its TLS and its socket, for what no honest phone does.
    fn into_tls(self) -> (rustls::ClientConnection, TcpStream) {
        match self.into_wire() {
            Wire::Secured(tls) => tls.into_parts(),
            Wire::Plain(_) => panic!("not encrypted"),
        }
    }
}

#[test]
fn a_goodbye_that_comes_together_with_a_line_is_heard() {
    let daemon = Daemon::with_config(TLS);
    for client in [Client::default(), Client::old()] {
        let mut phone = Phone::secured(daemon.address(), &client);
        phone.wire_mut().send_and_say_goodbye(b"{\"type\":\"hello\",\"nodeId\":\"n\"}\n");
        let open = || (daemon.status()["connections"]["open"] == 0).then_some(());
        // Long before a stranger's time is over.
        within(Duration::from_secs(15), "the connection ends", open);
    }
}
