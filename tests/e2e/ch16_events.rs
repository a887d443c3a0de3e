//! What nodes say without asking, what they are told without asking, and who is told.

use crate::support::apps::{gate, said, script, App, Chat};
use crate::support::{eventually, Control, Daemon};
use serde_json::{json, Value};
use std::fs;

/// Tells what it is asked and what happened before: the message, then every system event.
const TELLS: &str = "cat > input.new; mv input.new input; echo heard";

fn input(daemon: &Daemon) -> Value {
    let text = fs::read_to_string(daemon.setup().path("input")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The end of the next run that is told.
fn next_end(app: &mut App) -> Chat {
    loop {
        let chat = app.chat();
        if chat.state != "delta" {
            return chat;
        }
    }
}

#[test]
fn a_subscription_ends_when_it_is_taken_back_and_not_before() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    let mut bob = App::paired(&daemon, "bob");
    bob.subscribe("main");
    let talk = |app: &mut App, bob: &mut App, run: &str| -> usize {
        bob.send("main", "hi", run);
        bob.end_of(run);
        app.chats_so_far().len()
    };
    assert_eq!(talk(&mut app, &mut bob, "before"), 0);
    app.subscribe(" main ");
    app.subscribe("main");
    assert!(talk(&mut app, &mut bob, "during") > 0);
    let token = app.phone.token.clone();
    drop(app);
    let mut app = App::again(&daemon, "alice", &token);
    assert!(talk(&mut app, &mut bob, "after a reconnect") > 0);
    app.tell("chat.unsubscribe", &json!({ "sessionKey": "main" }));
    app.catch_up();
    assert_eq!(talk(&mut app, &mut bob, "at the end"), 0);
}

#[test]
fn a_spoken_sentence_is_a_run() {
    let daemon = script(TELLS, &json!({ "input": "json" })).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    app.subscribe("side");
    for (payload, key, message) in [
        (json!({ "text": " what is on? " }), "main", "what is on?"),
        (json!({ "text": "hello", "sessionKey": "side" }), "side", "hello"),
        (json!({ "text": "again", "sessionKey": null }), "main", "again"),
    ] {
        app.tell("voice.transcript", &payload);
        let end = next_end(&mut app);
        assert_eq!((&*end.session_key, end.text.as_deref()), (key, Some("heard")));
        assert!(end.run.starts_with("voice-") && end.run.len() == "voice-".len() + 36, "{end:?}");
        let input = input(&daemon);
        assert_eq!((&input["message"], &input["thinking"]), (&json!(message), &json!("low")));
        assert_eq!(input["nodeId"], "alice");
        let last = app.messages(key);
        assert_eq!(last[last.len() - 2..], said(&[("user", message), ("assistant", "heard")]));
    }
    assert_eq!(app.chats_so_far(), [], "one end for each");
}

#[test]
fn a_request_of_a_node_is_a_run_in_a_session_of_its_own() {
    let daemon = script(TELLS, &json!({ "input": "json" })).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("node-alice");
    app.subscribe("main");
    let nulls = json!({
        "message": "do it", "sessionKey": null, "thinking": null, "deliver": null, "to": null,
        "channel": null, "timeoutSeconds": null, "key": null,
    });
    for (payload, key) in [
        (json!({ "message": " do it " }), "node-alice"),
        (nulls, "node-alice"),
        (
            json!({
                "message": "do it", "sessionKey": "main", "thinking": "high", "deliver": true,
                "channel": "telegram", "timeoutSeconds": 30.5, "key": "action", "unknown": {},
            }),
            "main",
        ),
    ] {
        app.tell("agent.request", &payload);
        let end = next_end(&mut app);
        assert_eq!((&*end.session_key, &*end.state), (key, "final"), "{payload}");
        assert_eq!(input(&daemon)["message"], "do it");
        assert_eq!(input(&daemon)["thinking"], payload["thinking"]);
    }
    assert_eq!(app.history("agent:main:node-alice").messages.len(), 4);
}

#[test]
fn what_makes_no_sense_is_ignored_without_a_word() {
    let daemon = Daemon::start();
    let mut operator = daemon.control().subscribe(&[]);
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    app.subscribe("node-alice");
    operator.events_so_far();
    let long = "x".repeat(20_001);
    for (event, payload) in [
        ("voice.transcript", json!({})),
        ("voice.transcript", json!({ "text": "  " })),
        ("voice.transcript", json!({ "text": 5 })),
        ("voice.transcript", json!({ "text": long })),
        ("voice.transcript", json!([{ "text": "x" }])),
        ("agent.request", json!({ "message": 5 })),
        ("agent.request", json!({ "message": "" })),
        ("agent.request", json!({ "message": long })),
        ("agent.request", json!("text")),
        ("exec.started", json!({ "sessionKey": "  ", "command": "ls" })),
        ("exec.started", json!([])),
        ("exec.started", json!(7)),
        ("exec.unknown", json!({ "command": "ls" })),
        ("chat.subscribe", json!({ "sessionKey": 5 })),
        ("chat.subscribe", json!({})),
        ("no.such.event", json!({})),
    ] {
        app.tell(event, &payload);
    }
    for event in ["voice.transcript", "agent.request", "exec.started", "chat.subscribe"] {
        app.phone.send(&json!({ "type": "event", "event": event }));
        app.phone.send(&json!({ "type": "event", "event": event, "payloadJSON": null }));
        app.phone.send(&json!({ "type": "event", "event": event, "payloadJSON": "" }));
        app.phone.send(&json!({ "type": "event", "event": event, "payloadJSON": "{no json" }));
    }
    // The last event counts, so those before it have been looked at.
    app.tell("voice.transcript", &json!({ "text": "x".repeat(20_000) }));
    let end = next_end(&mut app);
    assert_eq!((&*end.session_key, &*end.state), ("main", "final"));
    assert_eq!(app.messages("main").len(), 2);
    assert!(app.messages("node-alice").is_empty());
    let system = operator.events_so_far().into_iter().filter(|line| line["event"] == "system");
    assert_eq!(system.collect::<Vec<_>>(), [] as [Value; 0]);
}

#[test]
fn reports_of_programs_are_told_to_operators() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "n1");
    let mut follower = daemon.operator(["events", "--only", "system"]);
    let lines = follower.lines();
    // It follows once it prints the first one.
    let first = eventually("the operator follows", || {
        app.tell("exec.started", &json!({ "command": "first" }));
        app.catch_up();
        lines.try_recv().ok()
    });
    assert!(first.contains("Exec started (node=n1): first"), "{first}");
    for (event, payload, text) in [
        (
            "exec.started",
            json!({ "runId": "r", "command": " ls -l " }),
            "Exec started (node=n1 id=r): ls -l",
        ),
        (
            "exec.finished",
            json!({ "runId": "r", "exitCode": 0, "output": "a\nb\n" }),
            "Exec finished (node=n1 id=r, code 0)\na\nb",
        ),
        (
            "exec.finished",
            json!({ "exitCode": 2, "timedOut": false }),
            "Exec finished (node=n1, code 2)",
        ),
        (
            "exec.finished",
            json!({ "runId": "r", "timedOut": true, "exitCode": 9 }),
            "Exec finished (node=n1 id=r, timeout)",
        ),
        ("exec.finished", json!({ "success": false }), "Exec finished (node=n1, code ?)"),
        (
            "exec.finished",
            json!({ "exitCode": null, "output": " " }),
            "Exec finished (node=n1, code ?)",
        ),
        (
            "exec.denied",
            json!({ "runId": "r", "reason": "user-denied", "command": "rm" }),
            "Exec denied (node=n1 id=r, user-denied): rm",
        ),
    ] {
        app.tell(event, &payload);
        let told = eventually("the event is told", || {
            let line: Value = serde_json::from_str(&lines.try_recv().ok()?).unwrap();
            // Some of the first one may still be under way.
            (line["payload"]["text"] != "Exec started (node=n1): first").then_some(line)
        });
        assert_eq!((&told["event"], &told["payload"]["text"]), (&json!("system"), &json!(text)));
        assert_eq!(told["payload"]["sessionKey"], "agent:main:node-n1");
        let context = payload["runId"]
            .as_str()
            .map_or_else(|| "exec".to_owned(), |run| format!("exec:{run}"));
        assert_eq!(told["payload"]["contextKey"], context);
    }
    app.catch_up();
    assert!(app.events.is_empty(), "nothing for nodes: {:?}", app.events);
}

