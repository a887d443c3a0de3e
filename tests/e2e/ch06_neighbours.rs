//! What one paired node does, the others do not feel.

use crate::support::apps::App;
use crate::support::{Daemon, Phone};
use serde_json::json;
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
