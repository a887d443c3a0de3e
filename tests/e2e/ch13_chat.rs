//! Conversations as the apps have them: `chat.send`, `chat.history`, `chat.abort`, `chat.inject`.

use crate::support::apps::{chat_send, gate, open_gate, said, script, send, App, Chat};
use crate::support::{eventually, Control, Daemon};
use rustix::process::{test_kill_process, Pid};
use serde_json::{json, Value};
use std::fs;

/// Waits at the FIFO `gate`; says what it reads there. Its process id is in `pid`.
const WAITS: &str = "mkfifo gate; echo $$ > pid; read answer < gate; echo $answer";

const PNG: &str = "iVBORw0KGgpyZXN0";

#[test]
fn an_answer_is_in_the_history_when_its_end_is_told() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    let mut expected = Vec::new();
    for round in 0..20 {
        let (run, message) = (format!("run-{round}"), format!("message {round}"));
        app.send("main", &message, &run);
        let end = app.end_of(&run);
        assert_eq!((&*end.state, &*end.session_key), ("final", "main"));
        expected.push(("user".to_owned(), message));
        expected.push(("assistant".to_owned(), end.text.unwrap()));
        assert_eq!(app.messages("main"), expected);
    }
    let history = app.history("agent:main:main");
    assert_eq!((history.messages, &*history.thinking), (expected, "low"));
    let part = app.ok("chat.history", &json!({ "sessionKey": "main", "limit": 3 }));
    assert_eq!(part["messages"].as_array().unwrap().len(), 3);
}

#[test]
fn messages_of_one_packet_are_kept_in_the_order_of_the_node() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    let mut packet = String::new();
    for number in 0..32 {
        let params = json!({ "sessionKey": "main", "message": format!("message {number}"),
                             "idempotencyKey": format!("run-{number}") });
        let request = json!({ "type": "req", "id": format!("{number}"), "method": "chat.send",
                              "paramsJSON": params.to_string() });
        packet += &format!("{request}\n");
    }
    app.phone.send_raw(packet.as_bytes());
    let mut answered = 0;
    while answered < 32 {
        answered += usize::from(app.phone.receive()["type"] == "res");
    }
    let said = app.messages("main").into_iter().filter(|(role, _)| role == "user");
    let said: Vec<String> = said.map(|(_, text)| text).collect();
    let expected: Vec<String> = (0..32).map(|number| format!("message {number}")).collect();
    assert_eq!(said, expected);
}

#[test]
fn what_was_told_survives_a_kill() {
    let mut daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    let token = app.phone.token.clone();
    let mut expected = Vec::new();
    for round in 0..4 {
        app.subscribe("main");
        let (run, message) = (format!("run-{round}"), format!("message {round}"));
        app.send("main", &message, &run);
        expected.push(("user".to_owned(), message));
        if round % 2 == 0 {
            let end = app.end_of(&run);
            expected.push(("assistant".to_owned(), end.text.unwrap()));
        }
        daemon = daemon.kill_and_restart();
        app = App::again(&daemon, "alice", &token);
        let found = app.messages("main");
        assert_eq!(found[..expected.len()], expected);
        // An answer that nobody was told of yet may be there.
        assert!(found.len() <= expected.len() + 1, "{found:?}");
        expected = found;
    }
}

#[test]
fn a_conversation_that_nobody_has_begun_is_empty() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    let history = app.history("nobody");
    assert!(history.session_id.is_none() && history.messages.is_empty());
    let answer = app.ok("chat.abort", &json!({ "sessionKey": "nobody" }));
    assert_eq!(answer, json!({ "ok": true, "aborted": false, "runIds": [] }));
    let answer = app.ok("chat.abort", &json!({ "sessionKey": "nobody", "runId": "none" }));
    assert_eq!(answer, json!({ "ok": true, "aborted": false, "runIds": [] }));
    let inject = json!({ "sessionKey": "nobody", "message": "x" });
    assert_eq!(app.invalid("chat.inject", &inject), "session not found");
    assert!(!daemon.setup().state("agents/main/sessions/sessions.json").exists());
}

