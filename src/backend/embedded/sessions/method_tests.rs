//! The methods `sessions.*`, as a phone calls them.

use super::{ActiveRuns, Sessions};
use crate::protocol::rpc::{encode, Params};
use crate::protocol::{limits, Method, WireError};
use serde_json::{json, Value};
use std::cell::{Cell, RefCell};
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

const NOW: u64 = 1_768_799_167_123;
const ISO: &str = "2026-01-19T05-06-07.123Z";

/// FakeRuns that end when they are told to, or not, or only seem to.
#[derive(Default)]
struct FakeRuns {
    stubborn: bool,
    begins_again: Cell<bool>,
    aborted: RefCell<Vec<String>>,
}

impl ActiveRuns for FakeRuns {
    fn is_active(&self, _: &str) -> bool {
        self.begins_again.get()
    }

    fn abort_and_wait(&self, key: &str, timeout: Duration) -> bool {
        assert_eq!(timeout, limits::SESSION_ABORT_TIMEOUT);
        self.aborted.borrow_mut().push(key.to_owned());
        !self.stubborn
    }
}

fn with_store(store: &Value) -> (TempDir, Sessions) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("sessions.json"), store.to_string()).unwrap();
    let sessions = Sessions::open(dir.path().to_owned());
    (dir, sessions)
}

fn call_with(
    sessions: &Sessions,
    runs: &FakeRuns,
    method: Method,
    params: &Value,
) -> Result<Value, WireError> {
    let params = Some(params.to_string());
    let params = params.as_deref();
    let result = match method {
        Method::SessionsList => encode(&sessions.list(Params::decode(params)?, NOW)?),
        Method::SessionsResolve => encode(&sessions.resolve(Params::decode(params)?)?),
        Method::SessionsPatch => encode(&sessions.patch(&Params::decode(params)?, None, NOW)?),
        Method::SessionsReset => encode(&sessions.reset(&Params::decode(params)?, None, NOW)?),
        Method::SessionsDelete => encode(&sessions.delete(&Params::decode(params)?, NOW, runs)?),
        Method::SessionsCompact => {
            encode(&sessions.compact(&Params::decode(params)?, None, NOW)?)
        }
        other => panic!("{other}"),
    };
    Ok(serde_json::from_str(&result).unwrap())
}

fn call(sessions: &Sessions, method: Method, params: Value) -> Result<Value, WireError> {
    call_with(sessions, &FakeRuns::default(), method, &params)
}

fn refusal(sessions: &Sessions, method: Method, params: Value) -> String {
    let error = call(sessions, method, params).unwrap_err();
    error.to_string()
}

fn entry(sessions: &Sessions, key: &str) -> Value {
    sessions.find(key).unwrap().map_or(Value::Null, |session| session.entry.into())
}

fn keys(result: &Value) -> Vec<&str> {
    let rows = result["sessions"].as_array().unwrap();
    assert_eq!(result["count"], rows.len());
    rows.iter().map(|row| row["key"].as_str().unwrap()).collect()
}

