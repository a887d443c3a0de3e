//! Asking, approving, rejecting, and the ways in which they meet.

use crate::support::{Daemon, Phone, Setup};
use serde_json::{json, Value};

fn pair_request(node: &str, name: &str) -> Value {
    json!({ "type": "pair-request", "nodeId": node, "displayName": name })
}

fn pending(daemon: &Daemon) -> Vec<Value> {
    daemon.ask("node.pair.list", &json!({}))["pending"].as_array().unwrap().clone()
}

#[test]
fn operators_hear_of_a_request_and_of_its_end() {
    let daemon = Daemon::start();
    let mut watcher = daemon.control().subscribe(&["node.pair.requested", "node.pair.resolved"]);
    let mut phone = Phone::connect(&daemon);
    phone.send(&pair_request("alice", "Alice"));
    let asked = watcher.event("node.pair.requested");
    assert_eq!((&asked["nodeId"], &asked["displayName"]), (&json!("alice"), &json!("Alice")));
    let id = asked["requestId"].as_str().unwrap();
    let approved = daemon.run(["nodes", "approve", &id[..8], "--json"]).json();
    assert_eq!((&approved["requestId"], &approved["delivered"]), (&json!(id), &json!(true)));
    assert_eq!(approved["node"]["nodeId"], "alice");
    let resolved = watcher.event("node.pair.resolved");
    assert_eq!((&resolved["requestId"], &resolved["decision"]), (&json!(id), &json!("approved")));
    phone.expect_token();
    phone.expect("hello-ok");
    assert_eq!(pending(&daemon), Vec::<Value>::new());
}

#[test]
fn what_is_pending_survives_a_restart_and_can_be_approved_then() {
    let daemon = Daemon::start();
    let first = Phone::asking(&daemon, "alice");
    let daemon = daemon.kill_and_restart();
    drop(first);
    assert_eq!(pending(&daemon).len(), 1);
    assert_eq!(daemon.approve("alice")["delivered"], false);
    let mut phone = Phone::connect(&daemon);
    phone.send(&json!({ "type": "pair-request", "nodeId": "alice" }));
    phone.expect_token();
    phone.expect("hello-ok");
}

#[test]
fn an_approval_that_finds_nobody_waiting_is_kept_for_the_same_phone_only() {
    let daemon = Daemon::start();
    let mut phone = Phone::connect(&daemon);
    phone.send(&pair_request("alice", "Alice"));
    daemon.pending_request("alice");
    drop(phone);
    crate::support::eventually("the phone is gone", || {
        (pending(&daemon)[0]["waiting"] == false).then_some(())
    });
    let said = daemon.run(["nodes", "approve", "alice"]).ok();
    assert!(said.contains("if it reconnects within 10 minutes"), "{said}");

    // Somebody else with the same id gets a request of their own.
    let mut eve = Phone::connect(&daemon);
    eve.send(&pair_request("alice", "Mallory"));
    let shown = daemon.pending_request("alice");
    assert_eq!((&shown["displayName"], &shown["conflict"]), (&json!("Mallory"), &json!(true)));

    let mut phone = Phone::connect(&daemon);
    phone.send(&json!({ "type": "hello", "nodeId": "alice" }));
    phone.expect_error("NOT_PAIRED", "pairing required");
    phone.send(&pair_request("alice", "Alice"));
    let token = phone.expect_token();
    phone.expect("hello-ok");
    // The pairing settles the matter for whoever else claimed to be alice.
    eve.expect_error("UNAUTHORIZED", "pairing rejected");
    eve.expect_close();
    Phone::log_in(&daemon, "alice", &token);
}

#[test]
fn of_two_connections_with_the_same_request_the_newer_one_waits() {
    let daemon = Daemon::start();
    let mut older = Phone::asking(&daemon, "alice");
    let mut newer = Phone::connect(&daemon);
    newer.send(&json!({ "type": "pair-request", "nodeId": "alice" }));
    assert_eq!(older.expect("error")["code"], "UNAVAILABLE");
    older.expect_close();
    assert_eq!(pending(&daemon).len(), 1);
    daemon.approve("alice");
    newer.expect_token();
    newer.expect("hello-ok");
}

