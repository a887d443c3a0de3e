//! What a person sees on a terminal, and what a pipe gets instead.

use crate::support::{Daemon, Phone, Terminal};
use rustix::process::Signal;
use serde_json::json;

fn on_terminal(daemon: &Daemon, columns: u16, args: &[&str]) -> Terminal {
    let mut command = daemon.setup().program();
    command.args(args);
    Terminal::run(command, columns)
}

#[test]
fn a_line_turns_while_a_node_works_and_is_taken_away() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let run = ["nodes", "run", "--node", "alice", "--", "ls"];
    let piped = daemon.operator(run);
    let first = phone.expect("invoke");
    let terminal = on_terminal(&daemon, 80, &run);
    let second = phone.expect("invoke");
    // By now the other command would have drawn something, too.
    terminal.wait_for(" system.run on alice · ", 3);
    let done = json!({ "exitCode": 0, "success": true, "stdout": "a\u{1b}[2J\tb\n" }).to_string();
    for asked in [first, second] {
        let id = &asked["id"];
        phone.send(&json!({ "type": "invoke-res", "id": id, "ok": true, "payloadJSON": done }));
    }
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0));
    // What the program wrote does not drive the terminal.
    let (before, after) = shown.rsplit_once("\u{1b}[2K").expect("the line is cleared");
    assert!(before.contains(" system.run on alice · "), "{shown:?}");
    assert_eq!(after.trim_start_matches('\r'), "a\\u001b[2J\tb\r\n");
    let piped = piped.finish();
    assert_eq!((piped.stdout.as_str(), piped.stderr.as_str()), ("a\u{1b}[2J\tb\n", ""));
}

#[test]
fn an_interruption_takes_the_line_away() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    let terminal = on_terminal(&daemon, 80, &["nodes", "location", "get", "alice"]);
    phone.expect("invoke");
    terminal.wait_for("location.get on alice", 2);
    terminal.signal(Signal::INT);
    let (shown, code) = terminal.finish();
    assert_eq!(code, None, "it ends by the signal");
    assert!(shown.trim_end_matches('\r').ends_with("\u{1b}[2K"), "{shown:?}");
}

#[test]
fn the_list_of_nodes_fits_the_terminal_and_is_complete_in_a_pipe() {
    let daemon = Daemon::start();
    let mut phone = Phone::connect(&daemon);
    phone.send(&json!({ "type": "hello", "nodeId": "4c1d0822-a1b2" }));
    phone.expect("error");
    phone.send(&json!({ "type": "pair-request", "nodeId": "4c1d0822-a1b2",
        "displayName": "厨房のiPad", "platform": "iPadOS 18.1", "deviceFamily": "iPad",
        "modelIdentifier": "iPad16,6", "version": "2026.1.17",
        "caps": ["canvas", "camera", "screen", "voiceWake", "location"] }));
    daemon.pending_request("4c1d0822-a1b2");
    daemon.approve("4c1d0822-a1b2");
    let whole = daemon.run(["nodes"]).ok();
    let caps = "camera canvas location screen voiceWake";
    assert!(whole.contains(caps) && whole.contains("iPad iPad16,6 iPadOS 18.1"), "{whole}");
    for columns in [120, 80, 40] {
        let (shown, code) = on_terminal(&daemon, columns, &["nodes"]).finish();
        assert_eq!(code, Some(0));
        let text = shown.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
        for line in text.lines() {
            // Five of the characters take two columns.
            let wide = line.chars().filter(|c| ('\u{3041}'..'\u{a000}').contains(c)).count();
            assert!(line.chars().count() + wide <= columns.into(), "{columns}: {line:?}");
        }
        assert!(text.contains("厨房") && text.contains("connected"), "{text}");
        assert!(!text.contains(caps), "{text}");
        // The narrowest has only columns that fit as a whole.
        assert!(columns == 40 || text.contains('…'), "{text}");
    }
}

#[test]
fn a_watched_status_is_drawn_in_its_place_until_it_is_interrupted() {
    let daemon = Daemon::start();
    let terminal = on_terminal(&daemon, 60, &["status", "--watch"]);
    terminal.wait_for("Nodes:       0 paired", 1);
    let _phone = Phone::paired(&daemon, "alice");
    terminal.wait_for("Nodes:       1 paired · 1 connected", 1);
    terminal.signal(Signal::INT);
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0));
    assert!(shown.starts_with("\u{1b}[J"), "{shown:?}");
    // Up by as many lines as there were, and the rest cleared.
    assert!(shown.contains("F\u{1b}[J"), "{shown:?}");
    assert!(!shown.contains("\u{1b}[?25l"), "the cursor is never hidden: {shown:?}");
}

#[test]
fn a_watched_status_waits_for_a_bridge_that_went_away() {
    let mut daemon = Daemon::start();
    let setup = daemon.setup().clone();
    let terminal = on_terminal(&daemon, 60, &["status", "--watch"]);
    let mut piped = daemon.operator(["status", "--watch", "--json"]);
    let lines = piped.lines();
    terminal.wait_for("Nodes:       0 paired", 1);
    lines.recv_timeout(crate::support::DEADLINE).unwrap();
    daemon.signal(Signal::TERM);
    daemon.wait(crate::support::DEADLINE);
    // Twice, so that the other command has looked in vain, too.
    terminal.wait_for("no bridge is running, waiting", 2);
    let daemon = setup.start();
    terminal.wait_for(&format!("pid {} ", daemon.pid()), 1);
    let is_back = |line: String| line.contains(&format!("\"pid\":{}", daemon.pid()));
    while !is_back(lines.recv_timeout(crate::support::DEADLINE).unwrap()) {}
    terminal.signal(Signal::INT);
    piped.signal(Signal::INT);
    assert_eq!(terminal.finish().1, Some(0));
    let piped = piped.finish();
    // Said once, not every second; it may have gone in the middle of an answer.
    assert_eq!((piped.code, piped.stderr.matches(", waiting\n").count()), (Some(0), 1));
}

#[test]
fn a_status_is_not_watched_where_no_bridge_ever_was() {
    let setup = crate::support::Setup::new();
    let mut command = setup.program();
    command.args(["status", "--watch"]);
    crate::support::Operator::spawn(command).finish().error(69);
}

#[test]
fn a_watched_status_in_a_pipe_is_printed_again_and_again() {
    let daemon = Daemon::start();
    let mut operator = daemon.operator(["status", "--watch", "--json"]);
    let lines = operator.lines();
    for _ in 0..2 {
        let line = lines.recv_timeout(crate::support::DEADLINE).unwrap();
        let status: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(status["pid"], daemon.pid());
    }
    operator.signal(Signal::INT);
    assert_eq!(operator.finish().code, Some(0));
}

#[test]
fn counters_are_printed_for_prometheus_and_what_is_known_of_a_node_for_people() {
    let daemon = Daemon::start();
    let phone = Phone::paired(&daemon, "alice");
    let metrics = daemon.run(["metrics"]).ok();
    assert!(metrics.contains("\n# TYPE openclaw_bridge_admitted_total counter\n"), "{metrics}");
    assert!(metrics.contains("\nopenclaw_bridge_nodes_connected 1\n"), "{metrics}");
    assert_eq!(daemon.run(["metrics", "--json"]).json()["admitted"], 1);
    drop(phone);
    crate::support::eventually("the node is told to be gone", || {
        let text = daemon.run(["nodes", "describe", "alice"]).ok();
        (text.contains("disconnected") && text.contains("Last seen    ")).then_some(())
    });
}
