//! What is taken, what is not, and what stays as it was.

use super::{Destination, Error, ItemKind, Outcome, Report};
use crate::pairing_store::PairingStore;
use crate::protocol::{NodeId, Token};
use crate::router::Wall;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{symlink, DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NOW: Wall = Wall(1_768_800_000_000);
const KITCHEN: &str = "3160a8b430614b5998133be6a1284cbf";
const ATTIC: &str = "00112233445566778899aabbccddeeff";
const TALK: &str = "{\"type\":\"session\",\"version\":2,\"id\":\"new\"}\n\
    {\"type\":\"message\",\"id\":\"0000000a\",\"message\":{\"role\":\"user\",\"content\":\"hi\"}}\n\
    {\"type\":\"mess\n";

struct Home {
    dir: TempDir,
}

/// Imports where no node is.
fn run(source: &Path, state_dir: &Path, apply: bool, now: Wall) -> Result<Report, Error> {
    let to =
        Destination { state_dir: state_dir.to_owned(), exec_approvals: None, is_file_named: false };
    super::run(source, &to, apply, now)
}

impl Home {
    /// An old gateway with two nodes, two spellings of one conversation, and oddities.
    fn new() -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        let paired = json!({
            "kitchen": { "nodeId": "other", "token": KITCHEN, "displayName": "Kitchen\u{1b}[2J",
                "platform": null, "version": 7, "permissions": { "x": "yes" }, "bins": ["git"],
                "createdAtMs": 5, "approvedAtMs": 6 },
            "attic": { "token": ATTIC, "displayName": 7, "mine": { "a": 1 } },
            "ghost": { "displayName": "Ghost", "token": null },
            "bad\u{7}id": { "token": ATTIC },
            "broken": 5,
        });
        home.write("old/nodes/paired.json", &paired.to_string());
        home.write("old/nodes/pending.json", "{}");
        let own = home.path("old/agents/main/sessions/own.jsonl");
        let store = json!({
            "main": { "sessionId": "old", "updatedAt": 5, "label": "Home", "mine": [1] },
            "agent:main:main": { "sessionId": "new", "updatedAt": 9 },
            "node-kitchen": { "sessionId": "k", "updatedAt": 3, "sessionFile": own },
            "lost": { "sessionId": "gone", "updatedAt": 2 },
            "away": { "sessionId": "away", "updatedAt": 1, "sessionFile": "/etc/passwd" },
        });
        home.write("old/agents/main/sessions/sessions.json", &store.to_string());
        home.write("old/agents/main/sessions/new.jsonl", TALK);
        home.write("old/agents/main/sessions/old.jsonl", "{\"type\":\"session\"}\n");
        home.write("old/agents/main/sessions/own.jsonl", "{\"type\":\"session\"}\n");
        home.write("old/agents/empty/sessions/sessions.json", "{}");
        home.write("old/logs/gateway.log", "");
        home.write("old/agents/main/agent/auth-profiles.json", "{}");
        home.write("old/agents/main/sessions/new.jsonl.bak", "");
        home.write("old/settings/voicewake.json", r#"{"triggers":[" hey ",5,"computer"]}"#);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let dir = self.path(name);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir.parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn import(&self, apply: bool) -> Report {
        run(&self.path("old"), &self.path("state"), apply, NOW).unwrap()
    }

    fn state(&self, name: &str) -> PathBuf {
        self.path("state").join(name)
    }

    fn store(&self) -> Value {
        let path = self.state("agents/main/sessions/sessions.json");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }
}

/// Every file below a directory with its content; directories with none.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path.clone());
                all.insert(path, Vec::new());
            } else {
                all.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    all
}

#[track_caller]
fn outcome(report: &Report, kind: ItemKind, name: &str) -> Outcome {
    let mut found = report.items.iter().filter(|item| item.kind == kind && item.name == name);
    let item = found.next().unwrap_or_else(|| panic!("{name} is not in {report:#?}"));
    assert!(found.next().is_none(), "{name} is told twice: {report:#?}");
    item.outcome
}

#[test]
fn without_apply_nothing_is_made_or_changed() {
    let home = Home::new();
    let before = tree(home.dir.path());
    let dry = home.import(false);
    assert_eq!(tree(home.dir.path()), before);
    let done = home.import(true);
    assert!(!dry.applied && done.applied);
    assert_eq!(dry.items, done.items, "what was promised is what was done");
}

