//! `node --gateway`: this machine as a node of a current OpenClaw gateway, without a bridge.

use crate::support::gateway::{setup_code, Gateway, Rules, DEVICE_TOKEN, TOKEN};
use crate::support::{eventually, Operator, Run, Setup};
use rustix::process::Signal;
use serde_json::{json, Value};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The program, with the gateway's token in a file.
fn node(setup: &Setup, gateway: &Gateway, args: &[&str]) -> Operator {
    let mut command = setup.program();
    command.args(["node", "--gateway", &gateway.url(), "--display-name", "Attic"]).args(args);
    Operator::spawn(command)
}

fn with_token(token: &str) -> Setup {
    let setup = Setup::new();
    fs::write(setup.path("token"), token).unwrap();
    setup
}

const WITH_TOKEN: [&str; 2] = ["--gateway-token-file", "token"];

fn stop(node: Operator) -> Run {
    node.signal(Signal::TERM);
    node.finish()
}

#[test]
fn a_machine_joins_a_gateway_and_runs_what_its_owner_allows() {
    let gateway = Gateway::with(Rules { allowed: vec!["lamp.on"], ..Rules::default() });
    let setup = with_token(TOKEN);
    let more = ["--allow", "uname", "--handle", "lamp.on=/bin/cat"];
    let node = node(&setup, &gateway, &[&WITH_TOKEN[..], &more].concat());
    let row = gateway.approved("Attic");
    assert_eq!((&*row.platform, &*row.family), ("linux", "Linux"));
    assert!(row.commands.contains(&"system.run.prepare".to_owned()), "{:?}", row.commands);
    let invoke = |command, params: Value| {
        let result = gateway.invoke(&row.device, command, &params);
        match result["ok"] == true {
            true => Ok(serde_json::from_str(result["payloadJSON"].as_str().unwrap()).unwrap()),
            false => Err(result["error"]["code"].clone()),
        }
    };
    assert_eq!(invoke("lamp.on", json!({ "level": 3 })), Ok(json!({ "level": 3 })));
    let run = |program: &str| {
        json!({ "command": [program], "rawCommand": program, "runId": format!("run-{program}"),
            "sessionKey": "agent:main:main" })
    };
    let plan: Value = invoke("system.run.prepare", run("uname")).unwrap();
    assert_eq!(plan["plan"]["argv"], json!(["uname"]));
    let result = invoke("system.run", run("uname")).unwrap();
    assert_eq!((&result["exitCode"], &result["stdout"]), (&json!(0), &json!("Linux\n")));
    let finished = gateway.node_event("exec.finished");
    assert_eq!((&finished["runId"], &finished["exitCode"]), (&json!("run-uname"), &json!(0)));
    assert!(invoke("system.run", run("id")).is_err(), "the owner's rules count");
    assert_eq!(gateway.node_event("exec.denied")["runId"], "run-id");
    assert!(invoke("camera.snap", json!({})).is_err());
    let run = stop(node);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("connected to OpenClaw 2026.9.6"), "{}", run.stderr);
    assert!(run.stderr.contains("openclaw nodes approve"), "{}", run.stderr);
}

#[test]
fn without_permission_to_run_programs_a_node_offers_no_plan_for_them() {
    let gateway = Gateway::start();
    let setup = with_token(TOKEN);
    let _node = node(&setup, &gateway, &WITH_TOKEN);
    let row = gateway.approved("Attic");
    assert!(!row.commands.contains(&"system.run.prepare".to_owned()), "{:?}", row.commands);
    let result = gateway.invoke(&row.device, "system.run", &json!({ "command": ["uname"] }));
    assert_eq!(result["ok"], false);
}

