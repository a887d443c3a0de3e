//! Transcripts: what is written survives, damage does no harm, and only what is needed is read.

use super::{history, SessionRecord, Sessions};
use crate::protocol::rpc::chat::ChatInject;
use crate::protocol::rpc::sessions::SessionsPatch;
use crate::protocol::{limits, WireError};
use serde_json::{json, Value};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const NOW: u64 = 1_768_799_167_123;

fn started() -> (TempDir, Sessions, SessionRecord) {
    let dir = tempfile::tempdir().unwrap();
    let sessions = Sessions::open(dir.path().to_owned());
    let session = sessions.touch("main", None, None, NOW).unwrap();
    (dir, sessions, session)
}

fn message(text: &str) -> Value {
    json!({"role": "user", "content": text, "timestamp": NOW})
}

fn lines(session: &SessionRecord) -> Vec<Value> {
    let text = fs::read_to_string(&session.transcript).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The texts of the messages, decoded as the apps do: an iPhone wants a role and a number for a
/// time, Android a list for the content and an integer's digits for the time.
fn texts(sessions: &Sessions, limit: usize) -> Vec<String> {
    let history = sessions.history("main", limit, 0).unwrap();
    let decoded = history.messages.iter().map(|message| {
        let message: Value = serde_json::from_str(message.get()).unwrap();
        assert!(message["role"].is_string());
        assert!(message["timestamp"].is_u64());
        let parts = message["content"].as_array().unwrap();
        assert!(parts.iter().all(Value::is_object));
        parts[0]["text"].as_str().unwrap().to_owned()
    });
    decoded.collect()
}

fn damage(session: &SessionRecord, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(&session.transcript).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn a_transcript_begins_with_its_header_and_each_message_names_the_one_before() {
    let (_dir, sessions, session) = started();
    let first = sessions.append(&session, &message("one"), None, NOW).unwrap();
    let second = sessions.append(&session, &message("two"), None, NOW + 1).unwrap();
    let lines = lines(&session);
    assert_eq!(lines[0]["type"], "session");
    assert_eq!(lines[0]["id"], session.session_id.as_str());
    let iso = "2026-01-19T05:06:07.123Z";
    assert_eq!(
        lines[1],
        json!({"type": "message", "id": first, "timestamp": iso, "message": message("one")})
    );
    assert_eq!((&lines[2]["id"], &lines[2]["parentId"]), (&json!(second), &json!(first)));
    assert_eq!((lines.len(), second.len()), (3, 8));
    let mode = fs::metadata(&session.transcript).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(texts(&sessions, 200), ["one", "two"]);
    assert_eq!(texts(&sessions, 1), ["two"]);
}

#[test]
fn half_a_line_of_a_power_cut_is_not_glued_to_the_next_one() {
    for torn in [
        &b"{\"type\":\"message\",\"message\":{\"ro"[..],
        b"\0\0\0\0\0",
        b"\xff\xfe{\"",
        b"\n\n",
        b"{\"message\":{\"role\":\"user\",\"content\":\"caf\xc3",
    ] {
        let (_dir, sessions, session) = started();
        let first = sessions.append(&session, &message("one"), None, NOW).unwrap();
        damage(&session, torn);
        sessions.append(&session, &message("two"), None, NOW).unwrap();
        assert_eq!(texts(&sessions, 200), ["one", "two"]);
        let bytes = fs::read(&session.transcript).unwrap();
        let last = bytes.split(|byte| *byte == b'\n').nth_back(1).unwrap();
        let last: Value = serde_json::from_slice(last).unwrap();
        assert_eq!(last["parentId"], first.as_str());
    }
}

#[test]
fn damaged_lines_are_passed_over() {
    let (_dir, sessions, session) = started();
    sessions.append(&session, &message("one"), None, NOW).unwrap();
    damage(&session, b"garbage\n[]\n{\"message\":5}\n\n{\"type\":\"compaction\"}\n\xff\xff\n");
    damage(&session, b"{\"message\":{\"role\":\"user\",\"content\":\"by hand\"},");
    damage(&session, b"\"timestamp\":\"2026-01-19T05:06:07Z\"}\r\n");
    sessions.append(&session, &message("two"), None, NOW).unwrap();
    assert_eq!(texts(&sessions, 200), ["one", "by hand", "two"]);
}

#[test]
fn a_huge_line_costs_only_itself() {
    let (_dir, sessions, session) = started();
    sessions.append(&session, &message("one"), None, NOW).unwrap();
    let huge = "x".repeat(limits::TRANSCRIPT_LINE);
    damage(
        &session,
        format!("{{\"message\":{{\"role\":\"user\",\"x\":\"{huge}\"}}}}\n").as_bytes(),
    );
    assert_eq!(texts(&sessions, 200), ["one"]);
    let before = fs::metadata(&session.transcript).unwrap().len();
    let error = sessions.append(&session, &message(&huge), None, NOW).unwrap_err();
    assert_eq!(error.to_string(), "the message is too long to be kept");
    assert_eq!(fs::metadata(&session.transcript).unwrap().len(), before);
}

#[test]
fn of_a_long_conversation_only_the_end_is_read() {
    let (_dir, sessions, session) = started();
    sessions.append(&session, &message("first"), None, NOW).unwrap();
    let line = |n| {
        let message = message(&format!("message {n} of a usual length, which is a sentence"));
        json!({"type": "message", "id": "00000000", "timestamp": "x", "message": message})
    };
    let all: String = (0..10_000).map(|n| format!("{}\n", line(n))).collect();
    damage(&session, all.as_bytes());
    let (messages, bytes) =
        history::read(&session.transcript, 200, (Path::new("none"), 0)).unwrap();
    assert_eq!(messages.len(), 200);
    assert!(bytes <= 2 * limits::TRANSCRIPT_BLOCK, "{bytes} of {} bytes read", all.len());
    let texts = texts(&sessions, 200);
    assert!(texts[0].starts_with("message 9800 ") && texts[199].starts_with("message 9999 "));
    assert_eq!(sessions.history("main", usize::MAX, 0).unwrap().messages.len(), 1000);
}

#[test]
fn a_history_has_at_most_six_mebibytes_and_at_least_one_message() {
    let (_dir, sessions, session) = started();
    for text in ["a", "b", "c"] {
        sessions.append(&session, &message(&text.repeat(2_500_000)), None, NOW).unwrap();
    }
    let kept = texts(&sessions, 200);
    assert_eq!((kept.len(), &kept[0][..1], &kept[1][..1]), (2, "b", "c"));
    sessions.append(&session, &message(&"d".repeat(7_000_000)), None, NOW).unwrap();
    assert_eq!(texts(&sessions, 200).len(), 1);
}

#[test]
fn the_thinking_level_is_the_sessions_own() {
    let (_dir, sessions, session) = started();
    assert_eq!(sessions.history("main", 1, 0).unwrap().thinking_level, "off");
    let changes = [("thinkingLevel".to_owned(), Some("high".to_owned()))].into();
    sessions.patch(&SessionsPatch { key: "main".to_owned(), changes }, None, NOW).unwrap();
    let history = sessions.history(" agent:main:main", 1, 0).unwrap();
    assert_eq!(history.thinking_level, "high");
    assert_eq!(history.session_id, Some(session.session_id));
}

#[test]
fn a_message_is_injected_into_an_existing_transcript_only() {
    let (_dir, sessions, session) = started();
    let inject = |key: &str, label: Option<&str>| {
        let (session_key, message) = (key.to_owned(), "hi".to_owned());
        let params = ChatInject { session_key, message, label: label.map(str::to_owned) };
        sessions.inject(&params, None, NOW)
    };
    assert_eq!(inject("nobody", None), Err(WireError::invalid("session not found")));
    assert_eq!(inject("main", None), Err(WireError::invalid("transcript file not found")));
    assert!(!session.transcript.exists());
    sessions.append(&session, &message("one"), None, NOW).unwrap();
    let (found, id, message) = inject("main", Some("Note")).unwrap();
    assert_eq!((found, id.len()), (session.clone(), 8));
    assert_eq!(message.stop_reason.as_deref(), Some("injected"));
    inject("main", Some(" ")).unwrap();
    assert_eq!(texts(&sessions, 200), ["one", "[Note]\n\nhi", "hi"]);

    fs::remove_file(&session.transcript).unwrap();
    fs::create_dir(&session.transcript).unwrap();
    let error = inject("main", None).unwrap_err();
    assert!(error.message.starts_with("failed to write transcript: "), "{error}");
    assert!(!error.message.contains(".jsonl"), "{error}");
}

#[test]
fn many_writers_do_not_mix_their_lines() {
    let (_dir, sessions, session) = started();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (sessions, session) = (&sessions, &session);
            scope.spawn(move || {
                for n in 0..20 {
                    let text = format!("{writer}-{n}-{}", "x".repeat(5_000));
                    sessions.append(session, &message(&text), None, NOW).unwrap();
                    sessions.touch("main", None, None, NOW).unwrap();
                }
            });
        }
    });
    assert_eq!(lines(&session).len(), 81);
    assert_eq!(texts(&sessions, 200).len(), 80);
}