#[test]
fn a_list_is_sorted_and_filtered() {
    let minute = 60_000;
    let (dir, sessions) = with_store(&json!({
        "main": {"sessionId": "1", "updatedAt": NOW - 9 * minute, "label": "L"},
        "agent:work:main": {"sessionId": "2", "updatedAt": NOW},
        "agent:main:subagent:x": {"sessionId": "3", "updatedAt": NOW - 5, "spawnedBy": "main"},
        "slack:group:g": {"sessionId": "4", "updatedAt": 7},
        "global": {"sessionId": "5", "updatedAt": NOW - 1},
        "unknown": {"sessionId": "6", "updatedAt": NOW - 2},
    }));
    let (main, work, sub) = ("agent:main:main", "agent:work:main", "agent:main:subagent:x");
    let group = "agent:main:slack:group:g";
    for (params, expected) in [
        (json!({}), vec![work, sub, main, group]),
        (json!({"limit": 2}), vec![work, sub]),
        (
            json!({"includeGlobal": true, "includeUnknown": false, "limit": 50}),
            vec![work, "global", sub, main, group],
        ),
        (json!({"includeUnknown": true, "limit": 2}), vec![work, "unknown"]),
        (json!({"activeMinutes": 9}), vec![work, sub, main]),
        (json!({"activeMinutes": 8, "limit": 9}), vec![work, sub]),
        (json!({"activeMinutes": u64::MAX}), vec![work, sub, main, group]),
        (json!({"label": " L "}), vec![main]),
        (json!({"label": "M"}), vec![]),
        (json!({"spawnedBy": "main"}), vec![sub]),
        (json!({"agentId": "work"}), vec![work]),
        (json!({"agentId": "main", "includeGlobal": true}), vec![sub, main, group]),
    ] {
        let result = call(&sessions, Method::SessionsList, params.clone()).unwrap();
        assert_eq!(keys(&result), expected, "{params}");
        assert_eq!(result["ts"], NOW);
        assert_eq!(result["path"], *dir.path().join("sessions.json").to_string_lossy());
        assert!(result["defaults"].is_object());
    }
    let kinds = call(&sessions, Method::SessionsList, json!({"includeGlobal": true})).unwrap();
    let kinds: Vec<&Value> =
        kinds["sessions"].as_array().unwrap().iter().map(|row| &row["kind"]).collect();
    assert_eq!(kinds, ["direct", "global", "direct", "direct", "group"]);
    assert!(refusal(&sessions, Method::SessionsList, json!({"limit": 0})).contains(">= 1"));
    let error = refusal(&sessions, Method::SessionsList, json!({"includeGlobal": null}));
    assert!(error.contains("data/includeGlobal must be boolean"), "{error}");
}

#[test]
fn no_value_of_a_row_costs_a_phone_the_list() {
    let (_dir, sessions) = with_store(&json!({
        "main": {
            "sessionId": "1", "updatedAt": 1_768_799_167_123.75, "inputTokens": 10.5,
            "outputTokens": 2, "contextTokens": 1e300, "model": 5, "systemSent": "yes",
            "abortedLastRun": true, "label": "L", "origin": "x", "skillsSnapshot": {"big": 1},
            "deliveryContext": {"to": "y"}, "totalTokens": null, "displayName": null,
        },
        "x": {"updatedAt": 5, "origin": {"label": "From"}, "totalTokens": 7.0},
        "whatsapp:group:1@g.us": {"updatedAt": 4},
        "agent:main:slack:channel:c1": {"updatedAt": 3, "label": "Work", "groupChannel": "#x"},
    }));
    let result = call(&sessions, Method::SessionsList, json!({})).unwrap();
    assert_eq!(
        result["sessions"],
        json!([
            {"key": "agent:main:main", "kind": "direct", "sessionId": "1",
             "updatedAt": 1_768_799_167_123_u64, "inputTokens": 10, "outputTokens": 2,
             "totalTokens": 12, "abortedLastRun": true, "label": "L", "displayName": "L",
             "deliveryContext": {"to": "y"}},
            {"key": "agent:main:x", "kind": "direct", "updatedAt": 5, "totalTokens": 7,
             "origin": {"label": "From"}, "displayName": "From"},
            {"key": "agent:main:whatsapp:group:1@g.us", "kind": "group", "updatedAt": 4,
             "totalTokens": 0, "channel": "whatsapp", "displayName": "whatsapp:g-1@g.us"},
            {"key": "agent:main:slack:channel:c1", "kind": "group", "updatedAt": 3,
             "totalTokens": 0, "channel": "slack", "groupChannel": "#x", "label": "Work",
             "displayName": "Work"},
        ])
    );
}

#[test]
fn a_session_is_found_by_its_key_or_its_label() {
    let (_dir, sessions) = with_store(&json!({
        "main": {"sessionId": "1", "updatedAt": 3, "label": "twice"},
        "a": {"sessionId": "2", "updatedAt": 2, "label": "twice"},
        "b": {"sessionId": "3", "updatedAt": 1, "label": "once"},
    }));
    let resolve = |params| call(&sessions, Method::SessionsResolve, params);
    for (params, key) in [
        (json!({"key": " main "}), "agent:main:main"),
        (json!({"key": "agent:main:a", "label": " "}), "agent:main:a"),
        (json!({"label": "once"}), "agent:main:b"),
    ] {
        assert_eq!(resolve(params), Ok(json!({"ok": true, "key": key})));
    }
    for (params, text) in [
        (json!({}), "Either key or label is required"),
        (json!({"key": "a", "label": "once"}), "Provide either key or label (not both)"),
        (json!({"key": "nobody"}), "No session found: nobody"),
        (json!({"label": "none"}), "No session found with label: none"),
        (
            json!({"label": "twice"}),
            "Multiple sessions found with label: twice (agent:main:main, agent:main:a)",
        ),
    ] {
        assert_eq!(resolve(params), Err(WireError::invalid(text)));
    }
}

