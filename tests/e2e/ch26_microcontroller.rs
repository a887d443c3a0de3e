//! The example for microcontrollers, compiled as it is installed.

use crate::support::{eventually, tools, Daemon, Operator};
use rustix::process::Signal;
use serde_json::{json, Value};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::Receiver;

/// The program, or `None` where there is no C compiler.
fn compiled(daemon: &Daemon) -> Option<PathBuf> {
    if !tools::has("cc", "gcc") {
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/examples/lamp.c");
    let program = daemon.setup().path("lamp");
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-o"]).arg(&program).arg(source);
    assert!(cc.status().unwrap().success());
    Some(program)
}

fn start(program: &Path, daemon: &Daemon) -> (Operator, Receiver<String>) {
    let mut command = Command::new(program);
    command.arg("127.0.0.1").arg(daemon.address().port().to_string());
    command.arg(daemon.setup().path("token.txt"));
    let mut lamp = Operator::spawn(command);
    let lines = lamp.lines();
    (lamp, lines)
}

fn connected(daemon: &Daemon) {
    eventually("the lamp is connected", || {
        let node = daemon.ask("node.list", &json!({}))["nodes"][0].take();
        (node["connected"] == true).then_some(())
    });
}

fn invoke(daemon: &Daemon, command: &str, params: &str) -> Result<Value, String> {
    let args = ["nodes", "invoke", "--node", "Desk lamp", "--command", command, "--params", params];
    let run = daemon.run(args);
    match run.code {
        Some(0) => Ok(run.json()),
        _ => Err(run.stderr),
    }
}

#[test]
fn a_lamp_of_one_file_pairs_obeys_reports_and_comes_back() {
    let daemon = Daemon::start();
    let Some(program) = compiled(&daemon) else { return };
    let (lamp, lines) = start(&program, &daemon);
    daemon.pending_request("lamp-1");
    daemon.approve("lamp-1");
    connected(&daemon);
    for on in [true, false] {
        let params = json!({ "brightness": 7, "on": on }).to_string();
        assert_eq!(invoke(&daemon, "lamp.set", &params), Ok(json!({ "on": on })));
        assert_eq!(lines.recv().unwrap(), format!("on: {on}"));
    }
    // More than the lamp can hold is not carried out, and does not hurt it.
    let long = json!({ "on": true, "why": "x".repeat(10_000) }).to_string();
    let args = ["nodes", "invoke", "--node", "lamp-1", "--command", "lamp.set", "--params", &long];
    assert_ne!(daemon.run([&args[..], &["--invoke-timeout", "300ms"]].concat()).code, Some(0));
    let refusal = invoke(&daemon, "camera.snap", "{}").unwrap_err();
    assert!(refusal.contains("unknown command"), "{refusal}");
    let said = eventually("what the lamp reported is in the conversation", || {
        let mut history = daemon.ask("chat.history", &json!({ "sessionKey": "node-lamp-1" }));
        let text = history["messages"][0]["content"][0]["text"].take();
        text.is_string().then_some(text)
    });
    assert_eq!(said, "The lamp has power.");
    // With its token it needs nobody.
    lamp.signal(Signal::KILL);
    lamp.finish();
    let token = fs::read_to_string(daemon.setup().path("token.txt")).unwrap();
    assert_eq!(token.len(), 32, "{}", token.len());
    let (_lamp, lines) = start(&program, &daemon);
    connected(&daemon);
    let on = eventually("it obeys again", || invoke(&daemon, "lamp.set", r#"{"on":true}"#).ok());
    assert_eq!((on, lines.recv().unwrap().as_str()), (json!({ "on": true }), "on: true"));
}
