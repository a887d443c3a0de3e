//! What operators ask of nodes.

use crate::support::{eventually, took_less_than, Daemon, Operator, Phone, Setup};
use rustix::process::Signal;
use serde_json::{json, Value};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

fn answer(invoke: &Value, payload: &str) -> Value {
    json!({ "type": "invoke-res", "id": invoke["id"], "ok": true, "payloadJSON": payload })
}

fn invoke<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["nodes", "invoke", "--node", "alice", "--command", "camera.snap"];
    args.extend_from_slice(more);
    args
}

#[test]
fn the_command_line_prints_what_the_node_answers() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let operator = daemon.operator(invoke(&["--params", r#"{"facing":"front", "n": 1.0}"#]));
    let asked = phone.expect("invoke");
    assert_eq!(asked["command"], "camera.snap");
    // Numbers as they were written, and compact: the apps look at the text.
    assert_eq!(asked["paramsJSON"], r#"{"facing":"front","n":1.0}"#);
    phone.send(&answer(&asked, r#"{"format":"jpg","big":12345678901234567890}"#));
    assert_eq!(operator.finish().ok(), "{\"format\":\"jpg\",\"big\":12345678901234567890}\n");

    let operator = daemon.operator(invoke(&["--json"]));
    let asked = phone.expect("invoke");
    assert_eq!(asked["paramsJSON"], Value::Null);
    phone.send(&answer(&asked, "no JSON"));
    let printed = operator.finish().json();
    assert_eq!(printed["payload"], json!({ "payloadJSON": "no JSON" }));
    assert_eq!((&printed["nodeId"], &printed["command"]), (&json!("alice"), &json!("camera.snap")));
}

#[test]
fn parameters_come_from_a_file_or_from_standard_input() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let file = daemon.setup().path("params.json");
    std::fs::write(&file, "{ \"from\": \"a file\" }\n").unwrap();
    let at_file = format!("@{}", file.display());
    let from_file = daemon.operator(invoke(&["--params", &at_file]));
    let asked = phone.expect("invoke");
    let sent: Value = serde_json::from_str(asked["paramsJSON"].as_str().unwrap()).unwrap();
    assert_eq!(sent, json!({ "from": "a file" }));
    phone.send(&answer(&asked, "1"));
    assert_eq!(from_file.finish().ok(), "1\n");

    let mut command = daemon.setup().program();
    command.args(invoke(&["--params", "-"]));
    let from_input = Operator::spawn_with_input(command, "{\"from\":\"input\"}");
    let asked = phone.expect("invoke");
    assert_eq!(asked["paramsJSON"], r#"{"from":"input"}"#);
    phone.send(&answer(&asked, "2"));
    assert_eq!(from_input.finish().ok(), "2\n");

    let missing = daemon.run(invoke(&["--params", "@/nowhere/at/all"])).error(1);
    assert!(missing.contains("/nowhere/at/all"), "{missing}");
    daemon.run(invoke(&["--params", "{nonsense"])).error(2);
    phone.expect_nothing_else();
}

#[test]
fn what_the_node_says_went_wrong_is_told() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let operator = daemon.operator(invoke(&[]));
    let asked = phone.expect("invoke");
    let error =
        json!({ "code": "UNAVAILABLE", "message": "CAMERA_DISABLED: switch it \u{1b}[31mon" });
    phone.send(&json!({ "type": "invoke-res", "id": asked["id"], "ok": false, "error": error }));
    let said = operator.finish().error(1);
    assert!(said.contains("CAMERA_DISABLED: switch it") && !said.contains('\u{1b}'), "{said:?}");

    let operator = daemon.operator(invoke(&[]));
    let asked = phone.expect("invoke");
    let error = json!({ "code": "INVALID_REQUEST", "message": "INVALID_REQUEST: unknown command" });
    phone.send(&json!({ "type": "invoke-res", "id": asked["id"], "ok": false, "error": error }));
    assert_eq!(
        operator.finish().error(1),
        "error: nodes invoke failed: INVALID_REQUEST: unknown command; `openclaw-bridge nodes \
         describe` lists what a node can do\n"
    );

    let mut control = daemon.control();
    let id = control.send("node.invoke", &json!({ "nodeId": "alice", "command": "x" }));
    let asked = phone.expect("invoke");
    phone.send(&json!({ "type": "invoke-res", "id": asked["id"], "ok": false }));
    let error = control.answer(id).unwrap_err();
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("UNAVAILABLE"), &json!("node invoke failed"))
    );
}

#[test]
fn a_node_that_does_not_answer_in_time_is_an_error() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let began = Instant::now();
    let said = daemon.run(invoke(&["--invoke-timeout", "150ms"])).error(1);
    assert!(said.contains("invoke timeout"), "{said}");
    took_less_than(Duration::from_secs(5), began, "the timeout");
    // The late answer changes nothing.
    let asked = phone.expect("invoke");
    phone.send(&answer(&asked, "1"));
    phone.expect_nothing_else();
}

#[test]
fn a_node_that_is_unknown_or_not_connected_is_an_error_at_once() {
    let daemon = Daemon::start();
    drop(Phone::paired(&daemon, "alice"));
    eventually("the phone is gone", || {
        let said = daemon.control().ask("node.list", &json!({})).unwrap();
        (said["nodes"][0]["connected"] == false).then_some(())
    });
    let said = daemon.run(invoke(&[])).error(1);
    assert!(said.contains("node not connected (alice)"), "{said}");
    let said = daemon.run(["nodes", "invoke", "--node", "bob", "--command", "x"]).error(1);
    assert!(said.contains("unknown node: bob (known: alice)"), "{said}");
}

#[test]
fn two_invokes_with_the_same_key_are_carried_out_once() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let keyed = invoke(&["--idempotency-key", "k1", "--params", "{\"a\":1}"]);
    let first = daemon.operator(keyed.clone());
    let asked = phone.expect("invoke");
    let second = daemon.operator(keyed.clone());
    phone.send(&answer(&asked, "\"once\""));
    assert_eq!(first.finish().ok(), "\"once\"\n");
    assert_eq!(second.finish().ok(), "\"once\"\n");
    assert_eq!(daemon.run(keyed).ok(), "\"once\"\n");
    let other = daemon.run(invoke(&["--idempotency-key", "k1", "--params", "{}"])).error(1);
    assert!(other.contains("idempotency key"), "{other}");
    phone.expect_nothing_else();
}