#[test]
fn values_of_a_patch_have_their_spellings() {
    let (_dir, sessions) = with_store(&json!({}));
    let patch = |mut params: Value| {
        params["key"] = "p".into();
        call(&sessions, Method::SessionsPatch, params)
    };
    for (name, value, stored) in [
        ("thinkingLevel", "High", json!("high")),
        ("thinkingLevel", "ultrathink", json!("high")),
        ("thinkingLevel", "mid", json!("medium")),
        ("thinkingLevel", "off", Value::Null),
        ("verboseLevel", "true", json!("on")),
        ("verboseLevel", "0", json!("off")),
        ("verboseLevel", "full", json!("full")),
        ("reasoningLevel", "stream", json!("stream")),
        ("reasoningLevel", "off", Value::Null),
        ("elevatedLevel", "off", json!("off")),
        ("responseUsage", "on", json!("tokens")),
        ("responseUsage", "full", json!("full")),
        ("responseUsage", "off", Value::Null),
        ("execHost", " NODE ", json!("node")),
        ("execSecurity", "allowlist", json!("allowlist")),
        ("execAsk", "on-miss", json!("on-miss")),
        ("execNode", " kitchen ", json!("kitchen")),
        ("sendPolicy", "deny", json!("deny")),
        ("groupActivation", "mention", json!("mention")),
        ("label", " Kitchen ", json!("Kitchen")),
    ] {
        let result = patch(json!({ name: value })).unwrap();
        assert_eq!((&result["ok"], &result["key"]), (&json!(true), &json!("agent:main:p")));
        assert_eq!(result["entry"][name], stored, "{name} {value}");
        assert_eq!(result["entry"]["updatedAt"], NOW);
        assert_eq!(result["entry"], entry(&sessions, "p"));
        assert_eq!(patch(json!({ name: null })).unwrap()["entry"].get(name), None, "{name}");
    }
    let model = patch(json!({"model": "openai/gpt-5.2", "thinkingLevel": "xhigh"})).unwrap();
    assert_eq!(model["entry"]["providerOverride"], "openai");
    assert_eq!(model["entry"]["modelOverride"], "gpt-5.2");
    assert_eq!(model["entry"]["thinkingLevel"], "xhigh");
    let other = patch(json!({"model": "llama"})).unwrap();
    assert_eq!(other["entry"]["thinkingLevel"], "high");
    assert_eq!(other["entry"].get("providerOverride"), None);
    assert_eq!(patch(json!({"model": null})).unwrap()["entry"].get("modelOverride"), None);
}

#[test]
fn what_a_patch_refuses_changes_nothing() {
    let store = json!({
        "p": {"sessionId": "1", "updatedAt": 1},
        "q": {"sessionId": "2", "updatedAt": 1, "label": "taken"},
        "subagent:s": {"sessionId": "3", "updatedAt": 1, "spawnedBy": "main"},
    });
    let (dir, sessions) = with_store(&store);
    for (params, text) in [
        (json!({"key": " "}), "key required"),
        (json!({"key": "p", "label": "taken"}), "label already in use: taken"),
        (json!({"key": "p", "label": " "}), "invalid label: empty"),
        (json!({"key": "p", "label": ""}), "data/label must NOT have fewer than 1 characters"),
        (json!({"key": "p", "label": "l".repeat(65)}), "must NOT have more than 64 characters"),
        (json!({"key": "p", "thinkingLevel": "deep"}), "invalid thinkingLevel (use off|minimal"),
        (json!({"key": "p", "thinkingLevel": "xhigh"}), "\"xhigh\" is only supported for openai/"),
        (json!({"key": "p", "verboseLevel": "2"}), "invalid verboseLevel (use \"on\"|\"off\""),
        (json!({"key": "p", "execHost": ""}), "invalid execHost (use \"sandbox\""),
        (json!({"key": "p", "execNode": " "}), "invalid execNode: empty"),
        (json!({"key": "p", "model": ""}), "invalid model: empty"),
        (json!({"key": "p", "responseUsage": "x"}), "must be equal to one of the allowed values"),
        (json!({"key": "p", "sendPolicy": true}), "must be equal to one of the allowed values"),
        (json!({"key": "p", "spawnedBy": "main"}), "only supported for subagent:* sessions"),
        (json!({"key": "subagent:s", "spawnedBy": "x"}), "spawnedBy cannot be changed once set"),
        (json!({"key": "subagent:s", "spawnedBy": null}), "cannot be cleared once set"),
        (json!({"key": "p", "sessionFile": "x"}), "data must NOT have additional properties"),
        (json!({"key": "p", "sessionId": "x"}), "data must NOT have additional properties"),
        (json!({"label": "x"}), "data must have required property 'key'"),
    ] {
        let error = refusal(&sessions, Method::SessionsPatch, params);
        assert!(error.starts_with("INVALID_REQUEST: ") && error.contains(text), "{error}");
    }
    let text = fs::read_to_string(dir.path().join("sessions.json")).unwrap();
    assert_eq!(text, store.to_string());
    let same = json!({"key": "q", "label": "taken"});
    assert!(call(&sessions, Method::SessionsPatch, same).is_ok());
    let same = json!({"key": "subagent:s", "spawnedBy": "main"});
    assert!(call(&sessions, Method::SessionsPatch, same).is_ok());
}

