//! What another user of the machine can reach.

use crate::support::{eventually, Daemon, Phone, Setup};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

#[test]
fn what_a_bridge_and_its_agents_create_is_private_whatever_the_umask() {
    let setup = Setup::new().umask("0").config(
        r#"{ bridge: { tls: { enabled: true } }, agent: { kind: "command",
            command: ["/bin/sh", "-c", "umask; touch \"$OPENCLAW_BRIDGE_STATE_DIR/made\""] } }"#,
    );
    let daemon = setup.start();
    Phone::paired(&daemon, "alice");
    daemon.run(["voicewake", "set", "hey"]).ok();
    daemon.run(["chat", "send", "hello"]).ok();
    eventually("the agent has answered", || {
        let history = daemon.ask("chat.history", &json!({ "sessionKey": "main" })).to_string();
        history.contains("0077").then_some(())
    });
    let mut found: Vec<PathBuf> = vec![setup.path("state")];
    let mut next = 0;
    while next < found.len() {
        let path = found[next].clone();
        let meta = fs::symlink_metadata(&path).unwrap();
        assert_eq!(meta.mode() & 0o077, 0, "{path:?} {:o}", meta.mode());
        if meta.is_dir() {
            found.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        next += 1;
    }
    for name in ["made", "control.sock", "lock", "nodes/paired.json", "bridge/tls", "agents/main"] {
        assert!(found.contains(&setup.state(name)), "{name} in {found:?}");
    }
}

#[test]
fn a_state_directory_that_is_open_to_others_is_refused_with_the_command_that_mends_it() {
    let setup = Setup::new().file("x", "");
    let state = setup.path("state");
    for mode in [0o755, 0o750, 0o720, 0o1777] {
        fs::set_permissions(&state, fs::Permissions::from_mode(mode)).unwrap();
        let said = setup.fail_to_start().error(1);
        assert!(said.contains(&format!("chmod 700 {state:?}")), "{said}");
        assert!(!setup.state("lock").exists(), "nothing was created");
    }
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&state, Some(65534), None).unwrap();
        let said = setup.fail_to_start().error(1);
        assert!(said.contains(&format!("chown -R 0 {state:?}")), "{said}");
        std::os::unix::fs::chown(&state, Some(0), None).unwrap();
    }
    let daemon: Daemon = setup.start();
    daemon.run(["status"]).ok();
}
