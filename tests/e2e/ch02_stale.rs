//! A phone that cannot forget its token, after its pairing was deleted here.

use crate::support::{secrets, Daemon, Phone};
use serde_json::{json, Value};

/// Android with a token: it says hello, and goes away when that is refused. It never asks to be
/// paired.
fn refused(daemon: &Daemon, token: &str) {
    let mut phone = Phone::connect(daemon);
    phone.send(&hello(token));
    phone.expect_error("UNAUTHORIZED", "invalid token");
}

fn hello(token: &str) -> Value {
    json!({ "type": "hello", "nodeId": "ada", "displayName": "Ada's phone",
            "deviceFamily": "Android", "token": token })
}

fn paired_and_revoked(daemon: &Daemon) -> String {
    let token = Phone::paired(daemon, "ada").token;
    secrets::remember(&token);
    daemon.run(["nodes", "revoke", "--node", "ada"]).ok();
    token
}

#[test]
fn a_phone_whose_pairing_was_deleted_is_shown_and_let_in_again_with_its_own_token() {
    let daemon = Daemon::start();
    let token = paired_and_revoked(&daemon);
    refused(&daemon, &token);
    refused(&daemon, &token);
    let shown = daemon.run(["nodes", "pending"]).ok();
    assert_eq!(shown.lines().count(), 1, "{shown}");
    for part in ["Ada's phone", " · ada · Android · 127.0.0.1 · ", "stale token"] {
        assert!(shown.contains(part), "{shown}");
    }
    // Nothing is lost between the steps.
    let daemon = daemon.kill_and_restart();
    let said = daemon.run(["nodes", "approve", "ada"]).ok();
    assert!(said.starts_with("paired Ada's phone (ada) · Android · 127.0.0.1; "), "{said}");
    let daemon = daemon.kill_and_restart();
    let mut phone = Phone::connect(&daemon);
    phone.send(&hello(&token));
    phone.expect("hello-ok");
    assert!(!daemon.run(["nodes", "describe", "--node", "ada"]).ok().contains("Refused"));
    for file in ["nodes/paired.json", "nodes/pending.json"] {
        secrets::none_in(&std::fs::read_to_string(daemon.setup().state(file)).unwrap(), file);
    }
}

#[test]
fn a_wrong_token_of_a_paired_node_is_counted_and_never_asked_about() {
    let daemon = Daemon::start();
    let old = paired_and_revoked(&daemon);
    let token = Phone::paired(&daemon, "ada").token;
    refused(&daemon, &old);
    refused(&daemon, &old);
    assert_eq!(daemon.run(["nodes", "pending"]).ok(), "No pending pairing requests.\n");
    let shown = daemon.run(["nodes", "describe", "--node", "ada"]).ok();
    assert!(shown.contains("Refused") && shown.contains("2 "), "{shown}");
    Phone::log_in(&daemon, "ada", &token);
}

#[test]
fn a_node_that_asks_for_a_new_token_after_the_refusal_is_one_request() {
    let daemon = Daemon::start();
    let old = paired_and_revoked(&daemon);
    let mut phone = Phone::connect(&daemon);
    phone.send(&hello(&old));
    phone.expect_error("UNAUTHORIZED", "invalid token");
    phone.send(&json!({ "type": "pair-request", "nodeId": "ada" }));
    let request = crate::support::eventually("it waits", || {
        let request = daemon.pending_request("ada");
        (request["waiting"] == true).then_some(request)
    });
    assert_eq!((&request["conflict"], &request["staleToken"]), (&Value::Null, &Value::Null));
    daemon.run(["nodes", "approve", "ada"]).ok();
    assert_ne!(phone.expect_token(), old);
    phone.expect("hello-ok");
    refused(&daemon, &old);
}
