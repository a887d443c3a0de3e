//! Who may begin a session when many are there.

use super::{Sessions, StoreError};
use crate::protocol::{limits, NodeId};
use serde_json::json;
use std::fs;
use tempfile::TempDir;

const NOW: u64 = 1_768_799_167_123;
/// When a session that was begun at `NOW` may give way.
const LATER: u64 = NOW + limits::EMPTY_SESSION_KEPT_MS as u64 + 1;

/// A store with so many sessions `old-N`, of which the first has a transcript.
fn with_sessions(count: usize) -> (TempDir, Sessions) {
    let dir = tempfile::tempdir().unwrap();
    let session =
        |n| (format!("agent:main:old-{n}"), json!({"sessionId": format!("s{n}"), "updatedAt": n}));
    let store: serde_json::Map<_, _> = (0..count).map(session).collect();
    fs::write(dir.path().join("sessions.json"), json!(store).to_string()).unwrap();
    fs::write(dir.path().join("s0.jsonl"), "").unwrap();
    let sessions = Sessions::open(dir.path().to_owned());
    (dir, sessions)
}

fn node(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

fn is_full<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Full))
}

#[test]
fn the_main_session_can_be_begun_however_many_there_are() {
    let (_dir, sessions) = with_sessions(limits::SESSIONS);
    assert!(is_full(&sessions.touch("mine", Some(&node("alice")), None, 1)));
    sessions.touch("main", Some(&node("alice")), None, 1).unwrap();
    assert_eq!(sessions.keys().unwrap().len(), limits::SESSIONS + 1);
}

#[test]
fn a_node_that_begins_sessions_without_end_does_not_keep_another_from_beginning_one() {
    let (_dir, sessions) = with_sessions(limits::SESSIONS - 40);
    let (eve, alice) = (node("eve"), node("alice"));
    let begin = |n: usize, at| sessions.touch(&format!("eve-{n}"), Some(&eve), None, at);
    for n in 0..10 {
        begin(n, NOW + n as u64).unwrap();
    }
    assert!(is_full(&begin(10, NOW + 20)), "a quarter of what was left");
    sessions.touch("alice", Some(&alice), None, NOW).unwrap();
    // What was not used gives way to new ones of the same node.
    let used = sessions.find("eve-0").unwrap().unwrap();
    sessions.append(&used, &json!({"role": "user"}), Some(&eve), NOW).unwrap();
    begin(11, LATER + 20).unwrap();
    assert!(sessions.find("eve-0").unwrap().is_some(), "somebody has said something there");
    assert!(sessions.find("eve-1").unwrap().is_none());
    assert!(sessions.find("old-1").unwrap().is_some());
    assert!(sessions.find("alice").unwrap().is_some());
}

#[test]
fn to_who_has_no_session_the_oldest_unused_one_gives_way() {
    let (_dir, sessions) = with_sessions(limits::SESSIONS);
    let alice = node("alice");
    sessions.touch("alice", Some(&alice), None, LATER).unwrap();
    assert!(sessions.find("old-1").unwrap().is_none());
    assert!(sessions.find("old-0").unwrap().is_some(), "it has a transcript");
    assert!(is_full(&sessions.touch("more", Some(&alice), None, LATER)), "one is what she gets");
    sessions.touch("by the operator", None, None, LATER).unwrap();
    assert!(sessions.find("old-2").unwrap().is_none());
    assert_eq!(sessions.keys().unwrap().len(), limits::SESSIONS);
}