#[test]
fn everything_usable_is_taken_and_the_rest_is_told() {
    use Outcome::{Damaged, Skipped, Taken};
    let home = Home::new();
    let before = tree(&home.path("old"));
    let report = home.import(true);
    assert_eq!(tree(&home.path("old")), before);
    let transcript = |name: &str| format!("agents/main/sessions/{name}.jsonl");
    for (thing, name, expected) in [
        (ItemKind::PAIRING, "kitchen", Taken),
        (ItemKind::PAIRING, "attic", Taken),
        (ItemKind::PAIRING, "ghost", Skipped),
        (ItemKind::PAIRING, "bad\u{7}id", Skipped),
        (ItemKind::PAIRING, "broken", Damaged),
        (ItemKind::FILE, "nodes/pending.json", Skipped),
        (ItemKind::FILE, "logs", Skipped),
        (ItemKind::FILE, "agents/main/agent", Skipped),
        (ItemKind::FILE, "agents/main/sessions/new.jsonl.bak", Skipped),
        (ItemKind::WAKE_WORDS, "settings/voicewake.json", Taken),
        (ItemKind::SESSION, "agent:main:main", Taken),
        (ItemKind::SESSION, "agent:main:lost", Taken),
        (ItemKind::SESSION, "agent:main:away", Taken),
        (ItemKind::TRANSCRIPT, &transcript("new"), Taken),
        (ItemKind::TRANSCRIPT, &transcript("old"), Taken),
        (ItemKind::TRANSCRIPT, &transcript("own"), Taken),
        (ItemKind::TRANSCRIPT, &transcript("gone"), Skipped),
        (ItemKind::TRANSCRIPT, "/etc/passwd", Skipped),
    ] {
        assert_eq!(outcome(&report, thing, name), expected, "{name}");
    }
    assert_eq!(report.count(&[Damaged]), 1);
    let expected = json!({
        "agent:main:main": { "sessionId": "new", "updatedAt": 9, "label": "Home", "mine": [1],
            "mergedSessionIds": ["old"] },
        "agent:main:node-kitchen": { "sessionId": "k", "updatedAt": 3, "sessionFile": "own.jsonl" },
        "agent:main:lost": { "sessionId": "gone", "updatedAt": 2 },
        "agent:main:away": { "sessionId": "away", "updatedAt": 1 },
    });
    assert_eq!(home.store(), expected);
    let copy = home.state("agents/main/sessions/new.jsonl");
    assert_eq!(fs::read_to_string(&copy).unwrap(), TALK, "bad lines come along");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let words = fs::read_to_string(home.state("settings/voicewake.json")).unwrap();
    let words: Value = serde_json::from_str(&words).unwrap();
    assert_eq!(words["triggers"], json!(["hey", "computer"]));
}

#[test]
fn old_tokens_are_accepted_and_nowhere_in_the_clear() {
    let home = Home::new();
    let report = home.import(true);
    let (_, book) = PairingStore::open(&home.path("state"), NOW).unwrap();
    for (id, token) in [("kitchen", KITCHEN), ("attic", ATTIC)] {
        let node = &book.paired[&NodeId::new(id).unwrap()];
        assert!(node.accepts(&Token::presented(token).unwrap()), "{id}");
        assert!(!report.to_json().to_string().contains(token));
        for (path, bytes) in tree(&home.path("state")) {
            assert!(!String::from_utf8_lossy(&bytes).contains(token), "{}", path.display());
        }
    }
    assert_eq!(book.paired.len(), 2);
    let kitchen = &book.paired[&NodeId::new("kitchen").unwrap()];
    assert_eq!((kitchen.created_at, &kitchen.other["bins"]), (Wall(5), &json!(["git"])));
}

#[test]
fn a_second_import_takes_nothing() {
    let home = Home::new();
    home.import(true);
    let before = tree(&home.path("state"));
    let again = home.import(true);
    assert_eq!(again.count(&[Outcome::Taken]), 0, "{again:#?}");
    assert_eq!(again.count(&[Outcome::Kept]), 2 + 1 + 4 + 3);
    assert_eq!(tree(&home.path("state")), before);
}