#[test]
fn parameters_are_read_strictly() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    let send = |changes: Value| {
        let mut params = send("main", "hi", "r");
        for (key, value) in changes.as_object().unwrap() {
            params[key] = value.clone();
        }
        ("chat.send", params)
    };
    let history = |limit: Value| ("chat.history", json!({ "sessionKey": "main", "limit": limit }));
    for ((method, params), mistake) in [
        (("chat.history", json!({})), "data must have required property 'sessionKey'"),
        (("chat.history", json!([])), "data must be object"),
        (
            ("chat.history", json!({ "sessionKey": "" })),
            "data/sessionKey must NOT have fewer than 1 characters",
        ),
        (("chat.history", json!({ "sessionKey": 5 })), "data/sessionKey must be string"),
        (history(json!(0)), "data/limit must be >= 1"),
        (history(json!(1001)), "data/limit must be <= 1000"),
        (history(json!(1.5)), "data/limit must be integer"),
        (history(json!(null)), "data/limit must be integer"),
        (send(json!({ "message": "" })), "data/message must NOT have fewer than 1 characters"),
        (send(json!({ "thinking": null })), "data/thinking must be string"),
        (send(json!({ "deliver": "yes" })), "data/deliver must be boolean"),
        (send(json!({ "attachments": {} })), "data/attachments must be array"),
        (send(json!({ "timeoutMs": -1 })), "data/timeoutMs must be >= 0"),
        (
            send(json!({ "idempotencyKey": "" })),
            "data/idempotencyKey must NOT have fewer than 1 characters",
        ),
        (send(json!({ "model": "x" })), "data must NOT have additional properties"),
        (
            ("chat.abort", json!({ "sessionKey": "main", "runId": null })),
            "data/runId must be string",
        ),
        (("chat.abort", json!({})), "data must have required property 'sessionKey'"),
        (
            ("chat.inject", json!({ "sessionKey": "main" })),
            "data must have required property 'message'",
        ),
        (
            (
                "chat.inject",
                json!({ "sessionKey": "main", "message": "x", "label": "x".repeat(101) }),
            ),
            "data/label must NOT have more than 100 characters",
        ),
    ] {
        let expected = format!("invalid {method} params: {mistake}");
        assert_eq!(app.invalid(method, &params), expected, "{params}");
    }
    assert!(app.messages("main").is_empty());
}

#[test]
fn a_stop_word_ends_what_runs_and_is_told_as_a_run_itself() {
    let daemon = script(WAITS, &json!({})).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    for (round, word) in
        ["/stop", " Stop ", "ESC", "abort", "wait", "exit", "interrupt"].iter().enumerate()
    {
        let run = format!("idle-{round}");
        let result = app.ok("chat.send", &send("main", word, &run));
        assert_eq!(chat_send(&result), (run.clone(), "aborted".to_owned()));
        assert_eq!((&result["aborted"], &result["runIds"]), (&json!(false), &json!([])));
        let end = app.end_of(&run);
        assert_eq!((&*end.state, end.why.as_deref()), ("aborted", Some("stop")));
    }
    app.send("main", "work", "work");
    let _open = gate(&daemon.setup().path("gate"));
    let result = app.ok("chat.send", &send("main", "stop", "word"));
    assert_eq!((&result["aborted"], &result["runIds"]), (&json!(true), &json!(["work"])));
    let both = [app.chat(), app.chat()];
    assert!(both.iter().all(|chat| chat.why.as_deref() == Some("stop")), "{both:?}");
    assert_eq!([&*both[0].run, &*both[1].run], ["work", "word"]);
    assert_eq!(app.messages("main"), said(&[("user", "work")]));
}

#[test]
fn a_message_that_comes_twice_is_answered_once() {
    let daemon = script(WAITS, &json!({})).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    let again = |app: &mut App| chat_send(&app.ok("chat.send", &send("main", "once", "same"))).1;
    assert_eq!(again(&mut app), "started");
    assert_eq!(again(&mut app), "in_flight");
    open_gate(&daemon.setup().path("gate"), "yes");
    assert_eq!(app.end_of("same").text.as_deref(), Some("yes"));
    assert_eq!(again(&mut app), "ok");
    assert_eq!(app.messages("main"), said(&[("user", "once"), ("assistant", "yes")]));
    fs::remove_file(daemon.setup().path("gate")).unwrap();
    app.send("main", "once", "other");
    open_gate(&daemon.setup().path("gate"), "no");
    assert_eq!(app.end_of("other").text.as_deref(), Some("no"));
}

