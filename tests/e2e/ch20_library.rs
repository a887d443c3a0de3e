//! The library: bridges inside a program, with backends and operators of its own.

use crate::support::{eventually, Control, Phone, DEADLINE};
use openclaw_bridge::backend::{
    embedded::Embedded, Audience, Backend, BackendEvent, Caller, ErrorCode, Method, Payload,
    WireError,
};
use openclaw_bridge::config::{AgentKind, Config, Loaded};
use openclaw_bridge::protocol::limits::OPERATOR_REQUESTS;
use openclaw_bridge::protocol::operator::{InvokeNode, ListNodes, OperatorEvent};
use openclaw_bridge::{Daemon, DaemonBuilder, Host, HostError, Operator};
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A state directory.
fn private_dir() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}

/// Answers everything with its own name.
struct Named(&'static str);

impl Backend for Named {
    fn call(&self, _: &Caller, _: Method, _: Option<&str>) -> Result<Payload, WireError> {
        Ok(json!({ "name": self.0 }).to_string().into())
    }
}

fn start(name: &'static str, dir: &Path) -> Daemon {
    builder(name, dir).start().unwrap()
}

fn builder(name: &'static str, dir: &Path) -> DaemonBuilder {
    let mut config = Config::default();
    config.bridge.port = 0;
    Daemon::builder(dir, Arc::new(Named(name))).config(config)
}

/// A phone that the program approves as soon as the event says that it asks.
fn pair(bridge: &Daemon, operator: &mut Operator, node: &str) -> Phone {
    let mut phone = Phone::connect_to(bridge.addresses()[0]);
    phone.send(&json!({ "type": "hello", "nodeId": node }));
    phone.expect("error");
    phone.send(&json!({ "type": "pair-request", "nodeId": node, "commands": ["lamp.on"] }));
    let event = operator.next_event(DEADLINE).unwrap();
    let OperatorEvent::PairRequested(request) = &*event else { panic!("{event:?}") };
    assert_eq!(operator.pending().unwrap()[0].request_id, request.request_id);
    assert_eq!(operator.approve(&request.request_id).unwrap().node_id.as_str(), node);
    phone.expect_token();
    phone.expect("hello-ok");
    phone
}

#[test]
fn two_bridges_live_in_one_program_and_know_nothing_of_each_other() {
    let dirs = [private_dir(), private_dir()];
    let bridges = [start("one", dirs[0].path()), start("two", dirs[1].path())];
    let mut tokens = Vec::new();
    for (bridge, name) in bridges.iter().zip(["one", "two"]) {
        let mut operator = bridge.operator().unwrap();
        operator.subscribe(&["node.pair.requested"]).unwrap();
        let mut phone = pair(bridge, &mut operator, "phone");
        let answer = phone.request("health", None);
        assert_eq!(answer["payloadJSON"], json!({ "name": name }).to_string());
        assert_eq!(operator.ask(ListNodes {}).unwrap().nodes.len(), 1);
        assert_eq!(
            &*operator.call(Method::Health, None).unwrap(),
            json!({ "name": name }).to_string()
        );
        tokens.push(phone.token.clone());
    }
    let mut stranger = Phone::connect_to(bridges[0].addresses()[0]);
    stranger.send(&json!({ "type": "hello", "nodeId": "phone", "token": tokens[1] }));
    assert_eq!(stranger.expect("error")["code"], "UNAUTHORIZED");
    let [one, two] = bridges;
    one.stop().unwrap();
    let mut phone = Phone::connect_to(two.addresses()[0]);
    phone.send(&json!({ "type": "hello", "nodeId": "phone", "token": tokens[1] }));
    phone.expect("hello-ok");
}

#[test]
fn a_program_invokes_tells_and_stops() {
    let dir = private_dir();
    let bridge = start("lamp", dir.path());
    let mut operator = bridge.operator().unwrap();
    operator.subscribe(&["node.pair.requested"]).unwrap();
    let mut phone = pair(&bridge, &mut operator, "lamp");
    let answering = std::thread::spawn(move || {
        let invoke = phone.expect("invoke");
        assert_eq!((&invoke["command"], &invoke["paramsJSON"]), (&json!("lamp.on"), &json!("{}")));
        phone.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": true,
                            "payloadJSON": "{\"watts\":9}" }));
        phone
    });
    let answer = operator.invoke("lamp", "lamp.on", Some("{}"), DEADLINE).unwrap().unwrap();
    assert_eq!(&*answer.0, "{\"watts\":9}");
    let mut phone = answering.join().unwrap();

    let tell =
        |event: &str| BackendEvent { to: Audience::Everyone, event: event.into(), payload: None };
    bridge.outlet().send(tell("lamp.flickers"));
    assert_eq!(phone.expect("event")["event"], "lamp.flickers");

    let error = operator.invoke("lamp", "lamp.on", None, Duration::from_millis(50)).unwrap_err();
    assert!(error.message.contains("timeout"), "{error}");
    assert_eq!(operator.approve("nobody").unwrap_err().code, ErrorCode::InvalidRequest);
    bridge.stop().unwrap();
    assert_eq!(operator.ask(ListNodes {}).unwrap_err().code, ErrorCode::Unavailable);
    while operator.next_event(Duration::MAX).is_some() {}
}

