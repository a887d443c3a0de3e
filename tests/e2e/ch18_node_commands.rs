//! What operators have nodes do, one command for each thing; the fakes answer as the apps do.

use crate::support::pi::Pi;
use crate::support::{Daemon, Operator, Phone, Run};
use serde_json::{json, Value};

/// A daemon, and a node that answers in one way or another.
struct Stage {
    daemon: Daemon,
    phone: Phone,
}

impl Stage {
    fn new() -> Self {
        let daemon = Daemon::start();
        let phone = Phone::paired(&daemon, "alice");
        Self { daemon, phone }
    }

    /// Runs a command on the node; what the node was asked, and how the command ended.
    #[track_caller]
    fn play(&mut self, args: &[&str], answer: &Value) -> (String, Value, Run) {
        let operator = self.daemon.operator(with_node(args));
        let (command, params) = self.answer(answer);
        (command, params, operator.finish())
    }

    /// Answers the next invoke: with a payload, or with the error in it.
    #[track_caller]
    fn answer(&mut self, answer: &Value) -> (String, Value) {
        let asked = self.phone.expect("invoke");
        let mut frame = json!({ "type": "invoke-res", "id": asked["id"], "ok": true });
        if answer["error"].is_object() {
            frame["ok"] = false.into();
            frame["error"] = answer["error"].clone();
        } else if !answer.is_null() {
            frame["payloadJSON"] = answer.to_string().into();
        }
        self.phone.send(&frame);
        let params = asked["paramsJSON"].as_str().map(|text| serde_json::from_str(text).unwrap());
        (asked["command"].as_str().unwrap().to_owned(), params.unwrap_or_default())
    }

    /// Runs a command that needs no answer, because it is refused.
    #[track_caller]
    fn refused(&self, args: &[&str]) -> String {
        self.daemon.run(with_node(args)).error(2)
    }
}

/// `nodes run -- ls` as `nodes run --node alice -- ls`.
fn with_node<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let end = args.iter().position(|word| *word == "--").unwrap_or(args.len());
    let (before, after) = args.split_at(end);
    ["nodes"].iter().chain(before).chain(&["--node", "alice"]).chain(after).copied().collect()
}

#[test]
fn run_prints_what_the_program_prints_and_fails_if_it_does() {
    let mut stage = Stage::new();
    let done = json!({ "exitCode": 0, "timedOut": false, "success": true,
        "stdout": "a\u{1b}[1mb\n", "stderr": "w\n", "error": null });
    let args = [
        "run",
        "--cwd",
        "/tmp",
        "--env",
        "A=1",
        "--env",
        "B=",
        "--command-timeout",
        "5s",
        "--needs-screen-recording",
        "--",
        "echo",
        "-n",
        "it's",
    ];
    let (command, params, run) = stage.play(&args, &done);
    assert_eq!(command, "system.run");
    assert_eq!(
        params,
        json!({ "command": ["echo", "-n", "it's"], "cwd": "/tmp", "env": { "A": "1", "B": "" }, "timeoutMs": 5000,
            "needsScreenRecording": true })
    );
    // A pipe gets what the program wrote.
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("a\u{1b}[1mb\n", "w\n"));

    // The macOS app leaves exitCode out when there is none.
    let late = json!({ "timedOut": true, "success": false, "stdout": "half", "stderr": "" });
    let (_, params, run) = stage.play(&["run", "--", "sleep", "9"], &late);
    assert_eq!(params, json!({ "command": ["sleep", "9"] }));
    assert_eq!(run.stdout, "half");
    let said = run.error(1);
    assert!(said.contains("nodes run failed: the program took too long"), "{said}");

    let failed = json!({ "exitCode": 3, "timedOut": false, "success": false, "stdout": "" });
    let (_, _, run) = stage.play(&["run", "--json", "--", "false"], &failed);
    let printed: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(printed["payload"]["exitCode"], 3);
    assert!(run.error(1).contains("exit code 3"));

    let said = stage.refused(&["run", "ls", "-l"]);
    assert!(said.contains("to pass '-l' as a value, use '-- -l'"), "{said}");
}

#[test]
fn notify_sends_both_texts_even_if_one_is_empty() {
    let mut stage = Stage::new();
    let args = ["notify", "--title", "Tea", "--priority", "timeSensitive", "--sound", "Glass"];
    let (command, params, run) = stage.play(&args, &Value::Null);
    assert_eq!(command, "system.notify");
    assert_eq!(
        params,
        json!({ "title": "Tea", "body": "", "sound": "Glass", "priority": "timeSensitive",
            "delivery": "system" })
    );
    assert_eq!(run.ok(), "notify ok\n");
    assert!(stage.refused(&["notify"]).contains("--title or --body"));
    assert!(stage.refused(&["notify", "--title", "x", "--delivery", "post"]).contains("overlay"));
}

