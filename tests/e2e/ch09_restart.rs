//! Starting again: on what an earlier daemon left, on damaged files, next to another daemon.

use crate::support::{eventually, Daemon, Phone, Setup, DEADLINE};
use rustix::process::Signal;
use serde_json::{json, Value};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[test]
fn a_damaged_pairing_file_stops_the_start_and_is_left_alone() {
    for name in ["nodes/paired.json", "nodes/pending.json"] {
        for text in
            ["", "{", "[]", "null", "{\"a\":5}", "{\"alice\":{\"token\":\"x\"}} x", "\0\0\0"]
        {
            // An entry without sense in pending.json costs one request, which comes again.
            if (name, text) == ("nodes/pending.json", "{\"a\":5}") {
                continue;
            }
            let setup = Setup::new().file(name, text);
            let said = setup.fail_to_start().error(1);
            let path = setup.state(name);
            assert!(said.contains(path.to_str().unwrap()), "{text:?}: {said}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert!(!setup.state("control.sock").exists());
        }
    }
}

#[test]
fn a_second_daemon_on_the_same_directory_is_refused_and_told_who_is_there() {
    let setup = Setup::new();
    let daemon = setup.start();
    let said = setup.fail_to_start().error(1);
    assert!(said.contains(&format!("pid {}", daemon.pid())), "{said}");
    assert!(said.contains(setup.path("state").to_str().unwrap()), "{said}");
    // The first one has not noticed anything.
    Phone::paired(&daemon, "alice");
}

#[test]
fn the_socket_of_a_killed_daemon_is_replaced() {
    let daemon = Daemon::start();
    let socket = daemon.setup().state("control.sock");
    let mut daemon = daemon.kill_and_restart();
    daemon.run(["status"]).ok();
    daemon.signal(Signal::KILL);
    daemon.wait(DEADLINE);
    assert!(socket.exists(), "nobody was there to remove it");
    let said = daemon.run(["status"]).error(69);
    assert!(said.contains("openclaw-bridge serve"), "{said}");
}

#[test]
fn a_control_socket_on_which_somebody_else_answers_is_not_taken_away() {
    let setup = Setup::new();
    std::fs::DirBuilder::new().mode(0o700).create(setup.path("state")).unwrap();
    let socket = setup.state("control.sock");
    let _other = UnixListener::bind(&socket).unwrap();
    let said = setup.fail_to_start().error(1);
    assert!(said.contains(socket.to_str().unwrap()), "{said}");
    assert!(socket.exists());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let daemon = Daemon::start();
    let port = daemon.address().port().to_string();
    let said = Setup::new().arg("--port").arg(&port).fail_to_start().error(1);
    assert!(said.contains(&format!("127.0.0.1:{port}")) && said.contains("--port"), "{said}");
}

#[test]
fn a_token_from_the_old_gateway_works_and_is_replaced_by_its_hash() {
    let token = "3160a8b430614b5998133be6a1284cbf";
    crate::support::secrets::remember(token);
    let entry = json!({ "ipad": {
        "nodeId": "ipad", "token": token, "displayName": "Ada's iPad", "platform": null,
        "version": 7, "caps": ["canvas"], "bins": ["git"], "permissions": { "x": "yes" },
        "createdAtMs": 1_768_800_000_000_u64, "approvedAtMs": 1_768_800_000_001_u64,
    } });
    let setup = Setup::new().file("nodes/paired.json", &entry.to_string());
    let daemon = setup.start();
    let text = std::fs::read_to_string(setup.state("nodes/paired.json")).unwrap();
    assert!(!text.contains(token), "{text}");
    let stored: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(stored["ipad"]["tokenSha256"].as_str().map(str::len), Some(64));
    assert_eq!(stored["ipad"]["bins"], json!(["git"]), "what we do not know is kept");
    Phone::log_in(&daemon, "ipad", token);
    let daemon = daemon.restart();
    Phone::log_in(&daemon, "ipad", token);
    let node = daemon.ask("node.describe", &json!({ "nodeId": "ipad" }));
    assert_eq!(node["displayName"], "Ada's iPad");
}

#[test]
fn a_copy_made_while_the_bridge_runs_is_a_backup() {
    let setup = Setup::new();
    let daemon = setup.start();
    let mut phone = Phone::asking(&daemon, "alice");
    daemon.approve("alice");
    let token = phone.expect_token();
    daemon.run(["chat", "send", "water the plants"]).ok();
    let restored = Setup::new();
    let copy = |from: &Path, to: &Path| {
        let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
        assert!(copied.unwrap().success());
    };
    copy(&setup.path("state"), &restored.path("backup"));
    drop((phone, daemon));
    copy(&restored.path("backup"), &restored.path("state"));
    let daemon = restored.start();
    Phone::log_in(&daemon, "alice", &token);
    let history = daemon.run(["chat", "history"]).ok();
    assert!(history.starts_with("user: water the plants\nassistant: "), "{history}");
}

#[test]
fn a_login_that_brings_nothing_new_writes_nothing() {
    use std::os::unix::fs::MetadataExt;
    let daemon = Daemon::start();
    let token = Phone::paired(&daemon, "alice").token;
    let path = daemon.setup().state("nodes/paired.json");
    let inode = || std::fs::metadata(&path).unwrap().ino();
    let before = inode();
    Phone::log_in(&daemon, "alice", &token);
    daemon.status();
    assert_eq!(inode(), before);
}

#[test]
fn systemd_is_told_when_nodes_can_connect() {
    let setup = Setup::new();
    let systemd = Systemd::new(&setup);
    let daemon = setup.env("NOTIFY_SOCKET", &systemd.path).start();
    eventually("it is told", || {
        systemd.told(DEADLINE).filter(|message| message == "READY=1").map(|_| ())
    });
    Phone::connect(&daemon);
}

#[test]
fn systemd_is_told_how_many_nodes_there_are() {
    let setup = Setup::new();
    let systemd = Systemd::new(&setup);
    let daemon = setup.env("NOTIFY_SOCKET", &systemd.path).start();
    let eventually_told = |status: &str| {
        let status = format!("STATUS={status}, port 0");
        eventually(&status, || {
            systemd.told(DEADLINE).filter(|message| message.ends_with(&status)).map(|_| ())
        });
    };
    eventually_told("0 nodes connected");
    let mut phone = Phone::asking(&daemon, "alice");
    eventually_told("0 nodes connected, 1 waiting for approval");
    daemon.approve("alice");
    phone.expect_token();
    eventually_told("1 node connected");
    drop(phone);
    eventually_told("0 nodes connected");
    daemon.status();
    assert_eq!(systemd.told(Duration::from_millis(300)), None, "nothing new, so nothing more");
}

#[test]
fn a_watchdog_is_fed_while_the_router_works_and_not_while_it_hangs() {
    let setup = Setup::new();
    let systemd = Systemd::new(&setup);
    let usec = Path::new("200000");
    let setup = setup.env("NOTIFY_SOCKET", &systemd.path).env("WATCHDOG_USEC", usec);
    let daemon = setup.start();
    let feeds = |systemd: &Systemd| {
        eventually("it is fed", || {
            systemd.told(DEADLINE).filter(|message| message.starts_with("WATCHDOG=1")).map(|_| ())
        })
    };
    feeds(&systemd);
    feeds(&systemd);
    // A disk that hangs: a pipe that somebody has put there, which is copied before it is replaced.
    let paired = daemon.setup().state("nodes/paired.json");
    let _alice = Phone::asking(&daemon, "alice");
    let made = Command::new("mkfifo").arg(&paired).status().unwrap();
    assert!(made.success());
    let mut control = daemon.control();
    control.send("node.pair.approve", &json!({ "requestId": "alice" }));
    // What was sent before it hung may still come, and then nothing for ten times as long.
    eventually("it is fed no more", || {
        systemd.told(Duration::from_secs(1)).is_none().then_some(())
    });
    crate::support::apps::open_gate(&paired, "");
    feeds(&systemd);
}

/// What systemd is told.
struct Systemd {
    path: PathBuf,
    socket: UnixDatagram,
}

impl Systemd {
    fn new(setup: &Setup) -> Self {
        let path = setup.path("notify");
        Self { socket: UnixDatagram::bind(&path).unwrap(), path }
    }

    /// The next message, if there is one in time.
    fn told(&self, wait: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(wait)).unwrap();
        let mut message = [0; 256];
        let length = self.socket.recv(&mut message).ok()?;
        Some(std::str::from_utf8(&message[..length]).unwrap().to_owned())
    }
}

