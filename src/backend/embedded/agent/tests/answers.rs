//! What programs are given, and what becomes of what they write.

use super::*;

#[test]
fn the_echo_says_what_it_is() {
    let stage = Stage::with("", |config| config.kind = AgentKind::Echo);
    stage.start("r", "main");
    let text = "Echo (built-in; no agent is configured): hi".to_owned();
    let all = [Heard::Prepared, Heard::Started, Heard::Text(text.clone()), Heard::End(done(&text))];
    for expected in all {
        assert_eq!(stage.next(), ("r".to_owned(), expected));
    }
}

#[test]
fn text_is_told_as_it_comes() {
    let stage = Stage::new("read -r line; printf 'You said %s' \"$line\"; read -r x < go; echo .");
    let go = fifo(&stage, "go");
    stage.start("r", "main");
    stage.hear("You said hi");
    assert!(stage.agents.is_active("main") && !stage.agents.is_active("other"));
    open(&go);
    assert_eq!(stage.end(), (done("You said hi."), Some("You said hi.".to_owned())));
    assert!(stage.agents.wait_idle("main", DEADLINE));
}

#[test]
fn a_character_may_come_in_two_parts() {
    let stage = Stage::new(r"printf 'a\303'; read -r x < go; printf '\251\377'");
    let go = fifo(&stage, "go");
    stage.start("r", "main");
    stage.hear("a");
    open(&go);
    assert_eq!(stage.end().0, done("aé\u{fffd}"));
}

#[test]
fn lines_of_json_carry_text_and_tools() {
    let script = r#"echo '{"text":"Let me "}'; echo nonsense; echo '{"tool":{"name":"ls"}}'
        printf '{"text":"see."}'"#;
    let stage = Stage::with(script, |config| config.output = AgentOutput::Jsonl);
    stage.start("r", "main");
    let mut heard: Vec<Heard> = Vec::new();
    while !matches!(heard.last(), Some(Heard::End(_))) {
        heard.push(stage.next().1);
    }
    let tool = heard.iter().position(|heard| *heard == Heard::Tool(json!({ "name": "ls" })));
    assert_eq!(heard[tool.unwrap() - 1], Heard::Text("Let me ".to_owned()));
    assert_eq!(heard.last(), Some(&Heard::End(done("Let me see."))));
    let script = r#"echo '{"text":"I "}'; echo '{"error":"no model"}'"#;
    let stage = Stage::with(script, |config| config.output = AgentOutput::Jsonl);
    assert_eq!(stage.outcome(), failed("no model", "I "));
}

#[test]
fn everything_that_is_known_is_handed_over() {
    let script = r#"cat > input; echo "$OPENCLAW_BRIDGE_RUN_DIR" > dir; ls -ld "$(cat dir)" >> dir
        env | grep '^OPENCLAW_BRIDGE_\|^MODEL' | grep -v RUN_DIR | sort > env; echo ok"#;
    let stage = Stage::with(script, |config| {
        config.input = AgentInput::Json;
        config.env.insert("MODEL".to_owned(), "small".to_owned());
    });
    let context = RunContext {
        session_id: "s-1".to_owned(),
        model: Some("openai/gpt-5.2".to_owned()),
        verbose: Some("on".to_owned()),
        node_name: Some("Ada's phone".to_owned()),
        history: vec![json!({ "role": "user" })],
        system_events: vec!["make finished".to_owned()],
    };
    let mut run = run("r\0", "agent:main:main");
    run.message = "x".repeat(1 << 20);
    (run.deliver, run.channel, run.to) = (true, Some("sms".to_owned()), Some("+49".to_owned()));
    stage.start_with(run, Ok(context)).unwrap();
    assert_eq!(stage.end().0, done("ok"));
    let input: Value =
        serde_json::from_slice(&std::fs::read(stage.path("input")).unwrap()).unwrap();
    let expected = json!({
        "runId": "r\0", "sessionKey": "agent:main:main", "sessionId": "s-1", "nodeId": "phone",
        "nodeName": "Ada's phone", "message": "x".repeat(1 << 20), "model": "openai/gpt-5.2",
        "thinking": "low", "verbose": "on", "deliver": true, "channel": "sms", "to": "+49",
        "attachments": [],
        "history": [{ "role": "user" }], "systemEvents": ["make finished"],
    });
    assert_eq!(input, expected);
    assert_eq!(
        std::fs::read_to_string(stage.path("env")).unwrap(),
        "MODEL=small\nOPENCLAW_BRIDGE_NODE_ID=phone\nOPENCLAW_BRIDGE_RUN_ID=r\n\
         OPENCLAW_BRIDGE_SESSION_ID=s-1\nOPENCLAW_BRIDGE_SESSION_KEY=agent:main:main\n\
         OPENCLAW_BRIDGE_SOCKET=/dev/null\n"
    );
    let dir = std::fs::read_to_string(stage.path("dir")).unwrap();
    let (dir, mode) = dir.split_once('\n').unwrap();
    assert!(mode.starts_with("drwx------ ") && !Path::new(dir).exists(), "{dir} {mode}");
}

