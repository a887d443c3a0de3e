//! The examples of agents that use nodes, as they are installed: the real program is the bridge, the
//! command line and the node; only the camera and the canvas are made up.

use crate::support::apps::App;
use crate::support::pi::Pi;
use crate::support::{eventually, Setup};
use serde_json::{json, Value};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The picture that the camera takes, in Base64.
const PICTURE: &str = "/9j/4CBwaXhlbHM=";

/// A bridge with this example as its agent. Programs in the directory `bin` are found first.
fn setup(example: &str, env: &Value) -> Setup {
    let setup = Setup::new();
    let bin = setup.path("bin");
    fs::create_dir(&bin).unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/agents").join(example);
    let mut agent = json!({ "kind": "command", "command": [example], "env": env });
    agent["env"]["PATH"] = format!("{}:/usr/bin:/bin", bin.display()).into();
    setup.config(&json!({ "agent": agent }).to_string())
}

/// Writes a shell script.
fn program(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
}

/// A machine in the kitchen with this program for a family of commands. What it is asked is in the
/// file `asked`.
fn kitchen(setup: Setup, commands: &str, answers: &str, more: &[&str]) -> Pi {
    let (handler, asked) = (setup.path("handler"), setup.path("asked"));
    program(&handler, &format!("cat > {0}.new; mv {0}.new {0}; {answers}", asked.display()));
    let handle = format!("{commands}={}", handler.display());
    Pi::start_with(setup, &[&["--display-name", "Kitchen", "--handle", &handle], more].concat())
}

fn asked(pi: &Pi) -> Value {
    let asked = eventually("the node is asked", || fs::read_to_string(pi.path("asked")).ok());
    serde_json::from_str(&asked).unwrap()
}

#[test]
fn a_phone_asks_what_the_camera_sees() {
    let camera = format!(r#"echo '{{"format":"jpg","base64":"{PICTURE}","width":4,"height":3}}'"#);
    let setup = setup("camera.sh", &json!({ "CAMERA_NODE": "Kitchen" }));
    let pi = kitchen(setup, "camera.snap", &camera, &[]);
    let mut app = App::paired(&pi.daemon, "alice");
    app.subscribe("main");
    app.send("main", "What is on the table?", "plain");
    assert_eq!(app.end_of("plain").text.as_deref(), Some("Here it is."));
    assert_eq!(asked(&pi), json!({ "facing": "back", "maxWidth": 1024, "format": "jpg" }));
    // A model that sees, which is given the message and the picture.
    let llm = r#"[ "$1 $2" = "prompt --attachment" ] && read -r line || [ "$line" ]
        echo "$line A cat of $(wc -c < "$3") bytes.""#;
    program(&pi.path("bin/llm"), llm);
    app.send("main", "What is on the table?", "seen");
    let seen = "What is on the table? A cat of 11 bytes.";
    assert_eq!(app.end_of("seen").text.as_deref(), Some(seen));
    // One that does not work: there is a picture nevertheless.
    program(&pi.path("bin/llm"), "echo 'no key' >&2; exit 1");
    app.send("main", "And now?", "blind");
    let blind = app.end_of("blind");
    assert_eq!(blind.state, "final");
    assert!(blind.text.unwrap().starts_with("Here it is. What could have described it failed"));
    let history = app.ok("chat.history", &json!({ "sessionKey": "main" }));
    for answer in [1, 3, 5] {
        let part = &history["messages"][answer]["content"][1];
        assert_eq!((&part["mimeType"], &part["content"]), (&json!("image/jpeg"), &json!(PICTURE)));
    }
}

#[test]
fn a_camera_that_cannot_take_a_picture_says_why_to_who_asked() {
    let setup = setup("camera.sh", &json!({ "CAMERA_NODE": "Kitchen" }));
    let pi = kitchen(setup, "camera.snap", "echo 'CAMERA_DISABLED: enable it' >&2; exit 1", &[]);
    let mut app = App::paired(&pi.daemon, "alice");
    app.subscribe("main");
    app.send("main", "What is on the table?", "run");
    let end = app.end_of("run");
    let why = end.why.unwrap();
    assert_eq!(end.state, "error");
    assert!(why.contains("nodes camera snap failed: ") && why.contains("CAMERA_DISABLED"), "{why}");
}

#[test]
fn a_message_is_shown_on_the_canvas_of_the_node_that_sent_it() {
    let said = "Dinner is \"ready\"\\nor \\\\ not";
    let event = format!(r#"agent.request={{"message":"{}"}}"#, said.replace('"', "\\\""));
    let setup = setup("canvas.sh", &json!({}));
    let more = ["--event", &event];
    let pi = kitchen(setup, "canvas.*", r#"echo '{"ok":true}'"#, &more);
    let asked = asked(&pi);
    let messages: Vec<Value> = asked["jsonl"]
        .as_str()
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [update, begin] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(begin["beginRendering"], json!({ "surfaceId": "main", "root": "root" }));
    let components = update["surfaceUpdate"]["components"].as_array().unwrap();
    let of = |id: &str| components.iter().find(|component| component["id"] == id).unwrap();
    let shown = &of("message")["component"]["Text"]["text"]["literalString"];
    assert_eq!(shown, "Dinner is \"ready\"\nor \\ not");
    // Everything that is named is there.
    for child in of("column")["component"]["Column"]["children"]["explicitList"].as_array().unwrap()
    {
        of(child.as_str().unwrap());
    }
    let answer = eventually("the answer is in the conversation", || {
        let history = pi.daemon.ask("chat.history", &json!({ "sessionKey": "node-pi" }));
        let message = &history["messages"][1];
        message.is_object().then(|| message["content"][0]["text"].clone())
    });
    assert_eq!(answer, "It is on the canvas.");
}