#[test]
fn a_request_that_differs_from_the_one_shown_is_marked_as_a_conflict() {
    let daemon = Daemon::start();
    let mut alice = Phone::connect(&daemon);
    alice.send(&pair_request("n", "Alice"));
    let shown = daemon.pending_request("n");
    let mut eve = Phone::connect(&daemon);
    eve.send(&pair_request("n", "Eve"));
    crate::support::eventually("both are shown", || (pending(&daemon).len() == 2).then_some(()));
    assert!(daemon.run(["nodes", "pending"]).ok().contains("CONFLICT"));
    // The node's id does not say which of them is meant.
    let error = daemon.run(["nodes", "approve", "n"]).error(1);
    assert!(error.contains("ambiguous"), "{error}");
    daemon.run(["nodes", "approve", shown["requestId"].as_str().unwrap()]).ok();
    alice.expect_token();
    alice.expect("hello-ok");
    eve.expect_error("UNAUTHORIZED", "pairing rejected");
    eve.expect_close();
}

#[test]
fn abandoned_requests_do_not_hide_a_real_phone() {
    let daemon = Daemon::start();
    let mut eve = Phone::connect(&daemon);
    for i in 0..32 {
        eve.send(&pair_request(&format!("eve-{i}"), "Kitchen"));
    }
    daemon.pending_request("eve-31");
    assert_eq!(pending(&daemon).len(), 32);
    drop(eve);
    let mut watcher = daemon.control().subscribe(&["node.pair.resolved"]);
    let phone = Phone::asking(&daemon, "alice");
    assert_eq!(watcher.event("node.pair.resolved")["decision"], "evicted");
    assert_eq!(pending(&daemon).len(), 32);
    drop(phone);
}

#[test]
fn after_a_rejection_the_next_request_is_held_and_not_shown() {
    let daemon = Daemon::start();
    let mut phone = Phone::asking(&daemon, "alice");
    daemon.run(["nodes", "reject", "alice"]).ok();
    phone.expect_error("UNAUTHORIZED", "pairing rejected");
    let mut watcher = daemon.control().subscribe(&["node.pair.requested"]);
    let mut again = Phone::connect(&daemon);
    again.send(&json!({ "type": "pair-request", "nodeId": "alice" }));
    // Whatever is asked behind the request is answered after it was looked at.
    again.send(&json!({ "type": "ping", "id": "x" }));
    again.expect_error("UNAUTHORIZED", "not authenticated");
    assert_eq!(watcher.events_so_far(), Vec::<Value>::new());
    assert_eq!(pending(&daemon), Vec::<Value>::new());
    // Another node is not held for long.
    Phone::paired(&daemon, "bob");
}

#[test]
fn a_repair_leaves_the_old_token_alone_until_the_new_one_is_delivered() {
    let daemon = Daemon::start();
    let old = Phone::paired(&daemon, "alice").token;
    let mut phone = Phone::connect(&daemon);
    phone.send(&json!({ "type": "pair-request", "nodeId": "alice" }));
    assert_eq!(daemon.pending_request("alice")["isRepair"], true);
    drop(Phone::log_in(&daemon, "alice", &old));
    daemon.approve("alice");
    let new = phone.expect_token();
    assert_ne!(old, new);
    let mut late = Phone::connect(&daemon);
    late.send(&json!({ "type": "hello", "nodeId": "alice", "token": old }));
    late.expect_error("UNAUTHORIZED", "invalid token");
    Phone::log_in(&daemon, "alice", &new);
}

