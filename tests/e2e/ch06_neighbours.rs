//! What one paired node does, the others do not feel.

use crate::support::apps::{script, send, App};
use crate::support::{Daemon, Phone};
use serde_json::json;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn a_flood_of_events_does_not_lose_what_another_node_says() {
    let daemon = Daemon::start();
    let mut eve = Phone::paired(&daemon, "eve");
    let mut alice = App::paired(&daemon, "alice");
    alice.subscribe("main");
    let payload = json!({ "sessionKey": "noise", "command": "x".repeat(60_000) }).to_string();
    let event = json!({ "type": "event", "event": "exec.started", "payloadJSON": payload });
    let flood = format!("{event}\n").repeat(20);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                eve.send_raw(flood.as_bytes());
            }
        });
        for number in 0..20 {
            alice.tell("voice.transcript", &json!({ "text": format!("number {number}") }));
            while alice.chat().state != "final" {}
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Bytes of a message, and of an answer (README: limits).
const MESSAGE: usize = 256 * 1024;

#[test]
fn a_text_that_is_too_long_for_a_message_does_not_get_into_a_conversation() {
    let daemon = script("head -c 300000 /dev/zero | tr '\\0' x", &json!({})).start();
    let mut alice = App::paired(&daemon, "alice");
    alice.subscribe("main");
    let says = "the message has 262145 bytes; 262144 is the most. Send it in parts";
    let long = "x".repeat(MESSAGE + 1);
    assert_eq!(alice.invalid("chat.send", &send("main", &long, "r1")), says);
    let inject = json!({ "sessionKey": "main", "message": long });
    assert_eq!(alice.invalid("chat.inject", &inject), says);
    let refused = daemon.control().ask("chat.inject", &inject).unwrap_err();
    assert!(refused.to_string().contains(says), "{refused}");
    assert!(alice.messages("main").is_empty());

    alice.send("main", &long[1..], "r2");
    let answer = alice.end_of("r2").text.unwrap();
    assert!(answer.ends_with("x\n\n[cut: the answer has 300000 bytes]"), "{}", answer.len());
    assert!(answer.len() < MESSAGE + 100);
    let messages = alice.messages("main");
    assert_eq!((messages[0].1.len(), &messages[1].1), (MESSAGE, &answer));
}

#[test]
fn a_long_message_is_in_memory_once_however_many_phones_hear_it() {
    let daemon = Daemon::start();
    let mut alice = App::paired(&daemon, "alice");
    alice.send("main", "hi", "r");
    let mut hearers: Vec<App> = (0..20)
        .map(|number| {
            let mut app = App::paired(&daemon, &format!("n{number}"));
            app.subscribe("main");
            app
        })
        .collect();
    let memory = || daemon.proc("VmRSS") / 1024;
    let before = memory();
    let inject = json!({ "sessionKey": "main", "message": "\u{1}".repeat(MESSAGE) });
    for _ in 0..3 {
        alice.ok("chat.inject", &inject);
    }
    hearers.iter_mut().for_each(|app| while app.chat().text.is_none_or(|t| t.len() < MESSAGE) {});
    // One is about 2 MiB on the wire.
    let after = memory();
    assert!(after < before + 64, "from {before} to {after} MiB");
}

#[test]
fn a_node_that_fills_its_share_of_the_disk_does_not_silence_another() {
    let limits = json!({ "bridge": { "limits": { "conversationBytes": 4 << 20 } } });
    let daemon = Daemon::with_config(&limits.to_string());
    let (mut eve, mut alice) = (App::paired(&daemon, "eve"), App::paired(&daemon, "alice"));
    eve.send("main", "hi", "r");
    let inject = json!({ "sessionKey": "main", "message": "x".repeat(MESSAGE / 2) });
    let refusal = (0..100).find_map(|_| eve.call("chat.inject", &inject).err()).expect("an end");
    assert_eq!(refusal.code, "UNAVAILABLE");
    assert!(refusal.message.contains("bridge.limits.conversationBytes"), "{refusal:?}");
    assert_eq!(eve.refused("chat.send", &send("main", &"x".repeat(MESSAGE), "r2")), "UNAVAILABLE");
    assert!(daemon.log().contains("refused a message: the conversations have 0 MiB"));
    alice.subscribe("main");
    alice.send("main", "I am still heard", "a");
    assert_eq!(alice.end_of("a").state, "final");
    alice.ok("chat.inject", &inject);
    let sessions = daemon.setup().state("agents/main/sessions");
    let files = fs::read_dir(sessions).unwrap();
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 2 << 20, "{bytes}");
}
