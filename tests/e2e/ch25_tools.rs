//! What agents that call functions get: a list of tools, calls, and the same over the Model
//! Context Protocol, against our own node with a camera that is not one.

use crate::support::pi::Pi;
use crate::support::{Daemon, Operator, Setup, DEADLINE};
use serde_json::{json, Value};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::Receiver;

/// Begins as a JPEG does.
const PICTURE: &str = "/9j/4AAQSkZJRg==";

/// A node with a lamp, and a camera that returns what it was asked.
fn kitchen() -> Pi {
    let setup = Setup::new();
    let camera = setup.path("camera");
    let script = format!(
        "#!/bin/sh\nasked=$(cat)\nprintf '{{\"format\":\"jpg\",\"base64\":\"{PICTURE}\",\"asked\":%s}}' \"$asked\"\n"
    );
    fs::write(&camera, script).unwrap();
    fs::set_permissions(&camera, fs::Permissions::from_mode(0o755)).unwrap();
    let camera = format!("camera.snap={}", camera.display());
    Pi::start_with(
        setup,
        &["--display-name", "Kitchen", "--handle", &camera, "--handle", "lamp.on=/bin/cat"],
    )
}

#[test]
fn tools_are_listed_and_called_from_a_shell() {
    let pi = kitchen();
    let run = |args: &[&str]| pi.daemon.run(args.iter().copied());
    let listed = run(&["tools", "--json"]).json();
    let names: Vec<&str> =
        listed["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["nodes_list", "camera_snap", "system_which", "lamp_on"]);
    let snap = &listed["tools"][1];
    assert_eq!(snap["parameters"]["properties"]["node"]["enum"], json!(["Kitchen"]));
    let openai = run(&["tools", "list", "--format", "openai"]).json();
    assert_eq!(openai[1]["function"]["parameters"], snap["parameters"]);
    assert!(run(&["tools"]).ok().contains("camera_snap   Take a picture with a device's camera"));

    let said = run(&["tools", "call", "lamp_on", "--params", r#"{"params":{"level":3}}"#]).ok();
    assert_eq!(said, "{\"level\":3}\n");
    let file = run(&["tools", "call", "camera_snap"]).ok();
    let file = file.trim_end().strip_prefix("MEDIA:").unwrap();
    assert_eq!(&fs::read(file).unwrap()[..3], b"\xff\xd8\xff");
    fs::remove_file(file).unwrap();
    let content = run(&["tools", "call", "camera_snap", "--json"]).json();
    let picture = json!({ "type": "image", "data": PICTURE, "mimeType": "image/jpeg" });
    assert_eq!(content, json!({ "content": [picture], "isError": false }));
    let why = run(&["tools", "call", "camera_snap", "--params", r#"{"facing":"up"}"#]).error(1);
    assert!(why.contains("`facing` must be one of \"front\", \"back\""), "{why}");
    let why = run(&["tools", "call", "sms_send"]).error(1);
    assert!(why.contains("no connected device offers a tool `sms_send` now"), "{why}");
}

#[test]
fn what_the_configuration_forbids_is_no_tool() {
    let setup = Setup::new().config("{ bridge: { allow: { commands: ['system.*'] } } }");
    let pi = Pi::start_with(setup, &["--handle", "lamp.on=/bin/cat"]);
    let listed = pi.daemon.run(["tools", "--json"]).json();
    let names: Vec<&Value> =
        listed["tools"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
    assert_eq!(names, [&json!("nodes_list"), &json!("system_which")]);
    let described = pi.daemon.run(["nodes", "describe", "pi"]).ok();
    assert!(described.contains("Forbidden    lamp.on"), "{described}");
}

/// A client of the Model Context Protocol.
struct Client {
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    server: Operator,
}

impl Client {
    fn start(daemon: &Daemon) -> Self {
        let mut command = daemon.setup().program();
        command.arg("mcp").stdin(Stdio::piped());
        let mut server = Operator::spawn(command);
        let input = Some(server.stdin());
        let lines = server.lines();
        Self { input, lines, server }
    }

    /// A client that has introduced itself.
    fn initialized(daemon: &Daemon) -> Self {
        let mut client = Self::start(daemon);
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" } });
        let answer = client.ask(0, "initialize", &params);
        assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
        assert_eq!(answer["result"]["serverInfo"]["name"], "openclaw-bridge");
        client
            .send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        client
    }

    fn send(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    #[track_caller]
    fn next(&self) -> Value {
        serde_json::from_str(&self.lines.recv_timeout(DEADLINE).unwrap()).unwrap()
    }

    fn request(&mut self, id: u32, method: &str, params: &Value) {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&request.to_string());
    }

    #[track_caller]
    fn ask(&mut self, id: u32, method: &str, params: &Value) -> Value {
        self.request(id, method, params);
        let answer = self.next();
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(id)), "{answer}");
        answer
    }

    fn call(&mut self, id: u32, name: &str, arguments: Value) -> Value {
        let params = json!({ "name": name, "arguments": arguments });
        self.ask(id, "tools/call", &params)["result"].take()
    }

    #[track_caller]
    fn tools(&mut self, id: u32) -> Vec<String> {
        let answer = self.ask(id, "tools/list", &json!({}));
        let tools = answer["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn an_mcp_client_gets_pictures_answers_and_errors() {
    let pi = kitchen();
    let mut client = Client::initialized(&pi.daemon);
    assert_eq!(client.tools(1), ["nodes_list", "camera_snap", "system_which", "lamp_on"]);
    let picture = client.call(2, "camera_snap", json!({ "node": "Kitchen" }));
    let block = json!({ "type": "image", "data": PICTURE, "mimeType": "image/jpeg" });
    assert_eq!(picture, json!({ "content": [block], "isError": false }));
    let said = client.call(3, "lamp_on", json!({ "params": { "level": 3 } }));
    assert_eq!(said["content"][0]["text"], "{\"level\":3}");
    let nodes = client.call(4, "nodes_list", json!({}));
    let nodes: Value = serde_json::from_str(nodes["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&nodes["nodes"][0]["name"], &nodes["nodes"][0]["id"]),
        (&json!("Kitchen"), &json!("pi"))
    );
    let wrong = client.call(5, "camera_snap", json!({ "facing": "up" }));
    assert_eq!(wrong["isError"], true);
    assert!(wrong["content"][0]["text"].as_str().unwrap().contains("`facing` must be one of"));
    let refused = client.call(6, "system_which", json!({ "bins": ["sh"], "node": "Attic" }));
    assert_eq!(refused["isError"], true);
    assert_eq!(client.ask(7, "ping", &json!({}))["result"], json!({}));
    // What a newer client tries first.
    assert_eq!(client.ask(8, "server/discover", &json!({}))["error"]["code"], -32601);
    assert_eq!(client.ask(9, "tools/call", &json!({}))["error"]["code"], -32602);
    client.send("{");
    assert_eq!(client.next()["error"]["code"], -32700);
    client.send("[1]");
    assert_eq!(client.next()["error"]["code"], -32600);
    client.send("");
    client.send(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    assert_eq!(client.ask(10, "ping", &json!({}))["result"], json!({}), "an answer is ignored");
    drop(client.input.take());
    assert_eq!(client.server.finish().ok(), "");
}

#[test]
fn an_mcp_client_is_told_when_devices_come_and_go() {
    let pi = kitchen();
    let mut client = Client::start(&pi.daemon);
    assert_eq!(client.tools(1).len(), 4);
    client.send(&json!({ "method": "notifications/initialized" }).to_string());
    let changed = json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" });
    pi.daemon.run(["nodes", "revoke", "pi"]).ok();
    assert_eq!(client.next(), changed);
    assert_eq!(client.tools(2), ["nodes_list"]);
    pi.daemon.pending_request("pi");
    pi.daemon.approve("pi");
    assert_eq!(client.next(), changed);
    assert_eq!(client.tools(3).len(), 4);
}

#[test]
fn an_mcp_client_without_a_bridge_is_told_so_by_its_only_tool() {
    let mut pi = kitchen();
    pi.daemon.run(["stop"]).ok();
    pi.daemon.wait(DEADLINE);
    let mut client = Client::start(&pi.daemon);
    assert_eq!(client.tools(1), ["nodes_list"]);
    let said = client.call(2, "nodes_list", json!({}));
    assert_eq!(said["isError"], true);
    assert!(said["content"][0]["text"].as_str().unwrap().starts_with("no bridge is running"));
}

#[test]
fn what_runs_when_an_mcp_client_closes_its_side_still_answers_and_what_it_cancels_does_not() {
    let setup = Setup::new();
    let (slow, go) = (setup.path("slow"), setup.path("go"));
    let wait =
        format!("#!/bin/sh\nwhile ! [ -e '{}' ]; do sleep 0.02; done\necho 1\n", go.display());
    fs::write(&slow, wait).unwrap();
    fs::set_permissions(&slow, fs::Permissions::from_mode(0o755)).unwrap();
    let slow = format!("slow.one={}", slow.display());
    let pi = Pi::start_with(setup, &["--handle", &slow, "--handle", "lamp.on=/bin/cat"]);
    let mut client = Client::start(&pi.daemon);
    let call = |name: &str| json!({ "name": name });
    client.request(1, "tools/call", &call("slow_one"));
    client.request(2, "tools/call", &call("slow_one"));
    let cancelled = json!({ "requestId": 1 });
    let cancelled = json!({ "method": "notifications/cancelled", "params": cancelled });
    client.send(&cancelled.to_string());
    assert_eq!(client.ask(3, "ping", &json!({}))["result"], json!({}));
    drop(client.input.take());
    fs::write(&go, "").unwrap();
    let answer = client.next();
    assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(2), &json!("1")));
    assert_eq!(client.server.finish().ok(), "");
    assert!(client.lines.recv_timeout(DEADLINE).is_err(), "nobody waits for the cancelled one");
}
