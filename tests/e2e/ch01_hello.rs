//! The golden sequences of the protocol, by their numbers.

use crate::support::{took_less_than, Daemon, Phone};
use serde_json::{json, Value};
use std::time::{Duration, Instant};

fn hello(node: &str, token: Option<&str>) -> Value {
    match token {
        Some(token) => json!({ "type": "hello", "nodeId": node, "token": token }),
        None => json!({ "type": "hello", "nodeId": node }),
    }
}

#[test]
fn golden_1_a_new_phone_asks_is_approved_and_logs_in_with_its_token() {
    let daemon = Daemon::with_config(
        r#"{ bridge: { name: "attic" }, canvasHost: { url: "http://10.0.0.1:18793" } }"#,
    );
    let mut phone = Phone::connect(&daemon);
    phone.send(&hello("n1", None));
    phone.expect_error("NOT_PAIRED", "pairing required");
    phone.send(&json!({ "type": "pair-request", "nodeId": "n1", "displayName": "Ada's iPad" }));
    assert_eq!(daemon.pending_request("n1")["displayName"], "Ada's iPad");
    daemon.run(["nodes", "approve", "n1"]).ok();
    let token = phone.expect_token();
    assert_eq!(token.len(), 32);
    assert!(token.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{token:?}");
    let welcome = json!({
        "type": "hello-ok", "serverName": "attic", "mainSessionKey": "main",
        "canvasHostUrl": "http://10.0.0.1:18793",
    });
    assert_eq!(phone.receive(), welcome);
    let words = phone.expect_event("voicewake.changed");
    assert_eq!(words, json!({ "triggers": ["clawd", "claude", "computer"] }));
    drop(phone);

    let mut phone = Phone::connect(&daemon);
    phone.send(&hello("n1", Some(&token)));
    assert_eq!(phone.receive(), welcome);
    phone.expect_event("voicewake.changed");
    phone.expect_nothing_else();
}

#[test]
fn later_hellos_are_told_what_a_reload_has_changed() {
    let config = |name: &str, url: &str| {
        format!("{{ bridge: {{ name: '{name}' }}, canvasHost: {{ url: {url}, enabled: false }} }}")
    };
    let daemon = Daemon::with_config(&config("one", "'http://studio.local:18793/'"));
    let mut phone = Phone::connect(&daemon);
    let token = Phone::paired(&daemon, "n1").token;
    let mut welcome = |name: &str, url: Value| {
        phone.send(&hello("n1", Some(&token)));
        // The wake words follow every admission, after or before the answer to `health`.
        let told = std::iter::repeat_with(|| phone.receive()).find(|f| f["type"] != "event");
        let told = told.unwrap();
        assert_eq!(told["type"], "hello-ok");
        assert_eq!((&told["serverName"], &told["canvasHostUrl"]), (&json!(name), &url));
        phone.request("health", None);
    };
    welcome("one", json!("http://studio.local:18793"));
    daemon.setup().write_config(&config("two", "'https://canvas.example/x'"));
    daemon.run(["reload"]).ok();
    welcome("two", json!("https://canvas.example/x"));
    daemon.setup().write_config(&config("three", "'http://0.0.0.0:18793'"));
    let said = daemon.run(["reload"]).error(1);
    assert!(said.contains("0.0.0.0 is not an address that a node can connect to"), "{said}");
    welcome("two", json!("https://canvas.example/x"));
    daemon.setup().write_config(&config("four", "null"));
    daemon.run(["reload"]).ok();
    welcome("four", Value::Null);
}

#[test]
fn golden_2_a_paired_phone_without_its_token_is_told_so_and_may_go_on() {
    let daemon = Daemon::start();
    let token = Phone::paired(&daemon, "n1").token;
    let mut phone = Phone::connect(&daemon);
    phone.send(&hello("n1", None));
    phone.expect_error("UNAUTHORIZED", "pairing required");
    phone.send(&hello("n1", Some("00000000000000000000000000000000")));
    phone.expect_error("UNAUTHORIZED", "invalid token");
    phone.send(&hello("n2", Some("00000000000000000000000000000000")));
    phone.expect_error("UNAUTHORIZED", "invalid token");
    phone.send(&hello("n1", Some(&token)));
    phone.expect("hello-ok");
}

#[test]
fn golden_3_a_rejected_phone_is_told_so_and_closed() {
    let daemon = Daemon::start();
    let mut phone = Phone::asking(&daemon, "n1");
    daemon.run(["nodes", "reject", "n1"]).ok();
    phone.expect_error("UNAUTHORIZED", "pairing rejected");
    phone.expect_close();
}

#[test]
fn golden_4_before_hello_nothing_is_done_and_every_request_is_answered() {
    let daemon = Daemon::start();
    let mut phone = Phone::connect(&daemon);
    let unauthorized = json!({ "code": "UNAUTHORIZED", "message": "not authenticated" });
    phone.send(&json!({ "type": "req", "id": 1, "method": "health" }));
    let refused = json!({ "type": "res", "id": "1", "ok": false, "error": unauthorized });
    assert_eq!(phone.receive(), refused);
    phone.send(&json!({ "type": "req" }));
    let refused = json!({ "type": "res", "id": "", "ok": false, "error": unauthorized });
    assert_eq!(phone.receive(), refused);
    phone.send(&json!({ "type": "pong", "id": "x" }));
    phone.send(&json!({ "type": "ping", "id": "x" }));
    phone.expect_error("UNAUTHORIZED", "not authenticated");
    phone.send(&json!({ "type": "event", "event": "voice.transcript", "payloadJSON": "{}" }));
    phone.expect_error("UNAUTHORIZED", "not authenticated");
    phone.send(&json!({ "type": "invoke-res", "id": "x", "ok": true }));
    phone.expect_error("UNAUTHORIZED", "not authenticated");
    phone.send(&hello("n1", None));
    phone.expect_error("NOT_PAIRED", "pairing required");
}

#[test]
fn golden_4_frames_that_only_a_gateway_sends_end_the_connection() {
    let daemon = Daemon::start();
    for (frame, message) in [
        (json!({ "type": "invoke", "id": "1" }), "invoke not allowed from node"),
        (json!({ "type": "res", "id": "1" }), "res not allowed from node"),
        (json!({ "type": "nonsense" }), "unknown type"),
        (json!({ "id": "1" }), "unknown type"),
    ] {
        let mut phone = Phone::connect(&daemon);
        phone.send(&frame);
        phone.expect_error("INVALID_REQUEST", message);
        phone.expect_close();
    }
}

#[test]
fn golden_5_an_unknown_method_is_forbidden_and_an_empty_request_invalid() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "n1");
    phone.send(&json!({ "type": "req", "id": "a", "method": "nope" }));
    let answer = phone.expect("res");
    assert_eq!((&answer["id"], &answer["ok"]), (&json!("a"), &json!(false)));
    assert_eq!(answer["error"]["code"], "FORBIDDEN");
    assert_eq!(answer["error"]["details"]["method"], "nope");
    phone.send(&json!({ "type": "req" }));
    let answer = phone.expect("res");
    assert_eq!((&answer["id"], &answer["ok"]), (&json!("invalid"), &json!(false)));
    assert_eq!(answer["error"]["code"], "INVALID_REQUEST");
    phone.ping();
}

