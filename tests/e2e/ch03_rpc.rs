//! What nodes ask the gateway, and what they are answered.

use crate::support::apps::{script, App};
use crate::support::{eventually, Daemon, Phone, Setup};
use serde_json::{json, Value};
use std::collections::BTreeSet;
use std::fs;

/// Every method of the protocol.
const METHODS: [&str; 20] = [
    "health",
    "voicewake.get",
    "voicewake.set",
    "talk.mode",
    "models.list",
    "skills.bins",
    "config.get",
    "config.schema",
    "config.set",
    "config.patch",
    "sessions.list",
    "sessions.resolve",
    "sessions.patch",
    "sessions.reset",
    "sessions.delete",
    "sessions.compact",
    "chat.history",
    "chat.send",
    "chat.abort",
    "chat.inject",
];

fn payload(answer: &Value) -> Value {
    assert_eq!(answer["ok"], true, "{answer}");
    serde_json::from_str(answer["payloadJSON"].as_str().unwrap()).unwrap()
}

fn error_code(answer: &Value) -> &str {
    assert_eq!(answer["ok"], false, "{answer}");
    assert!(answer["error"]["message"].is_string(), "{answer}");
    answer["error"]["code"].as_str().unwrap()
}

#[test]
fn health_is_ok() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    assert_eq!(payload(&phone.request("health", None))["ok"], true);
}

#[test]
fn health_tells_of_the_nodes_the_agent_and_the_disk_and_no_secret() {
    let secret = "if [ -e fixed ]; then echo yes; else echo the key k-123 is wrong >&2; exit 3; fi";
    let daemon = script(secret, &json!({})).start();
    let (mut app, mut operator) = (App::paired(&daemon, "alice"), daemon.control());
    app.subscribe("main");
    let health = eventually("the disk is looked at", || {
        let health = app.ok("health", &json!({}));
        health["disk"]["freeBytes"].is_u64().then_some(health)
    });
    assert_eq!(health["nodes"], json!({ "paired": 1, "connected": 1, "pending": 0 }));
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert!(health["ok"] == true && health["uptimeMs"].is_u64() && health["ts"].is_u64());
    assert_eq!(
        health["agent"],
        json!({ "kind": "command", "failing": false, "running": 0, "queued": 0 })
    );
    app.send("main", "hi", "one");
    assert_eq!(app.end_of("one").state, "error");
    // An iPhone sends nothing while `ok` is false, so the agent could not be tried again.
    let told = app.ok("health", &json!({}));
    assert_eq!((&told["ok"], &told["agent"]["failing"]), (&json!(true), &json!(true)));
    assert!(told["agent"]["lastRunAt"].is_u64() && !told.to_string().contains("k-123"), "{told}");
    let told = operator.ask("health", &json!({})).unwrap();
    assert_eq!(told["ok"], false);
    assert!(told["agent"]["lastError"].as_str().unwrap().contains("k-123"), "{told}");
    assert!(daemon.run(["status"]).ok().contains("Warning:     the agent failed last time: "));
    let check = daemon.run(["status", "--check", "--json"]);
    assert!(check.code == Some(1) && check.stderr.starts_with("error: the agent failed last"));
    let metrics = daemon.run(["metrics"]).ok();
    assert!(metrics.contains("\nopenclaw_bridge_agent_failing 1\n"), "{metrics}");

    fs::write(daemon.setup().path("fixed"), "").unwrap();
    app.send("main", "hi", "two");
    assert_eq!(app.end_of("two").state, "final");
    let told = operator.ask("health", &json!({})).unwrap();
    assert_eq!((&told["ok"], &told["agent"]["failing"]), (&json!(true), &json!(false)));
    assert!(daemon.run(["status"]).ok().contains("Agent:       command · 0 running"));
}

#[test]
fn the_words_that_wake_are_told_to_everybody_and_survive_a_restart() {
    let daemon = Daemon::start();
    let mut watcher = daemon.control().subscribe(&["voicewake.changed"]);
    let mut alice = Phone::paired(&daemon, "alice");
    let mut bob = Phone::paired(&daemon, "bob");
    let words = json!({ "triggers": ["hey you", "computer"] });
    let params = r#"{"triggers":["  hey you ","",7,"computer"]}"#;
    alice.send(
        &json!({ "type": "req", "id": "s", "method": "voicewake.set", "paramsJSON": params }),
    );
    // The event and the answer come in no particular order.
    let both = [alice.receive(), alice.receive()];
    let answer = both.iter().find(|frame| frame["type"] == "res").unwrap();
    assert_eq!(payload(answer), words);
    let event = both.iter().find(|frame| frame["type"] == "event").unwrap();
    assert_eq!(event["event"], "voicewake.changed");
    assert_eq!(
        serde_json::from_str::<Value>(event["payloadJSON"].as_str().unwrap()).unwrap(),
        words
    );
    assert_eq!(bob.expect_event("voicewake.changed"), words);
    assert_eq!(watcher.event("voicewake.changed"), words);

    let daemon = daemon.kill_and_restart();
    let mut alice = Phone::connect(&daemon);
    alice.send(&json!({ "type": "hello", "nodeId": "bob", "token": bob.token }));
    alice.expect("hello-ok");
    assert_eq!(alice.expect_event("voicewake.changed"), words);
    assert_eq!(payload(&alice.request("voicewake.get", None)), words);
}