#[test]
fn what_cannot_be_saved_is_refused_and_works_again_later() {
    let daemon = Daemon::start();
    let token = Phone::paired(&daemon, "alice").token;
    let mut bob = Phone::asking(&daemon, "bob");
    let before = std::fs::read_to_string(daemon.setup().state("nodes/paired.json")).unwrap();
    // In the way of the temporary files, so that nothing can be written.
    let in_the_way = ["nodes/paired.json.tmp", "nodes/pending.json.tmp"];
    for name in in_the_way {
        std::fs::create_dir(daemon.setup().state(name)).unwrap();
    }
    let said = daemon.run(["nodes", "approve", "bob"]).error(1);
    assert!(said.contains("could not save"), "{said}");
    let check = daemon.run(["status", "--check"]).error(1);
    assert!(check.contains("the pairings could not be saved: "), "{check}");
    daemon.run(["nodes", "reject", "bob"]).error(1);
    daemon.run(["nodes", "revoke", "alice"]).error(1);
    daemon.run(["nodes", "rename", "alice", "--name", "x"]).error(1);
    // A newcomer is told, and not shown.
    let mut carol = Phone::connect(&daemon);
    carol.send(&json!({ "type": "pair-request", "nodeId": "carol" }));
    assert_eq!(carol.expect("error")["code"], "UNAVAILABLE");
    carol.expect_close();
    let pairings = daemon.ask("node.pair.list", &json!({}));
    assert_eq!(pairings["pending"].as_array().unwrap().len(), 1);
    assert_eq!(pairings["paired"][0]["nodeId"], "alice");
    assert_eq!(std::fs::read_to_string(daemon.setup().state("nodes/paired.json")).unwrap(), before);
    // Who is paired is served, also when something new about it cannot be kept.
    let mut alice = Phone::connect(&daemon);
    alice.send(&json!({ "type": "hello", "nodeId": "alice", "token": token, "version": "9" }));
    alice.expect("hello-ok");
    alice.expect_event("voicewake.changed");
    alice.ping();
    for name in in_the_way {
        std::fs::remove_dir(daemon.setup().state(name)).unwrap();
    }
    daemon.run(["nodes", "approve", "bob"]).ok();
    daemon.run(["status", "--check"]).ok();
    let bobs = bob.expect_token();
    let daemon = daemon.kill_and_restart();
    Phone::log_in(&daemon, "bob", &bobs);
    Phone::log_in(&daemon, "alice", &token);
}