#[test]
fn programs_on_a_node_are_not_given_the_gateways_token() {
    let gateway = Gateway::with(Rules { allowed: vec!["show.it"], ..Rules::default() });
    let setup = Setup::new();
    let handler = setup.path("handler");
    fs::write(&handler, "#!/bin/sh\nprintf '\"token=%s\"' \"$OPENCLAW_GATEWAY_TOKEN\"\n").unwrap();
    fs::set_permissions(&handler, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = setup.program();
    command.args(["node", "--gateway", &gateway.url(), "--display-name", "Attic"]);
    command.arg("--handle").arg(format!("show.it={}", handler.display()));
    command.env("OPENCLAW_GATEWAY_TOKEN", TOKEN);
    let _node = Operator::spawn(command);
    let device = gateway.approved("Attic").device;
    let result = gateway.invoke(&device, "show.it", &json!({}));
    assert_eq!(result["payloadJSON"], "\"token=\"", "{result}");
}

#[test]
fn a_node_is_the_same_one_after_a_restart_and_needs_the_gateways_token_only_once() {
    let mut gateway = Gateway::start();
    let setup = with_token(TOKEN);
    let identity = setup.path("home/.local/state/openclaw-bridge/gateway-node.json");
    let first = node(&setup, &gateway, &WITH_TOKEN);
    let device = gateway.approved("Attic").device;
    eventually("the token of the node is on disk", || {
        fs::read_to_string(&identity).ok()?.contains(DEVICE_TOKEN).then_some(())
    });
    for file in [identity.clone(), identity.with_extension("seed")] {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    stop(first);
    eventually("the gateway has noticed", || (gateway.rows()[0].connections == 0).then_some(()));
    let mut second = node(&setup, &gateway, &["--subscribe", "main"]);
    let events = second.lines();
    assert_eq!(gateway.connected("Attic").device, device);
    gateway.node_event("chat.subscribe");
    // The gateway is restarted under it.
    gateway.stop(true);
    let before = gateway.calls("node.event").len();
    gateway.listen();
    eventually("the node is back, and follows again", || {
        (gateway.calls("node.event").len() > before).then_some(())
    });
    assert_eq!(gateway.rows().len(), 1, "nothing new to approve");
    gateway.publish("chat", "main", &json!({ "sessionKey": "main", "state": "final" }));
    let heard = events.iter().find(|line| line.contains("\"chat\"")).unwrap();
    assert!(heard.contains("final"), "{heard}");
    stop(second);
}

#[test]
fn a_setup_code_admits_a_node_with_its_commands_once() {
    let strict = Rules { pairs_silently: false, approves: false, ..Rules::default() };
    let gateway = Gateway::with(strict);
    let setup = with_token(&setup_code());
    let first = node(&setup, &gateway, &[&WITH_TOKEN[..], &["--allow", "uname"]].concat());
    let row = gateway.approved("Attic");
    assert!(row.commands.contains(&"system.run".to_owned()), "{:?}", row.commands);
    eventually("the token of the node is on disk", || {
        let file = setup.path("home/.local/state/openclaw-bridge/gateway-node.json");
        fs::read_to_string(file).ok()?.contains(DEVICE_TOKEN).then_some(())
    });
    stop(first);
    // The same command line serves again: the node has its own token now.
    let again = node(&setup, &gateway, &WITH_TOKEN);
    gateway.connected("Attic");
    stop(again);
    let other = with_token(&setup_code());
    let run = node(&other, &gateway, &[&WITH_TOKEN[..], &["--once"]].concat()).finish();
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("has been used or has expired"), "{}", run.stderr);
}

#[test]
fn what_is_missing_is_said_once_and_what_to_do() {
    let gateway = Gateway::with(Rules { pairs_silently: false, ..Rules::default() });
    let setup = with_token(TOKEN);
    let ask = ["--once", "--request", "skills.bins"];
    let run = node(&setup, &gateway, &[&WITH_TOKEN[..], &ask].concat()).finish();
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert_eq!(run.stderr.matches("openclaw devices approve").count(), 1, "{}", run.stderr);
    let device = gateway.rows()[0].device.clone();
    gateway.approve_device(&device);
    let run = node(&setup, &gateway, &[&WITH_TOKEN[..], &ask].concat()).finish();
    assert_eq!(run.json(), json!({ "bins": ["curl", "git"] }));
    let other = with_token("wrong");
    let run = node(&other, &gateway, &[&WITH_TOKEN[..], &ask].concat()).finish();
    assert_eq!(run.code, Some(1));
    assert_eq!(run.stderr.matches("OPENCLAW_GATEWAY_TOKEN").count(), 1, "{}", run.stderr);
    let mut nowhere = setup.program();
    nowhere.args(["node", "--gateway", "ws://192.0.2.1:18789"]);
    let run = Operator::spawn(nowhere).finish();
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("--allow-plaintext"), "{}", run.stderr);
}