#[test]
fn every_method_is_answered_and_no_other_is_allowed() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    for method in METHODS {
        for params in [None, Some("{}"), Some("no json"), Some("[]"), Some("")] {
            let answer = phone.request(method, params);
            if answer["ok"] == true {
                payload(&answer);
            } else {
                // Nodes may not change settings by default, but that is not for lack of a method.
                assert_ne!(answer["error"]["message"], "Method not allowed", "{method}");
            }
        }
    }
    for method in ["node.list", "node.pair.approve", "stop", "reload", "log", "Health", "health "] {
        let answer = phone.request(method, Some("{}"));
        let known = METHODS.contains(&method.trim());
        assert!(known || error_code(&answer) == "FORBIDDEN", "{answer}");
    }
}

#[test]
fn five_hundred_requests_in_one_write_are_answered_once_each() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let mut lines = String::new();
    for id in 0..500 {
        let method = ["health", "voicewake.get", "nope", "chat.history"][id % 4];
        let request = json!({ "type": "req", "id": format!("r{id}"), "method": method });
        lines += &format!("{request}\n");
    }
    phone.send_raw(lines.as_bytes());
    let mut answered = BTreeSet::new();
    for _ in 0..500 {
        let answer = phone.expect("res");
        let id = answer["id"].as_str().unwrap().to_owned();
        assert!(answered.insert(id), "answered twice: {answer}");
    }
    phone.expect_nothing_else();
}

#[test]
fn requests_behind_the_hello_in_one_packet_are_answered_behind_its_answer() {
    let daemon = Daemon::start();
    let token = Phone::paired(&daemon, "alice").token;
    let mut phone = Phone::connect(&daemon);
    let hello = json!({ "type": "hello", "nodeId": "alice", "token": token });
    let request = json!({ "type": "req", "id": "1", "method": "health" });
    let ping = json!({ "type": "ping", "id": "2" });
    phone.send_raw(format!("{hello}\n{request}\n{ping}\n").as_bytes());
    phone.expect("hello-ok");
    let mut kinds = BTreeSet::new();
    for _ in 0..3 {
        let frame = phone.receive();
        assert_ne!(frame["ok"], false, "{frame}");
        kinds.insert(frame["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["event", "pong", "res"]);
}

#[test]
fn the_configuration_narrows_what_nodes_may_call() {
    let setup = Setup::new().config(
        r#"{ bridge: { allow: {
            methods: ["health", "voicewake.get"],
            nodes: { bob: { methods: ["voicewake.get", "voicewake.set"] } },
        } } }"#,
    );
    let daemon = setup.start();
    let mut alice = Phone::paired(&daemon, "alice");
    let mut bob = Phone::paired(&daemon, "bob");
    let allowed = |phone: &mut Phone, method| phone.request(method, Some("{}"))["ok"] == true;
    assert!(allowed(&mut alice, "health"));
    assert!(allowed(&mut alice, "voicewake.get"));
    assert_eq!(error_code(&alice.request("voicewake.set", Some("{}"))), "FORBIDDEN");
    assert!(allowed(&mut bob, "voicewake.get"));
    assert_eq!(error_code(&bob.request("health", None)), "FORBIDDEN");
    // A list for one node narrows the list for all, it does not widen it.
    assert_eq!(error_code(&bob.request("voicewake.set", Some("{}"))), "FORBIDDEN");
    // The operator is not meant by either.
    let mut operator = daemon.control();
    operator.ask("voicewake.set", &json!({ "triggers": ["x"] })).unwrap();

    setup.write_config(r#"{ bridge: { allow: { methods: ["voicewake.set"] } } }"#);
    daemon.run(["reload"]).ok();
    assert_eq!(error_code(&alice.request("health", None)), "FORBIDDEN");
    assert!(allowed(&mut bob, "voicewake.set"));
}

#[test]
fn an_operator_has_the_same_methods() {
    let daemon = Daemon::start();
    let mut operator = daemon.control();
    assert_eq!(operator.ask("health", &json!({})).unwrap()["ok"], true);
    let words = operator.ask("voicewake.set", &json!({ "triggers": ["x"] })).unwrap();
    assert_eq!(words, json!({ "triggers": ["x"] }));
    assert_eq!(operator.ask("voicewake.get", &json!({})).unwrap(), words);
    let error = operator.ask("nope", &json!({})).unwrap_err();
    assert_eq!(error["code"], "INVALID_REQUEST");
}
