//! Stopping: soon, cleanly, whoever is connected.

use crate::support::{took_less_than, Daemon, Phone, Setup};
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(3);

/// One connection of every kind, and what has to be kept alive for it.
fn everybody(daemon: &Daemon) -> (Vec<Phone>, Vec<crate::support::Control>) {
    let mut phones: Vec<Phone> = (0..5).map(|_| Phone::connect(daemon)).collect();
    phones.push(Phone::asking(daemon, "waiting"));
    phones.push(Phone::paired(daemon, "admitted"));
    let mut half = Phone::paired(daemon, "half a line");
    half.send_raw(b"{\"type\":\"pi");
    phones.push(half);
    // One that takes nothing while much waits for it.
    let mut deaf = Phone::paired(daemon, "deaf");
    deaf.patience_for_sending(Duration::from_millis(200));
    let request = json!({ "type": "req", "id": "i".repeat(2000), "method": "health" });
    let requests = format!("{request}\n").repeat(200);
    while deaf.try_send_raw(requests.as_bytes()).is_ok() {}
    phones.push(deaf);
    // One that is carrying something out.
    let mut busy = Phone::paired(daemon, "busy");
    let mut operator = daemon.control().subscribe(&[]);
    let ask = json!({ "nodeId": "busy", "command": "a", "timeoutMs": 600_000 });
    operator.send("node.invoke", &ask);
    busy.expect("invoke");
    phones.push(busy);
    // One that has asked and been answered; nobody would miss one that was never let in.
    let mut idle = daemon.control();
    idle.ask("status", &json!({})).unwrap();
    (phones, vec![operator, idle])
}

fn stops(by: impl FnOnce(&Daemon)) {
    let mut daemon = Daemon::start();
    let (mut phones, mut operators) = everybody(&daemon);
    let began = Instant::now();
    by(&daemon);
    let status = daemon.wait(Duration::from_secs(10));
    took_less_than(SOON, began, "the stop");
    assert_eq!(status.code(), Some(0));
    assert!(!daemon.setup().state("control.sock").exists());
    let admitted = &mut phones[6];
    admitted.expect_close();
    for operator in &mut operators {
        operator.wait_for_end(SOON);
    }
    let log = daemon.log();
    assert!(log.contains("daemon: stopped"), "{log}");
}

#[test]
fn sigterm_stops_within_three_seconds_whoever_is_connected() {
    stops(|daemon| daemon.signal(Signal::TERM));
}

#[test]
fn sigint_stops_within_three_seconds_whoever_is_connected() {
    stops(|daemon| daemon.signal(Signal::INT));
}

#[test]
fn the_stop_command_returns_when_the_bridge_is_gone() {
    stops(|daemon| {
        assert_eq!(daemon.run(["stop"]).ok(), "stopped\n");
        assert!(!daemon.setup().state("control.sock").exists());
    });
}

#[test]
fn a_bridge_that_nobody_is_connected_to_stops_at_once() {
    let mut daemon = Daemon::start();
    let began = Instant::now();
    daemon.signal(Signal::TERM);
    assert!(daemon.wait(SOON).success());
    took_less_than(Duration::from_millis(1500), began, "the stop");
}

#[test]
fn a_disabled_bridge_ends_well_without_listening() {
    let setup = Setup::new().config("{ bridge: { enabled: false } }");
    let run = setup.fail_to_start();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("bridge.enabled is false"), "{run:?}");
}

#[test]
fn followers_of_events_are_told_by_their_exit_code_that_the_bridge_has_stopped() {
    let mut daemon = Daemon::start();
    let mut events = daemon.operator(["events"]);
    let lines = events.lines();
    crate::support::eventually("the events are followed", || {
        daemon.control().ask("voicewake.set", &json!({ "triggers": ["x"] })).unwrap();
        lines.try_recv().ok()
    });
    daemon.signal(Signal::TERM);
    assert!(daemon.wait(SOON).success());
    assert!(events.finish().error(69).contains("stopped"));
}

#[test]
fn what_a_node_said_last_is_saved_at_the_stop_and_not_with_each_hello() {
    let mut daemon = Daemon::start();
    let alice = Phone::paired(&daemon, "alice");
    let file = daemon.setup().state("nodes/paired.json");
    let stored = || std::fs::read_to_string(&file).unwrap();
    let before = stored();
    let mut phone = Phone::log_in(&daemon, "alice", &alice.token);
    for version in 0..100 {
        let version = format!("7.{version}");
        phone.send(&json!({ "type": "hello", "nodeId": "alice", "token": alice.token, "version": version }));
        phone.expect("hello-ok");
        assert_eq!(stored(), before);
    }
    let known = daemon.ask("node.describe", &json!({ "nodeId": "alice" }));
    assert_eq!(known["version"], "7.99");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait(Duration::from_secs(10)).code(), Some(0));
    assert!(stored().contains("\"7.99\""), "{}", stored());
}
