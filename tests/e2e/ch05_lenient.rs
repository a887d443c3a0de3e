//! Input as it comes from real apps, and worse.

use crate::support::{Daemon, Phone};
use serde_json::json;

#[test]
fn lines_may_end_in_crlf_and_blank_ones_are_not_answered() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    phone.send_raw(b"\n\r\n   \n\t\r\n  {\"type\":\"ping\",\"id\":\"1\"}  \r\n\r\n");
    assert_eq!(phone.receive(), json!({ "type": "pong", "id": "1" }));
    phone.expect_nothing_else();
}

#[test]
fn a_line_may_arrive_byte_by_byte_and_split_characters() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    for byte in "{\"type\":\"ping\",\"id\":\"é☕😀\"}\n".bytes() {
        phone.send_raw(&[byte]);
    }
    assert_eq!(phone.receive(), json!({ "type": "pong", "id": "é☕😀" }));
}

#[test]
fn ids_may_be_numbers_or_booleans() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    for (id, text) in [("7", "7"), ("true", "true"), ("1.5", "1.5"), ("\"x\"", "x")] {
        phone.send_raw(format!("{{\"type\":\"ping\",\"id\":{id}}}\n").as_bytes());
        assert_eq!(phone.receive(), json!({ "type": "pong", "id": text }));
    }
    phone.send_raw(b"{\"type\":\"ping\"}\n");
    assert_eq!(phone.receive(), json!({ "type": "pong", "id": "" }));
    phone.send_raw(b"{\"type\":\"req\",\"id\":7,\"method\":\"health\"}\n");
    assert_eq!(phone.expect("res")["id"], "7");
}

#[test]
fn lone_surrogates_and_broken_utf8_become_replacement_characters() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    phone.send_raw(b"{\"type\":\"ping\",\"id\":\"a\\ude00b\\ud83d\"}\n");
    assert_eq!(phone.receive(), json!({ "type": "pong", "id": "a\u{fffd}b\u{fffd}" }));
    phone.send_raw(b"{\"type\":\"ping\",\"id\":\"\\ud83d\\ude00\"}\n");
    assert_eq!(phone.receive(), json!({ "type": "pong", "id": "😀" }));
    phone.send_raw(b"{\"type\":\"ping\",\"id\":\"a\xffb\xe2\x98\"}\n");
    assert_eq!(phone.receive(), json!({ "type": "pong", "id": "a\u{fffd}b\u{fffd}" }));
}

#[test]
fn of_repeated_keys_the_last_one_counts() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    phone.send_raw(b"{\"type\":\"hello\",\"id\":\"1\",\"type\":\"ping\",\"id\":\"2\"}\n");
    assert_eq!(phone.receive(), json!({ "type": "pong", "id": "2" }));
}

#[test]
fn two_hundred_thousand_levels_of_nesting_crash_nothing() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let line = format!("{{\"type\":\"ping\",\"x\":{},\"id\":\"deep\"}}\n", deep(200_000));
    phone.send_raw(line.as_bytes());
    assert_eq!(phone.receive(), json!({ "type": "pong", "id": "deep" }));
    // As parameters, which are read by whoever answers.
    let params = format!("{{\"triggers\":{}}}", deep(200_000));
    assert!(phone.request("voicewake.set", Some(&params))["ok"].is_boolean());
    phone.send(&json!({ "type": "event", "event": "chat.subscribe", "payloadJSON": deep(20_000) }));
    // As what a node answers to an operator.
    let mut operator = daemon.control();
    let id = operator.send("node.invoke", &json!({ "nodeId": "alice", "command": "a" }));
    let invoke = phone.expect("invoke");
    let answer = json!({ "type": "invoke-res", "id": invoke["id"], "ok": true,
        "payloadJSON": deep(200_000) });
    phone.send(&answer);
    operator.raw_answer(id);
    phone.ping();
    // From a stranger, as far as a stranger's line may be long.
    let mut stranger = Phone::connect(&daemon);
    let hello = format!("{{\"type\":\"hello\",\"caps\":{},\"nodeId\":\"x\"}}\n", deep(30_000));
    stranger.send_raw(hello.as_bytes());
    stranger.expect_error("NOT_PAIRED", "pairing required");
}

#[test]
fn json_that_is_no_frame_gets_an_error_and_the_connection_ends() {
    let daemon = Daemon::start();
    for line in ["null", "[]", "5", "\"x\"", "true", "{}", "[{\"type\":\"ping\"}]"] {
        for admitted in [false, true] {
            let mut phone =
                if admitted { Phone::paired(&daemon, "a") } else { Phone::connect(&daemon) };
            phone.send_raw(format!("{line}\n").as_bytes());
            phone.expect_error("INVALID_REQUEST", "unknown type");
            phone.expect_close();
        }
    }
}

#[test]
fn what_is_no_json_gets_an_error_and_the_connection_ends() {
    let daemon = Daemon::start();
    for line in ["{", "hello", "{\"type\":\"ping\"", "GET / HTTP/1.1\r", "{'a':1}", "\0", "{}{}"] {
        let mut phone = Phone::connect(&daemon);
        phone.send_raw(format!("{line}\n").as_bytes());
        assert_eq!(phone.expect("error")["code"], "INVALID_REQUEST", "{line}");
        phone.expect_close();
    }
}

#[test]
fn a_node_id_has_to_be_there_and_within_reason() {
    let daemon = Daemon::start();
    for (id, message) in [
        (json!(null), Some("nodeId required")),
        (json!("  "), Some("nodeId required")),
        (json!("a".repeat(129)), None),
        (json!("a\u{1b}[31m"), None),
        (json!("a\nb"), None),
    ] {
        for kind in ["hello", "pair-request"] {
            let mut phone = Phone::connect(&daemon);
            phone.send(&json!({ "type": kind, "nodeId": id }));
            let error = phone.expect("error");
            assert_eq!(error["code"], "INVALID_REQUEST");
            assert!(message.is_none_or(|message| error["message"] == message), "{error}");
            phone.expect_close();
        }
    }
}

#[test]
fn wrong_types_in_what_a_node_says_about_itself_do_no_harm() {
    let daemon = Daemon::start();
    let mut phone = Phone::connect(&daemon);
    phone.send(&json!({
        "type": "pair-request", "nodeId": 17, "displayName": 7, "platform": {}, "version": [],
        "caps": "canvas", "commands": [1, "a", null, "a"], "permissions": { "x": 1, "y": true },
        "silent": "yes", "remoteAddress": "8.8.8.8", "unknown": { "a": [] },
    }));
    let request = daemon.pending_request("17");
    assert_eq!(request["remoteIp"], "127.0.0.1");
    daemon.approve("17");
    phone.expect_token();
    phone.expect("hello-ok");
    let node = daemon.ask("node.describe", &json!({ "nodeId": "17" }));
    assert_eq!(node["commands"], json!(["1", "a"]));
    assert_eq!(node["permissions"], json!({ "x": false, "y": true }));
}

#[test]
fn an_explicit_protocol_is_accepted_if_it_is_the_one() {
    let daemon = Daemon::start();
    let token = Phone::paired(&daemon, "alice").token;
    for (version, good) in [(json!(1), true), (json!(null), true), (json!(2), false)] {
        let mut phone = Phone::connect(&daemon);
        phone.send(&json!({
            "type": "hello", "nodeId": "alice", "token": token, "protocol": version,
        }));
        if good {
            phone.expect("hello-ok");
        } else {
            assert_eq!(phone.expect("error")["code"], "INVALID_REQUEST");
            phone.expect_close();
        }
    }
}
