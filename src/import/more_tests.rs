//! The certificate, other agents, a node's approvals, and what is left.

use super::{run, Destination, Item, ItemKind, Outcome, Report};
use crate::router::Wall;
use crate::tls::CertificateFiles;
use serde_json::{json, Value};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use tempfile::TempDir;

const NOW: Wall = Wall(1_768_800_000_000);
const CERTIFICATE: &str = "bridge/tls/bridge-cert.pem";
const KEY: &str = "bridge/tls/bridge-key.pem";
const APPROVALS: &str = "node/exec-approvals.json";

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("old/settings/voicewake.json", r#"{"triggers":["hey"]}"#);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let dir = path.parent().unwrap();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Makes a pair in `dir`.
    fn make_pair(&self, dir: &str) {
        CertificateFiles::new(&self.path(dir), None, None, true).load().unwrap();
    }

    fn import(&self, apply: bool) -> Report {
        let to = Destination {
            state_dir: self.path("state"),
            exec_approvals: Some(self.path(APPROVALS)),
            is_file_named: false,
        };
        run(&self.path("old"), &to, apply, NOW).unwrap()
    }
}

#[track_caller]
fn item(report: &Report, kind: ItemKind) -> &Item {
    let mut found = report.items.iter().filter(|item| item.kind == kind);
    let item = found.next().unwrap_or_else(|| panic!("no {kind:?} in {report:#?}"));
    assert_eq!(found.next(), None);
    item
}

#[track_caller]
fn certificate(report: &Report, outcome: Outcome, word: &str) {
    let item = item(report, ItemKind::CERTIFICATE);
    assert_eq!(item.outcome, outcome, "{item:?}");
    assert!(item.reason.contains(word), "{item:?}");
}

