//! Agents that use nodes: they find the bridge that runs them, and have an environment of their own.

use crate::support::apps::{script, App};
use crate::support::{Daemon, Setup};
use serde_json::{json, Value};
use std::fs::{self, Permissions};
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;

const PROGRAM: &str = env!("CARGO_BIN_EXE_openclaw-bridge");

/// What the agent answers.
fn answer(daemon: &Daemon) -> String {
    let mut app = App::paired(daemon, "alice");
    app.subscribe("main");
    app.send("main", "hi", "run");
    let end = app.end_of("run");
    assert_eq!(end.state, "final", "{end:?}");
    end.text.unwrap()
}

#[test]
fn an_agent_finds_the_bridge_that_runs_it_however_that_was_started() {
    let asks = || script("openclaw-bridge status --json", &json!({}));
    // Another one runs where the commands would look otherwise.
    let other = Daemon::start();
    let elsewhere = other.setup().path("state");
    let flag = asks();
    let state = flag.path("state");
    let flag = flag.arg("--state-dir").arg(state.to_str().unwrap());
    let flag = flag.env("OPENCLAW_BRIDGE_STATE_DIR", &elsewhere);
    // The agent is in another directory than the bridge.
    let relative = script("openclaw-bridge status --json", &json!({ "cwd": "/" }));
    let relative = relative.env("OPENCLAW_BRIDGE_STATE_DIR", "state");
    let unit = asks();
    let (state, runtime) = (unit.path("state"), unit.path("runtime"));
    let unit = unit.file("settings/voicewake.json", r#"{"triggers":["hey"]}"#);
    fs::create_dir(&runtime).unwrap();
    fs::set_permissions(&runtime, Permissions::from_mode(0o700)).unwrap();
    // Where these tests look for it.
    symlink(runtime.join("control.sock"), state.join("control.sock")).unwrap();
    let unit = unit.env("OPENCLAW_BRIDGE_STATE_DIR", "").env("STATE_DIRECTORY", &state);
    let unit = unit.env("RUNTIME_DIRECTORY", &runtime);
    for setup in [flag, relative, unit] {
        let daemon = setup.start();
        let status: Value = serde_json::from_str(&answer(&daemon)).unwrap();
        assert_eq!(status["pid"], daemon.pid(), "{status}");
    }
}

#[test]
fn an_agent_uses_the_program_that_runs_it_and_not_one_that_is_installed() {
    let setup = Setup::new();
    let installed = setup.path("installed");
    fs::create_dir(&installed).unwrap();
    program(&installed.join("openclaw-bridge"), "echo an old one");
    let path = format!("{}:/usr/bin:/bin", installed.display());
    let env = json!({ "PATH": path });
    let agent = json!({ "kind": "command", "env": env, "command": ["sh", "-c", "openclaw-bridge --version"] });
    let daemon = setup.config(&json!({ "agent": agent }).to_string()).start();
    assert!(answer(&daemon).starts_with("openclaw-bridge "));
}

/// Writes a shell script.
fn program(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn an_agent_that_may_not_use_nodes_is_told_so() {
    let asks = format!("{PROGRAM} nodes list 2>&1; echo $?");
    let daemon = script(&asks, &json!({ "nodes": false })).start();
    let why =
        "error: agents may not use nodes here; agent.nodes in the configuration permits it\n1";
    assert_eq!(answer(&daemon), why);
}

/// What systemd gives the program of `etc/openclaw-bridge.service`, with these directories.
fn as_a_unit(mut setup: Setup, state: &Path, runtime: &Path) -> Setup {
    let unit = include_str!("../../etc/openclaw-bridge.service");
    let states = state.parent().unwrap().to_str().unwrap();
    setup = setup.env("HOME", "");
    for line in unit.lines().filter_map(|line| line.strip_prefix("Environment=")) {
        let (name, value) = line.split_once('=').unwrap();
        setup = setup.env(name, value.replace("%S/openclaw-bridge", state.to_str().unwrap()));
    }
    let nobody = format!("{states}/nobody");
    setup
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LANG", "C.UTF-8")
        .env("INVOCATION_ID", "5b0a8f3d6c1e4f7a9b2c3d4e5f60718a")
        .env("NOTIFY_SOCKET", nobody)
        .env("WATCHDOG_USEC", "60000000")
        .env("JOURNAL_STREAM", "8:12345")
        .env("LISTEN_PID", "1")
        .env("LISTEN_FDS", "0")
        .env("LISTEN_FDNAMES", "x")
        .env("CREDENTIALS_DIRECTORY", "/run/credentials/openclaw-bridge.service")
        .env("OPENCLAW_BRIDGE_STATE_DIR", "")
        .env("STATE_DIRECTORY", state)
        .env("RUNTIME_DIRECTORY", runtime)
}

#[test]
fn an_agent_under_the_unit_has_a_home_and_nothing_that_was_meant_for_the_bridge() {
    let setup = Setup::new();
    let (state, bin) = (setup.path("state"), setup.path("bin"));
    for dir in [&state, &bin] {
        fs::create_dir(dir).unwrap();
        fs::set_permissions(dir, Permissions::from_mode(0o700)).unwrap();
    }
    program(&bin.join("llm"), "cat");
    let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/agents");
    let run = format!("env > {}/env; exec {}/llm.sh", bin.display(), agents.display());
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let agent =
        json!({ "kind": "command", "command": ["/bin/sh", "-c", run], "env": { "PATH": path } });
    let setup = setup.config(&json!({ "agent": agent }).to_string());
    let daemon = as_a_unit(setup, &state, &state).start();
    // `llm.sh` keeps a file in its home.
    assert_eq!(answer(&daemon), "hi");
    assert!(state.join(".local/state/openclaw-bridge-llm").is_dir());
    let env = fs::read_to_string(bin.join("env")).unwrap();
    for name in [
        "NOTIFY_SOCKET",
        "WATCHDOG_",
        "LISTEN_",
        "JOURNAL_STREAM",
        "CREDENTIALS_DIRECTORY",
        "GLIBC_TUNABLES",
    ] {
        assert!(!env.lines().any(|line| line.starts_with(name)), "{name}: {env}");
    }
    assert!(env.contains("LANG=C.UTF-8\n"), "{env}");
}

#[test]
fn a_program_is_told_what_the_session_and_the_message_ask_for() {
    let tells = "cat > input.new; mv input.new input; echo answer";
    let daemon = script(tells, &json!({ "input": "json" })).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    let run = daemon.run(["nodes", "rename", "--node", "alice", "--name", "Ada's phone"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let patch = |model: Value, verbose: Value| json!({ "key": "main", "model": model, "verboseLevel": verbose, "thinkingLevel": "high" });
    let told = |names: &[&str]| -> Value {
        let input = fs::read_to_string(daemon.setup().path("input")).unwrap();
        let input: Value = serde_json::from_str(&input).unwrap();
        names.iter().map(|name| input[*name].clone()).collect()
    };
    app.ok("sessions.patch", &patch(json!("openai/gpt-5.2"), json!("full")));
    app.tell(
        "agent.request",
        &json!({ "message": "go", "sessionKey": "main", "deliver": true, "channel": "sms", "to": "+49" }),
    );
    while app.chat().state != "final" {}
    let session = ["model", "thinking", "verbose", "nodeId", "nodeName"];
    assert_eq!(told(&session), json!(["openai/gpt-5.2", "high", "full", "alice", "Ada's phone"]));
    let delivery = ["deliver", "channel", "to"];
    assert_eq!(told(&delivery), json!([true, "sms", "+49"]));

    app.ok("sessions.patch", &patch(json!("llama3.2"), json!(null)));
    app.send("main", "hi", "run");
    assert_eq!(app.end_of("run").state, "final");
    assert_eq!(told(&session), json!(["llama3.2", "low", null, "alice", "Ada's phone"]));
    assert_eq!(told(&delivery), json!([false, null, null]));
    // An operator is no node.
    let run = daemon.run(["chat", "send", "hello"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(told(&["nodeId", "nodeName"]), json!([null, null]));
}

/// The start of a picture that every app can show.
const JPEG: &[u8] = b"\xff\xd8\xff\xe0 pixels";

#[test]
fn a_picture_that_the_agent_names_is_seen_in_the_conversation() {
    let makes = r#"printf '\377\330\377\340 pixels' > "$OPENCLAW_BRIDGE_RUN_DIR/door.jpg"
        echo "The door:"; echo "MEDIA:$OPENCLAW_BRIDGE_RUN_DIR/door.jpg"
        echo "MEDIA:https://example.org/map.png"; echo "MEDIA:/etc/passwd"; echo "It is shut.""#;
    let daemon = script(makes, &json!({})).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    app.send("main", "who is there?", "run");
    let mut urls = Vec::new();
    let end = loop {
        app.catch_up();
        let Some((name, payload)) = app.events.pop_front() else { continue };
        if name == "agent" {
            urls.extend(payload["data"]["mediaUrls"].as_array().cloned().unwrap_or_default());
        } else if name == "chat" && payload["state"] == "final" {
            break payload;
        }
    };
    let text =
        "The door:\nhttps://example.org/map.png\nIt is shut.\n\n[passwd was not sent: it is \
                neither in OPENCLAW_BRIDGE_RUN_DIR nor in agent.cwd]";
    let row = json!({ "type": "attachment", "mimeType": "image/jpeg", "fileName": "door.jpg" });
    assert_eq!(end["message"]["content"], json!([{ "type": "text", "text": text }, row]));
    // As the old gateway did: the names as the agent wrote them.
    let [Value::String(path), Value::String(address)] = &urls[..] else { panic!("{urls:?}") };
    assert!(path.ends_with("/door.jpg") && !Path::new(path).exists(), "{path}");
    assert_eq!(address, "https://example.org/map.png");
    // Android shows the content of what is not text; iPhones show its name.
    let history = app.ok("chat.history", &json!({ "sessionKey": "main" }));
    let mut shown = row;
    shown["content"] = base64(JPEG).into();
    assert_eq!(history["messages"][1]["content"], json!([{ "type": "text", "text": text }, shown]));
    let run = daemon.run(["chat", "history"]).ok();
    assert!(run.ends_with("[door.jpg]\n"), "{run}");
    // The transcript stays small, and the picture survives a restart.
    let sessions = daemon.setup().state("agents/main/sessions");
    let id = history["sessionId"].as_str().unwrap();
    let transcript = fs::read_to_string(sessions.join(format!("{id}.jsonl"))).unwrap();
    assert!(!transcript.contains(&base64(JPEG)), "{transcript}");
    let token = app.phone.token.clone();
    let daemon = daemon.restart();
    let mut app = App::again(&daemon, "alice", &token);
    assert_eq!(
        app.ok("chat.history", &json!({ "sessionKey": "main" }))["messages"],
        history["messages"]
    );
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::prelude::BASE64_STANDARD.encode(bytes)
}

#[test]
fn an_agent_is_told_that_there_was_a_picture_and_not_given_it_again() {
    let makes = r#"cat > input.new; mv input.new input
        printf '\377\330\377\340 pixels' > "$OPENCLAW_BRIDGE_RUN_DIR/door.jpg"
        printf '{"media":"%s/door.jpg"}\n' "$OPENCLAW_BRIDGE_RUN_DIR""#;
    let daemon = script(makes, &json!({ "input": "json", "output": "jsonl" })).start();
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    for run in ["one", "two"] {
        app.send("main", "show me", run);
        assert_eq!(app.end_of(run).state, "final");
    }
    let input = fs::read_to_string(daemon.setup().path("input")).unwrap();
    let input: Value = serde_json::from_str(&input).unwrap();
    let part = &input["history"][1]["content"][0];
    assert_eq!((&part["fileName"], part.get("content")), (&json!("door.jpg"), None), "{input}");
    // Without a word, the answer is the picture.
    let history = app.ok("chat.history", &json!({ "sessionKey": "main" }));
    assert_eq!(history["messages"][3]["content"].as_array().unwrap().len(), 1);
    assert_eq!(history["messages"][3]["content"][0]["content"], base64(JPEG));
}

#[test]
fn a_picture_for_which_there_is_no_room_is_told_of_and_the_answer_is_kept() {
    let makes = r#"picture="$OPENCLAW_BRIDGE_RUN_DIR/door.jpg"
        (printf '\377\330\377\340'; head -c 300000 /dev/zero) > "$picture"; echo "MEDIA:$picture""#;
    let agent = json!({ "kind": "command", "command": ["/bin/sh", "-c", makes] });
    // A node has a quarter of it.
    let limits = json!({ "limits": { "conversationBytes": 1_048_576 } });
    let daemon = Daemon::with_config(&json!({ "agent": agent, "bridge": limits }).to_string());
    let mut app = App::paired(&daemon, "alice");
    app.subscribe("main");
    app.send("main", "show me", "run");
    let end = app.end_of("run");
    let why =
        "[door.jpg was not sent: the gateway keeps no more on disk for this sender; its owner can \
               remove old transcripts or raise bridge.limits.conversationBytes]";
    assert_eq!((&*end.state, end.text.as_deref()), ("final", Some(why)));
    assert_eq!(app.messages("main")[1].1, why);
    assert!(!daemon.setup().state("agents/main/sessions/media").exists());
}
