//! What the bridge does not put up with, and what it goes on doing meanwhile.

use crate::support::{eventually, took_less_than, Daemon, Next, Phone, DEADLINE};
use serde_json::{json, Value};
use std::time::{Duration, Instant};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// More than any phone may be kept waiting because of what others do. It is far more than an
/// idle machine needs, and far less than any timeout by which something could be unblocked.
const PROMPT: Duration = Duration::from_secs(2);

fn too_long(limit: usize) -> String {
    format!("line longer than {limit} bytes")
}

/// The apps on iOS and macOS drop what they receive together with the end of the stream.
#[test]
fn an_error_arrives_some_time_before_the_end_of_the_stream() {
    let daemon = Daemon::start();
    let is_alone = || {
        let mut phone = Phone::connect(&daemon);
        phone.send_raw(b"[]\n");
        phone.expect_error("INVALID_REQUEST", "unknown type");
        let next = phone.next_within(Duration::from_millis(20));
        if matches!(next, Next::Silence) {
            phone.expect_close();
        }
        matches!(next, Next::Silence)
    };
    // A machine that stands still for a moment may miss it.
    assert!((0..10).any(|_| is_alone()));
}

#[test]
fn a_long_line_from_a_stranger_is_an_error_and_the_end() {
    let daemon = Daemon::start();
    for end in ["", "\n"] {
        let mut phone = Phone::connect(&daemon);
        let began = Instant::now();
        phone.send_raw(format!("{}{end}", "a".repeat(70 * KIB)).as_bytes());
        phone.expect_error("INVALID_REQUEST", &too_long(64 * KIB));
        phone.expect_close();
        took_less_than(PROMPT, began, "the end");
    }
    // Also when it waits for the operator.
    let mut phone = Phone::asking(&daemon, "alice");
    phone.send_raw(&b" ".repeat(70 * KIB));
    phone.expect_error("INVALID_REQUEST", &too_long(64 * KIB));
    phone.expect_close();
    let mut phone = Phone::connect(&daemon);
    let name = "x".repeat(60 * KIB);
    phone.send(&json!({ "type": "hello", "nodeId": "alice", "displayName": name }));
    phone.expect_error("NOT_PAIRED", "pairing required");
}

#[test]
fn a_stranger_who_never_stops_sending_is_closed_all_the_same() {
    let daemon = Daemon::start();
    let mut phone = Phone::connect(&daemon);
    let began = Instant::now();
    let junk = vec![b'a'; MIB];
    while phone.try_send_raw(&junk).is_ok() {
        assert!(began.elapsed() < DEADLINE, "the bridge goes on reading");
    }
    assert!(daemon.proc("VmRSS") < 64 * KIB as u64, "{} KiB", daemon.proc("VmRSS"));
}

#[test]
fn a_line_of_more_than_32_mib_from_a_node_is_an_error_and_the_end() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let mut bob = Phone::paired(&daemon, "bob");
    let sent = phone.try_send_raw(&vec![b'a'; 33 * MIB]);
    assert!(bob.ping() < PROMPT);
    phone.expect_error("INVALID_REQUEST", &too_long(32 * MIB));
    phone.expect_close();
    drop(sent);
}

#[test]
fn whoever_waits_for_an_answer_that_is_too_long_is_told_so() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let eval = daemon.operator(["nodes", "canvas", "eval", "--js", "x", "--node", "alice"]);
    phone.expect("invoke");
    // The end of it may find the connection closed.
    let sent = phone.try_send_raw(&vec![b'a'; 33 * MIB]);
    let said = eval.finish().error(1);
    let why = "canvas eval failed: the node's answer is longer than 32 MiB; request less: ";
    assert!(said.contains(why), "{said}");
    let line = "node=\"alice\" why=INVALID_REQUEST: line longer than 33554432 bytes";
    eventually("the log names the node", || daemon.log().contains(line).then_some(()));
    drop(sent);
}

#[test]
fn a_picture_of_20_mib_reaches_the_operator() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let operator =
        daemon.operator(["nodes", "invoke", "--node", "alice", "--command", "canvas.snapshot"]);
    let invoke = phone.expect("invoke");
    let payload = format!("{{\"base64\":\"{}\"}}", "A".repeat(20 * MIB));
    phone.send(&json!({
        "type": "invoke-res", "id": invoke["id"], "ok": true, "payloadJSON": payload,
    }));
    let printed = operator.finish().ok();
    assert!(printed.trim_end() == payload, "{} bytes", printed.len());
    phone.ping();
}