#[test]
fn cameras_are_listed() {
    let mut stage = Stage::new();
    let devices = json!({ "devices": [
        { "id": "com.apple:0", "name": "Back\u{202e}", "position": "back", "deviceType": "wide" },
        { "id": "1", "name": "Front" },
    ] });
    let (command, params, run) = stage.play(&["camera", "list"], &devices);
    assert_eq!((command.as_str(), &params), ("camera.list", &Value::Null));
    let text = run.ok();
    assert!(text.starts_with("NAME        POSITION  TYPE  ID\nBack\\u202e  back"), "{text}");
    let (_, _, run) = stage.play(&["camera", "list", "--json"], &devices);
    assert_eq!(run.json()["payload"]["devices"][1]["id"], "1");
    let (_, _, run) = stage.play(&["camera", "list"], &json!({ "devices": [] }));
    assert_eq!(run.ok(), "no cameras\n");
}

#[test]
fn the_canvas_is_shown_moved_and_hidden() {
    let mut stage = Stage::new();
    let (command, params, run) = stage.play(&["canvas", "present"], &Value::Null);
    let status = stage.daemon.status();
    let page = format!(
        "http://{}/__clawdbot__/canvas/",
        status["canvasHost"]["addresses"][0].as_str().unwrap()
    );
    assert_eq!((command.as_str(), &params), ("canvas.present", &json!({ "url": page })));
    assert_eq!(run.ok(), "canvas present ok\n");
    let args = ["canvas", "present", "--target", "http://x/", "--x", "-5", "--width", "400.5"];
    let (_, params, run) = stage.play(&args, &Value::Null);
    assert_eq!(params, json!({ "url": "http://x/", "placement": { "x": -5, "width": 400.5 } }));
    run.ok();
    let (command, params, run) = stage.play(&["canvas", "navigate", "/"], &Value::Null);
    assert_eq!((command.as_str(), params), ("canvas.navigate", json!({ "url": "/" })));
    assert_eq!(run.ok(), "canvas navigate ok\n");
    let (command, _, run) = stage.play(&["canvas", "hide", "--json"], &Value::Null);
    assert_eq!(command, "canvas.hide");
    assert_eq!(run.json(), json!({ "ok": true, "nodeId": "alice", "command": "canvas.hide" }));
    assert!(stage.refused(&["canvas", "present", "--x", "1e3"]).contains("--x"));
}

#[test]
fn javascript_runs_in_the_canvas_and_its_result_is_printed() {
    let mut stage = Stage::new();
    let said = json!({ "result": "two\nlines" });
    let (command, params, run) = stage.play(&["canvas", "eval", "document.title"], &said);
    assert_eq!(
        (command.as_str(), params),
        ("canvas.eval", json!({ "javaScript": "document.title" }))
    );
    assert_eq!(run.ok(), "two\nlines\n");
    let (_, params, run) = stage.play(&["canvas", "eval", "--js", "1"], &json!({ "result": "1" }));
    assert_eq!((params, run.ok()), (json!({ "javaScript": "1" }), "1\n".to_owned()));
    let mut command = stage.daemon.setup().program();
    command.args(with_node(&["canvas", "eval", "-"]));
    let operator = Operator::spawn_with_input(command, "let a = 1;\na");
    let (_, params) = stage.answer(&json!({ "result": "" }));
    assert_eq!(params, json!({ "javaScript": "let a = 1;\na" }));
    assert_eq!(operator.finish().ok(), "\n");
}

