//! A machine without an app: the real `openclaw-bridge node` runs programs for the real bridge,
//! within what its owner allows, and tells about it.

use crate::support::pi::{sh, unique, way, Pi};
use crate::support::{eventually, Daemon, Setup, DEADLINE};
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::path::Path;

/// Whether the process whose number is in a file is still there.
fn is_alive(file: &Path) -> bool {
    let pid = fs::read_to_string(file).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

fn wait_until_gone(file: &Path) {
    eventually("the program is gone", || (!is_alive(file)).then_some(()));
}

#[test]
fn a_program_is_run_and_told_about_before_its_result() {
    let mut pi = Pi::start(&["--exec", "full"]);
    let log = pi.path("order");
    let script = format!(
        "echo out; echo err >&2; pwd; echo $LANG $PATH; echo ran > '{}'; exit 3",
        log.display()
    );
    let mut params = sh(&script);
    params["cwd"] = "/usr".into();
    params["env"] = json!({ "LANG": "xx", "PATH": "/evil", "LD_PRELOAD": "/evil.so" });
    params["rawCommand"] = "ls".into();
    let result = pi.invoke("system.run", &params);
    let stdout = "out\n/usr\nxx /usr/bin:/bin\n";
    let expected = json!({
        "exitCode": 3, "timedOut": false, "success": false, "stdout": stdout, "stderr": "err\n",
        "error": null,
    });
    assert_eq!(result, expected);
    let started = pi.report();
    assert!(started.starts_with("Exec started (node=pi id=r): /bin/sh -c "), "{started}");
    let finished = pi.report();
    assert_eq!(finished, format!("Exec finished (node=pi id=r, code 3)\n{stdout}\nerr"));
    let nodes = pi.daemon.ask("node.describe", &json!({ "nodeId": "pi" }));
    assert_eq!(nodes["caps"], json!(["system"]));
    assert_eq!(nodes["permissions"], json!({ "system.run": true }));
    let said = pi.stop_node().ok();
    assert!(said.is_empty(), "{said}");
}

/// The bridge gets started, finished and the answer in this order, on the wire.
#[test]
fn the_reports_come_before_the_answer_on_the_wire() {
    let mut pi = Pi::start(&["--exec", "full", "--trace"]);
    assert_eq!(pi.invoke("system.run", &sh("true"))["success"], true);
    let said = pi.stop_node().stderr;
    let place = |what: &str| said.find(what).unwrap_or_else(|| panic!("no {what} in {said}"));
    let sent = [
        "> {\"type\":\"event\",\"event\":\"exec.started\"",
        "\"event\":\"exec.finished\"",
        "> {\"type\":\"invoke-res\"",
    ];
    let places = sent.map(place);
    assert!(places.is_sorted(), "{said}");
}

#[test]
fn a_program_over_its_time_is_killed_with_its_family() {
    let mut pi = Pi::start(&["--exec", "full"]);
    let (parent, child) = (pi.path("parent"), pi.path("child"));
    let script = format!(
        "trap '' TERM; echo $$ > '{}'; (trap '' TERM; exec sleep 1000) & echo $! > '{}'; wait; sleep 1000",
        parent.display(),
        child.display()
    );
    let mut params = sh(&script);
    params["timeoutMs"] = json!(2000);
    let result = pi.invoke("system.run", &params);
    assert_eq!((&result["timedOut"], &result["success"]), (&json!(true), &json!(false)));
    assert!(result.get("exitCode").is_none());
    wait_until_gone(&parent);
    wait_until_gone(&child);
    pi.report();
    assert_eq!(pi.report(), "Exec finished (node=pi id=r, timeout)");
}

/// Each of these makes an allowed program run another one, or write a file.
#[test]
fn programs_are_found_and_notifications_shown() {
    let pi = Pi::start(&[]);
    let bins = json!({ "bins": ["sh", "no-such-program", "../sh", " true ", 5] });
    let found = pi.invoke("system.which", &bins);
    assert_eq!(found, json!({ "bins": { "sh": "/usr/bin/sh", "true": "/usr/bin/true" } }));
    let (code, message) = pi.refused("system.which", &json!({ "bins": "sh" }));
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("INVALID_REQUEST", "bins must be a list of names")
    );
    let (_, message) = pi.refused("system.notify", &json!({ "title": "", "body": " " }));
    assert_eq!(message, "title or body required");
    if !Path::new("/usr/bin/notify-send").exists() {
        let (code, message) = pi.refused("system.notify", &json!({ "title": "Tea", "body": "" }));
        assert_eq!(code, "UNAVAILABLE");
        assert!(message.contains("notify-send is not installed"), "{message}");
    }
}