#[test]
fn the_configuration_narrows_what_nodes_may_be_asked_and_a_reload_changes_it() {
    let allow = |list: &str| format!(r#"{{ bridge: {{ allow: {{ commands: {list} }} }} }}"#);
    let setup = Setup::new().config(&allow(r#"["canvas.*", "location.get"]"#));
    let daemon = setup.start();
    let mut phone = Phone::paired(&daemon, "alice");
    let said = daemon.run(invoke(&[])).error(1);
    assert!(said.contains("FORBIDDEN") && said.contains("bridge.allow.commands"), "{said}");
    let mut control = daemon.control();
    let id = control.send("node.invoke", &json!({ "nodeId": "alice", "command": "canvas.eval" }));
    let asked = phone.expect("invoke");
    phone.send(&answer(&asked, "1"));
    control.answer(id).unwrap();

    setup.write_config(&allow(r#"["camera.snap"]"#));
    daemon.run(["reload"]).ok();
    let operator = daemon.operator(invoke(&[]));
    let asked = phone.expect("invoke");
    phone.send(&answer(&asked, "2"));
    assert_eq!(operator.finish().ok(), "2\n");
    let id = control.send("node.invoke", &json!({ "nodeId": "alice", "command": "canvas.eval" }));
    assert_eq!(control.answer(id).unwrap_err()["code"], "FORBIDDEN");
}

#[test]
fn an_interrupted_command_ends_at_once_and_harms_nobody() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let operator = daemon.operator(invoke(&["--invoke-timeout", "10m"]));
    let asked = phone.expect("invoke");
    let began = Instant::now();
    operator.signal(Signal::INT);
    let run = operator.finish();
    assert!(matches!(run.code, None | Some(130)), "{run:?}");
    took_less_than(Duration::from_secs(2), began, "the end of the command");
    phone.send(&answer(&asked, "1"));
    phone.ping();
    let next = daemon.operator(invoke(&[]));
    let asked = phone.expect("invoke");
    phone.send(&answer(&asked, "2"));
    assert_eq!(next.finish().ok(), "2\n");
}

#[test]
fn a_phone_is_asked_one_thing_at_a_time_and_a_headless_node_everything_at_once() {
    let daemon = Daemon::start();
    let mut control = daemon.control();
    let ask = json!({ "nodeId": "n", "command": "a" });
    for (node, platform, at_once) in [("ios", "iOS 18", false), ("box", "linux", true)] {
        let token = Phone::paired(&daemon, node).token;
        let mut phone = Phone::connect(&daemon);
        let hello =
            json!({ "type": "hello", "nodeId": node, "token": token, "platform": platform });
        phone.send(&hello);
        phone.expect("hello-ok");
        phone.expect_event("voicewake.changed");
        let mut ask = ask.clone();
        ask["nodeId"] = node.into();
        let ids = [control.send("node.invoke", &ask), control.send("node.invoke", &ask)];
        let first = phone.expect("invoke");
        let second = at_once.then(|| phone.expect("invoke"));
        if !at_once {
            phone.expect_nothing_else();
        }
        phone.send(&answer(&first, "1"));
        let second = second.unwrap_or_else(|| phone.expect("invoke"));
        phone.send(&answer(&second, "2"));
        for (id, payload) in ids.into_iter().zip([1, 2]) {
            assert_eq!(control.answer(id).unwrap()["payload"], payload);
        }
    }
}

#[test]
fn our_own_node_pairs_and_answers_with_a_program() {
    let daemon = Daemon::start();
    let program = daemon.setup().path("lamp.sh");
    std::fs::write(&program, "#!/bin/sh\ncat\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let handle = format!("lamp.on={}", program.display());
    let port = daemon.address().port().to_string();
    let args = [
        "node",
        "--port",
        &port,
        "--node-id",
        "box",
        "--handle",
        &handle,
        "--display-name",
        "Attic",
    ];
    let node = daemon.operator(args);
    daemon.pending_request("box");
    daemon.run(["nodes", "approve", "Attic"]).ok();
    eventually("the node is connected", || {
        (daemon.status()["nodes"]["connected"] == 1).then_some(())
    });
    let lamp =
        ["nodes", "invoke", "--node", "attic", "--command", "lamp.on", "--params", "{\"w\":5}"];
    assert_eq!(daemon.run(lamp).ok(), "{\"w\":5}\n");
    let unknown =
        daemon.run(["nodes", "invoke", "--node", "box", "--command", "lamp.off"]).error(1);
    assert!(unknown.contains("lamp.off"), "{unknown}");
    node.signal(Signal::TERM);
    let run = node.finish();
    assert_eq!(run.code, Some(0), "{run:?}");
    let once = daemon.run(["node", "--port", &port, "--once", "--request", "health"]).ok();
    assert_eq!(serde_json::from_str::<Value>(once.lines().last().unwrap()).unwrap()["ok"], true);
}