#[test]
fn a_reset_begins_a_new_transcript_and_keeps_the_settings() {
    let (dir, sessions) = with_store(&json!({"main": {
        "sessionId": "old", "updatedAt": 1, "thinkingLevel": "high", "label": "L", "model": "m",
        "inputTokens": 5, "sessionFile": "own.jsonl", "systemSent": true,
    }}));
    fs::write(dir.path().join("own.jsonl"), "{}\n").unwrap();
    let result = call(&sessions, Method::SessionsReset, json!({"key": " main "})).unwrap();
    assert_eq!(result["key"], "main");
    let id = result["entry"]["sessionId"].as_str().unwrap();
    let expected = json!({"sessionId": id, "updatedAt": NOW, "thinkingLevel": "high", "label": "L",
        "model": "m", "systemSent": false, "abortedLastRun": false});
    assert_eq!(result["entry"], expected);
    assert_eq!(id.len(), 36);
    assert!(dir.path().join("own.jsonl").exists());
    assert!(call(&sessions, Method::SessionsReset, json!({"key": "new"})).is_ok());
    assert!(refusal(&sessions, Method::SessionsReset, json!({"key": ""})).ends_with("key required"));
}

#[test]
fn the_main_session_cannot_be_deleted_under_any_spelling() {
    let (_dir, sessions) = with_store(&json!({"main": {"sessionId": "1", "updatedAt": 1}}));
    for key in ["main", " main\n", "agent:main:main", "agent::main", "agent: main :main"] {
        let runs = FakeRuns::default();
        let error =
            call_with(&sessions, &runs, Method::SessionsDelete, &json!({"key": key})).unwrap_err();
        let text = format!("Cannot delete the main session ({}).", key.trim());
        assert_eq!(error, WireError::invalid(text));
        assert!(runs.aborted.borrow().is_empty());
    }
    assert!(sessions.find("main").unwrap().is_some());
}

#[test]
fn a_deleted_session_leaves_its_transcripts_aside() {
    let store = json!({
        "x": {"sessionId": "sx", "updatedAt": 1, "sessionFile": "own.jsonl"},
        "y": {"sessionId": "sy", "updatedAt": 1},
    });
    let (dir, sessions) = with_store(&store);
    for name in ["own.jsonl", "sx.jsonl", "sy.jsonl"] {
        fs::write(dir.path().join(name), name).unwrap();
    }
    let aside = |name: &str| dir.path().join(format!("{name}.deleted.{ISO}"));
    let runs = FakeRuns::default();
    let delete = |params: Value| call_with(&sessions, &runs, Method::SessionsDelete, &params);
    let expected = json!({"ok": true, "key": "x", "deleted": true,
        "archived": [aside("own.jsonl"), aside("sx.jsonl")]});
    assert_eq!(delete(json!({"key": "x"})).unwrap(), expected);
    assert_eq!(*runs.aborted.borrow(), ["agent:main:x"]);
    assert_eq!(fs::read_to_string(aside("sx.jsonl")).unwrap(), "sx.jsonl");
    assert_eq!(sessions.find("x").unwrap(), None);
    let again = json!({"ok": true, "key": "x", "deleted": false, "archived": []});
    assert_eq!(delete(json!({"key": "x"})).unwrap(), again);

    let kept = delete(json!({"key": "agent:main:y", "deleteTranscript": false})).unwrap();
    assert_eq!((&kept["deleted"], &kept["archived"]), (&json!(true), &json!([])));
    assert!(dir.path().join("sy.jsonl").exists());
}