#[test]
fn golden_6_a_second_hello_refreshes_what_is_known_and_disturbs_nothing() {
    let daemon = Daemon::start();
    let mut watcher = daemon.control().subscribe(&["presence"]);
    let mut phone = Phone::paired(&daemon, "n1");
    assert_eq!(watcher.event("presence")["reason"], "node-connected");
    let mut operator = daemon.control();
    let invoke = json!({ "nodeId": "n1", "command": "camera.snap" });
    let asked = operator.send("node.invoke", &invoke);
    let id = phone.expect("invoke")["id"].clone();

    let mut again = hello("n1", Some(&phone.token));
    again["commands"] = json!(["sms.send"]);
    phone.send(&again);
    phone.expect("hello-ok");
    phone.send(&json!({ "type": "invoke-res", "id": id, "ok": true, "payloadJSON": "{\"a\":1}" }));
    assert_eq!(operator.answer(asked).unwrap()["payload"], json!({ "a": 1 }));
    let node = daemon.ask("node.describe", &json!({ "nodeId": "n1" }));
    assert_eq!((&node["commands"], &node["connected"]), (&json!(["sms.send"]), &json!(true)));
    phone.expect_nothing_else();
    assert_eq!(watcher.events_so_far(), Vec::<Value>::new());
}

#[test]
fn golden_6_a_second_hello_cannot_change_the_node() {
    let daemon = Daemon::start();
    let eve = Phone::paired(&daemon, "eve").token;
    let mut phone = Phone::paired(&daemon, "alice");
    phone.send(&hello("eve", Some(&eve)));
    assert_eq!(phone.expect("error")["code"], "INVALID_REQUEST");
    phone.expect_close();
}