#[test]
fn an_operator_has_several_requests_open_and_takes_the_answers_in_any_order() {
    let dir = private_dir();
    let bridge = start("lamps", dir.path());
    let mut operator = bridge.operator().unwrap();
    operator.subscribe(&["node.pair.requested"]).unwrap();
    let mut lamp = pair(&bridge, &mut operator, "lamp");
    let mut begin = |command: &str| {
        let call = InvokeNode {
            node_id: "lamp".into(),
            command: command.into(),
            params: None,
            timeout_ms: Some(60_000),
            idempotency_key: None,
        };
        operator.begin(call).unwrap()
    };
    let (one, two, three) = (begin("one"), begin("two"), begin("three"));
    let asked: Vec<_> = (0..3).map(|_| lamp.expect("invoke")).collect();
    for invoke in asked.iter().rev() {
        let payload = invoke["command"].to_string();
        lamp.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": true,
                           "payloadJSON": payload }));
    }
    for (request, command) in [(two, "\"two\""), (one, "\"one\""), (three, "\"three\"")] {
        assert_eq!(&*operator.outcome(request).unwrap().payload.unwrap().0, command);
    }
}

#[test]
fn answers_that_nobody_takes_give_way_and_requests_without_an_answer_do_not() {
    let dir = private_dir();
    let bridge = start("busy", dir.path());
    let mut operator = bridge.operator().unwrap();
    let mut open: Vec<_> =
        (0..OPERATOR_REQUESTS).map(|_| operator.begin(ListNodes {}).unwrap()).collect();
    // All are answered once the last one is.
    operator.outcome(open.pop().unwrap()).unwrap();
    let _kept = operator.begin(ListNodes {}).unwrap();
    assert!(operator.ask(ListNodes {}).is_ok(), "the oldest answer has given way");
    let error = operator.outcome(open.remove(0)).unwrap_err();
    assert!(error.message.contains("not taken"), "{error}");
    assert!(operator.outcome(open.pop().unwrap()).is_ok());
}

#[test]
fn a_program_has_a_canvas_host_only_if_it_asks_for_one() {
    let dir = private_dir();
    let bridge = start("plain", dir.path());
    let status = || {
        let mut control = Control::try_open(&dir.path().join("control.sock")).unwrap();
        control.ask("status", &json!({})).unwrap()
    };
    assert!(status().get("canvasHost").is_none() && !dir.path().join("canvas").exists());
    bridge.stop().unwrap();
    let bridge = builder("pages", dir.path()).with_canvas_host().start().unwrap();
    assert_eq!(status()["canvasHost"]["addresses"].as_array().unwrap().len(), 2);
    bridge.stop().unwrap();
}

#[test]
fn a_bridge_that_is_dropped_has_stopped() {
    let dir = private_dir();
    let bridge = start("short", dir.path());
    let address = bridge.addresses()[0];
    let mut phone = Phone::connect_to(address);
    drop(bridge);
    phone.expect_close();
    assert!(Phone::try_connect_to(address).is_none());
    drop(start("again", dir.path()));
}

#[test]
fn a_program_that_offers_no_reload_says_so_to_operators() {
    let dir = private_dir();
    let bridge = start("fixed", dir.path());
    let level = log::max_level();
    let mut control = Control::try_open(&dir.path().join("control.sock")).unwrap();
    for (method, params) in [("reload", json!({})), ("log", json!({ "level": "trace" }))] {
        let error = control.ask(method, &params).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains("this program"), "{error}");
    }
    assert_eq!(log::max_level(), level, "the log belongs to the program");
    control.ask("stop", &json!({})).unwrap();
    bridge.wait().unwrap();
}

/// A program that fails whenever it is asked something.
struct Failing;

impl Host for Failing {
    fn reload(&self) -> Result<Loaded, HostError> {
        panic!("as it should")
    }

    fn set_log_level(&self, _: log::LevelFilter) -> Result<(), HostError> {
        panic!("as it should")
    }
}

