//! The conversations themselves, `sessions.*`, and what becomes of their files when something is
//! wrong with them.

use crate::support::apps::{said, send, sessions, App};
use crate::support::{Daemon, Setup};
use serde_json::{json, Value};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const STORE: &str = "agents/main/sessions/sessions.json";

/// Says something in each of these conversations, and waits for the answers.
fn talk(app: &mut App, keys: &[&str]) {
    for key in keys {
        app.subscribe(key);
        app.send(key, "hi", &format!("talk {key}"));
        assert_eq!(app.end_of(&format!("talk {key}")).state, "final");
    }
}

fn keys(app: &mut App, params: &Value) -> Vec<String> {
    let rows = sessions(&app.ok("sessions.list", params));
    rows.iter().map(|row| row["key"].as_str().unwrap().to_owned()).collect()
}

fn transcript(daemon: &Daemon, app: &mut App, key: &str) -> PathBuf {
    let id = app.history(key).session_id.unwrap();
    daemon.setup().state("agents/main/sessions").join(id + ".jsonl")
}

#[test]
fn the_list_is_what_the_apps_can_read() {
    let now = 4_000_000_000_000_i64;
    let store = json!({
        "agent:main:old": { "sessionId": "old", "updatedAt": 1000, "inputTokens": 1.5, "model": 7 },
        "agent:main:kept": {
            "sessionId": "kept", "updatedAt": now, "inputTokens": 3, "outputTokens": 4.0,
            "label": "Kitchen", "systemSent": "yes", "custom": { "a": [1] },
        },
        "agent:main:telegram:group:7": { "sessionId": "group", "updatedAt": now - 1, "subject": "G" },
        "global": { "sessionId": "global", "updatedAt": now - 2 },
        "unknown": { "sessionId": "unknown", "updatedAt": now - 3 },
        "agent:work:main": { "sessionId": "work", "updatedAt": now - 4 },
    });
    let daemon = Setup::new().file(STORE, &store.to_string()).start();
    let mut app = App::paired(&daemon, "alice");
    let rows = sessions(&app.ok(
        "sessions.list",
        &json!({ "includeGlobal": true, "includeUnknown": false, "limit": 50 }),
    ));
    let found: Vec<_> = rows.iter().map(|row| row["key"].as_str().unwrap()).collect();
    let expected = [
        "agent:main:kept",
        "agent:main:telegram:group:7",
        "global",
        "agent:work:main",
        "agent:main:old",
    ];
    assert_eq!(found, expected);
    assert_eq!((&rows[0]["totalTokens"], &rows[0]["displayName"]), (&json!(7), &json!("Kitchen")));
    let kinds: Vec<_> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["direct", "group", "global", "direct", "direct"]);
    for (params, expected) in [
        (json!({ "limit": 1 }), vec!["agent:main:kept"]),
        (json!({ "label": "Kitchen" }), vec!["agent:main:kept"]),
        (json!({ "agentId": "work" }), vec!["agent:work:main"]),
        (json!({ "spawnedBy": "nobody" }), vec![]),
        (
            json!({ "activeMinutes": 5, "limit": 2, "agentId": "main" }),
            vec!["agent:main:kept", "agent:main:telegram:group:7"],
        ),
    ] {
        assert_eq!(keys(&mut app, &params), expected, "{params}");
    }
    for (words, has_old) in
        [(&["sessions", "list"][..], true), (&["sessions", "list", "--active", "5"], false)]
    {
        let text = daemon.run(words.iter().copied()).ok();
        assert!(text.contains("agent:main:kept"), "{text}");
        assert_eq!(text.contains("agent:main:old"), has_old, "{text}");
    }
    // What nobody here knows is kept.
    app.ok("sessions.patch", &json!({ "key": "kept", "thinkingLevel": "high" }));
    let kept: Value =
        serde_json::from_slice(&fs::read(daemon.setup().state(STORE)).unwrap()).unwrap();
    assert_eq!(kept["agent:main:kept"]["custom"], json!({ "a": [1] }));
}