#[test]
fn nothing_that_is_there_is_replaced() {
    let home = Home::new();
    let paired = json!({ "kitchen": { "nodeId": "kitchen", "token": "f".repeat(32) } });
    home.write("state/nodes/paired.json", &paired.to_string());
    home.write("state/settings/voicewake.json", "mine");
    let store = json!({ "main": { "sessionId": "mine", "updatedAt": 1 } });
    home.write("state/agents/main/sessions/sessions.json", &store.to_string());
    home.write("state/agents/main/sessions/own.jsonl", "mine");
    let report = home.import(true);
    for (thing, name) in [
        (ItemKind::PAIRING, "kitchen"),
        (ItemKind::WAKE_WORDS, "settings/voicewake.json"),
        (ItemKind::SESSION, "agent:main:main"),
        (ItemKind::TRANSCRIPT, "agents/main/sessions/own.jsonl"),
    ] {
        assert_eq!(outcome(&report, thing, name), Outcome::Kept, "{name}");
    }
    // It would show the messages of another conversation.
    let kitchen = outcome(&report, ItemKind::SESSION, "agent:main:node-kitchen");
    assert_eq!(kitchen, Outcome::Skipped);
    let (_, book) = PairingStore::open(&home.path("state"), NOW).unwrap();
    let node = &book.paired[&NodeId::new("kitchen").unwrap()];
    assert!(node.accepts(&Token::presented(&"f".repeat(32)).unwrap()));
    assert_eq!(fs::read(home.state("settings/voicewake.json")).unwrap(), b"mine");
    assert_eq!(fs::read(home.state("agents/main/sessions/own.jsonl")).unwrap(), b"mine");
    assert_eq!(home.store()["agent:main:main"]["sessionId"], "mine");
}

#[test]
fn what_is_damaged_is_told_and_the_rest_goes_on() {
    let home = Home::new();
    home.write("old/nodes/paired.json", "{\"a\":");
    home.write("old/settings/voicewake.json", "[");
    home.write("old/sessions/sessions.json", "nonsense");
    let report = home.import(true);
    for name in ["nodes/paired.json", "sessions/sessions.json"] {
        assert_eq!(outcome(&report, ItemKind::FILE, name), Outcome::Damaged);
    }
    assert_eq!(report.count(&[Outcome::Damaged]), 3);
    assert_eq!(home.store().as_object().unwrap().len(), 4);
}

#[test]
fn links_are_not_followed_and_the_older_places_are_known() {
    let home = Home::new();
    home.write("secret.jsonl", "secret");
    let link = home.path("old/agents/main/sessions/gone.jsonl");
    symlink(home.path("secret.jsonl"), link).unwrap();
    home.write("elsewhere/deep.jsonl", "secret");
    symlink(home.path("elsewhere"), home.path("old/out")).unwrap();
    let store = json!({
        "older": { "sessionId": "older", "updatedAt": 1 },
        "deep": { "sessionId": "d", "updatedAt": 1, "sessionFile": "../out/deep.jsonl" },
    });
    home.write("old/sessions/sessions.json", &store.to_string());
    home.write("old/sessions/older.jsonl", "{}\n");
    let swift = json!({ "mac": { "nodeId": "mac", "token": ATTIC, "lastSeenAtMs": 3 } });
    home.write("old/bridge/paired-nodes.json", &swift.to_string());
    let report = home.import(true);
    for (thing, name) in [
        (ItemKind::SESSION, "agent:main:older"),
        (ItemKind::TRANSCRIPT, "sessions/older.jsonl"),
        (ItemKind::PAIRING, "mac"),
    ] {
        assert_eq!(outcome(&report, thing, name), Outcome::Taken, "{name}");
    }
    // Told once, although a session names it, too.
    let link = outcome(&report, ItemKind::TRANSCRIPT, "agents/main/sessions/gone.jsonl");
    assert_eq!(link, Outcome::Damaged);
    for (path, bytes) in tree(&home.path("state")) {
        assert!(!String::from_utf8_lossy(&bytes).contains("secret"), "{}", path.display());
    }
    let out = outcome(&report, ItemKind::TRANSCRIPT, "sessions/../out/deep.jsonl");
    assert_eq!(out, Outcome::Skipped);
    // One file alone will do, too.
    let file = home.path("old/bridge/paired-nodes.json");
    let report = run(&file, &home.path("other"), false, NOW).unwrap();
    assert_eq!(report.items.len(), 1);
}

#[test]
fn what_cannot_be_imported_at_all_changes_nothing() {
    let home = Home::new();
    let old = home.path("old");
    assert!(matches!(run(&old, &old, true, NOW), Err(Error::SameDirectory(_))));
    fs::create_dir(home.path("empty")).unwrap();
    let state = home.path("state");
    let nothing = run(&home.path("empty"), &state, true, NOW).unwrap_err();
    assert!(matches!(nothing, Error::NothingThere(_)), "{nothing}");
    let missing = run(&home.path("nowhere"), &state, true, NOW).unwrap_err();
    assert!(missing.to_string().contains("nowhere"), "{missing}");
    assert!(!state.exists());
    home.write("state/agents/main/sessions/sessions.json", "damaged");
    let damaged = run(&old, &state, true, NOW).unwrap_err();
    assert!(damaged.to_string().contains("sessions.json` is damaged"), "{damaged}");
    assert!(!state.join("nodes/paired.json").exists());
}
