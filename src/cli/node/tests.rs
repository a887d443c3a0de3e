//! The command against a scripted gateway, with real programs.

mod reconnect;
mod tls;

use super::*;
use crate::client::fake_gateway::{FakeGateway, Visit, DEADLINE};
use crate::node_host::OwnerPolicy;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use serde_json::{json, Value};
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A stream that the test can read.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The command with a home of its own.
struct Alice {
    dir: tempfile::TempDir,
    options: NodeOptions,
    out: Paper,
    err: Paper,
    stop: Stop,
}

impl Alice {
    fn new(port: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = NodeOptions {
            gateway: None,
            host: "127.0.0.1".into(),
            port,
            tls: None,
            node_id: Some("alice".into()),
            display_name: None,
            token_file: dir.path().join("node.json"),
            work: HostOptions {
                handles: Vec::new(),
                handle_time: DEADLINE,
                owner: OwnerPolicy::default(),
                approvals: dir.path().join("exec-approvals.json"),
                remote_approvals: false,
            },
            request: None,
            events: Vec::new(),
            subscribe: Vec::new(),
            once: false,
            trace: false,
        };
        let stop = Stop::new().unwrap();
        Self { dir, options, out: Paper::default(), err: Paper::default(), stop }
    }

    /// Answers `command` with a shell script. Written by another process: a file that any thread
    /// of this one has open for writing cannot be executed.
    fn handle(mut self, command: &str, script: &str) -> Self {
        let program = self.dir.path().join(command);
        shell(
            &program,
            &format!("cat > \"$1\" <<'END'\n#!/bin/sh\n{script}\nEND\nchmod 755 \"$1\""),
        );
        self.options.work.handles.push((command.into(), program.into()));
        self
    }

    fn run(&self) -> Result<(), NodeError> {
        let (out, err) = (Box::new(self.out.clone()), Box::new(self.err.clone()));
        run(self.options.clone(), out, err, &self.stop)
    }

    /// Runs until stopped.
    fn start(self) -> Running {
        let stop = self.stop.clone();
        Running { stop, thread: thread::spawn(move || (self.run(), self).0) }
    }
}

struct Running {
    stop: Stop,
    thread: JoinHandle<Result<(), NodeError>>,
}

impl Running {
    fn stop(self) {
        self.stop.request();
        self.thread.join().unwrap().unwrap();
    }
}

fn shell(argument: &Path, script: &str) {
    let status = Command::new("/bin/sh").args(["-c", script, "sh"]).arg(argument).status();
    assert!(status.unwrap().success());
}

/// A gateway that admits one node and hands the connection to the test.
fn gateway() -> (FakeGateway, crossbeam_channel::Receiver<(Visit, Value)>) {
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let gateway = FakeGateway::start(move |listener| sender.send(listener.admit()).unwrap());
    (gateway, receiver)
}