#[test]
fn a_revoked_phone_is_cut_off_and_its_token_is_worth_nothing() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let said = daemon.run(["nodes", "revoke", "alice"]).ok();
    assert_eq!(said, "revoked the pairing of alice and disconnected it\n");
    phone.expect_close();
    let daemon = daemon.kill_and_restart();
    let mut again = Phone::connect(&daemon);
    again.send(&json!({ "type": "hello", "nodeId": "alice", "token": phone.token }));
    again.expect_error("UNAUTHORIZED", "invalid token");
}

#[test]
fn a_name_given_by_the_operator_stays() {
    let daemon = Daemon::start();
    let token = Phone::paired(&daemon, "alice").token;
    daemon.run(["nodes", "rename", "alice", "--name", "Kitchen iPad"]).ok();
    let daemon = daemon.restart();
    let mut phone = Phone::connect(&daemon);
    let hello = json!({ "type": "hello", "nodeId": "alice", "token": token,
        "displayName": "My phone", "version": "2" });
    phone.send(&hello);
    phone.expect("hello-ok");
    let node = daemon.run(["nodes", "describe", "--node", "kitchen-ipad", "--json"]).json();
    assert_eq!((&node["displayName"], &node["version"]), (&json!("Kitchen iPad"), &json!("2")));
}

#[test]
fn words_that_are_properties_of_every_javascript_object_are_ordinary_node_ids() {
    let daemon = Daemon::start();
    for node in ["constructor", "__proto__", "toString"] {
        let mut phone = Phone::connect(&daemon);
        phone.send(&json!({ "type": "hello", "nodeId": node }));
        phone.expect_error("NOT_PAIRED", "pairing required");
        drop(phone);
        let mut phone = Phone::asking(&daemon, node);
        daemon.run(["nodes", "reject", node]).ok();
        phone.expect_error("UNAUTHORIZED", "pairing rejected");
    }
}

#[test]
fn tokens_are_kept_as_hashes_in_files_that_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let setup = Setup::new();
    let daemon = setup.start();
    let token = Phone::paired(&daemon, "alice").token;
    for (name, mode) in
        [("nodes/paired.json", 0o600), ("nodes/pending.json", 0o600), ("control.sock", 0o600)]
    {
        let found = std::fs::metadata(setup.state(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
    let found = std::fs::metadata(setup.path("state")).unwrap().permissions().mode() & 0o777;
    assert_eq!(found, 0o700);
    let text = std::fs::read_to_string(setup.state("nodes/paired.json")).unwrap();
    assert!(text.contains("tokenSha256") && !text.contains(&token));
}

#[test]
fn a_copycat_is_shown_and_not_approved_by_name() {
    let daemon = Daemon::start();
    let ask = |node: &str| {
        let mut phone = Phone::connect(&daemon);
        let ipad = json!({ "type": "pair-request", "nodeId": node, "displayName": "Kitchen", "deviceFamily": "iPad" });
        phone.send(&ipad);
        daemon.pending_request(node);
        phone
    };
    let _alice = ask("alice");
    let said = daemon.run(["nodes", "approve", "kitchen"]).ok();
    assert_eq!(said, "paired Kitchen (alice) · iPad · 127.0.0.1\n");
    let _eve = ask("eve");
    let shown = daemon.run(["nodes", "pending"]).ok();
    assert!(shown.contains("CAUTION: named like the paired node alice"), "{shown}");
    let error = daemon.run(["nodes", "approve", "eve"]).error(1);
    assert!(error.contains("is called like the paired node \"alice\""), "{error}");
    let id = daemon.pending_request("eve")["requestId"].as_str().unwrap().to_owned();
    daemon.run(["nodes", "approve", &id]).ok();
    // Both are called Kitchen now: neither is meant by the name alone.
    let error = daemon.run(["nodes", "revoke", "--node", "Kitchen"]).error(1);
    assert!(
        error.contains("ambiguous") && error.contains("\"alice\"") && error.contains("\"eve\""),
        "{error}"
    );
    daemon.run(["nodes", "revoke", "--node", "id:eve"]).ok();
}