#[test]
fn golden_6_a_second_hello_with_a_wrong_token_ends_the_connection() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    phone.send(&hello("alice", Some("wrong")));
    phone.expect_error("UNAUTHORIZED", "invalid token");
    phone.expect_close();
}

#[test]
fn golden_7_the_second_connection_of_a_node_replaces_the_first() {
    let daemon = Daemon::start();
    let mut watcher = daemon.control().subscribe(&["presence"]);
    let mut first = Phone::paired(&daemon, "n1");
    assert_eq!(watcher.event("presence")["reason"], "node-connected");
    let mut second = Phone::log_in(&daemon, "n1", &first.token);
    first.expect_close();
    assert_eq!(second.request("health", None)["ok"], true);
    let nodes = daemon.ask("node.list", &json!({}));
    assert_eq!(nodes["nodes"][0]["connected"], true);
    assert_eq!(watcher.events_so_far(), Vec::<Value>::new());
}

#[test]
fn golden_8_a_tls_greeting_gets_a_plain_answer_and_is_closed_within_a_second() {
    let daemon = Daemon::start();
    let mut phone = Phone::connect(&daemon);
    let began = Instant::now();
    phone.send_raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    assert_eq!(phone.expect("error")["code"], "INVALID_REQUEST");
    phone.expect_close();
    took_less_than(Duration::from_secs(1), began, "the answer to a TLS greeting");
}

#[test]
fn golden_9_an_invoke_is_answered_once_by_the_node_that_was_asked() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "n1");
    let mut operator = daemon.control();
    let params = json!({ "nodeId": "n1", "command": " canvas.eval ", "params": { "js": "1+1" } });
    let asked = operator.send("node.invoke", &params);
    let invoke = phone.expect("invoke");
    assert_eq!(invoke["command"], "canvas.eval");
    let sent: Value = serde_json::from_str(invoke["paramsJSON"].as_str().unwrap()).unwrap();
    assert_eq!(sent, json!({ "js": "1+1" }));
    phone.send(&json!({ "type": "invoke-res", "id": "unknown", "ok": true }));
    let answer = json!({ "type": "invoke-res", "id": invoke["id"], "ok": true,
        "payloadJSON": "{\"result\":\"2\"}" });
    phone.send(&answer);
    let answered = operator.answer(asked).unwrap();
    assert_eq!(answered["payload"], json!({ "result": "2" }));
    assert_eq!((&answered["nodeId"], &answered["ok"]), (&json!("n1"), &json!(true)));
    // Again, which changes nothing.
    phone.send(&answer);
    phone.expect_nothing_else();
}

#[test]
fn golden_9_a_lost_connection_fails_everybody_who_waits_at_once() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "n1");
    let mut operator = daemon.control();
    let invoke = json!({ "nodeId": "n1", "command": "a", "timeoutMs": 600_000 });
    let asked: Vec<u64> = (0..3).map(|_| operator.send("node.invoke", &invoke)).collect();
    phone.expect("invoke");
    // The answer to this comes when all three are known.
    operator.ask("status", &json!({})).unwrap();
    let began = Instant::now();
    drop(phone);
    for id in asked {
        let error = operator.answer(id).unwrap_err();
        assert_eq!(error["code"], "UNAVAILABLE");
        assert_eq!(error["message"], "bridge connection closed");
    }
    took_less_than(Duration::from_secs(5), began, "failing the invokes");
}
