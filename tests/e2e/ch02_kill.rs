//! Killed at any moment, the bridge loses nothing it has acknowledged.

use crate::support::{Phone, Setup, DEADLINE};
use rustix::process::Signal;
use serde_json::{json, Value};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::thread;
use std::time::Duration;

/// What somebody outside was told before the daemon was killed.
enum Told {
    /// A phone was given this token.
    Token { node: String, token: String },
    /// An operator was told that this node is approved.
    Approved { node: String },
}

/// A phone that asks to be paired and tells what it was given. Ends when the daemon does.
fn ask(address: std::net::SocketAddr, node: String, told: &Sender<Told>) {
    let Some(mut phone) = Phone::try_connect_to(address) else { return };
    let request = json!({ "type": "pair-request", "nodeId": node });
    if phone.try_send_raw(format!("{request}\n").as_bytes()).is_err() {
        return;
    }
    if let Some(token) = phone.token_if_any() {
        told.send(Told::Token { node, token }).unwrap();
    }
}

#[test]
fn twelve_kills_in_the_middle_of_pairing_lose_no_acknowledged_pairing() {
    let setup = Setup::new().config("{ bridge: { limits: { pendingPairings: 1024 } } }");
    let mut daemon = setup.start();
    let mut acknowledged = 0;
    for round in 0..12 {
        let (told, heard) = channel();
        let done = AtomicBool::new(false);
        let address = daemon.address();
        let socket = setup.state("control.sock");
        thread::scope(|scope| {
            for phone in 0..8 {
                let told = told.clone();
                scope.spawn(move || ask(address, format!("r{round}-p{phone}"), &told));
            }
            let (done, told) = (&done, told.clone());
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    for node in approve_all(&socket) {
                        told.send(Told::Approved { node }).unwrap();
                    }
                }
            });
            // Every round is cut at another moment: from before the first pairing to late.
            thread::sleep(Duration::from_millis(2 + 3 * round));
            daemon.signal(Signal::KILL);
            daemon.wait(DEADLINE);
            done.store(true, Ordering::Relaxed);
        });
        drop(told);
        for name in ["nodes/paired.json", "nodes/pending.json"] {
            if let Ok(text) = std::fs::read_to_string(setup.state(name)) {
                serde_json::from_str::<Value>(&text).expect("what is on disk is whole");
            }
        }
        daemon = setup.start();
        let mut tokens = std::collections::BTreeMap::new();
        let mut approved = Vec::new();
        for message in heard {
            match message {
                Told::Token { node, token } => drop(tokens.insert(node, token)),
                Told::Approved { node } => approved.push(node),
            }
        }
        for (node, token) in &tokens {
            acknowledged += 1;
            Phone::log_in(&daemon, node, token);
        }
        for node in approved.iter().filter(|node| !tokens.contains_key(*node)) {
            acknowledged += 1;
            let nodes = daemon.ask("node.list", &json!({}))["nodes"].take();
            let paired = nodes.as_array().unwrap().iter().any(|n| n["nodeId"] == **node);
            if !paired {
                // Approved without a phone to take the token: it gets it when it asks again.
                let mut phone = Phone::connect(&daemon);
                phone.send(&json!({ "type": "pair-request", "nodeId": node }));
                phone.expect_token();
            }
        }
    }
    assert!(acknowledged > 0, "no round came far enough to mean anything");
}

/// Approves whatever is pending; the nodes whose approval was acknowledged.
fn approve_all(socket: &std::path::Path) -> Vec<String> {
    let mut approved = Vec::new();
    let Some(mut control) = crate::support::Control::try_open(socket) else { return approved };
    let Some(list) = control.try_ask("node.pair.list", &json!({})) else { return approved };
    for request in list["payload"]["pending"].as_array().into_iter().flatten() {
        let params = json!({ "requestId": request["requestId"] });
        let Some(reply) = control.try_ask("node.pair.approve", &params) else { break };
        if reply["ok"] == true {
            approved.push(request["nodeId"].as_str().unwrap().to_owned());
        }
    }
    approved
}