#[test]
fn interfaces_are_checked_before_they_are_sent() {
    let mut stage = Stage::new();
    let push = ["canvas", "a2ui", "push"];
    let rendered = json!({ "ok": true, "surfaces": ["main"] });
    let (command, params, run) =
        stage.play(&[&push[..], &["--text", "Tea \"now\""]].concat(), &rendered);
    assert_eq!(
        (command.as_str(), run.ok()),
        ("canvas.a2ui.pushJSONL", "canvas a2ui push ok\n".into())
    );
    let lines: Vec<Value> = params["jsonl"]
        .as_str()
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert!(lines[0]["surfaceUpdate"].to_string().contains(r#"Tea \"now\""#), "{lines:?}");
    assert!(lines[1]["beginRendering"].is_object(), "{lines:?}");

    let file = stage.daemon.setup().path("ui.jsonl");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "{\"deleteSurface\":{\"surfaceId\":\"main\"}}\r\n\n").unwrap();
    let args = [&push[..], &["--jsonl", path]].concat();
    let (_, params, run) = stage.play(&args, &json!({ "ok": false, "error": "no renderer" }));
    assert_eq!(params["jsonl"], "{\"deleteSurface\":{\"surfaceId\":\"main\"}}");
    assert!(run.error(1).contains("the page on the node reported no renderer"));

    std::fs::write(&file, "{\"deleteSurface\":{}}\n{\"createSurface\":{}}\n").unwrap();
    let said = stage.daemon.run(with_node(&args)).error(1);
    assert!(said.contains("ui.jsonl: line 2: createSurface is A2UI v0.9"), "{said}");
    assert!(stage.refused(&push).contains("exactly one of --jsonl and --text"));
    stage.refused(&[&args[..], &["--text", "x"]].concat());
    stage.phone.expect_nothing_else();

    let (command, _, run) = stage.play(&["canvas", "a2ui", "reset"], &json!({ "ok": true }));
    assert_eq!(
        (command.as_str(), run.ok()),
        ("canvas.a2ui.reset", "canvas a2ui reset ok\n".into())
    );
}

#[test]
fn a_position_is_one_line() {
    let mut stage = Stage::new();
    let said = json!({ "lat": 48.2082, "lon": 16.3738, "accuracyMeters": 12.6, "isPrecise": true,
        "timestamp": "2026-01-17T10:00:00Z", "source": "gps" });
    let (command, params, run) = stage.play(&["location", "get"], &said);
    assert_eq!((command.as_str(), params), ("location.get", json!({ "timeoutMs": 10_000 })));
    assert_eq!(run.ok(), "48.2082,16.3738 ±13m\n");
    let args = [
        "location",
        "get",
        "--json",
        "--max-age",
        "1m",
        "--accuracy",
        "coarse",
        "--location-timeout",
        "2s",
    ];
    let (_, params, run) = stage.play(&args, &said);
    assert_eq!(
        params,
        json!({ "maxAgeMs": 60_000, "desiredAccuracy": "coarse", "timeoutMs": 2000 })
    );
    assert_eq!(run.json()["payload"]["source"], "gps");
    let (_, _, run) = stage.play(&["location", "get"], &json!({ "x": 1 }));
    assert!(run.error(1).contains(r#"the node returned no location: {"x":1}"#));
}

#[test]
fn a_text_message_is_sent() {
    let mut stage = Stage::new();
    let args = ["sms", "send", "--to", "+15550100", "--message", "On my way"];
    let (command, params, run) = stage.play(&args, &json!({ "ok": true, "to": "+15550100" }));
    assert_eq!(command, "sms.send");
    assert_eq!(params, json!({ "to": "+15550100", "message": "On my way" }));
    assert_eq!(run.ok(), "sms send ok: +15550100\n");
}

#[test]
fn failures_tell_the_nodes_words_and_what_helps() {
    let mut stage = Stage::new();
    for (args, code, message, says) in [
        // iOS and macOS: the reason is in the message.
        (
            &["camera", "snap"][..],
            Some("UNAVAILABLE"),
            Some("CAMERA_DISABLED: enable Camera in iOS Settings → Camera → Allow Camera"),
            "nodes camera snap failed: CAMERA_DISABLED: enable Camera in iOS Settings → Camera → \
             Allow Camera; allow the camera in the app's settings on the device",
        ),
        (
            &["camera", "clip"],
            Some("NODE_BACKGROUND_UNAVAILABLE"),
            Some("NODE_BACKGROUND_UNAVAILABLE: canvas/camera/screen commands require foreground"),
            "require foreground; open the app on the device and try again",
        ),
        (
            &["notify", "--title", "x"],
            Some("UNAVAILABLE"),
            Some("NOT_AUTHORIZED: notifications"),
            "notifications; allow the app's notifications in the Mac's settings",
        ),
        // Android: the reason is the code.
        (
            &["sms", "send", "--to", "1", "--message", "x"],
            Some("SMS_PERMISSION_REQUIRED"),
            Some("grant SMS permission"),
            "SMS_PERMISSION_REQUIRED: grant SMS permission; allow the app to send SMS",
        ),
        (
            &["screen", "record"],
            Some("MIC_PERMISSION_REQUIRED"),
            None,
            "nodes screen record failed: MIC_PERMISSION_REQUIRED; allow the app to use the \
             microphone, or add --no-audio",
        ),
        // The headless node: generic code, sometimes a word, sometimes not.
        (
            &["run", "--", "rm"],
            Some("UNAVAILABLE"),
            Some("SYSTEM_RUN_DENIED: approval required"),
            "SYSTEM_RUN_DENIED: approval required; the node's owner",
        ),
        (
            &["location", "get"],
            Some("UNAVAILABLE"),
            Some("command not supported"),
            "command not supported; `openclaw-bridge nodes describe` lists",
        ),
        (&["canvas", "hide"], None, None, "nodes canvas hide failed: node invoke failed"),
    ] {
        let error = json!({ "error": { "code": code, "message": message } });
        let said = stage.play(args, &error).2.error(1);
        assert!(said.contains(says), "{args:?}: {said}");
    }
}

#[test]
fn what_the_bridge_itself_refuses_is_told_in_the_same_way() {
    let stage = Stage::new();
    let said = stage.daemon.run(with_node(&["canvas", "hide", "--invoke-timeout", "50ms"]));
    assert!(said.error(1).contains("nodes canvas hide failed: invoke timeout; "));
    drop(stage.phone);
    let said = stage.daemon.run(["nodes", "location", "get", "bob"]).error(1);
    assert!(said.contains("nodes location get failed: unknown node: bob (known: alice)"), "{said}");
}

#[test]
fn a_program_runs_on_our_own_node_as_if_it_ran_here() {
    let pi = Pi::start(&["--exec", "full"]);
    let script = "echo out; echo err >&2; exit \"$CODE\"";
    let run = |code: &str, more: &[&str]| {
        let code = format!("CODE={code}");
        let args = [&["nodes", "run", "--node", "pi", "--env", &code], more].concat();
        pi.daemon.run([&args[..], &["--", "/bin/sh", "-c", script]].concat())
    };
    let good = run("0", &[]);
    assert_eq!((good.stdout.as_str(), good.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(good.code, Some(0));
    let bad = run("3", &["--command-timeout", "5s"]);
    assert_eq!((bad.stdout.as_str(), bad.code), ("out\n", Some(1)));
    assert!(bad.stderr.starts_with("err\nerror: nodes run failed: "), "{}", bad.stderr);
    assert!(bad.stderr.contains("exit code 3"), "{}", bad.stderr);
    let sleep = ["nodes", "run", "--node", "pi", "--command-timeout", "100ms", "--", "sleep", "60"];
    assert!(pi.daemon.run(sleep).error(1).contains("the program took too long"));
}

#[test]
fn a_node_that_allows_no_programs_says_so_and_the_error_helps() {
    let pi = Pi::start(&[]);
    let said = pi.daemon.run(["nodes", "run", "--node", "pi", "--", "true"]).error(1);
    assert!(said.contains("nodes run failed: SYSTEM_RUN_DISABLED: security=deny; allow"), "{said}");
}

#[test]
fn an_answer_that_cannot_be_understood_is_told_in_plain_words() {
    let mut stage = Stage::new();
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let cannot = "failed: the node's answer cannot be read; a number in it is too large";
    let many = format!(r#"{{"lat":1,"lon":2,"x":[{}0]}}"#, r#"{"":0},"#.repeat(1_000_000));
    for (args, payload, says) in [
        (&["location", "get"][..], r#"{"lat":1e400,"lon":2}"#, cannot),
        (
            &["location", "get"],
            r#"{"lat":91,"lon":2}"#,
            "failed: the node returned an impossible location",
        ),
        (&["location", "get"], &many, "failed: the node's answer is too complex"),
        (&["canvas", "eval", "--js", "x"], &format!(r#"{{"result":{deep}}}"#), cannot),
        (&["camera", "snap", "--facing", "front"], r#"{"x":1e400,"base64":"Zm9v"}"#, cannot),
    ] {
        let operator = stage.daemon.operator(with_node(args));
        let asked = stage.phone.expect("invoke");
        let frame = json!({ "type": "invoke-res", "id": asked["id"], "ok": true,
            "payloadJSON": payload });
        stage.phone.send(&frame);
        let said = operator.finish().error(1);
        let [group, verb] = [args[0], args[1]];
        assert!(said.contains(&format!("nodes {group} {verb} {says}")), "{said}");
    }
}