fn refusal(code: &str, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

#[test]
fn programs_answer_invokes() {
    let (gateway, visits) = gateway();
    let alice = Alice::new(gateway.port)
        .handle(
            "say.json",
            r#"printf '{"command":"%s","params":%s}' "$#$OPENCLAW_COMMAND" "$(cat)""#,
        )
        .handle("say.text", "echo on")
        .handle("say.nothing", "exec cat >&2")
        .handle("fail.loudly", "echo first >&2; echo NO_LAMP: gone >&2; exit 3")
        .handle("fail.silently", "exit 3")
        .start();
    let (mut visit, hello) = visits.recv_timeout(DEADLINE).unwrap();
    assert_eq!((&hello["caps"], &hello["commands"][1]), (&json!(["system"]), &json!("say.text")));
    for (command, params, payload, error) in [
        ("say.json", Some("[1]"), json!(r#"{"command":"0say.json","params":[1]}"#), json!(null)),
        ("say.json", None, json!(r#"{"command":"0say.json","params":null}"#), json!(null)),
        ("say.text", Some("{}"), json!(r#"{"output":"on"}"#), json!(null)),
        ("say.nothing", None, json!(null), json!(null)),
        ("fail.loudly", None, json!(null), refusal("UNAVAILABLE", "NO_LAMP: gone")),
        ("fail.silently", None, json!(null), refusal("UNAVAILABLE", "exit status: 3")),
        ("lamp.on", None, json!(null), refusal("INVALID_REQUEST", "unknown command: lamp.on")),
    ] {
        visit.invoke(command, command, params);
        let answer = visit.expect("invoke-res");
        assert_eq!(answer["id"], command);
        assert_eq!((&answer["payloadJSON"], &answer["error"]), (&payload, &error), "{command}");
        assert_eq!(answer["ok"], error.is_null());
    }
    // More than a pipe holds, for a program that does not read.
    visit.invoke("big", "say.text", Some(&format!("\"{}\"", "x".repeat(1 << 20))));
    assert_eq!(visit.expect("invoke-res")["ok"], true);
    alice.stop();
    visit.expect_closed();
    gateway.finish();
}

#[test]
fn pings_are_answered_while_programs_run() {
    let (gateway, visits) = gateway();
    let dir = tempfile::tempdir().unwrap();
    let go = dir.path().join("go");
    let script = format!("while [ ! -e '{}' ]; do sleep 0.02; done", go.display());
    let alice = Alice::new(gateway.port).handle("wait", &script).start();
    let (mut visit, _) = visits.recv_timeout(DEADLINE).unwrap();
    for id in 0..8 {
        visit.invoke(&id.to_string(), "wait", None);
    }
    visit.send(r#"{"type":"ping","id":"p"}"#);
    assert_eq!(visit.expect("pong")["id"], "p");
    visit.invoke("ninth", "wait", None);
    let busy = visit.expect("invoke-res");
    assert_eq!((&busy["id"], &busy["error"]["code"]), (&json!("ninth"), &json!("UNAVAILABLE")));
    std::fs::write(&go, "").unwrap();
    for _ in 0..8 {
        assert_eq!(visit.expect("invoke-res")["ok"], true);
    }
    alice.stop();
    gateway.finish();
}

#[test]
fn a_flood_of_invokes_costs_nothing_but_the_refusals() {
    let (gateway, visits) = gateway();
    let mut alice = Alice::new(gateway.port);
    alice.options.work.owner.security = Some(Security::Full);
    let go = alice.dir.path().join("go");
    let alice = alice.start();
    let (mut visit, _) = visits.recv_timeout(DEADLINE).unwrap();
    let script = format!("until [ -e '{}' ]; do sleep 0.02; done", go.display());
    let params = json!({ "command": ["/bin/sh", "-c", script] }).to_string();
    for id in 0..1000 {
        visit.invoke(&id.to_string(), "system.run", Some(&params));
    }
    visit.send(r#"{"type":"ping","id":"p"}"#);
    let mut kinds = std::collections::BTreeMap::new();
    while !kinds.contains_key("pong") {
        let frame = visit.any();
        assert_ne!(frame["ok"], true);
        *kinds.entry(frame["type"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(kinds["invoke-res"], 992, "{kinds:?}");
    std::fs::write(&go, "").unwrap();
    let mut ends = std::iter::repeat_with(|| visit.any()).filter(|frame| frame["ok"] == true);
    assert_eq!(ends.by_ref().take(8).count(), 8);
    alice.stop();
    gateway.finish();
}

/// A program with a child of its own, and a pipe that stays open as long as either lives.
fn family(dir: &Path) -> (String, std::fs::File) {
    let alive = dir.join("alive");
    shell(&alive, "mkfifo \"$1\"");
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let reader =
        std::fs::File::options().read(true).custom_flags(nonblocking).open(&alive).unwrap();
    (format!("exec 9>'{}'; echo up >&9; sleep 1000 & wait", alive.display()), reader)
}

/// Waits for a byte, or for the end, of that pipe.
fn wait_for(pipe: &std::fs::File, flags: PollFlags) {
    let mut fds = [PollFd::from_borrowed_fd(pipe.as_fd(), flags)];
    assert!(poll_until(&mut fds, Some(Instant::now() + DEADLINE)).unwrap());
}

#[test]
fn a_program_over_its_time_is_killed_with_its_children() {
    let (gateway, visits) = gateway();
    let dir = tempfile::tempdir().unwrap();
    let (script, alive) = family(dir.path());
    let mut alice = Alice::new(gateway.port).handle("hang", &script);
    alice.options.work.handle_time = Duration::from_secs(1);
    let alice = alice.start();
    let (mut visit, _) = visits.recv_timeout(DEADLINE).unwrap();
    visit.invoke("i", "hang", None);
    let answer = visit.expect("invoke-res");
    assert_eq!(answer["error"], refusal("UNAVAILABLE", "hang took longer than 1s"));
    // Only the end of all writers ends the wait; what they wrote is not asked for.
    wait_for(&alive, PollFlags::empty());
    alice.stop();
    gateway.finish();
}

#[test]
fn a_stop_kills_running_programs() {
    let (gateway, visits) = gateway();
    let dir = tempfile::tempdir().unwrap();
    let (script, alive) = family(dir.path());
    let alice = Alice::new(gateway.port).handle("hang", &script).start();
    let (mut visit, _) = visits.recv_timeout(DEADLINE).unwrap();
    visit.invoke("i", "hang", None);
    wait_for(&alive, PollFlags::IN);
    alice.stop();
    wait_for(&alive, PollFlags::empty());
    gateway.finish();
}

#[test]
fn a_request_prints_its_result_or_the_refusal() {
    for (answer, printed, error) in [
        (json!({ "ok": true, "payloadJSON": "{\"x\":\"\u{9b}\"}" }), "{\"x\":\"\\u009b\"}\n", None),
        (json!({ "ok": true }), "null\n", None),
        (
            json!({ "ok": false, "error": { "code": "FORBIDDEN", "message": "\u{1b}no" } }),
            "",
            Some("FORBIDDEN: \\u001bno"),
        ),
    ] {
        let gateway = FakeGateway::start(move |listener| {
            let (mut visit, _) = listener.admit();
            let request = visit.expect("req");
            assert_eq!((&request["method"], &request["paramsJSON"]), (&json!("m"), &json!("[1]")));
            visit.send(r#"{"type":"event","event":"tick","payloadJSON":null}"#);
            let mut answer = answer;
            answer["type"] = "res".into();
            answer["id"] = request["id"].clone();
            visit.send(&answer.to_string());
            visit.expect_closed();
        });
        let mut alice = Alice::new(gateway.port);
        alice.options.once = true;
        alice.options.request = Some(("m".into(), Some("[1]".into())));
        let end = alice.run().map_err(|error| (error.exit_code(), error.to_string()));
        assert_eq!(end, error.map_or(Ok(()), |text| Err((1, text.to_owned()))));
        assert_eq!(alice.out.text(), printed);
        gateway.finish();
    }
}

#[test]
fn a_request_whose_answer_is_lost_is_not_made_twice() {
    let gateway = FakeGateway::start(|listener| {
        listener.admit().0.expect("req");
    });
    let mut alice = Alice::new(gateway.port);
    alice.options.request = Some(("chat.send".into(), None));
    let error = alice.run().unwrap_err();
    assert!(matches!(&error, NodeError::Unanswered(_)) && error.exit_code() == 1, "{error}");
    gateway.finish();
}

#[test]
fn a_signal_is_a_stop() {
    let stop = Stop::new().unwrap();
    stop_on_signals(&stop).unwrap();
    signal_hook::low_level::raise(SIGTERM).unwrap();
    assert!(stop.wait(DEADLINE));
}

#[test]
fn once_pairs_tells_what_to_type_and_traces_without_the_token() {
    let gateway = FakeGateway::start(|listener| {
        let mut visit = listener.accept();
        visit.ask_to_be_paired();
        visit.send(r#"{"type":"pair-ok","token":"s3cret"}"#);
        visit.send(r#"{"type":"hello-ok","serverName":"studio"}"#);
        visit.expect_closed();
        assert_eq!(listener.admit().1["token"], "s3cret");
    });
    let mut alice = Alice::new(gateway.port);
    (alice.options.once, alice.options.trace) = (true, true);
    alice.run().unwrap();
    alice.run().unwrap();
    let said = alice.err.text();
    assert!(said.contains("`openclaw-bridge nodes approve alice`"), "{said}");
    assert!(said.contains("connected to studio\n"), "{said}");
    assert!(said.contains("\n< {\"type\":\"pair-ok\",\"token\":\"…\"}\n"), "{said}");
    assert!(!said.contains("s3cret") && alice.out.text().is_empty());
    gateway.finish();
}

#[test]
fn failures_have_their_exit_codes() {
    let mut alice = Alice::new(1);
    alice.options.once = true;
    let error = alice.run().unwrap_err();
    assert_eq!(error.exit_code(), 69, "{error}");
    assert!(error.to_string().contains("`openclaw-bridge serve`"));
    std::fs::write(&alice.options.token_file, "{").unwrap();
    assert_eq!(alice.run().unwrap_err().exit_code(), 1);
}

#[test]
fn the_token_file_is_in_the_state_directory() {
    let file = |state: &'static str, home: &'static str| {
        let text = move |name: &str| if name == "HOME" { home } else { state };
        let env =
            move |name: &str| Some(text(name).into()).filter(|text: &OsString| !text.is_empty());
        default_token_file(&env)
    };
    assert_eq!(file("/s", "/h"), Some("/s/openclaw-bridge/node.json".into()));
    assert_eq!(file("", "/h"), Some("/h/.local/state/openclaw-bridge/node.json".into()));
    assert_eq!(file("", ""), None);
}