#[test]
fn reports_are_handed_to_the_next_run_of_their_session() {
    let daemon = script(TELLS, &json!({ "input": "json" })).start();
    let mut operator: Control = daemon.control().subscribe(&["system"]);
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    app.subscribe("side");
    for i in 0..25 {
        let report = json!({ "sessionKey": "main", "command": format!("c{}", i / 2 * 2) });
        app.tell("exec.started", &report);
    }
    for i in 0..25 {
        let told = operator.event("system")["text"].clone();
        assert_eq!(told, format!("Exec started (node=alice): c{}", i / 2 * 2));
    }
    app.send("side", "hi", "side");
    app.end_of("side");
    assert_eq!(input(&daemon)["systemEvents"], json!([]));
    app.send("agent:main:main", "hi", "main");
    app.end_of("main");
    let expected: Vec<_> =
        (0..13).map(|i| format!("Exec started (node=alice): c{}", i * 2)).collect();
    assert_eq!(input(&daemon)["systemEvents"], json!(expected), "each once");
    app.send("main", "hi", "again");
    app.end_of("again");
    assert_eq!(input(&daemon)["systemEvents"], json!([]), "they are handed over once");
}

#[test]
fn only_the_last_twenty_reports_wait() {
    let daemon = script(TELLS, &json!({ "input": "json" })).start();
    let mut operator: Control = daemon.control().subscribe(&["system"]);
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    for i in 0..25 {
        app.tell("exec.started", &json!({ "sessionKey": "main", "command": format!("c{i}") }));
    }
    (0..25).for_each(|_| drop(operator.event("system")));
    app.send("main", "hi", "main");
    app.end_of("main");
    let expected: Vec<_> = (5..25).map(|i| format!("Exec started (node=alice): c{i}")).collect();
    assert_eq!(input(&daemon)["systemEvents"], json!(expected));
}

