//! How much a paired node can make the bridge hold: little more than the line it sends.

use crate::support::{eventually, Daemon, Phone};
use serde_json::json;
use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// Bytes of the lines that are sent here: a quarter of what may be sent, because a bridge that is
/// built for tests takes a second to read as much.
const LINE: usize = 8 * MIB;

/// The most that the bridge may have held at any time, in MiB: itself, and little more than two of
/// the lines.
const MOST: u64 = 48;

#[track_caller]
fn held_little(daemon: &Daemon, what: &str) {
    daemon.status();
    let peak = daemon.proc("VmHWM") / 1024;
    assert!(peak < MOST, "{what}: {peak} MiB");
}

/// A long line: this text, with the star replaced by as many of `piece` as a line has room for.
fn line(text: &str, piece: &str) -> Vec<u8> {
    let pieces = piece.repeat((LINE - text.len()) / piece.len());
    (text.replace('*', &pieces) + "\n").into_bytes()
}

#[test]
fn parameters_of_a_million_objects_do_not_cost_more_than_their_text() {
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    for (method, field, says) in [
        ("config.get", "x", "the parameters of config.get have more than 65536 bytes"),
        ("voicewake.set", "triggers", "voicewake.set have more than 65536 bytes"),
        ("chat.send", "x", "data must NOT have additional properties"),
        ("chat.send", "attachments", "a message has at most 32 attachments"),
    ] {
        let params = format!(
            r#"{{\"sessionKey\":\"main\",\"message\":\"m\",\"idempotencyKey\":\"k\",\"{field}\":[*0]}}"#
        );
        let request = r#"{"type":"req","id":"r","method":""#;
        let request = format!("{request}{method}\",\"paramsJSON\":\"{params}\"}}");
        phone.send_raw(&line(&request, r#"{\"\":0},"#));
        let error = &phone.expect("res")["error"];
        assert_eq!(error["code"], "INVALID_REQUEST");
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
        held_little(&daemon, &format!("{method} {field}"));
    }
}

#[test]
fn a_frame_of_any_shape_does_not_cost_more_than_its_text() {
    for (text, piece) in [
        (r#"{"type":"hello","nodeId":"alice","caps":[*1]}"#, "1,"),
        (r#"{"type":"hello","nodeId":"alice","permissions":{*"x":1}}"#, r#""":true,"#),
        (r#"{"type":"hello","nodeId":"alice","displayName":"*"}"#, r"\n"),
        (r#"{"x":*"#, "["),
        ("*", "["),
        (r#"{*"type":"ping"}"#, r#""":0,"#),
        (r#"{"*":0,"type":"ping"}"#, r"\n"),
        (r#"{"type":"*"}"#, r"\n"),
        (r#"{"type":"event","event":"exec.finished","payloadJSON":"*"}"#, r"\n"),
        (r#"{"type":"event","event":"*","payloadJSON":"{}"}"#, "x"),
        (r#"{"type":"invoke-res","id":"x","ok":true,"payloadJSON":"*"}"#, r"\n"),
        (r#"{"type":"invoke-res","id":"x","ok":false,"error":{"message":"*"}}"#, r"\n"),
        (r#"{"type":"invoke-res","id":"*","ok":true}"#, r"\n"),
        (r#"{"type":"req","id":"x","method":"*"}"#, r"\n"),
        (r#"{"type":"ping","x":"*"}"#, r"\ud800"),
    ] {
        let daemon = Daemon::start();
        let mut phone = Phone::paired(&daemon, "alice");
        phone.send_raw(&line(text, piece));
        // Whether it was refused or not.
        let _ = phone.is_alive();
        held_little(&daemon, text);
    }
    let daemon = Daemon::start();
    let mut phone = Phone::paired(&daemon, "alice");
    phone.send_raw(&[&b"\""[..], &b"\xff".repeat(LINE), b"\"\n"].concat());
    phone.expect_error("INVALID_REQUEST", "unknown type");
    held_little(&daemon, "damaged text");
}

#[test]
fn a_node_that_sends_without_end_and_reads_nothing_does_not_cost_more_than_a_few_lines() {
    for text in [
        r#"{"type":"ping","id":"*"}"#,
        r#"{"type":"req","id":"*","method":"health"}"#,
        r#"{"type":"req","id":"r","method":"chat.history","paramsJSON":"*"}"#,
        r#"{"type":"event","event":"exec.finished","payloadJSON":"*"}"#,
        r#"{"type":"invoke-res","id":"i","ok":true,"payloadJSON":"*"}"#,
    ] {
        let daemon = Daemon::start();
        let mut phone = Phone::paired(&daemon, "alice");
        phone.patience_for_sending(Duration::from_secs(2));
        let line = line(text, "x");
        // The bridge closes at some, and stops reading at others.
        let _ = (0..16).try_for_each(|_| phone.try_send_raw(&line));
        held_little(&daemon, text);
        drop(phone);
        eventually("the node is gone", || {
            let node = daemon.ask("node.describe", &json!({ "nodeId": "alice" }));
            (node["connected"] == false).then_some(())
        });
        held_little(&daemon, text);
    }
}
