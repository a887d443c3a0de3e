//! What people and scripts see of it: words, JSON, exit codes.

use crate::support::{eventually, Daemon, Phone, Setup};
use serde_json::{json, Value};
use std::net::{IpAddr, SocketAddr};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn exit_codes_tell_scripts_what_went_wrong() {
    let setup = Setup::new();
    let run = |args: &[&str]| {
        let mut command = setup.program();
        command.args(args);
        crate::support::Operator::spawn(command).finish()
    };
    assert!(run(&["--help"]).ok().contains("serve"));
    assert!(run(&["help", "nodes", "approve"]).ok().contains("REQUEST"));
    assert!(run(&["--version"]).ok().starts_with("openclaw-bridge "));
    run(&[]).error(2);
    run(&["nodes", "approve"]).error(2);
    run(&["serve", "--port", "70000"]).error(2);
    for args in [&["status"][..], &["nodes"], &["nodes", "approve", "x"], &["events"], &["stop"]] {
        let said = run(args).error(69);
        assert!(said.contains("openclaw-bridge serve"), "{said}");
    }
    let nobody = run(&["node", "--port", "1", "--once"]).error(69);
    assert!(nobody.contains("nothing listens at"), "{nobody}");
    let missing = run(&["serve", "--config", "/nowhere/bridge.json5"]).error(78);
    assert!(missing.contains("/nowhere/bridge.json5"), "{missing}");
}

#[test]
fn misspelt_words_and_flags_get_a_suggestion() {
    let daemon = Daemon::start();
    for (args, meant) in [
        (&["stauts"][..], "did you mean `status`?"),
        (&["nodes", "aprove", "x"], "did you mean `nodes approve`?"),
        (&["status", "--jsno"], "did you mean --json?"),
        (&["log", "debgu"], "did you mean debug?"),
        (&["serve", "--prot", "1"], "did you mean --port?"),
    ] {
        let said = daemon.run(args.iter().copied()).error(2);
        assert!(said.contains(meant), "{said}");
    }
}