#[test]
fn a_report_wakes_the_agent_where_that_is_wanted() {
    let daemon = script(TELLS, &json!({ "input": "json", "wakeOnSystemEvent": true })).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    app.subscribe("node-alice");
    let report = json!({ "sessionKey": "main", "runId": "r", "exitCode": 0 });
    app.tell("exec.started", &json!({ "sessionKey": "main", "runId": "r", "command": "ls" }));
    app.tell("exec.finished", &report);
    let end = next_end(&mut app);
    assert_eq!((&*end.session_key, end.text.as_deref()), ("main", Some("heard")));
    let events =
        json!(["Exec started (node=alice id=r): ls", "Exec finished (node=alice id=r, code 0)"]);
    assert_eq!(input(&daemon)["systemEvents"], events, "two at once wake once");
    app.tell("exec.denied", &json!({ "command": "ls" }));
    assert_eq!(next_end(&mut app).session_key, "node-alice");
}

#[test]
fn wake_words_are_told_to_every_node_and_operator() {
    let daemon = Daemon::start();
    let mut operator = daemon.control().subscribe(&["voicewake.changed"]);
    let mut apps = ["alice", "bob"].map(|node| App::paired(&daemon, node));
    let words = json!({ "triggers": ["hey you"] });
    assert_eq!(apps[0].ok("voicewake.set", &words), words);
    for app in &mut apps {
        assert_eq!(app.event("voicewake.changed"), words, "with or without a subscription");
    }
    assert_eq!(operator.event("voicewake.changed"), words);
    assert_eq!(daemon.run(["voicewake", "get"]).ok(), "hey you\n");
    daemon.run(["voicewake", "set", "computer", "hey clawd"]).ok();
    let words = json!({ "triggers": ["computer", "hey clawd"] });
    apps.iter_mut().for_each(|app| assert_eq!(app.event("voicewake.changed"), words));
}

#[test]
fn a_node_that_is_gone_does_not_end_its_run() {
    let daemon = script("mkfifo gate; cat gate", &json!({})).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    app.send("main", "hi", "run");
    let token = app.phone.token.clone();
    drop(app);
    let mut pipe = gate(&daemon.setup().path("gate"));
    let mut app = App::again(&daemon, "alice", &token);
    std::io::Write::write_all(&mut pipe, b"late").unwrap();
    drop(pipe);
    assert_eq!(app.end_of("run").text.as_deref(), Some("late"));
    assert_eq!(app.messages("main"), said(&[("user", "hi"), ("assistant", "late")]));
}

#[test]
fn a_node_that_talks_too_much_is_not_listened_to_for_a_while() {
    let daemon = Daemon::start();
    let mut app = App::paired(&daemon, "alice");
    let mut bob = App::paired(&daemon, "bob");
    app.subscribe("main");
    bob.subscribe("bobs");
    for i in 0..40 {
        app.tell("voice.transcript", &json!({ "text": format!("sentence {i}") }));
    }
    bob.tell("voice.transcript", &json!({ "text": "me too", "sessionKey": "bobs" }));
    assert_eq!(next_end(&mut bob).state, "final", "others are");
    app.send("main", "typed", "typed");
    app.end_of("typed");
    let spoken =
        app.messages("main").iter().filter(|(_, text)| text.starts_with("sentence")).count();
    assert!((1..=30).contains(&spoken), "{spoken}");
}

#[test]
fn a_node_for_one_method_does_not_start_or_follow_a_conversation_by_events() {
    let daemon = Daemon::start();
    let mut bob = App::paired(&daemon, "bob");
    let mut sensor = App::paired(&daemon, "sensor");
    bob.subscribe("main");
    sensor.subscribe("main");
    bob.send("main", "before", "before");
    bob.end_of("before");
    sensor.end_of("before");
    let narrow = "{ bridge: { allow: { nodes: { sensor: { methods: ['health'] } } } } }";
    daemon.setup().write_config(narrow);
    daemon.run(["reload"]).ok();
    for _ in 0..50 {
        sensor.tell("chat.subscribe", &json!({ "sessionKey": "main" }));
        sensor.tell("voice.transcript", &json!({ "text": "mine" }));
        sensor.tell("agent.request", &json!({ "message": "mine", "sessionKey": "main" }));
    }
    sensor.ok("health", &json!({}));
    bob.send("main", "after", "after");
    bob.end_of("after");
    assert_eq!(sensor.chats_so_far(), []);
    let history = bob.ok("chat.history", &json!({ "sessionKey": "main" })).to_string();
    assert!(history.contains("after") && !history.contains("mine"), "{history}");
    let log = daemon.log();
    let line = "why=bridge.allow does not permit it";
    let lines = log.lines().filter(|at| at.contains(line)).count();
    assert!((1..=10).contains(&lines), "{lines} lines");
}
