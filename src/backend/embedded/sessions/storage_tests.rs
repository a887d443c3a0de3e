//! The store: what is kept, what is refused, and what a failure leaves.

use super::{SessionRecord, Sessions, StoreError};
use crate::protocol::{limits, ErrorCode, WireError};
use serde_json::{json, Value};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NOW: u64 = 1_768_799_167_123;

fn with_store(text: &str) -> (TempDir, Sessions) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("sessions.json"), text).unwrap();
    let sessions = Sessions::open(dir.path().to_owned());
    (dir, sessions)
}

fn stored(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join("sessions.json")).unwrap()).unwrap()
}

fn touch(sessions: &Sessions, key: &str) -> Result<SessionRecord, StoreError> {
    sessions.touch(key, None, None, NOW)
}

#[test]
fn nothing_is_made_before_the_first_write() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("agents/main/sessions");
    let sessions = Sessions::open(deep.clone());
    assert_eq!(sessions.find("main").unwrap(), None);
    assert!(sessions.history("main", 200, 0).unwrap().messages.is_empty());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    let session = touch(&sessions, "main").unwrap();
    assert_eq!((&*session.key, session.session_id.len()), ("agent:main:main", 36));
    assert_eq!(session.transcript, deep.join(format!("{}.jsonl", session.session_id)));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&deep), mode(&deep.join("sessions.json"))), (0o700, 0o600));
    assert_eq!(Sessions::open(deep).find("agent::main").unwrap(), Some(session));
}

#[test]
fn what_is_not_changed_is_kept() {
    let (dir, sessions) = with_store(
        r#"{"main":{"sessionId":"s1","updatedAt":5,"label":"L","modelOverride":"m",
            "own":{"x":[1]}},"version":2,"other":{"sessionId":"s2","updatedAt":1.5}}"#,
    );
    touch(&sessions, "agent:main:main").unwrap();
    let expected = json!({
        "agent:main:main": {"sessionId": "s1", "updatedAt": NOW, "label": "L",
            "modelOverride": "m", "own": {"x": [1]}},
        "agent:main:other": {"sessionId": "s2", "updatedAt": 1.5},
        "version": 2,
    });
    assert_eq!(stored(dir.path()), expected);
}

#[test]
fn a_damaged_store_is_never_overwritten_and_works_again_once_repaired() {
    for damage in ["", "{", "[]", "null", "{\"main\":{\"sessionId\":\"s1\""] {
        let (dir, sessions) = with_store(damage);
        let path = dir.path().join("sessions.json");
        for result in [
            sessions.find("main").map(drop),
            sessions.history("main", 1, 0).map(drop),
            touch(&sessions, "main").map(drop),
        ] {
            let error = result.unwrap_err();
            assert!(error.to_string().contains("sessions.json"), "{error}");
            let error = WireError::from(error);
            assert_eq!(error.code, ErrorCode::Unavailable);
            assert!(!error.message.contains(&*dir.path().to_string_lossy()), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), damage);
        fs::write(&path, r#"{"main":{"sessionId":"s1","updatedAt":1}}"#).unwrap();
        assert_eq!(touch(&sessions, "main").unwrap().session_id, "s1");
    }
}

#[test]
fn a_store_damaged_while_running_is_not_overwritten_either() {
    let (dir, sessions) = with_store("{}");
    touch(&sessions, "main").unwrap();
    fs::write(dir.path().join("sessions.json"), "{oops").unwrap();
    assert!(matches!(touch(&sessions, "main"), Err(StoreError::Damaged { .. })));
    assert_eq!(fs::read_to_string(dir.path().join("sessions.json")).unwrap(), "{oops");
}

#[test]
fn an_unreadable_store_is_no_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sessions.json")).unwrap();
    let sessions = Sessions::open(dir.path().to_owned());
    assert!(matches!(sessions.find("main"), Err(StoreError::Io { .. })));
    assert!(touch(&sessions, "main").is_err());
    assert!(dir.path().join("sessions.json").is_dir());
}