#[test]
fn attachments_are_files_as_long_as_the_run_lasts() {
    let script = r#"cd "$OPENCLAW_BRIDGE_ATTACHMENTS" && ls -l && pwd && cat ./*"#;
    let stage = Stage::new(script);
    let mut run = run("r", "main");
    run.attachments = vec![AgentAttachment {
        file_name: Some("../../photo 1.jpg".to_owned()),
        mime_type: "image/jpeg".to_owned(),
        bytes: b"pixels".to_vec(),
    }];
    stage.try_start(run).unwrap();
    let (RunOutcome::Done { text }, _) = stage.end() else { panic!("no answer") };
    assert!(text.contains("-rw------- ") && text.contains("1-photo_1.jpg"), "{text}");
    assert!(text.ends_with("pixels"), "{text}");
    let dir = text.lines().find(|line| line.starts_with('/')).unwrap();
    assert!(!Path::new(dir).exists(), "{dir}");
}

#[test]
fn failures_say_what_happened() {
    for (script, outcome) in [
        (
            "echo part; echo one >&2; echo two >&2; exit 3",
            failed("agent failed (exit status: 3): two", "part"),
        ),
        ("exit 3", failed("agent failed (exit status: 3)", "")),
        ("kill -9 $$", failed("agent failed (signal: 9 (SIGKILL))", "")),
        ("echo warning >&2; echo fine", done("fine")),
        ("exec 0<&-; exec 1>&-; exit 0", done("")),
    ] {
        assert_eq!(Stage::new(script).outcome(), outcome, "{script}");
    }
    let long = Stage::new("printf '%0999d' 0 >&2; exit 1").outcome();
    let RunOutcome::Failed { message, .. } = long else { panic!("{long:?}") };
    assert_eq!(message.chars().count(), 243);
}

#[test]
fn a_run_that_cannot_start_says_why() {
    let stage = Stage::with("", |config| config.command = vec!["/nonexistent/agent".to_owned()]);
    let RunOutcome::Failed { message, .. } = stage.outcome() else { panic!("no failure") };
    assert!(message.starts_with("the agent `/nonexistent/agent` could not be started: No such"));
    let stage = Stage::with("", |config| config.cwd = Some("/nonexistent".into()));
    assert_eq!(stage.outcome(), failed("agent.cwd, `/nonexistent`, is not a directory", ""));
    let stage = Stage::new("echo never");
    stage.start_with(run("r", "main"), Err("the disk is full".to_owned())).unwrap();
    assert_eq!(stage.next().1, Heard::Prepared);
    assert_eq!(stage.next().1, Heard::End(failed("the disk is full", "")));
}

#[test]
fn a_flood_is_cut_and_told_seldom() {
    let stage = Stage::with("yes flood", |config| config.output_limit = 1 << 20);
    stage.start("r", "main");
    let mut texts = 0;
    let outcome = loop {
        match stage.next().1 {
            Heard::End(outcome) => break outcome,
            Heard::Text(_) => texts += 1,
            _ => {}
        }
    };
    let RunOutcome::Failed { message, text } = outcome else { panic!("no failure") };
    assert_eq!((&*message, text.len()), ("answer too long: more than 1048576 bytes", 1 << 20));
    assert!(texts < 200, "{texts}");
    let noisy = Stage::new("yes flood | head -c 3000000 >&2; echo done");
    assert_eq!(noisy.outcome(), done("done"));
}