#[test]
fn parameters_are_read_strictly() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    for (method, params, mistake) in [
        ("sessions.list", json!({ "limit": 0 }), "data/limit must be >= 1"),
        ("sessions.list", json!({ "limit": null }), "data/limit must be integer"),
        ("sessions.list", json!({ "activeMinutes": 1.5 }), "data/activeMinutes must be integer"),
        ("sessions.list", json!({ "includeGlobal": 1 }), "data/includeGlobal must be boolean"),
        ("sessions.list", json!({ "x": 1 }), "data must NOT have additional properties"),
        ("sessions.list", json!([]), "data must be object"),
        (
            "sessions.list",
            json!({ "agentId": "" }),
            "data/agentId must NOT have fewer than 1 characters",
        ),
        (
            "sessions.list",
            json!({ "label": "x".repeat(65) }),
            "data/label must NOT have more than 64 characters",
        ),
        ("sessions.resolve", json!({ "key": 5 }), "data/key must be string"),
        ("sessions.patch", json!({}), "data must have required property 'key'"),
        (
            "sessions.patch",
            json!({ "key": "a", "responseUsage": "maybe" }),
            "data/responseUsage must be equal to one of the allowed values",
        ),
        (
            "sessions.patch",
            json!({ "key": "a", "thinkingLevel": 3 }),
            "data/thinkingLevel must be string; data/thinkingLevel must be null",
        ),
        (
            "sessions.reset",
            json!({ "key": "a", "x": 1 }),
            "data must NOT have additional properties",
        ),
        (
            "sessions.delete",
            json!({ "key": "a", "deleteTranscript": null }),
            "data/deleteTranscript must be boolean",
        ),
        ("sessions.compact", json!({ "key": "a", "maxLines": 0 }), "data/maxLines must be >= 1"),
    ] {
        let expected = format!("invalid {method} params: {mistake}");
        assert_eq!(app.invalid(method, &params), expected, "{params}");
    }
    for method in ["sessions.patch", "sessions.reset", "sessions.delete", "sessions.compact"] {
        assert_eq!(app.invalid(method, &json!({ "key": "  " })), "key required", "{method}");
    }
    assert_eq!(keys(&mut app, &json!({})), [""; 0]);
}

#[test]
fn a_session_is_found_by_its_key_or_its_label() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    talk(&mut app, &["main", "side"]);
    app.ok("sessions.patch", &json!({ "key": "side", "label": "Kitchen" }));
    for (params, key) in [
        (json!({ "key": "main" }), "agent:main:main"),
        (json!({ "key": " agent:main:side " }), "agent:main:side"),
        (json!({ "label": "Kitchen" }), "agent:main:side"),
    ] {
        assert_eq!(app.ok("sessions.resolve", &params), json!({ "ok": true, "key": key }));
    }
    for (params, message) in [
        (json!({}), "Either key or label is required"),
        (json!({ "key": "a", "label": "b" }), "Provide either key or label (not both)"),
        (json!({ "key": "none" }), "No session found: none"),
        (json!({ "label": "none" }), "No session found with label: none"),
    ] {
        assert_eq!(app.invalid("sessions.resolve", &params), message);
    }
    let taken = json!({ "key": "main", "label": "Kitchen" });
    assert_eq!(app.invalid("sessions.patch", &taken), "label already in use: Kitchen");
}

#[test]
fn a_session_is_changed_and_begun_anew() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    let made = app.ok("sessions.patch", &json!({ "key": "new", "verboseLevel": "TRUE" }));
    assert_eq!((&made["ok"], &made["key"]), (&json!(true), &json!("agent:main:new")));
    assert_eq!(made["entry"]["verboseLevel"], "on");
    for (change, name, value) in [
        (json!({ "thinkingLevel": "ultra" }), "thinkingLevel", json!("high")),
        (json!({ "thinkingLevel": "off" }), "thinkingLevel", json!(null)),
        (json!({ "responseUsage": "on" }), "responseUsage", json!("tokens")),
        (json!({ "elevatedLevel": "on" }), "elevatedLevel", json!("on")),
        (json!({ "execAsk": "on-miss" }), "execAsk", json!("on-miss")),
        (
            json!({ "model": "openai/gpt-5.2", "thinkingLevel": "xhigh" }),
            "thinkingLevel",
            json!("xhigh"),
        ),
        (json!({ "verboseLevel": null }), "verboseLevel", json!(null)),
        (json!({ "label": "Kitchen" }), "label", json!("Kitchen")),
    ] {
        let mut params = change.clone();
        params["key"] = "new".into();
        assert_eq!(app.ok("sessions.patch", &params)["entry"][name], value, "{change}");
    }
    for (change, message) in [
        (
            json!({ "thinkingLevel": "a lot" }),
            "invalid thinkingLevel (use off|minimal|low|medium|high|xhigh)",
        ),
        (json!({ "spawnedBy": "main" }), "spawnedBy is only supported for subagent:* sessions"),
        (json!({ "model": " " }), "invalid model: empty"),
        (json!({ "execHost": "moon" }), "invalid execHost (use \"sandbox\"|\"gateway\"|\"node\")"),
    ] {
        let mut params = change.clone();
        params["key"] = "new".into();
        assert_eq!(app.invalid("sessions.patch", &params), message);
    }
    assert_eq!(app.history("new").thinking, "xhigh");
    app.subscribe("new");
    app.send("new", "hi", "run");
    app.end_of("run");
    let before = app.history("new").session_id;
    let reset = app.ok("sessions.reset", &json!({ "key": " new " }));
    assert_eq!((&reset["key"], &reset["entry"]["label"]), (&json!("new"), &json!("Kitchen")));
    let after = app.history("new");
    assert!(after.messages.is_empty() && after.session_id != before);
    app.ok("sessions.patch", &json!({ "key": "new", "sendPolicy": "deny" }));
    app.invalid("chat.send", &send("new", "hi", "denied"));
    assert!(app.messages("new").is_empty());
}

