//! Not only right, but in time; and with one thread for each connection.

use crate::support::{eventually, took_less_than, Daemon, Phone};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

#[test]
fn every_connection_costs_one_thread_and_gives_it_back() {
    let daemon = Daemon::start();
    // All but those of operators, who come and go with every question.
    let threads = || {
        let mut names = daemon.threads();
        names.retain(|name| !name.starts_with("op-"));
        names
    };
    // A thread has the name of the one that started it until it has its own.
    let base = eventually("every thread has its name", || {
        let names = threads();
        let distinct: BTreeSet<&String> = names.iter().collect();
        (distinct.len() == names.len()).then_some(names)
    });
    assert!(base.len() < 16 && !base.iter().any(|name| name.starts_with("node-")), "{base:?}");
    let settled = |count: usize| {
        eventually("there is one thread for each connection", || {
            let nodes = threads().iter().filter(|name| name.starts_with("node-")).count();
            (nodes == count && threads().len() == base.len() + count).then_some(())
        });
    };
    let mut phones = Vec::new();
    for count in 1..=20 {
        phones.push(Phone::paired(&daemon, &format!("n{count}")));
        settled(count);
    }
    let crowd: Vec<Phone> = (0..20).map(|_| Phone::connect(&daemon)).collect();
    settled(40);
    drop(crowd);
    phones.truncate(5);
    settled(5);
    drop(phones);
    settled(0);
}

#[test]
fn an_invoke_to_a_silent_phone_fails_as_soon_as_the_phone_is_gone() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let args = ["nodes", "invoke", "--node", "alice", "--command", "a", "--invoke-timeout", "10m"];
    let operator = daemon.operator(args);
    phone.expect("invoke");
    let began = Instant::now();
    drop(phone);
    let said = operator.finish().error(1);
    assert!(said.contains("bridge connection closed"), "{said}");
    took_less_than(Duration::from_secs(2), began, "the failure");
}

#[test]
fn an_approval_reaches_the_phone_at_once() {
    let daemon = Daemon::start();
    for round in 0..20 {
        let mut phone = Phone::asking(&daemon, &format!("n{round}"));
        let began = Instant::now();
        daemon.approve(&format!("n{round}"));
        phone.expect_token();
        phone.expect("hello-ok");
        took_less_than(Duration::from_secs(1), began, "the approval");
    }
}

#[test]
fn one_stalled_phone_delays_nobody() {
    let daemon = Daemon::start();
    let mut stalled = Phone::paired(&daemon, "stalled");
    let mut bob = Phone::paired(&daemon, "bob");
    stalled.patience_for_sending(Duration::from_millis(300));
    let request = json!({ "type": "req", "id": "i".repeat(4000), "method": "health" });
    let requests = format!("{request}\n").repeat(50);
    while stalled.try_send_raw(requests.as_bytes()).is_ok() {}
    let mut times: Vec<Duration> = (0..200).map(|_| bob.ping()).collect();
    times.sort();
    assert!(times[100] < Duration::from_millis(100), "median {:?}", times[100]);
    let began = Instant::now();
    Phone::paired(&daemon, "carol");
    assert_eq!(bob.request("voicewake.set", Some("{\"triggers\":[\"x\"]}"))["ok"], true);
    took_less_than(Duration::from_secs(2), began, "pairing and setting words");
}

#[test]
fn a_node_that_sends_a_long_line_slowly_delays_nobody() {
    let daemon = Daemon::start();
    let mut slow = Phone::paired(&daemon, "slow");
    let mut bob = Phone::paired(&daemon, "bob");
    let mut operator = daemon.control();
    let id = operator.send("node.invoke", &json!({ "nodeId": "slow", "command": "a" }));
    let invoke = slow.expect("invoke");
    let picture = "A".repeat(8 * 1024 * 1024);
    let answer = json!({ "type": "invoke-res", "id": invoke["id"], "ok": true,
        "payloadJSON": json!({ "base64": picture }).to_string() });
    let line = format!("{answer}\n");
    let mut slowest = Duration::ZERO;
    for piece in line.as_bytes().chunks(256 * 1024) {
        slow.send_raw(piece);
        slowest = slowest.max(bob.ping());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert_eq!(operator.answer(id).unwrap()["payload"]["base64"], picture);
}