#[test]
fn a_program_that_panics_when_asked_leaves_neither_operator_nor_bridge_hanging() {
    let dir = private_dir();
    let bridge = builder("failing", dir.path()).host(Failing).start().unwrap();
    let mut control = Control::try_open(&dir.path().join("control.sock")).unwrap();
    for (method, params) in [("reload", json!({})), ("log", json!({ "level": "trace" }))] {
        for _ in 0..2 {
            let error = control.ask(method, &params).unwrap_err();
            assert!(error["message"].as_str().unwrap().contains("program"), "{error}");
        }
    }
    bridge.stop().unwrap();
}

/// Where cargo has built an example.
fn example(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_openclaw-bridge"));
    let example = program.parent().unwrap().join("examples").join(name);
    assert!(example.exists(), "build it with `cargo build --examples`");
    example
}

#[test]
fn an_agent_of_an_embedded_bridge_is_told_its_socket_and_nothing_about_the_program_around_it() {
    let (dir, runtime) = (private_dir(), private_dir());
    let socket = runtime.path().join("operators.sock");
    let told = dir.path().join("told");
    let tell =
        format!("echo \"$OPENCLAW_BRIDGE_SOCKET $PATH\" > {0}.new; mv {0}.new {0}", told.display());
    let mut config = Config::default();
    config.bridge.port = 0;
    config.agent.kind = AgentKind::Command;
    config.agent.command = ["/bin/sh", "-c", &tell].map(str::to_owned).into();
    let backend = Arc::new(Embedded::new(dir.path(), &config));
    let bridge = Daemon::builder(dir.path(), backend)
        .config(config)
        .control_socket(&socket)
        .start()
        .unwrap();
    let message = json!({ "sessionKey": "main", "message": "hi", "idempotencyKey": "run" });
    let mut operator = bridge.operator().unwrap();
    operator.call(Method::ChatSend, Some(&message.to_string())).unwrap();
    let told = eventually("the agent has run", || std::fs::read_to_string(&told).ok());
    let path = std::env::var("PATH").unwrap();
    assert_eq!(told, format!("{} {path}\n", socket.display()));
    assert_eq!(bridge.control_socket(), socket);
}

#[test]
fn the_example_pairs_and_invokes() {
    let example = example("embed");
    let dir = private_dir();
    let mut child = Command::new(example)
        .envs([("LAMP_PORT", "0".as_ref()), ("LAMP_STATE", dir.path().as_os_str())])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut line = || lines.next().unwrap().unwrap();
    let address = line().strip_prefix("listening on ").unwrap().parse().unwrap();
    let mut phone = Phone::connect_to(address);
    phone.send(&json!({ "type": "hello", "nodeId": "lamp" }));
    phone.expect("error");
    phone.send(&json!({ "type": "pair-request", "nodeId": "lamp" }));
    phone.expect_token();
    phone.expect("hello-ok");
    let invoke = phone.expect("invoke");
    phone.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": true,
                        "payloadJSON": "{\"watts\":9}" }));
    assert_eq!(line(), "the lamp answered {\"watts\":9}");
    let status = eventually("the example ends", || child.try_wait().unwrap());
    assert!(status.success());
}

#[test]
fn the_examples_of_a_node_and_an_operator_meet() {
    let dir = private_dir();
    let lines = |child: &mut std::process::Child| {
        std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()))
    };
    let mut operator = Command::new(example("operator"))
        .envs([("BRIDGE_PORT", "0".as_ref()), ("BRIDGE_STATE", dir.path().as_os_str())])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut operator_lines = lines(&mut operator);
    let first = operator_lines.next().unwrap().unwrap();
    let address = first.strip_prefix("listening on ").unwrap();
    let (host, port) = address.rsplit_once(':').unwrap();
    let mut node = Command::new(example("node"))
        .args([host, port])
        .env("LAMP_IDENTITY", dir.path().join("lamp.json"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut node_lines = lines(&mut node);
    assert!(operator_lines.next().unwrap().unwrap().starts_with("approved "));
    assert_eq!(node_lines.next().unwrap().unwrap(), "connected");
    let mut control = Control::try_open(&dir.path().join("control.sock")).unwrap();
    let nodes = control.ask("node.list", &json!({})).unwrap();
    let id = &nodes["nodes"][0]["nodeId"];
    let invoke = json!({ "nodeId": id, "command": "lamp.on" });
    control.ask("node.invoke", &invoke).unwrap();
    assert_eq!(node_lines.next().unwrap().unwrap(), "the lamp is on");
    for child in [&mut node, &mut operator] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
