//! Scripts that were written for the old command line: its words, and its shapes with `--legacy-json`.

use crate::support::{eventually, Daemon, Phone};
use serde_json::{json, Value};

/// Runs a command for `alice`, who answers with this payload.
fn ask(daemon: &Daemon, phone: &mut Phone, args: &[&str], payload: &str) -> Value {
    let words = ["nodes"].iter().chain(args).chain(&["--node", "alice", "--legacy-json"]);
    let operator = daemon.operator(words.copied());
    let asked = phone.expect("invoke");
    let answer =
        json!({ "type": "invoke-res", "id": asked["id"], "ok": true, "payloadJSON": payload });
    phone.send(&answer);
    operator.finish().json()
}

#[test]
fn requests_are_a_list_and_nodes_are_listed_with_them() {
    let daemon = Daemon::start();
    let _alice = Phone::paired(&daemon, "alice");
    let _bob = Phone::asking(&daemon, "bob");
    let pending = daemon.run(["nodes", "pending", "--legacy-json"]).json();
    assert_eq!(pending[0]["nodeId"], "bob");
    let known = ["requestId", "nodeId", "remoteIp", "isRepair", "ts"];
    assert!(known.iter().all(|key| !pending[0][key].is_null()), "{pending}");

    for words in [&["nodes", "list", "--legacy-json"][..], &["nodes", "--legacy-json"]] {
        let listed = daemon.run(words.iter().copied()).json();
        let keys: Vec<&String> = listed.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["paired", "pending"]);
        assert_eq!(listed["pending"], pending);
        let node = &listed["paired"][0];
        let known = ["nodeId", "caps", "commands", "createdAtMs", "approvedAtMs", "remoteIp"];
        assert!(known.iter().all(|key| !node[key].is_null()), "{node}");
        assert!(node["token"].is_null());
    }
    let status = daemon.run(["nodes", "status", "--legacy-json"]).json();
    assert_eq!(status["nodes"][0]["nodeId"], "alice");
    assert!(status["ts"].is_u64());
    let approved = daemon.run(["nodes", "approve", "bob", "--legacy-json"]).json();
    assert_eq!(approved["requestId"], pending[0]["requestId"]);
    assert_eq!(approved["node"]["nodeId"], "bob");
    assert!(approved["node"]["token"].is_null());
}

#[test]
fn an_invoke_has_what_the_node_sent_twice() {
    let daemon = Daemon::start();
    let mut alice = Phone::paired(&daemon, "alice");
    let invoke = ["invoke", "--command", "x.y"];
    for (sent, payload) in [
        (r#"{"big":12345678901234567890}"#, json!({ "big": 12_345_678_901_234_567_890_u64 })),
        ("no JSON", json!({ "payloadJSON": "no JSON" })),
        (r#"["a"]"#, json!(["a"])),
    ] {
        let expected = json!({
            "ok": true, "nodeId": "alice", "command": "x.y", "payload": payload, "payloadJSON": sent,
        });
        assert_eq!(ask(&daemon, &mut alice, &invoke, sent), expected);
    }
    let nothing = ask(&daemon, &mut alice, &invoke, "");
    assert_eq!((&nothing["payload"], &nothing["payloadJSON"]), (&Value::Null, &Value::Null));
    let notified = ask(&daemon, &mut alice, &["notify", "--title", "Tea"], "{}");
    assert_eq!(notified["payloadJSON"], "{}");
}

#[test]
fn cameras_are_a_list_and_a_location_is_itself() {
    let daemon = Daemon::start();
    let mut alice = Phone::paired(&daemon, "alice");
    let cameras = r#"{"devices":[{"id":"0","name":"Back","position":"back"}]}"#;
    let listed = ask(&daemon, &mut alice, &["camera", "list"], cameras);
    assert_eq!(listed, json!([{ "id": "0", "name": "Back", "position": "back" }]));
    assert_eq!(ask(&daemon, &mut alice, &["camera", "list"], "{}"), json!([]));
    let place = r#"{"lat":48.2,"lon":16.4,"accuracyMeters":5}"#;
    let location = ask(&daemon, &mut alice, &["location", "get"], place);
    assert_eq!(location, json!({ "lat": 48.2, "lon": 16.4, "accuracyMeters": 5 }));
}

#[test]
fn nodes_can_be_listed_by_when_they_were_here() {
    let daemon = Daemon::start();
    let _alice = Phone::paired(&daemon, "alice");
    drop(Phone::paired(&daemon, "bob"));
    let listed = |args: &[&str]| {
        let words = ["nodes"].iter().chain(args).copied();
        let answer = daemon.run(words).json();
        let nodes = if answer["paired"].is_array() { &answer["paired"] } else { &answer["nodes"] };
        let ids = nodes.as_array().unwrap().iter();
        ids.map(|node| node["nodeId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    eventually("bob is gone", || {
        (listed(&["status", "--json", "--connected"]) == ["alice"]).then_some(())
    });
    assert_eq!(listed(&["list", "--json", "--last-connected", "1h"]), ["alice", "bob"]);
    assert_eq!(listed(&["list", "--json", "--last-connected", "1h", "--connected"]), ["alice"]);
    assert_eq!(listed(&["list", "--legacy-json", "--connected"]), ["alice"]);
    let told = daemon.run(["nodes", "list", "--connected"]).ok();
    assert!(told.starts_with("Paired: 1 · Connected: 1\n") && !told.contains("bob"), "{told}");
}