#[test]
fn the_flag_that_is_wrong_is_the_one_that_is_named() {
    let daemon = Daemon::start();
    for (args, says) in [
        (&["node", "--once", "--event", "x=no"][..], "error: --event is not JSON"),
        (&["node", "--once", "--request", "x", "--params", "no"], "error: --params is not JSON"),
        (&["settings", "set", "no"], "error: the argument is not JSON"),
        (
            &["nodes", "describe", "--node", "a", "--node", "b"],
            "'--node <N>' cannot be used multiple times",
        ),
    ] {
        let said = daemon.run(args.iter().copied()).error(2);
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn json_has_the_shape_that_scripts_rely_on() {
    let daemon = Daemon::start();
    let status = daemon.run(["status", "--json"]).json();
    assert_eq!(
        keys(&status),
        [
            "canvasHost",
            "certificate",
            "connections",
            "counters",
            "discovery",
            "fingerprintSha256",
            "health",
            "listeners",
            "nodes",
            "pid",
            "serverName",
            "stateDir",
            "uptimeMs",
            "version"
        ]
    );
    assert_eq!(status["nodes"], json!({ "paired": 0, "connected": 0, "pending": 0 }));
    assert_eq!(keys(&status["connections"]), ["open", "unauthenticated"]);
    let listener = json!({ "address": daemon.address().to_string(), "tls": "off" });
    assert_eq!(status["listeners"][0], listener);
    assert_eq!(status["pid"], daemon.pid());
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(daemon.run(["nodes", "pending", "--json"]).json(), json!({ "pending": [] }));

    let _phone = Phone::asking(&daemon, "alice");
    let pending = daemon.run(["nodes", "pending", "--json"]).json();
    assert_eq!(keys(&pending), ["pending"]);
    let request = &pending["pending"][0];
    for key in ["requestId", "nodeId", "remoteIp", "isRepair", "ts"] {
        assert!(!request[key].is_null(), "{key}: {request}");
    }
    let approved = daemon.run(["nodes", "approve", "alice", "--json"]).json();
    assert_eq!(approved["requestId"], request["requestId"]);
    assert_eq!(approved["node"]["nodeId"], "alice");
    let list = daemon.run(["nodes", "list", "--json"]).json();
    assert_eq!(keys(&list), ["nodes", "ts"]);
    let node = &list["nodes"][0];
    assert_eq!((&node["paired"], &node["connected"]), (&json!(true), &json!(true)));
    assert!(node["caps"].is_array() && node["commands"].is_array(), "{node}");
    let told = daemon.run(["nodes"]).ok();
    assert!(told.starts_with("Paired: 1 · Connected: 1\n") && told.contains("alice"), "{told}");
    assert!(!told.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let daemon = Daemon::start();
    for args in [&["completions", "bash"][..], &["--help"], &["nodes", "list", "--json"]] {
        let mut operator = daemon.operator(args.iter().copied());
        operator.stop_reading();
        let run = operator.finish();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn events_can_be_chosen() {
    let daemon = Daemon::start();
    let mut events = daemon.operator(["events", "--only", "node.pair.resolved"]);
    let lines = events.lines();
    let mut everything = daemon.operator(["events"]);
    let all = everything.lines();
    // Both follow when each has shown something; pairings come until then.
    let mut count = 0;
    let (line, first) = eventually("events are shown", || {
        count += 1;
        Phone::paired(&daemon, &format!("n{count}"));
        Some((lines.try_recv().ok()?, all.try_recv().ok()?))
    });
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(keys(&event), ["event", "payload"]);
    assert_eq!(event["event"], "node.pair.resolved");
    serde_json::from_str::<Value>(&first).unwrap();
    daemon.ask("voicewake.set", &json!({ "triggers": ["x"] }));
    Phone::paired(&daemon, "last");
    let mut names = std::collections::BTreeSet::new();
    while !names.contains("last") {
        let event: Value =
            serde_json::from_str(&lines.recv_timeout(crate::support::DEADLINE).unwrap()).unwrap();
        assert_eq!(event["event"], "node.pair.resolved");
        names.insert(event["payload"]["nodeId"].as_str().unwrap().to_owned());
    }
    let seen = |name: &str| {
        let next = || all.recv_timeout(crate::support::DEADLINE).unwrap();
        while serde_json::from_str::<Value>(&next()).unwrap()["event"] != name {}
    };
    seen("voicewake.changed");
    seen("node.pair.requested");
    seen("presence");
}

#[test]
fn the_log_level_can_be_changed_while_it_runs() {
    let daemon = Daemon::start();
    assert_eq!(daemon.run(["log", "warn"]).ok(), "log level is now warn\n");
    let before = daemon.log();
    Phone::paired(&daemon, "alice");
    assert_eq!(daemon.log(), before);
    daemon.run(["log", "trace"]).ok();
    Phone::paired(&daemon, "bob");
    assert!(daemon.log().contains("router: out pair-ok"));
}

#[test]
fn rust_log_names_modules_whose_level_stays() {
    let setup = Setup::new().env("RUST_LOG", "openclaw_bridge::daemon::router_thread=warn");
    let daemon = setup.start();
    Phone::paired(&daemon, "alice");
    let log = daemon.log();
    assert!(log.contains("operator connected") && !log.contains("router: out"), "{log}");
    daemon.run(["log", "debug"]).ok();
    Phone::paired(&daemon, "bob");
    assert!(!daemon.log().contains("router: "), "{}", daemon.log());
}

#[test]
fn a_reload_of_a_bad_file_keeps_the_old_one_and_says_why() {
    let daemon = Daemon::with_config(r#"{ bridge: { name: "one" } }"#);
    daemon.setup().write_config(r#"{ bridge: { nmae: "two", port: "x" } }"#);
    let said = daemon.run(["reload"]).error(1);
    assert!(said.contains("old configuration stays"), "{said}");
    assert!(said.contains("bridge.nmae") && said.contains("bridge.port"), "{said}");
    assert_eq!(daemon.status()["serverName"], "one");
    daemon.setup().write_config(r#"{ bridge: { name: "two", bind: "lan" } }"#);
    let said = daemon.run(["reload"]).ok();
    assert!(said.contains("bridge.bind has changed; it takes effect at the next start"), "{said}");
    assert_eq!(daemon.status()["serverName"], "two");
    // SIGHUP does the same.
    daemon.setup().write_config(r#"{ bridge: { name: "three" } }"#);
    daemon.signal(rustix::process::Signal::HUP);
    eventually("the new name counts", || (daemon.status()["serverName"] == "three").then_some(()));
}

#[test]
fn a_bad_configuration_stops_the_start_with_every_reason() {
    let setup = Setup::new().config("{ bridge: { bnid: 'lan', limits: { connections: 0 } }, }");
    let said = setup.fail_to_start().error(78);
    assert!(said.contains("bridge.bnid") && said.contains("bind"), "{said}");
    assert!(said.contains("bridge.limits.connections"), "{said}");
    let mut command = setup.program();
    command.args(["config", "check", "bridge.json5"]);
    let said = crate::support::Operator::spawn(command).finish().error(78);
    assert!(said.contains("bridge.bnid"), "{said}");

    let setup = setup.config("{ bridge: { name: 'attic', }, /* a comment */ }");
    let mut command = setup.program();
    command.args(["config", "check", "bridge.json5"]);
    crate::support::Operator::spawn(command).finish().ok();
    let mut command = setup.program();
    command.args(["config", "show", "--config", "bridge.json5"]);
    let shown = crate::support::Operator::spawn(command).finish().ok();
    assert!(shown.contains("bridge.name") && shown.contains("attic"), "{shown}");
    let setup = setup.config("{ bridge: ");
    setup.fail_to_start().error(78);
}

#[test]
fn what_a_node_calls_itself_never_reaches_the_terminal_raw() {
    let daemon = Daemon::start();
    let evil = "Ada\u{1b}]0;owned\u{7}\u{1b}[2J\r\u{9b}31m\u{202e}";
    let is_raw = |text: &str| {
        text.chars()
            .any(|c| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c))
    };
    let mut phone = Phone::connect(&daemon);
    let mut events = daemon.operator(["events"]);
    let lines = events.lines();
    eventually("the events are followed", || {
        daemon.ask("voicewake.set", &json!({ "triggers": ["x"] }));
        lines.try_recv().ok()
    });
    phone.send(&json!({
        "type": "pair-request", "nodeId": "alice", "displayName": evil, "platform": evil,
        "version": evil, "caps": [evil], "commands": [evil], "permissions": { evil: true },
    }));
    daemon.pending_request("alice");
    let mut printed = Vec::new();
    for args in [
        &["nodes", "pending"][..],
        &["nodes", "pending", "--json"],
        &["nodes", "approve", "alice"],
        &["nodes", "list"],
        &["nodes", "list", "--json"],
        &["nodes", "describe", "alice"],
        &["nodes", "describe", "alice", "--json"],
        &["status"],
        &["nodes", "revoke", "alice"],
    ] {
        printed.push(daemon.run(args.iter().copied()).ok());
    }
    printed.extend(lines.try_iter());
    let unknown = daemon.run(["nodes", "describe", "nobody"]);
    printed.push(unknown.error(1));
    printed.push(daemon.log());
    for text in printed {
        assert!(!is_raw(&text), "{text:?}");
    }
}

#[test]
fn no_token_is_ever_printed_or_logged() {
    // Everything that any test prints or logs is searched as well; here on purpose.
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    phone.request("voicewake.get", None);
    drop(phone.token.clone());
    let mut wrong = Phone::connect(&daemon);
    let guess = "feedfacefeedfacefeedfacefeedface";
    crate::support::secrets::remember(guess);
    wrong.send(&json!({ "type": "hello", "nodeId": "alice", "token": guess }));
    wrong.expect_error("UNAUTHORIZED", "invalid token");
    wrong.send_raw(format!("{{\"type\":\"hello\",\"token\":\"{guess}\" broken\n").as_bytes());
    wrong.expect("error");
    let stored = std::fs::read_to_string(daemon.setup().state("nodes/paired.json")).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let hash = stored["alice"]["tokenSha256"].as_str().unwrap();
    crate::support::secrets::remember(&hash[..16]);
    for args in [
        &["nodes", "list", "--json"][..],
        &["nodes", "describe", "alice", "--json"],
        &["status", "--json"],
        &["config", "show"],
    ] {
        daemon.run(args.iter().copied()).ok();
    }
    daemon.ask("node.pair.list", &json!({}));
    // Our own node, which writes down every frame if asked.
    let port = daemon.address().port().to_string();
    let traced = daemon.operator([
        "node",
        "--port",
        &port,
        "--node-id",
        "box",
        "--once",
        "--trace",
        "--log",
        "trace",
    ]);
    daemon.pending_request("box");
    let stdout = daemon.run(["nodes", "approve", "box", "--json"]).ok();
    assert!(!stdout.contains("token"), "{stdout}");
    let run = traced.finish();
    assert_eq!(run.code, Some(0), "{run:?}");
    let kept = daemon.setup().path("home/.local/state/openclaw-bridge/node.json");
    let identity: Value = serde_json::from_str(&std::fs::read_to_string(kept).unwrap()).unwrap();
    let token = identity["token"].as_str().unwrap();
    assert!(!run.stdout.contains(token) && !run.stderr.contains(token));
    assert!(!daemon.log().contains(token));
}

#[test]
fn it_listens_where_it_was_told_to() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    // Nobody in the network shall see what is tested here.
    let start = |bind: &str| Setup::new().arg("--bind").arg(bind).arg("--no-discovery").start();
    let answers = |address: SocketAddr| {
        let mut phone = Phone::connect_to(address);
        phone.send(&json!({ "type": "hello", "nodeId": "x" }));
        phone.expect_error("NOT_PAIRED", "pairing required");
    };
    let daemon = start("127.0.0.2");
    assert_eq!(
        daemon.addresses().iter().map(SocketAddr::ip).collect::<Vec<_>>(),
        [ip("127.0.0.2")]
    );
    answers(daemon.address());
    let elsewhere = SocketAddr::new(ip("127.0.0.1"), daemon.address().port());
    assert!(Phone::try_connect_to(elsewhere).is_none(), "only there");

    let daemon = start("loopback");
    for address in daemon.addresses() {
        assert!(address.ip().is_loopback());
        assert_eq!(address.port(), daemon.address().port());
        answers(*address);
    }
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        assert_eq!(daemon.addresses().len(), 2);
        let daemon = start("::1");
        assert_eq!(daemon.addresses()[0].ip(), ip("::1"));
        answers(daemon.address());
        let mut phone = Phone::paired(&daemon, "six");
        assert_eq!(phone.request("health", None)["ok"], true);
    }
}