#[test]
fn a_failure_that_is_asked_for_again_is_told_again() {
    let daemon = script("exit 3", &json!({})).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    for round in 0..10 {
        let run = format!("run-{round}");
        app.send("main", "hi", &run);
        let end = app.end_of(&run);
        assert_eq!(end.state, "error");
        let refusal = app.call("chat.send", &send("main", "hi", &run)).unwrap_err();
        assert_eq!((&*refusal.code, Some(refusal.message)), ("UNAVAILABLE", end.why));
    }
}

#[test]
fn attachments_are_checked_before_anything_begins() {
    let look = r#"sed 's/.*"attachments":\[\([^]]*\)\].*/\1/' | tr ',' '\n' | grep -c mimeType; ls "$OPENCLAW_BRIDGE_ATTACHMENTS" | wc -l"#;
    let daemon = script(look, &json!({ "input": "json" })).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    let with = |app: &mut App, attachments: Value, run: &str| {
        let mut params = send("main", "look", run);
        params["attachments"] = attachments;
        app.call("chat.send", &params)
    };
    let large = "A".repeat(6_666_672);
    for (attachment, message) in [
        (
            json!({ "fileName": "a.png", "content": "a b" }),
            "Error: attachment a.png: invalid base64 content",
        ),
        (
            json!({ "type": "file", "content": "abc" }),
            "Error: attachment file: invalid base64 content",
        ),
        (json!({ "content": "" }), "Error: attachment attachment-1: invalid base64 content"),
        (
            json!({ "fileName": "b", "content": large }),
            "Error: attachment b: exceeds size limit (5000004 > 5000000 bytes)",
        ),
    ] {
        let refusal = with(&mut app, json!([attachment]), "bad").unwrap_err();
        assert_eq!((&*refusal.code, &*refusal.message), ("INVALID_REQUEST", message));
    }
    assert!(app.messages("main").is_empty());
    let good = json!([
        { "type": "file", "mimeType": "image/gif", "fileName": "a.gif", "content": PNG },
        { "type": "image", "content": format!("data:image/jpeg;base64,{PNG}") },
        { "type": "file", "fileName": "notes.txt", "content": "aGVsbG8=" },
        { "fileName": "nothing" },
        "nonsense",
    ]);
    with(&mut app, good, "good").unwrap();
    let end = app.end_of("good");
    assert_eq!(end.text.unwrap().split_whitespace().collect::<Vec<_>>(), ["2", "2"]);
    let kept = app.ok("chat.history", &json!({ "sessionKey": "main" }));
    assert_eq!(kept["messages"][0]["content"][1]["mimeType"], "image/png");
}

#[test]
fn a_message_with_many_attachments_does_not_fill_the_log_or_the_disk() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    let with = |attachments: Vec<Value>, run: &str| {
        let mut params = send("main", "look", run);
        params["attachments"] = attachments.into();
        params
    };
    let junk = json!({ "fileName": "notes.txt", "content": "QQ==" });
    let refusal = app.invalid("chat.send", &with(vec![junk.clone(); 100_000], "many"));
    assert!(refusal.contains("a message has at most 32 attachments"), "{refusal}");
    for run in 0..20 {
        app.ok("chat.send", &with(vec![junk.clone(); 32], &format!("run-{run}")));
    }
    let log = daemon.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("is not an image")).collect();
    assert!((1..=10).contains(&lines.len()), "{} lines", lines.len());
    assert!(lines[0].contains("node=\"alice\" count=32"), "{}", lines[0]);
}

/// Waits until a process is no more.
fn wait_until_gone(daemon: &Daemon) {
    let pid = fs::read_to_string(daemon.setup().path("pid")).unwrap();
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    eventually("the program is gone", || test_kill_process(pid).err());
}

