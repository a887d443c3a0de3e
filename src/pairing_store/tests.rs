//! What is read is what was written, and nothing damaged is taken for anything else.

use super::*;
use crate::protocol::Token;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const NOW: Wall = Wall(1_768_800_000_000);

fn with_files(paired: &str, pending: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("nodes")).unwrap();
    fs::write(dir.path().join("nodes/paired.json"), paired).unwrap();
    fs::write(dir.path().join("nodes/pending.json"), pending).unwrap();
    dir
}

fn text(dir: &tempfile::TempDir, name: &str) -> String {
    fs::read_to_string(dir.path().join("nodes").join(name)).unwrap()
}

fn request(node: &str, ts: u64) -> PairingRequest {
    PairingRequest {
        node: NodeId::new(node).unwrap(),
        profile: Default::default(),
        remote_ip: [192, 168, 1, 20].into(),
        silent: false,
        is_repair: false,
        conflict: false,
        stale_token: None,
        ts: Wall(ts),
        approved_at: None,
    }
}

#[test]
fn a_clear_token_is_accepted_and_replaced_by_its_hash_at_once() {
    let paired = r#"{"n1":{"nodeId":"n1","token":"3160a8b430614b5998133be6a1284cbf",
        "displayName":"Kitchen","bins":["git"],"caps":null,"permissions":{"x":1},
        "createdAtMs":5,"approvedAtMs":6}}"#;
    let dir = with_files(paired, "{}");
    let (_, book) = PairingStore::open(dir.path(), NOW).unwrap();
    let node = &book.paired[&NodeId::new("n1").unwrap()];
    assert!(node.accepts(&Token::presented("3160a8b430614b5998133be6a1284cbf").unwrap()));
    let stored = text(&dir, "paired.json");
    assert!(!stored.contains("3160a8b430614b5998133be6a1284cbf"), "{stored}");
    assert!(stored.contains("tokenSha256") && stored.contains("\"bins\""), "{stored}");
    let (_, again) = PairingStore::open(dir.path(), NOW).unwrap();
    assert_eq!(again, book);
}

#[test]
fn a_damaged_file_stops_the_start_and_is_left_alone() {
    let short_hash = "{\"n1\": {\"tokenSha256\": \"abc\"}}";
    for damaged in ["", "{\"n1\": {", "[]", "null", "{\"n1\": 5}", "{\"\": {}}", short_hash] {
        let dir = with_files(damaged, "{}");
        let error = PairingStore::open(dir.path(), NOW).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{damaged}: {error}");
        assert!(error.to_string().contains("paired.json"));
        assert_eq!(text(&dir, "paired.json"), damaged);
    }
    let dir = with_files("{}", "{\"r\":");
    assert!(PairingStore::open(dir.path(), NOW).is_err());
}

#[test]
fn books_come_back_as_they_were_saved() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, empty) = PairingStore::open(dir.path(), NOW).unwrap();
    let token = Token::from_bits(7);
    let book = empty
        .with_pairing(&request("n1", NOW.0 - 9), token.hash(), NOW)
        .with_request(RequestId("r2".into()), request("n2", NOW.0))
        .with_request(RequestId("r3".into()), request("n3", NOW.0))
        .with_approval(&RequestId("r3".into()), NOW);
    store.save(&book).unwrap();
    let (_, again) = PairingStore::open(dir.path(), NOW).unwrap();
    assert_eq!(again, book);
    for name in ["paired.json", "pending.json"] {
        let mode = fs::metadata(dir.path().join("nodes").join(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
}

#[test]
fn requests_that_expired_or_became_pairings_are_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, empty) = PairingStore::open(dir.path(), NOW).unwrap();
    let old = NOW.0 - limits::PAIRING_TTL.as_millis() as u64 - 1;
    let paired = empty.with_pairing(&request("n1", NOW.0 - 9), Token::from_bits(7).hash(), NOW);
    let book = paired
        .with_request(RequestId("cut".into()), request("n1", NOW.0 - 9))
        .with_request(RequestId("old".into()), request("n2", old))
        .with_request(RequestId("new".into()), request("n3", NOW.0 - 9));
    store.save(&book).unwrap();
    let (_, again) = PairingStore::open(dir.path(), NOW).unwrap();
    let left: Vec<&str> = again.pending.keys().map(|id| &*id.0).collect();
    assert_eq!(left, ["new"]);
}

