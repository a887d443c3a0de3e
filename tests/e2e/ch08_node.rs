//! The bridge's own node over TLS: trust at first use, pins, and meeting the wrong kind of port.

use crate::support::{eventually, Daemon};
use rustix::process::Signal;
use std::fs;

const TLS: &str = "{ bridge: { tls: { enabled: true } } }";

fn fingerprint(daemon: &Daemon) -> String {
    daemon.run(["fingerprint"]).ok().lines().next().unwrap().trim().to_owned()
}

/// A node that was approved and has left again.
fn paired(daemon: &Daemon, port: &str) {
    let node = daemon.operator(["node", "--port", port, "--node-id", "box", "--tls"]);
    daemon.pending_request("box");
    daemon.run(["nodes", "approve", "box"]).ok();
    eventually("the node is connected", || {
        (daemon.status()["nodes"]["connected"] == 1).then_some(())
    });
    node.signal(Signal::TERM);
    let run = node.finish();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains(&fingerprint(daemon)), "{run:?}");
}

#[test]
fn our_node_pins_the_bridge_and_refuses_another_certificate() {
    let daemon = Daemon::with_config(TLS);
    let port = daemon.address().port().to_string();
    paired(&daemon, &port);
    let old = fingerprint(&daemon);
    let health = ["node", "--port", &port, "--once", "--request", "health", "--trace"];
    let again = daemon.run(health);
    assert!(!again.stderr.contains("approve") && again.stdout.contains("\"ok\":true"), "{again:?}");

    for name in ["bridge-cert.pem", "bridge-key.pem"] {
        fs::remove_file(daemon.setup().state("bridge/tls").join(name)).unwrap();
    }
    let daemon = daemon.restart();
    let port = daemon.address().port().to_string();
    let new = fingerprint(&daemon);
    assert_ne!(old, new);
    let health = ["node", "--port", &port, "--once", "--request", "health", "--trace"];
    let refused = daemon.run(health).error(1);
    assert!(refused.contains(&format!("(expected {old}, presented {new})")), "{refused}");
    assert!(!refused.contains("\"hello\""), "{refused}");
    let refused = daemon.run(["node", "--port", &port, "--tls"]).error(1);
    assert!(refused.contains(&old), "{refused}");

    let mut named = health.to_vec();
    named.extend(["--tls-fingerprint", &new]);
    daemon.run(named).ok();
    daemon.run(health).ok();
}

#[test]
fn our_node_says_which_kind_of_port_it_met() {
    let encrypted = Daemon::with_config(TLS);
    let port = encrypted.address().port().to_string();
    let plain_hello = encrypted.run(["node", "--port", &port, "--once"]).error(1);
    assert!(plain_hello.contains("start again with --tls"), "{plain_hello}");
    let plain = Daemon::start();
    let port = plain.address().port().to_string();
    let hands = plain.run(["node", "--port", &port, "--once", "--tls"]).error(1);
    assert!(hands.contains("the server does not use TLS"), "{hands}");
    assert_eq!(plain.status()["nodes"]["pending"], 0);
}