#[test]
fn a_session_is_deleted_and_its_transcript_put_aside() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    talk(&mut app, &["main", "side"]);
    for key in ["main", "agent:main:main"] {
        let message = app.invalid("sessions.delete", &json!({ "key": key }));
        assert_eq!(message, format!("Cannot delete the main session ({key})."));
    }
    let file = transcript(&daemon, &mut app, "side");
    let answer = app.ok("sessions.delete", &json!({ "key": "side" }));
    assert_eq!((&answer["deleted"], &answer["key"]), (&json!(true), &json!("side")));
    let archived = PathBuf::from(answer["archived"][0].as_str().unwrap());
    assert!(archived.exists() && !file.exists(), "{answer}");
    assert!(archived.to_str().unwrap().contains(".jsonl.deleted.2"), "{answer}");
    assert!(app.history("side").session_id.is_none());
    let again = app.ok("sessions.delete", &json!({ "key": "side" }));
    assert_eq!(again, json!({ "ok": true, "key": "side", "deleted": false, "archived": [] }));
}

#[test]
fn a_transcript_is_shortened() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    let compact = |app: &mut App, lines: u64| {
        app.ok("sessions.compact", &json!({ "key": "side", "maxLines": lines }))
    };
    assert_eq!(compact(&mut app, 1)["reason"], "no sessionId");
    app.ok("sessions.patch", &json!({ "key": "side", "thinkingLevel": "low" }));
    assert_eq!(compact(&mut app, 1)["reason"], "no transcript");
    talk(&mut app, &["side"]);
    let answer = compact(&mut app, 400);
    assert_eq!((&answer["compacted"], answer.get("reason")), (&json!(false), None));
    let last = app.messages("side").pop().unwrap();
    let answer = compact(&mut app, 1);
    assert_eq!((&answer["compacted"], &answer["kept"]), (&json!(true), &json!(1)));
    assert!(PathBuf::from(answer["archived"].as_str().unwrap()).exists(), "{answer}");
    assert_eq!(app.messages("side"), [last]);
}

#[test]
fn an_operator_tends_the_conversations() {
    let daemon = Daemon::start();
    assert_eq!(daemon.run(["sessions"]).ok(), "There are no conversations yet.\n");
    let mut app = App::paired(&daemon, "alice");
    talk(&mut app, &["main", "side"]);
    daemon.run(["sessions", "patch", "side", "label=Kitchen", "thinkingLevel=high"]).ok();
    let list = daemon.run(["sessions", "list"]).ok();
    assert!(list.contains("agent:main:side") && list.contains("Kitchen"), "{list}");
    assert_eq!(app.history("side").thinking, "high");
    daemon.run(["sessions", "patch", "side", "label="]).ok();
    let rows = sessions(&daemon.run(["sessions", "list", "--json"]).json());
    assert!(rows.iter().all(|row| row.get("label").is_none()), "{rows:?}");
    daemon.run(["sessions", "patch", "side", "thinkingLevel=bad"]).error(1);
    daemon.run(["sessions", "patch", "side", "thinkingLevel"]).error(2);
    assert_eq!(
        daemon.run(["sessions", "compact", "side", "--lines", "1"]).ok(),
        "kept the last 1 lines\n"
    );
    daemon.run(["sessions", "reset", "side"]).ok();
    assert!(app.messages("side").is_empty());
    daemon.run(["sessions", "delete", "main"]).error(1);
    assert_eq!(daemon.run(["sessions", "delete", "side"]).ok(), "deleted side\n");
}