#[test]
fn a_stale_token_is_kept_as_its_hash_and_only_for_a_node_that_is_not_paired() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, empty) = PairingStore::open(dir.path(), NOW).unwrap();
    let token = Token::from_bits(0x3160_a8b4);
    let stale = |node| PairingRequest { stale_token: Some(token.hash()), ..request(node, NOW.0) };
    let book = empty.with_request(RequestId("r1".into()), stale("n1"));
    store.save(&book).unwrap();
    let stored = text(&dir, "pending.json");
    assert!(stored.contains(&token.hash().to_hex()) && !stored.contains(token.reveal()));
    assert_eq!(PairingStore::open(dir.path(), NOW).unwrap().1, book);
    // A power cut after the first of two files, with a clock that was set back.
    let early = Wall(NOW.0 - 9);
    let paired = book.with_pairing(&request("n1", NOW.0), token.hash(), early).paired;
    store.save(&PairingBook { paired, ..book }).unwrap();
    assert!(PairingStore::open(dir.path(), NOW).unwrap().1.pending.is_empty());
    // With a damaged hash it is no request for a new token instead.
    let damaged = with_files("{}", &stored.replace(&token.hash().to_hex(), "3160a8b4"));
    assert!(PairingStore::open(damaged.path(), NOW).unwrap().1.pending.is_empty());
}

#[test]
fn a_failed_save_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, empty) = PairingStore::open(dir.path(), NOW).unwrap();
    let before = empty.with_request(RequestId("r1".into()), request("n1", NOW.0));
    store.save(&before).unwrap();
    // A directory where the temporary file has to be: as good as a full disk.
    fs::create_dir(dir.path().join("nodes/pending.json.tmp")).unwrap();
    let after = before.with_pairing(&request("n1", NOW.0), Token::from_bits(1).hash(), NOW);
    assert!(store.save(&after).is_err());
    fs::remove_dir(dir.path().join("nodes/pending.json.tmp")).unwrap();
    let (_, again) = PairingStore::open(dir.path(), NOW).unwrap();
    assert_eq!(again, before);
    store.save(&after).unwrap();
    assert_eq!(PairingStore::open(dir.path(), NOW).unwrap().1, after);
}

#[test]
fn a_revoked_node_does_not_come_back_when_only_one_file_was_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, empty) = PairingStore::open(dir.path(), NOW).unwrap();
    let before = empty
        .with_pairing(&request("n1", NOW.0 - 9), Token::from_bits(1).hash(), NOW)
        .with_request(RequestId("r".into()), request("n1", NOW.0 + 1))
        .with_approval(&RequestId("r".into()), NOW);
    store.save(&before).unwrap();
    // The second of the two files cannot be replaced: as good as a power cut.
    fs::remove_file(dir.path().join("nodes/paired.json")).unwrap();
    fs::create_dir(dir.path().join("nodes/paired.json")).unwrap();
    assert!(store.save(&before.without_node(&NodeId::new("n1").unwrap())).is_err());
    assert_eq!(text(&dir, "pending.json"), "{}");
}

#[test]
fn a_file_that_somebody_else_changed_is_moved_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, empty) = PairingStore::open(dir.path(), NOW).unwrap();
    let one = empty.with_request(RequestId("r1".into()), request("n1", NOW.0));
    store.save(&one).unwrap();
    fs::write(dir.path().join("nodes/pending.json"), "by hand").unwrap();
    store.save(&one.with_request(RequestId("r2".into()), request("n2", NOW.0))).unwrap();
    let names = fs::read_dir(dir.path().join("nodes")).unwrap().map(|e| e.unwrap().file_name());
    let aside = names.map(|name| name.into_string().unwrap());
    let aside = aside.filter(|name| name.starts_with("pending.json.changed-by-somebody-else-"));
    assert_eq!(text(&dir, &aside.collect::<String>()), "by hand");
    assert_eq!(PairingStore::open(dir.path(), NOW).unwrap().1.pending.len(), 2);
}