#[test]
fn the_line_of_a_recording_may_be_longer_while_it_is_waited_for() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let mut control = daemon.control();
    let ask = json!({ "nodeId": "alice", "command": "screen.record", "timeoutMs": 60_000 });
    let id = control.send("node.invoke", &ask);
    let invoke = phone.expect("invoke");
    let payload = format!("{{\"base64\":\"{}\"}}", "A".repeat(40 * MIB));
    phone.send(&json!({
        "type": "invoke-res", "id": invoke["id"], "ok": true, "payloadJSON": payload,
    }));
    assert!(control.raw_answer(id).len() > 40 * MIB);
    let sent = phone.try_send_raw(&vec![b'a'; 33 * MIB]);
    phone.expect_error("INVALID_REQUEST", &too_long(32 * MIB));
    drop(sent);
}

#[test]
fn a_tls_greeting_is_answered_in_plain_text_however_much_of_it_comes() {
    let daemon = Daemon::start();
    for hello in [&b"\x16"[..], &[0x16; 2000], &[0x16; 100 * KIB]] {
        let mut phone = Phone::connect(&daemon);
        let began = Instant::now();
        phone.send_raw(hello);
        let error = phone.expect("error");
        assert_eq!(error["code"], "INVALID_REQUEST");
        phone.expect_close();
        took_less_than(Duration::from_secs(1), began, "the answer to a TLS greeting");
    }
    let log = daemon.log();
    let alarms = |line: &&str| line.contains("Z warn ") || line.contains("Z error ");
    assert_eq!(log.lines().find(alarms), None, "it is no attack");
}

#[test]
fn a_crowd_of_strangers_does_not_lock_out_a_paired_phone() {
    let daemon = Daemon::start();
    let mut alice = Phone::paired(&daemon, "alice");
    let token = Phone::paired(&daemon, "bob").token;
    let mut waiting = Phone::asking(&daemon, "carol");
    let crowd: Vec<Phone> = (0..320).map(|_| Phone::connect(&daemon)).collect();
    assert!(alice.ping() < PROMPT);
    let began = Instant::now();
    let mut bob = Phone::log_in(&daemon, "bob", &token);
    bob.ping();
    took_less_than(PROMPT, began, "logging in");
    // Silent ones, and the one that waits for the operator.
    eventually("the crowd has shrunk to its limit", || {
        let strangers = daemon.status()["connections"]["unauthenticated"].as_u64()?;
        (strangers <= 256 + 1).then_some(())
    });
    // Whoever waits for the operator has not been sent away either.
    daemon.approve("carol");
    waiting.expect_token();
    drop(crowd);
}

#[test]
fn pairing_requests_are_limited_for_each_node_and_in_all() {
    let daemon = Daemon::start();
    let ask = |node: &str, name: &str| {
        let mut phone = Phone::connect(&daemon);
        phone.send(&json!({ "type": "pair-request", "nodeId": node, "displayName": name }));
        phone
    };
    let pending = |count: usize| {
        eventually("so many requests are shown", || {
            (daemon.status()["nodes"]["pending"] == count).then_some(())
        });
    };
    let _first: Vec<Phone> = (0..4).map(|i| ask("same", &format!("name {i}"))).collect();
    pending(4);
    let mut one_more = ask("same", "name 5");
    assert_eq!(one_more.expect("error")["code"], "UNAVAILABLE");
    one_more.expect_close();
    let _others: Vec<Phone> = (0..28).map(|i| ask(&format!("other{i}"), "x")).collect();
    pending(32);
    let mut one_more = ask("yet-another", "x");
    assert_eq!(one_more.expect("error")["code"], "UNAVAILABLE");
    one_more.expect_close();
    let log = daemon.log();
    assert!(log.len() < 200_000, "strangers fill the log: {} bytes", log.len());
}

#[test]
fn whoever_collects_refusals_is_closed_in_the_end() {
    let daemon = Daemon::start();
    let mut phone = Phone::connect(&daemon);
    for number in 0..8 {
        let token = format!("guess {number}");
        phone.send(&json!({ "type": "hello", "nodeId": "alice", "token": token }));
        phone.expect_error("UNAUTHORIZED", "invalid token");
    }
    phone.expect_close();
}

