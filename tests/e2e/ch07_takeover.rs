//! A node has one connection; the newest counts.

use crate::support::{Daemon, Phone};
use serde_json::{json, Value};

#[test]
fn a_take_over_is_no_absence_and_what_waits_on_the_old_connection_fails() {
    let daemon = Daemon::start();
    let mut watcher = daemon.control().subscribe(&["presence"]);
    let mut old = Phone::paired(&daemon, "alice");
    watcher.event("presence");
    let mut operator = daemon.control();
    let asked = operator.send("node.invoke", &json!({ "nodeId": "alice", "command": "a" }));
    old.expect("invoke");
    let mut new = Phone::log_in(&daemon, "alice", &old.token);
    let error = operator.answer(asked).unwrap_err();
    assert_eq!(error["message"], "node connection replaced by a newer one");
    old.expect_close();
    new.ping();
    assert_eq!(watcher.events_so_far(), Vec::<Value>::new());
    assert_eq!(daemon.status()["nodes"]["connected"], 1);
}

#[test]
fn the_old_connection_cannot_answer_for_the_new_one() {
    let daemon = Daemon::start();
    let alice = Phone::paired(&daemon, "alice");
    let mut eve = Phone::paired(&daemon, "eve");
    let mut alice = Phone::log_in(&daemon, "alice", &alice.token);
    let mut operator = daemon.control();
    let asked = operator.send("node.invoke", &json!({ "nodeId": "alice", "command": "a" }));
    let invoke = alice.expect("invoke");
    let answer = |payload: &str| json!({ "type": "invoke-res", "id": invoke["id"], "ok": true, "payloadJSON": payload });
    eve.send(&answer("\"eve\""));
    eve.ping();
    alice.send(&answer("\"alice\""));
    assert_eq!(operator.answer(asked).unwrap()["payload"], "alice");
}

#[test]
fn twenty_connections_at_once_leave_one_and_it_works() {
    let daemon = Daemon::start();
    let token = Phone::paired(&daemon, "alice").token;
    let hello = json!({ "type": "hello", "nodeId": "alice", "token": token });
    let mut phones: Vec<Phone> = (0..20).map(|_| Phone::connect(&daemon)).collect();
    for phone in &mut phones {
        phone.send(&hello);
    }
    for phone in &mut phones {
        phone.expect("hello-ok");
    }
    // Only now has the last one taken over from the one before.
    let alive = phones.iter_mut().map(|phone| u32::from(phone.is_alive())).sum::<u32>();
    assert_eq!(alive, 1);
    crate::support::eventually("the others are gone", || {
        (daemon.status()["connections"]["open"] == 1).then_some(())
    });
    let node = daemon.ask("node.describe", &json!({ "nodeId": "alice" }));
    assert_eq!(node["connected"], true);
}

#[test]
fn a_phone_that_connects_twice_for_every_connect_is_seen_to_come_once() {
    let daemon = Daemon::start();
    let token = Phone::paired(&daemon, "alice").token;
    let mut watcher = daemon.control().subscribe(&["presence"]);
    for _ in 0..5 {
        drop(Phone::log_in(&daemon, "alice", &token));
    }
    let _phone = Phone::log_in(&daemon, "alice", &token);
    assert_eq!(watcher.events_so_far(), Vec::<Value>::new());
}
