//! What others can make the bridge write into its log.

use crate::support::{eventually, Daemon, Phone};
use serde_json::json;

fn lines(daemon: &Daemon, what: &str) -> usize {
    daemon.log().lines().filter(|line| line.contains(what)).count()
}

#[test]
fn a_node_that_comes_back_again_and_again_does_not_fill_the_log() {
    let daemon = Daemon::start();
    let alice = Phone::paired(&daemon, "alice");
    let mut last = None;
    for _ in 0..40 {
        last = Some(Phone::log_in(&daemon, "alice", &alice.token));
    }
    // Noise of one node hides no other node.
    let bob = Phone::paired(&daemon, "bob");
    eventually("bob is logged", || (lines(&daemon, "node admitted conn=42 ") == 1).then_some(()));
    assert_eq!(lines(&daemon, "node admitted "), 11);
    assert_eq!(lines(&daemon, "why=taken over"), 10);
    drop((last, bob));
}

#[test]
fn the_log_names_who_is_refused_in_few_and_harmless_characters() {
    let daemon = Daemon::start();
    let mut phone = Phone::connect(&daemon);
    let name = format!("Kit\"chen{}", "n".repeat(200));
    let hello =
        json!({ "type": "hello", "nodeId": "alice", "displayName": name, "token": "guess" });
    phone.send(&hello);
    phone.expect_error("UNAUTHORIZED", "invalid token");
    let shown =
        format!(" ip=127.0.0.1 claims=\"alice\" name=\"Kit\\\"chen{}\" why=", "n".repeat(56));
    eventually("the log names it", || (lines(&daemon, &shown) == 1).then_some(()));
}

#[test]
fn guesses_are_slowed_down_and_let_another_node_in() {
    let daemon = Daemon::start();
    let alice = Phone::paired(&daemon, "alice");
    let bob = Phone::paired(&daemon, "bob");
    let mut codes = Vec::new();
    for i in 0..30 {
        let mut eve = Phone::connect(&daemon);
        let token = format!("guess-{i}");
        eve.send(&json!({ "type": "hello", "nodeId": "alice", "token": token }));
        codes.push(eve.expect("error")["code"].as_str().unwrap().to_owned());
    }
    assert!(codes[..20].iter().all(|code| code == "UNAUTHORIZED"), "{codes:?}");
    assert!(codes[20..].iter().any(|code| code == "UNAVAILABLE"), "{codes:?}");
    Phone::log_in(&daemon, "bob", &bob.token);
    drop(alice);
}