/// How much memory a daemon holds once it is sure to have taken in what was sent to it.
fn memory(daemon: &Daemon) -> u64 {
    daemon.status();
    daemon.proc("VmRSS") / KIB as u64
}

#[test]
fn a_phone_that_never_reads_its_events_slows_nobody_and_is_dropped_in_the_end() {
    let daemon = Daemon::start();
    let _deaf = Phone::paired(&daemon, "deaf");
    let mut bob = Phone::paired(&daemon, "bob");
    let before = memory(&daemon);
    let triggers: Vec<String> = (0..32).map(|i| format!("{i:064}")).collect();
    let params = json!({ "triggers": triggers });
    let mut operator = daemon.control();
    let mut slowest = Duration::ZERO;
    let mut sent = 0;
    let dropped = |daemon: &Daemon| {
        let node = daemon.ask("node.describe", &json!({ "nodeId": "deaf" }));
        node["connected"] == false
    };
    // The buffers of the two sockets take some megabytes before anything has to wait.
    while sent < 12_000 && !(sent % 500 == 0 && dropped(&daemon)) {
        operator.ask("voicewake.set", &params).unwrap();
        sent += 1;
        if sent % 50 == 0 {
            // Reads the fifty events as well.
            slowest = slowest.max(bob.ping());
        }
    }
    assert!(dropped(&daemon), "still there after {sent} events");
    assert!(slowest < PROMPT, "{slowest:?}");
    let after = memory(&daemon);
    assert!(after < before + 48, "from {before} to {after} MiB");
}

#[test]
fn a_phone_that_asks_without_listening_is_not_read_and_slows_nobody() {
    let daemon = Daemon::start();
    let mut greedy = Phone::paired(&daemon, "greedy");
    let mut bob = Phone::paired(&daemon, "bob");
    let before = memory(&daemon);
    let request = json!({ "type": "req", "id": "i".repeat(200), "method": "voicewake.get" });
    let requests = format!("{request}\n").repeat(200);
    // Sends until the bridge stops reading: nothing more is taken within the time.
    greedy.patience_for_sending(Duration::from_millis(500));
    let mut asked = 0;
    let mut slowest = Duration::ZERO;
    while greedy.try_send_raw(requests.as_bytes()).is_ok() {
        asked += 200;
        slowest = slowest.max(bob.ping());
        assert!(asked < 1_000_000, "the bridge never stops reading");
    }
    assert!(slowest < PROMPT, "{slowest:?}");
    assert!(bob.ping() < PROMPT);
    let after = memory(&daemon);
    assert!(after < before + 48, "from {before} to {after} MiB");
    // It is still connected, and gets every answer once it listens.
    for _ in 0..asked {
        assert_eq!(greedy.expect("res")["ok"], Value::Bool(true));
    }
}

#[test]
fn sixteen_invokes_wait_for_one_node_and_the_seventeenth_is_refused() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let invoke = json!({ "nodeId": "alice", "command": "a", "timeoutMs": 60_000 });
    let mut operators = [daemon.control(), daemon.control()];
    for operator in &mut operators {
        for _ in 0..8 {
            operator.send("node.invoke", &invoke);
        }
        // Requests of one operator are handled in order, so the invokes are counted by now.
        operator.ask("status", &json!({})).unwrap();
    }
    let mut late = daemon.control();
    let error = late.ask("node.invoke", &invoke).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("too many invokes"), "{error}");
    let asked = phone.expect("invoke");
    phone.send(&json!({ "type": "invoke-res", "id": asked["id"], "ok": true }));
    operators[0].answer(1).unwrap();
    late.send("node.invoke", &invoke);
    // A refusal would come before this answer, and `ask` expects answers in order.
    late.ask("status", &json!({})).unwrap();
}

#[test]
fn operators_are_limited_and_the_one_too_many_is_told() {
    let daemon = Daemon::start();
    let mut operators: Vec<_> = Vec::new();
    for _ in 0..32 {
        let mut operator = daemon.control();
        operator.ask("status", &json!({})).unwrap();
        operators.push(operator);
    }
    let said = daemon.run(["status"]).error(1);
    assert!(said.contains("too many operators"), "{said}");
    operators.pop();
    eventually("there is room again", || (daemon.run(["status"]).code == Some(0)).then_some(()));
}