#[test]
fn a_damaged_store_is_refused_and_never_written() {
    let daemon = Setup::new().file(STORE, "{\"agent:main:main\": {\"sess").start();
    let mut app = App::paired(&daemon, "alice");
    let before = fs::read(daemon.setup().state(STORE)).unwrap();
    assert_eq!(app.refused("chat.history", &json!({ "sessionKey": "main" })), "UNAVAILABLE");
    assert_eq!(app.refused("chat.send", &send("main", "hi", "r")), "UNAVAILABLE");
    assert_eq!(
        app.refused("chat.inject", &json!({ "sessionKey": "main", "message": "x" })),
        "UNAVAILABLE"
    );
    assert_eq!(app.refused("sessions.list", &json!({})), "UNAVAILABLE");
    assert_eq!(app.refused("sessions.resolve", &json!({ "key": "main" })), "UNAVAILABLE");
    for method in ["patch", "reset", "delete", "compact"] {
        let refusal =
            app.call(&format!("sessions.{method}"), &json!({ "key": "side" })).unwrap_err();
        assert_eq!(refusal.code, "UNAVAILABLE", "{method}");
        assert!(!refusal.message.contains('/'), "no path for a node: {refusal:?}");
    }
    app.tell("voice.transcript", &json!({ "text": "hello" }));
    app.catch_up();
    assert_eq!(app.ok("health", &json!({}))["ok"], true);
    assert_eq!(fs::read(daemon.setup().state(STORE)).unwrap(), before);
    // Repaired, it is read again.
    fs::write(daemon.setup().state(STORE), "{}").unwrap();
    talk(&mut app, &["main"]);
}

#[test]
fn a_transcript_with_bad_lines_is_read_and_goes_on() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    talk(&mut app, &["main"]);
    let mut expected = app.messages("main");
    let file = transcript(&daemon, &mut app, "main");
    let mut text = fs::read_to_string(&file).unwrap();
    text += "garbage\n{\"message\":\n\u{0}\u{0}\n{\"type\":\"message\",\"message\":{\"role\":\"us";
    fs::write(&file, text).unwrap();
    assert_eq!(app.messages("main"), expected);
    app.send("main", "again", "again");
    expected.push(("user".into(), "again".into()));
    expected.push(("assistant".into(), app.end_of("again").text.unwrap()));
    assert_eq!(app.messages("main"), expected);
}

#[test]
fn a_store_that_cannot_be_written_refuses_and_leaves_nothing_half_done() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    talk(&mut app, &["main"]);
    let before = fs::read(daemon.setup().state(STORE)).unwrap();
    let heard = app.messages("main");
    let in_the_way = daemon.setup().state("agents/main/sessions/sessions.json.tmp");
    fs::create_dir(&in_the_way).unwrap();
    fs::write(in_the_way.join("x"), "").unwrap();
    assert_eq!(app.refused("chat.send", &send("main", "lost", "r")), "UNAVAILABLE");
    assert_eq!(app.refused("chat.send", &send("other", "lost", "s")), "UNAVAILABLE");
    assert_eq!(
        app.refused("sessions.patch", &json!({ "key": "main", "label": "x" })),
        "UNAVAILABLE"
    );
    assert_eq!(fs::read(daemon.setup().state(STORE)).unwrap(), before);
    assert_eq!(app.messages("main"), heard);
    assert!(app.history("other").session_id.is_none());
    fs::remove_dir_all(&in_the_way).unwrap();
    app.send("main", "found", "r");
    assert_eq!(app.end_of("r").state, "final");
    assert_eq!(app.messages("main")[2..3], said(&[("user", "found")]));
}

/// The median time of `chat.history` with a limit.
fn history_time(app: &mut App, key: &str) -> Duration {
    let mut times: Vec<_> = (0..20)
        .map(|_| {
            let began = Instant::now();
            app.ok("chat.history", &json!({ "sessionKey": key, "limit": 20 }));
            began.elapsed()
        })
        .collect();
    times.sort();
    times[10]
}

#[test]
fn a_long_past_does_not_make_the_history_slow() {
    let line = |i: usize| {
        let text = format!("message {i} {}", "x".repeat(200));
        let message = json!({ "role": "user", "content": [{ "type": "text", "text": text }], "timestamp": i });
        json!({ "type": "message", "id": format!("{i:08x}"), "message": message }).to_string()
            + "\n"
    };
    let long: String = (0..10_000).map(line).collect();
    let store = json!({ "agent:main:long": { "sessionId": "long", "updatedAt": 1 } });
    let daemon = Setup::new()
        .file(STORE, &store.to_string())
        .file("agents/main/sessions/long.jsonl", &long)
        .start();
    let mut app = App::paired(&daemon, "alice");
    let (empty, long) = (history_time(&mut app, "empty"), history_time(&mut app, "long"));
    assert!(long < empty * 20 + Duration::from_millis(50), "{long:?}, empty {empty:?}");
    let all = app.ok("chat.history", &json!({ "sessionKey": "long", "limit": 1000 }));
    assert_eq!(all["messages"].as_array().unwrap().len(), 1000);
}
