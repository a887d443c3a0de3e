//! `nodes pending --watch`: requests are shown when they come, and approved there.

use crate::support::{Daemon, Operator, Phone, Terminal};
use rustix::process::Signal;
use serde_json::{json, Value};

fn watching(daemon: &Daemon) -> Terminal {
    let mut command = daemon.setup().program();
    command.args(["nodes", "pending", "--watch"]);
    let terminal = Terminal::run(command, 200);
    terminal.wait_for("Waiting for nodes", 1);
    terminal
}

fn asking(daemon: &Daemon, node: &str, name: &str) -> Phone {
    let mut phone = Phone::connect(daemon);
    phone.send(&json!({ "type": "pair-request", "nodeId": node, "displayName": name }));
    phone
}

#[test]
fn a_request_is_approved_where_it_is_shown() {
    let daemon = Daemon::start();
    let mut early = asking(&daemon, "alice", "Alice");
    daemon.pending_request("alice");
    let mut terminal = watching(&daemon);
    terminal.wait_for("Approve it? [y/N]", 1);
    let mut late = asking(&daemon, "bob", "Bob\u{1b}[2J");
    daemon.pending_request("bob");
    terminal.type_text("y\n");
    early.expect_token();
    terminal.wait_for("paired Alice (alice) · 127.0.0.1", 1);
    terminal.wait_for("Bob\\u001b[2J · bob · 127.0.0.1", 1);
    terminal.wait_for("Approve it? [y/N]", 2);
    terminal.type_text("\n");
    terminal.wait_for("left as it is", 1);
    daemon.run(["nodes", "approve", "bob"]).ok();
    late.expect_token();

    // What was typed for one is no answer to the next.
    let _carol = asking(&daemon, "carol", "Carol");
    terminal.wait_for("Approve it? [y/N]", 3);
    daemon.run(["nodes", "reject", "carol"]).ok();
    terminal.wait_for("This request has been rejected.", 1);
    terminal.type_text("y\n");
    let _dave = asking(&daemon, "dave", "Dave");
    terminal.wait_for("Approve it? [y/N]", 4);
    terminal.type_text("no\n");
    terminal.wait_for("left as it is", 2);
    assert_eq!(daemon.status()["nodes"]["pending"], 1, "{}", terminal.shown());
    terminal.signal(Signal::INT);
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
}

#[test]
fn a_yes_is_not_enough_for_a_request_that_is_called_like_a_paired_node() {
    let daemon = Daemon::start();
    let _alice = Phone::paired(&daemon, "alice");
    let mut terminal = watching(&daemon);
    let _other = asking(&daemon, "mallory", "Alice");
    let id = daemon.pending_request("mallory")["requestId"].as_str().unwrap().to_owned();
    terminal.wait_for("CAUTION: named like the paired node alice", 1);
    terminal.type_text("y\n");
    terminal.wait_for("type its full request id", 1);
    assert_eq!(daemon.status()["nodes"]["pending"], 1);
    terminal.type_text(&format!("{}\n", &id[..8]));
    terminal.wait_for("left as it is", 1);

    let daemon = daemon.restart();
    terminal.wait_for("no bridge is running, waiting", 1);
    terminal.wait_for("Waiting for nodes", 2);
    terminal.wait_for("CAUTION", 2);
    let mut other = asking(&daemon, "mallory", "Alice");
    crate::support::eventually("it waits again", || {
        (daemon.pending_request("mallory")["waiting"] == true).then_some(())
    });
    terminal.type_text(&format!("{id}\n"));
    other.expect_token();
    terminal.wait_for("paired Alice (mallory)", 1);
    // Ctrl-D, as at every prompt.
    terminal.type_text("\u{4}");
    assert_eq!(terminal.finish().1, Some(0));
}

#[test]
fn a_yes_does_not_count_if_the_request_has_changed_since_it_was_shown() {
    let daemon = Daemon::start();
    let mut terminal = watching(&daemon);
    let _alice = asking(&daemon, "alice", "Alice");
    terminal.wait_for("Approve it?", 1);
    let _again = asking(&daemon, "alice", "Alice");
    crate::support::eventually("another connection has taken its place", || {
        (daemon.pending_request("alice")["replaced"] == 1).then_some(())
    });
    terminal.type_text("y\n");
    terminal.wait_for("This has changed meanwhile", 1);
    terminal.wait_for("1 more requests from the same address", 1);
    assert_eq!(daemon.status()["nodes"]["paired"], 0);
}

#[test]
fn requests_are_printed_as_they_come_where_nobody_can_be_asked() {
    let daemon = Daemon::start();
    let _alice = Phone::asking(&daemon, "alice");
    let mut text = daemon.operator(["nodes", "pending", "--watch"]);
    let mut json = daemon.operator(["nodes", "pending", "--watch", "--json"]);
    let (texts, jsons) = (text.lines(), json.lines());
    let next = |lines: &std::sync::mpsc::Receiver<String>| {
        lines.recv_timeout(crate::support::DEADLINE).unwrap()
    };
    let id =
        |line: &str| -> Value { serde_json::from_str::<Value>(line).unwrap()["nodeId"].clone() };
    assert!(next(&texts).contains("alice"));
    assert_eq!(id(&next(&jsons)), "alice");
    let _bob = Phone::asking(&daemon, "bob");
    assert!(next(&texts).contains("bob"));
    assert_eq!(id(&next(&jsons)), "bob");
    for operator in [text, json] {
        let end: Operator = operator;
        end.signal(Signal::TERM);
        assert_eq!(end.finish().code, Some(0));
    }
    drop(daemon.run(["stop"]));
    let setup = daemon.setup().clone();
    drop(daemon);
    let mut command = setup.program();
    command.args(["nodes", "pending", "--watch"]);
    Operator::spawn(command).finish().error(69);
}