#[test]
fn a_restart_of_the_bridge_costs_neither_pairing_nor_report() {
    let mut pi = Pi::start_with(Setup::new(), &["--exec", "full"]);
    let (running, gate) = (pi.path("running"), pi.path("gate"));
    let script = format!(
        "mkfifo '{1}'; echo $$ > '{0}'; read x < '{1}'; echo late",
        running.display(),
        gate.display()
    );
    let port = pi.daemon.address().port().to_string();
    let mut control = pi.daemon.control();
    let invoke = json!({
        "nodeId": "pi", "command": "system.run", "params": sh(&script), "timeoutMs": 15_000,
        "idempotencyKey": unique(),
    });
    control.send("node.invoke", &invoke);
    eventually("the program runs", || {
        fs::read_to_string(&running).ok().filter(|t| t.ends_with('\n'))
    });
    // The same port again, or the node would not find it.
    let setup = pi.daemon.setup().clone().arg("--port").arg(&port);
    pi.daemon.signal(Signal::KILL);
    pi.daemon.wait(DEADLINE);
    pi.daemon = setup.start();
    pi.listen();
    pi.wait_until_connected();
    crate::support::apps::open_gate(&gate, "go");
    assert_eq!(pi.report(), "Exec finished (node=pi id=r, code 0)\nlate");
    assert_eq!(pi.invoke("system.run", &sh("echo still"))["stdout"], "still\n");
    assert_eq!(pi.daemon.ask("node.pair.list", &json!({}))["pending"], json!([]));
}

/// Everything at once, encrypted: a program runs, one is over its time, one is denied, and the
/// bridge is killed in between without costing the pairing or the pin.
#[test]
fn over_tls_with_a_pin_a_node_runs_times_out_is_denied_and_survives_a_restart() {
    let setup = Setup::new().config("{ bridge: { tls: { enabled: true } } }");
    let mut pi = Pi::start_with(setup, &["--allow", "/bin/sh", "--trace"]);
    let pin = pi.daemon.status()["fingerprintSha256"].as_str().unwrap().to_owned();
    for round in ["before", "after"] {
        let result = pi.invoke("system.run", &sh(&format!("echo {round}")));
        assert_eq!(
            (&result["stdout"], &result["success"]),
            (&json!(format!("{round}\n")), &json!(true))
        );
        pi.report();
        assert!(pi.report().ends_with(&format!("code 0)\n{round}")));
        let mut slow = sh("sleep 1000");
        slow["timeoutMs"] = json!(300);
        assert_eq!(pi.invoke("system.run", &slow)["timedOut"], true);
        pi.report();
        assert!(pi.report().ends_with("timeout)"));
        let denied = pi.refused("system.run", &json!({ "command": ["/bin/cat", "/etc/passwd"] }));
        assert_eq!(denied.1, "SYSTEM_RUN_DENIED: allowlist miss");
        assert!(pi.report().starts_with("Exec denied"));
        if round == "before" {
            let port = pi.daemon.address().port().to_string();
            let setup = pi.daemon.setup().clone().arg("--port").arg(&port);
            pi.daemon.signal(Signal::KILL);
            pi.daemon.wait(DEADLINE);
            pi.daemon = setup.start();
            assert_eq!(pi.daemon.status()["fingerprintSha256"], *pin, "the certificate stays");
            pi.listen();
            pi.wait_until_connected();
        }
    }
    assert_eq!(pi.daemon.ask("node.pair.list", &json!({}))["pending"], json!([]));
    let kept = fs::read_to_string(pi.beside_the_token("node.json")).unwrap();
    assert!(kept.contains(&pin), "the pin is kept beside the token");
}