#[test]
fn a_session_with_a_run_that_does_not_end_is_not_deleted() {
    let (_dir, sessions) = with_store(&json!({"x": {"sessionId": "sx", "updatedAt": 1}}));
    let stubborn = FakeRuns { stubborn: true, ..FakeRuns::default() };
    let again = FakeRuns { begins_again: true.into(), ..FakeRuns::default() };
    for runs in [stubborn, again] {
        let result = call_with(&sessions, &runs, Method::SessionsDelete, &json!({"key": "x"}));
        let text = "Session x is still active; try again in a moment.";
        assert_eq!(result, Err(WireError::unavailable(text)));
        assert!(sessions.find("x").unwrap().is_some());
    }
}

#[test]
fn a_compacted_transcript_keeps_its_header_and_its_last_lines() {
    let (dir, sessions) = with_store(&json!({"x": {
        "sessionId": "sx", "updatedAt": 1, "inputTokens": 1, "outputTokens": 2, "totalTokens": 3,
        "label": "L",
    }}));
    let path = dir.path().join("sx.jsonl");
    let compact = |params| call(&sessions, Method::SessionsCompact, params).unwrap();
    let missing = compact(json!({"key": "x"}));
    assert_eq!(
        missing,
        json!({"ok": true, "key": "x", "compacted": false, "reason": "no transcript"})
    );
    let nobody = compact(json!({"key": "nobody"}));
    assert_eq!(nobody["reason"], "no sessionId");

    let whole = "{\"type\":\"session\",\"id\":\"sx\"}\n\n{\"n\":1}\n{\"n\":2}\n\n{\"n\":3}\n{\"n\"";
    fs::write(&path, whole).unwrap();
    let short = compact(json!({"key": "x", "maxLines": 4}));
    assert_eq!(short, json!({"ok": true, "key": "x", "compacted": false, "kept": 4}));
    assert_eq!(compact(json!({"key": "x"}))["kept"], 4);

    let aside = dir.path().join(format!("sx.jsonl.bak.{ISO}"));
    assert_eq!(
        compact(json!({"key": "x", "maxLines": 2})),
        json!({"ok": true, "key": "x", "compacted": true, "archived": aside, "kept": 2})
    );
    assert_eq!(fs::read_to_string(&aside).unwrap(), whole);
    let kept = "{\"type\":\"session\",\"id\":\"sx\"}\n{\"n\":3}\n{\"n\"\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), kept);
    let expected = json!({"sessionId": "sx", "updatedAt": NOW, "label": "L"});
    assert_eq!(entry(&sessions, "x"), expected);
    assert_eq!(compact(json!({"key": "x", "maxLines": 2}))["compacted"], false);
    assert!(refusal(&sessions, Method::SessionsCompact, json!({"key": "x", "maxLines": 0}))
        .contains("data/maxLines must be >= 1"));
    let names = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(names, 3, "nothing else is left behind");
}

#[test]
fn a_transcript_that_cannot_be_compacted_stays_whole() {
    let (dir, sessions) = with_store(&json!({"x": {"sessionId": "sx", "updatedAt": 1}}));
    fs::write(dir.path().join("sx.jsonl"), "{\"n\":1}\n{\"n\":2}\n").unwrap();
    fs::create_dir(dir.path().join("sx.jsonl.tmp")).unwrap();
    let error = refusal(&sessions, Method::SessionsCompact, json!({"key": "x", "maxLines": 1}));
    assert!(error.starts_with("UNAVAILABLE: ") && !error.contains(".jsonl"), "{error}");
    let text = fs::read_to_string(dir.path().join("sx.jsonl")).unwrap();
    assert_eq!(text, "{\"n\":1}\n{\"n\":2}\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}