#[test]
fn a_failed_write_leaves_everything_as_it_was() {
    let (dir, sessions) = with_store(r#"{"main":{"sessionId":"s1","updatedAt":1}}"#);
    let before = sessions.find("main").unwrap();
    // A directory where the temporary file has to be: as good as a full disk.
    let in_the_way = dir.path().join("sessions.json.tmp");
    fs::create_dir(&in_the_way).unwrap();
    assert!(touch(&sessions, "main").is_err());
    assert!(touch(&sessions, "new").is_err());
    assert_eq!(sessions.find("main").unwrap(), before);
    assert_eq!(sessions.find("new").unwrap(), None);
    assert_eq!(stored(dir.path()), json!({"main": {"sessionId": "s1", "updatedAt": 1}}));
    fs::remove_dir(&in_the_way).unwrap();
    touch(&sessions, "main").unwrap();
}

#[test]
fn an_edit_by_hand_is_where_the_next_write_starts() {
    let (dir, sessions) = with_store("{}");
    touch(&sessions, "main").unwrap();
    let by_hand = "{ // mine\n x: {sessionId: 'sx', updatedAt: 3, label: 'by hand'} }";
    fs::write(dir.path().join("sessions.json"), by_hand).unwrap();
    touch(&sessions, "y").unwrap();
    let now = stored(dir.path());
    assert_eq!(now["agent:main:x"]["label"], "by hand");
    assert_eq!(now.as_object().unwrap().len(), 2);
}

#[test]
fn keys_that_are_no_names_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = Sessions::open(dir.path().to_owned());
    let long = "k".repeat(limits::SESSION_KEY_CHARS + 1);
    for key in ["", "  ", &long] {
        assert!(matches!(touch(&sessions, key), Err(StoreError::BadKey)), "{key}");
    }
}

#[test]
fn the_store_does_not_grow_without_end() {
    let entries: Vec<String> = (0..limits::SESSIONS)
        .map(|n| format!(r#""agent:main:k{n}":{{"sessionId":"s{n}","updatedAt":1}}"#))
        .collect();
    let (_dir, sessions) = with_store(&format!("{{{}}}", entries.join(",")));
    touch(&sessions, "k7").unwrap();
    touch(&sessions, "one more").unwrap();
    assert_eq!(sessions.keys().unwrap().len(), limits::SESSIONS, "an unused one gave way");
}

#[test]
fn a_transcript_is_only_looked_for_inside_the_directory() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("t.jsonl"), "").unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    std::os::unix::fs::symlink(outside.path(), dir.path().join("out")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("t.jsonl"), dir.path().join("link.jsonl"))
        .unwrap();
    let inside = |name: &str| dir.path().join(name);
    let elsewhere = outside.path().join("t.jsonl").to_string_lossy().into_owned();
    let absolute = inside("own.jsonl").to_string_lossy().into_owned();
    for (file, transcript) in [
        ("own.jsonl", inside("own.jsonl")),
        ("sub/own.jsonl", inside("sub/own.jsonl")),
        (&absolute, inside("own.jsonl")),
        (&elsewhere, inside("s1.jsonl")),
        ("../t.jsonl", inside("s1.jsonl")),
        ("out/t.jsonl", inside("s1.jsonl")),
        ("link.jsonl", inside("s1.jsonl")),
        ("sessions.json", inside("s1.jsonl")),
        ("", inside("s1.jsonl")),
        ("a\0b.jsonl", inside("s1.jsonl")),
    ] {
        let store = json!({"main": {"sessionId": "s1", "updatedAt": 1, "sessionFile": file}});
        fs::write(inside("sessions.json"), store.to_string()).unwrap();
        let sessions = Sessions::open(dir.path().to_owned());
        let found: PathBuf = sessions.find("main").unwrap().unwrap().transcript;
        assert_eq!(found, transcript, "{file}");
    }
}

#[test]
fn a_session_id_that_cannot_name_a_file_is_replaced() {
    for id in ["../x", "", ".", "a/b", "a\nb", &"x".repeat(250)] {
        let store = json!({"main": {"sessionId": id, "updatedAt": 1, "label": "L"}});
        let (_dir, sessions) = with_store(&store.to_string());
        assert_eq!(sessions.find("main").unwrap(), None);
        let session = touch(&sessions, "main").unwrap();
        assert_eq!((session.session_id.len(), &session.entry["label"]), (36, &json!("L")));
    }
}
