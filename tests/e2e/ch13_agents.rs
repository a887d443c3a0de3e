//! Agents that are programs: what they are given, how their answers stream, and every way in which
//! they can fail.

use crate::support::apps::{agent, gate, open_gate, said, script, App};
use crate::support::{Daemon, Setup};
use serde_json::{json, Value};
use std::fs;
use std::io::Write;

/// Passes on what comes through the FIFO `gate`, as it comes.
const PIPE: &str = "mkfifo gate; cat gate";

fn app(daemon: &Daemon) -> App {
    let mut app = App::paired(daemon, "alice");
    app.subscribe("main");
    app
}

/// Sends a message to an agent like this; how the run ended: state, reason.
fn end_with(setup: &Setup) -> (String, String) {
    let daemon = setup.start();
    let mut app = app(&daemon);
    app.send("main", "hi", "run");
    let end = app.end_of("run");
    assert_eq!(app.chats_so_far(), [], "nothing comes after the end");
    let why = end.why.unwrap();
    assert!(!why.contains('\n') && why.chars().count() <= 243, "{why:?}");
    // The daemon lives, and so does the conversation.
    assert_eq!(app.ok("health", &json!({}))["ok"], true);
    assert_eq!(app.messages("main")[0], ("user".to_owned(), "hi".to_owned()));
    (end.state, why)
}

#[test]
fn text_streams_as_it_is_written() {
    let daemon = script(PIPE, &json!({})).start();
    let mut app = app(&daemon);
    let session = app.history("main").session_id;
    assert_eq!(session, None);
    app.send("main", "hi", "run");
    let mut pipe = gate(&daemon.setup().path("gate"));
    let mut expected = String::new();
    for piece in ["one", " two", " thrée", " 😀"] {
        pipe.write_all(piece.as_bytes()).unwrap();
        expected += piece;
        // Not before every piece has been heard of comes the next.
        loop {
            let chat = app.chat();
            assert_eq!((&*chat.state, &*chat.session_key), ("delta", "main"));
            let text = chat.text.unwrap();
            assert!(expected.starts_with(&text), "{text:?}");
            if text == expected {
                break;
            }
        }
    }
    writeln!(pipe, " end").unwrap();
    drop(pipe);
    let rest = app.run_to_end("run");
    let [.., last_delta, end] = &rest[..] else { panic!("the last delta is told: {rest:?}") };
    assert_eq!((&*last_delta.state, &*end.state), ("delta", "final"));
    assert_eq!((&last_delta.text, &end.text), (&end.text, &Some(expected + " end")));
    assert_eq!(app.messages("main")[1].1, end.text.clone().unwrap());
}

#[test]
fn agent_events_carry_the_id_of_the_session_in_the_order_of_the_run() {
    let daemon = script("cat", &json!({})).start();
    let mut app = app(&daemon);
    app.send("main", "hello", "run");
    let mut streams = Vec::new();
    loop {
        app.catch_up();
        let Some((name, payload)) = app.events.pop_front() else { continue };
        if name == "agent" {
            let (run, stream, data) = agent(&payload);
            assert_eq!(payload["sessionKey"], "main");
            streams.push((run, stream, data));
        } else if name == "chat" && payload["state"] == "final" {
            break;
        }
    }
    let id = app.history("main").session_id.unwrap();
    assert!(streams.iter().all(|(run, ..)| *run == id), "{streams:?}");
    let [(_, begin, start), (_, middle, text), (_, last, end)] = &streams[..] else {
        panic!("{streams:?}")
    };
    assert_eq!([&**begin, &**middle, &**last], ["lifecycle", "assistant", "lifecycle"]);
    assert_eq!((&start["phase"], &end["phase"]), (&json!("start"), &json!("end")));
    assert_eq!(text, &json!({ "text": "hello", "delta": "hello" }));
}

#[test]
fn tools_are_shown_where_the_session_wants_it() {
    let lines = r#"echo '{"text":"look: "}'; echo '{"tool":{"phase":"start","name":"ls"}}'
        echo '{"tool":{"phase":"result","name":"ls"}}'; echo '{"text":"done"}'"#;
    let daemon = script(lines, &json!({ "output": "jsonl" })).start();
    let mut app = app(&daemon);
    for (level, expected) in
        [(json!(null), 0), (json!("off"), 0), (json!("on"), 2), (json!("full"), 2)]
    {
        let patch = json!({ "key": "main", "verboseLevel": level });
        app.ok("sessions.patch", &patch);
        let run = format!("run {level}");
        app.send("main", "hi", &run);
        let mut tools = Vec::new();
        let end = loop {
            app.catch_up();
            let Some((name, payload)) = app.events.pop_front() else { continue };
            if name == "agent" && payload["stream"] == "tool" {
                tools.push(agent(&payload).2);
            } else if name == "chat" && payload["state"] != "delta" {
                break crate::support::apps::chat(&payload);
            }
        };
        assert_eq!(end.text.as_deref(), Some("look: done"));
        assert_eq!(tools.len(), expected, "verboseLevel {level}: {tools:?}");
        if let [start, result] = &tools[..] {
            assert_eq!(start, &json!({ "phase": "start", "name": "ls" }));
            assert_eq!(result["phase"], "result");
        }
    }
}