#[test]
fn a_node_that_stops_takes_its_programs_with_it() {
    let mut pi = Pi::start(&["--exec", "full"]);
    let child = pi.path("child");
    let script = format!("sleep 1000 & echo $! > '{}'; wait", child.display());
    let invoke = json!({
        "nodeId": "pi", "command": "system.run", "params": sh(&script), "timeoutMs": 15_000,
        "idempotencyKey": unique(),
    });
    let mut control = pi.daemon.control();
    control.send("node.invoke", &invoke);
    eventually("the program runs", || {
        fs::read_to_string(&child).ok().filter(|t| t.ends_with('\n'))
    });
    assert_eq!(pi.stop_node().code, Some(0));
    // Killed before the node ends; the system may take a moment to remove it.
    wait_until_gone(&child);
    pi.report();
    assert_eq!(pi.report(), "Exec finished (node=pi id=r, code ?)\nthe node is leaving");
}

#[test]
fn a_gateway_that_asks_for_everything_at_once_gets_what_fits() {
    let pi = Pi::start(&["--exec", "full"]);
    let gate = pi.path("gate");
    let script = format!(
        "until [ -e '{}' ]; do sleep 0.02; done; head -c 1000000 /dev/zero",
        gate.display()
    );
    let asked: Vec<_> = (0..12)
        .map(|_| {
            let mut control = pi.daemon.control();
            let params = json!({
                "nodeId": "pi", "command": "system.run", "params": sh(&script), "timeoutMs": 15_000,
                "idempotencyKey": unique(),
            });
            let id = control.send("node.invoke", &params);
            (control, id)
        })
        .collect();
    // Whoever is refused is refused at once; the others wait for the gate.
    let threads: Vec<_> = asked
        .into_iter()
        .map(|(mut control, id)| std::thread::spawn(move || control.answer(id)))
        .collect();
    eventually("four are refused", || {
        (threads.iter().filter(|thread| thread.is_finished()).count() == 4).then_some(())
    });
    fs::write(&gate, "").unwrap();
    let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let busy = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let busy = busy.filter(|error| error["message"].as_str().unwrap().contains("busy")).count();
    assert_eq!(busy, 4);
    for done in outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()) {
        let stdout = done["payload"]["stdout"].as_str().unwrap();
        assert!(stdout.len() < 200_100 && stdout.ends_with("... (truncated)"));
    }
    let huge = json!({ "command": ["/bin/echo", "x".repeat(300_000)] });
    let result = pi.invoke("system.run", &huge);
    assert!(result["error"].as_str().unwrap().contains("could not be started"), "{result}");
    let too_long = json!({ "command": ["/bin/echo", "x".repeat(1_100_000)] });
    assert_eq!(pi.refused("system.run", &too_long).0, "INVALID_REQUEST");
    assert_eq!(pi.invoke("system.run", &sh("echo alive"))["stdout"], "alive\n");
}

#[test]
fn events_can_be_sent_by_hand() {
    let daemon = Daemon::start();
    let mut words = vec!["node".to_owned(), "--node-id".into(), "pi".into(), "--once".into()];
    words.extend(way(&daemon));
    let pairing = daemon.operator(words.iter().map(String::as_str));
    daemon.pending_request("pi");
    daemon.approve("pi");
    pairing.finish().ok();
    words.extend([
        "--event".to_owned(),
        r#"agent.request={"message":"by hand","sessionKey":"main"}"#.into(),
    ]);
    daemon.run(words.iter().map(String::as_str)).ok();
    eventually("the message is in the conversation", || {
        let history = daemon.ask("chat.history", &json!({ "sessionKey": "main" })).to_string();
        history.contains("by hand").then_some(())
    });
    words.push("--event".into());
    words.push("x={".into());
    daemon.run(words.iter().map(String::as_str)).error(2);
}