#[test]
fn an_aborted_run_ends_once_and_its_program_is_gone() {
    let daemon = script(WAITS, &json!({})).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    for (round, with_id) in [true, false].into_iter().enumerate() {
        let run = format!("run-{round}");
        app.send("main", "work", &run);
        let _open = gate(&daemon.setup().path("gate"));
        let foreign = json!({ "sessionKey": "other", "runId": run });
        assert_eq!(app.invalid("chat.abort", &foreign), "runId does not match sessionKey");
        let nothing = app.ok("chat.abort", &json!({ "sessionKey": "other" }));
        assert_eq!(nothing["aborted"], false);
        let mut params = json!({ "sessionKey": "agent:main:main" });
        if with_id {
            params["runId"] = run.clone().into();
        }
        let answer = app.ok("chat.abort", &params);
        assert_eq!(answer, json!({ "ok": true, "aborted": true, "runIds": [run] }));
        let end = app.end_of(&run);
        assert_eq!((&*end.state, end.why.as_deref()), ("aborted", Some("rpc")));
        wait_until_gone(&daemon);
        assert_eq!(app.chats_so_far(), []);
        fs::remove_file(daemon.setup().path("gate")).unwrap();
    }
    // The next one is not held up by those before it.
    app.send("main", "work", "last");
    open_gate(&daemon.setup().path("gate"), "done");
    assert_eq!(app.end_of("last").text.as_deref(), Some("done"));
}

#[test]
fn what_is_injected_is_in_the_history_and_told() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    app.send("main", "hi", "run");
    app.end_of("run");
    let inject = json!({ "sessionKey": "main", "message": "ring", "label": "door" });
    let answer = app.ok("chat.inject", &inject);
    let id = answer["messageId"].as_str().unwrap().to_owned();
    assert!(id.len() == 8 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    let expected = Chat {
        run: format!("inject-{id}"),
        session_key: "main".into(),
        seq: 0,
        state: "final".into(),
        text: Some("[door]\n\nring".into()),
        why: None,
    };
    assert_eq!(app.chat(), expected);
    let last = app.messages("main").pop().unwrap();
    assert_eq!(last, ("assistant".to_owned(), "[door]\n\nring".to_owned()));

    let transcript = app.history("main").session_id.unwrap() + ".jsonl";
    fs::remove_file(daemon.setup().state("agents/main/sessions").join(transcript)).unwrap();
    assert_eq!(app.invalid("chat.inject", &inject), "transcript file not found");
}

#[test]
fn an_operator_talks_in_the_same_conversation() {
    let daemon = script("read m; echo \"you said $m\"; test \"$m\" != bad", &json!({})).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    assert_eq!(daemon.run(["chat", "send", "hello"]).ok().trim(), "you said hello");
    let end = eventually("the end", || Some(app.chat()).filter(|chat| chat.state == "final"));
    assert_eq!(end.text.as_deref(), Some("you said hello"));
    let lines = daemon.run(["chat", "send", "--json", "again"]).ok();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(crate::support::apps::chat(&last).state, "final");
    let failed = daemon.run(["chat", "send", "bad"]);
    assert!(failed.stdout.contains("you said bad"), "{failed:?}");
    assert!(failed.error(1).contains("agent failed"));
    let history = daemon.run(["chat", "history", "--limit", "2"]).ok();
    assert_eq!(history, "user: bad\nassistant: you said bad\n");
    let injected = daemon.run(["chat", "inject", "--label", "door", "ring"]).ok();
    assert!(injected.starts_with("message "), "{injected}");
    assert_eq!(daemon.run(["chat", "abort"]).ok(), "there was nothing to abort\n");
    let empty = daemon.run(["chat", "history", "--session", "other"]).ok();
    assert_eq!(empty, "There are no messages yet.\n");
}

#[test]
fn an_operator_hears_and_aborts_what_a_phone_has_begun() {
    let daemon = script(WAITS, &json!({})).start();
    let mut control: Control = daemon.control().subscribe(&["chat"]);
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    app.send("main", "work", "run");
    let _open = gate(&daemon.setup().path("gate"));
    assert_eq!(daemon.run(["chat", "abort"]).ok(), "aborted\n");
    let heard = crate::support::apps::chat(&control.event("chat"));
    assert_eq!((&*heard.session_key, &*heard.state), ("agent:main:main", "aborted"));
    assert_eq!(app.end_of("run").session_key, "main");
}

/// A person who attaches a file sees that it was not sent; the apps' entries are dropped.
#[test]
fn an_operator_is_told_that_only_images_can_be_attached() {
    let daemon = Daemon::start();
    let notes = daemon.setup().path("notes.txt");
    fs::write(&notes, "hello").unwrap();
    let notes = notes.to_str().unwrap();
    let why = daemon.run(["chat", "send", "--attach", notes, "look"]).error(1);
    assert!(why.contains("attachment notes.txt: only images can be attached"), "{why}");
    assert_eq!(daemon.run(["chat", "history", "--json"]).json()["messages"], json!([]));
}