#[test]
fn the_pair_is_taken_whole_private_and_once() {
    let home = Home::new();
    home.make_pair("old");
    certificate(&home.import(false), Outcome::Taken, "fingerprint ");
    assert!(!home.path("state").exists());
    fs::set_permissions(home.path("old").join(KEY), fs::Permissions::from_mode(0o644)).unwrap();
    certificate(&home.import(true), Outcome::Taken, "fingerprint ");
    for name in [CERTIFICATE, KEY] {
        assert_eq!(home.read(&format!("state/{name}")), home.read(&format!("old/{name}")));
        let mode = fs::metadata(home.path("state").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    certificate(&home.import(true), Outcome::Kept, "already");
    // As after a power cut between the two renames.
    fs::remove_file(home.path("state").join(CERTIFICATE)).unwrap();
    certificate(&home.import(true), Outcome::Taken, "fingerprint ");
    certificate(&home.import(true), Outcome::Kept, "already");
}

#[test]
fn a_pair_of_ours_stays_and_the_reason_says_what_to_do() {
    let home = Home::new();
    home.make_pair("old");
    home.make_pair("state");
    fs::set_permissions(home.path("state"), fs::Permissions::from_mode(0o700)).unwrap();
    let before = [CERTIFICATE, KEY].map(|name| home.read(&format!("state/{name}")));
    let report = home.import(true);
    certificate(&report, Outcome::Kept, "remove both files in bridge/tls");
    let after = [CERTIFICATE, KEY].map(|name| home.read(&format!("state/{name}")));
    assert_eq!(before, after);
    // One of the two alone is as good a reason.
    fs::remove_file(home.path("state").join(KEY)).unwrap();
    certificate(&home.import(true), Outcome::Kept, "remove both files");
    for name in [CERTIFICATE, KEY] {
        let _ = fs::remove_file(home.path("state").join(name));
    }
    certificate(&home.import(true), Outcome::Taken, "fingerprint ");
}

#[test]
fn a_pair_that_cannot_be_served_is_left_and_its_key_is_not_quoted() {
    let home = Home::new();
    home.make_pair("old");
    home.make_pair("other");
    let key = home.read(&format!("old/{KEY}"));
    home.write(&format!("old/{KEY}"), &home.read(&format!("other/{KEY}")));
    certificate(&home.import(true), Outcome::Damaged, "does not belong to the key");
    home.write(&format!("old/{KEY}"), &key.replace("END PRIVATE KEY", "END OF IT"));
    let report = home.import(true);
    certificate(&report, Outcome::Damaged, "bridge-key.pem");
    assert!(!report.to_json().to_string().contains(key.lines().nth(1).unwrap()));
    fs::remove_file(home.path("old").join(KEY)).unwrap();
    certificate(&home.import(true), Outcome::Skipped, "half a pair");
    assert!(!home.path("state/bridge").exists());
}

#[test]
fn the_conversations_of_every_agent_are_taken_under_their_keys() {
    let home = Home::new();
    let talk = |of: &str| format!("{{\"type\":\"session\",\"id\":\"{of}\"}}\n");
    let store = |id: &str| json!({ "sessionId": id, "updatedAt": 5 });
    home.write(
        "old/agents/main/sessions/sessions.json",
        &json!({ "main": store("m") }).to_string(),
    );
    home.write("old/agents/main/sessions/m.jsonl", &talk("main"));
    let office = json!({
        "main": store("o"), "agent:office:telegram:1": store("t"), "global": store("g"),
        // Its transcript is gone; that of another agent is not its own.
        "lost": store("m"),
    });
    home.write("old/agents/office/sessions/sessions.json", &office.to_string());
    home.write("old/agents/office/sessions/o.jsonl", &talk("office"));
    home.write(
        "old/agents/Work Bot/sessions/sessions.json",
        &json!({ "x": store("w") }).to_string(),
    );
    home.write("old/agents/Work Bot/sessions/w.jsonl", &talk("work"));
    // Where a transcript was before there were several agents.
    home.write("old/sessions/t.jsonl", &talk("t"));
    let report = home.import(true);
    assert_eq!(report.count(&[Outcome::Damaged]), 0, "{report:#?}");
    let stored: Value =
        serde_json::from_str(&home.read("state/agents/main/sessions/sessions.json")).unwrap();
    let keys: Vec<&String> = stored.as_object().unwrap().keys().collect();
    let expected = [
        "agent:main:main",
        "agent:office:global",
        "agent:office:lost",
        "agent:office:main",
        "agent:office:telegram:1",
        "agent:work-bot:x",
    ];
    assert_eq!(keys, expected);
    for (id, of) in [("m", "main"), ("o", "office"), ("t", "t"), ("w", "work")] {
        assert_eq!(home.read(&format!("state/agents/main/sessions/{id}.jsonl")), talk(of));
    }
    let lost = report.items.iter().find(|item| item.name == "agent:office:lost").unwrap();
    assert!(lost.reason.starts_with("without its transcript"), "{lost:?}");
    assert_eq!(home.import(true).count(&[Outcome::Taken]), 0);
}

#[test]
fn what_a_node_may_run_is_taken_without_the_socket_and_never_over_a_file() {
    let home = Home::new();
    let old = json!({
        "version": 1, "socket": { "path": "/x", "token": "secret" }, "mine": 5,
        "agents": { "main": { "security": "allowlist", "allowlist": [{ "pattern": "/bin/ls" }] } },
    });
    home.write("old/exec-approvals.json", &old.to_string());
    let verdict = |report: &Report| {
        let item = item(report, ItemKind::EXEC_APPROVALS);
        (item.outcome, item.reason.clone())
    };
    let (outcome, why) = verdict(&home.import(true));
    assert_eq!(outcome, Outcome::Skipped, "there was no node");
    assert!(why.contains("own agent") && !home.path(APPROVALS).exists(), "{why}");
    home.write("old/node.json", "{}");
    let (outcome, why) = verdict(&home.import(false));
    assert_eq!(outcome, Outcome::Taken);
    assert!(why.contains(APPROVALS) && why.contains("the programs on its allowlists"), "{why}");
    assert!(!home.path(APPROVALS).exists());
    home.import(true);
    let mut expected = old;
    expected.as_object_mut().unwrap().remove("socket");
    let written: Value = serde_json::from_str(&home.read(APPROVALS)).unwrap();
    assert_eq!(written, expected);
    let mode = fs::metadata(home.path(APPROVALS)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(verdict(&home.import(true)), (Outcome::Kept, "it is there already".to_owned()));
    // Its owner has taken the right away.
    home.write(APPROVALS, r#"{"version":1}"#);
    assert_eq!(verdict(&home.import(true)).0, Outcome::Kept);
    assert_eq!(home.read(APPROVALS), r#"{"version":1}"#);
    fs::remove_file(home.path(APPROVALS)).unwrap();
    home.write("old/exec-approvals.json", r#"{"version":1,"socket":{"token":"secret"},"agents":["#);
    let (outcome, why) = verdict(&home.import(true));
    assert_eq!(outcome, Outcome::Damaged);
    assert!(why.contains("line 1") && !why.contains("secret"), "{why}");
    assert!(!home.path(APPROVALS).exists());
}

#[test]
fn what_is_left_is_named_with_its_reason_and_many_files_are_counted() {
    let home = Home::new();
    for name in ["clawdbot.json", "credentials/telegram.json", "bridge/x", "agents/main/agent/a"] {
        home.write(&format!("old/{name}"), "{}");
    }
    home.write("old/agents/main/sessions/sessions.json", "{}");
    for number in 0..100 {
        home.write(&format!("old/agents/main/sessions/{number:03}.deleted"), "");
    }
    let report = home.import(false);
    let why = |name: &str| {
        let found = report.items.iter().find(|item| item.name == name);
        &*found.unwrap_or_else(|| panic!("{name} is not in {report:#?}")).reason
    };
    assert!(why("clawdbot.json").contains("bridge.json5"));
    assert!(why("credentials").contains("chat services"));
    assert!(why("agents/main/agent").contains("`agent`"));
    assert_eq!(why("bridge/x"), "the bridge has no use for it");
    assert!(why("agents/main/sessions/023.deleted").contains("no use"));
    assert!(why("agents/main/sessions").starts_with("76 more in it"));
    assert!(report.items.iter().all(|item| item.name != "settings"));
    assert_eq!(report.count(&[Outcome::Damaged]), 0);
}