#[test]
fn every_failure_is_told_in_one_line() {
    let error = |text: &str| ("error".to_owned(), text.to_owned());
    let jsonl = json!({ "output": "jsonl" });
    let says = script(r#"echo '{"text":"a"}'; printf '%s\n' '{"error":"no\nmodel"}'"#, &jsonl);
    assert_eq!(end_with(&says), error("no model"));
    let status = script("echo first >&2; echo 'it broke' >&2; exit 3", &json!({}));
    assert_eq!(end_with(&status), error("agent failed (exit status: 3): it broke"));
    let silent = script("exit 1", &json!({}));
    assert_eq!(end_with(&silent), error("agent failed (exit status: 1)"));
    let (state, why) = end_with(&script("yes", &json!({ "outputLimit": 4096 })));
    assert_eq!((&*state, &*why), ("error", "answer too long: more than 4096 bytes"));
    let missing = r#"{ agent: { kind: "command", command: ["/nowhere/agent"] } }"#;
    let (state, why) = end_with(&Setup::new().config(missing));
    assert_eq!(state, "error");
    assert!(why.contains("/nowhere/agent") && why.contains("could not be started"), "{why}");
}

#[test]
fn a_program_that_takes_too_long_is_ended() {
    let slow = script("mkfifo gate; read answer < gate", &json!({ "timeout": "1s" }));
    let daemon = slow.start();
    let mut app = app(&daemon);
    // Without a timeoutMs of its own, which would not be shorter than two minutes.
    let send = json!({ "sessionKey": "main", "message": "hi", "idempotencyKey": "run" });
    app.ok("chat.send", &send);
    let end = app.end_of("run");
    assert_eq!((&*end.state, end.why.as_deref()), ("aborted", Some("timeout")));
}

#[test]
fn what_was_said_before_a_failure_is_kept() {
    let daemon = script("echo 'half an answer'; exit 1", &json!({})).start();
    let mut app = app(&daemon);
    app.send("main", "hi", "run");
    assert_eq!(app.end_of("run").state, "error");
    assert_eq!(app.messages("main"), said(&[("user", "hi"), ("assistant", "half an answer")]));
}

#[test]
fn an_empty_answer_is_an_answer() {
    let daemon = script("cat > /dev/null", &json!({})).start();
    let mut app = app(&daemon);
    app.send("main", "hi", "run");
    let end = app.end_of("run");
    assert_eq!((&*end.state, end.text), ("final", None));
    assert_eq!(app.messages("main"), said(&[("user", "hi")]));
}

#[test]
fn runs_of_one_session_wait_for_each_other_and_others_do_not() {
    let waits = r#"read m; case "$m" in wait*) mkfifo "$m"; read x < "$m";; esac; echo "re $m""#;
    let daemon = script(waits, &json!({})).start();
    let mut app = app(&daemon);
    app.subscribe("other");
    app.send("main", "wait1", "one");
    let open = gate(&daemon.setup().path("wait1"));
    app.send("main", "second", "two");
    app.send("other", "third", "three");
    // The other conversation does not wait.
    let other = app.end_of("three");
    assert_eq!((&*other.session_key, other.text.as_deref()), ("other", Some("re third")));
    app.send("other", "wait2", "four");
    open_gate(&daemon.setup().path("wait2"), "go");
    assert_eq!(app.end_of("four").state, "final");
    assert_eq!(app.chats_so_far(), []);
    drop(open);
    assert_eq!(app.end_of("one").text.as_deref(), Some("re wait1"));
    assert_eq!(app.end_of("two").text.as_deref(), Some("re second"));
}

#[test]
fn a_program_is_given_the_past_and_the_message_once() {
    let tells = "cat > input.new; mv input.new input; echo answer";
    let daemon = script(tells, &json!({ "input": "json" })).start();
    let mut app = app(&daemon);
    for round in 0..3 {
        let run = format!("run-{round}");
        app.send("main", "the same", &run);
        assert_eq!(app.end_of(&run).state, "final");
        let input = fs::read_to_string(daemon.setup().path("input")).unwrap();
        let input: Value = serde_json::from_str(&input).unwrap();
        assert_eq!(input["runId"], run);
        assert_eq!(input["sessionKey"], "agent:main:main");
        assert_eq!(input["sessionId"], app.history("main").session_id.unwrap());
        assert_eq!((&input["nodeId"], &input["thinking"]), (&json!("alice"), &json!("low")));
        assert_eq!((&input["message"], &input["systemEvents"]), (&json!("the same"), &json!([])));
        let history = input["history"].as_array().unwrap();
        let roles = history.iter().map(|m| m["role"].as_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(roles, ["user", "assistant"].repeat(round), "{history:?}");
    }
}

#[test]
fn the_thinking_level_chosen_in_the_app_stays_that_of_the_session() {
    let tells = "cat > input.new; mv input.new input; echo answer";
    let daemon = script(tells, &json!({ "input": "json" })).start();
    let mut app = app(&daemon);
    assert_eq!(app.history("main").thinking, "off");
    // What is sent, what the program is told, and what the app's picker shows afterwards.
    for (number, (sent, told, kept)) in [
        (json!("high"), json!("high"), "high"),
        (json!(null), json!("high"), "high"),
        (json!("a lot"), json!("a lot"), "high"),
        (json!("off"), json!("off"), "off"),
        (json!(null), json!(null), "off"),
    ]
    .into_iter()
    .enumerate()
    {
        let run = format!("run-{number}");
        let mut params = json!({ "sessionKey": "main", "message": "m", "idempotencyKey": run });
        if !sent.is_null() {
            params["thinking"] = sent;
        }
        app.ok("chat.send", &params);
        assert_eq!(app.end_of(&run).state, "final");
        let input = fs::read_to_string(daemon.setup().path("input")).unwrap();
        let input: Value = serde_json::from_str(&input).unwrap();
        assert_eq!((&input["thinking"], &*app.history("main").thinking), (&told, kept), "{run}");
    }
}

#[test]
fn a_program_is_not_given_what_was_said_behind_the_message() {
    let tells = "cat > input.new; mv input.new \"$OPENCLAW_BRIDGE_RUN_ID\"; mkfifo gate 2>/dev/null
        if [ \"$OPENCLAW_BRIDGE_RUN_ID\" = first ]; then read go < gate; fi; echo answer";
    let daemon = script(tells, &json!({ "input": "json" })).start();
    let mut app = app(&daemon);
    app.send("main", "first", "first");
    let open = gate(&daemon.setup().path("gate"));
    // In one packet, so that some of them are said in the same millisecond.
    let runs: Vec<String> = (0..8).map(|i| format!("run-{i}")).collect();
    let calls: Vec<u64> = runs
        .iter()
        .map(|run| app.ask("chat.send", &crate::support::apps::send("main", run, run)))
        .collect();
    drop(open);
    let mut answered = calls.len();
    let mut ended = Vec::new();
    while answered > 0 || ended.len() < 9 {
        let frame = app.phone.receive();
        answered -= usize::from(frame["type"] == "res" && frame["ok"] == true);
        let Some(payload) = frame["payloadJSON"].as_str().filter(|_| frame["event"] == "chat")
        else {
            continue;
        };
        let payload: Value = serde_json::from_str(payload).unwrap();
        if payload["state"] == "final" {
            ended.push(payload["runId"].as_str().unwrap().to_owned());
        }
    }
    for (before, run) in ended.iter().enumerate() {
        let input = fs::read_to_string(daemon.setup().path(run)).unwrap();
        let input: Value = serde_json::from_str(&input).unwrap();
        let history = input["history"].as_array().unwrap();
        let texts = |role: &str| -> Vec<&str> {
            let of_role = history.iter().filter(|message| message["role"] == role);
            of_role.map(|message| message["content"][0]["text"].as_str().unwrap()).collect()
        };
        assert_eq!(texts("user"), ended[..before], "{run}: {history:?}");
        assert_eq!(texts("assistant").len(), before, "{run}: {history:?}");
    }
}

#[test]
fn a_program_that_reads_nothing_is_not_waited_for() {
    let daemon = script("echo done", &json!({})).start();
    let mut app = app(&daemon);
    app.send("main", &"long ".repeat(50_000), "run");
    assert_eq!(app.end_of("run").text.as_deref(), Some("done"));
}

#[test]
fn a_full_queue_is_told_and_the_next_message_is_welcome_again() {
    let waits = "read m; mkfifo \"$m\"; read x < \"$m\"; echo \"re $m\"";
    let daemon = script(waits, &json!({ "maxConcurrent": 1, "queue": 1 })).start();
    let mut app = app(&daemon);
    app.send("main", "one", "one");
    let open = gate(&daemon.setup().path("one"));
    app.send("main", "two", "two");
    let send = crate::support::apps::send("main", "three", "three");
    let refusal = app.call("chat.send", &send).unwrap_err();
    assert_eq!(refusal.code, "UNAVAILABLE", "{refusal:?}");
    drop(open);
    assert_eq!(app.end_of("one").state, "final");
    // Refused is not begun: the same id may come again.
    let open = gate(&daemon.setup().path("two"));
    app.send("main", "three", "three");
    drop(open);
    assert_eq!(app.end_of("two").state, "final");
    open_gate(&daemon.setup().path("three"), "go");
    assert_eq!(app.end_of("three").text.as_deref(), Some("re three"));
    let kept = app.messages("main");
    let times = kept.iter().filter(|(_, text)| text == "three").count();
    assert_eq!(times, 1, "a message that was refused is not kept: {kept:?}");
}
