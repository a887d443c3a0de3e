//! A machine without an app: the real `openclaw-bridge node`, and an operator who listens to what
//! is reported about its programs.

use super::{eventually, Daemon, Operator, Run, Setup, DEADLINE};
use rustix::process::Signal;
use serde_json::{json, Value};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

/// The node, and an operator who listens.
pub(crate) struct Pi {
    node: Option<Operator>,
    events: Receiver<String>,
    listener: Operator,
    pub(crate) daemon: Daemon,
    /// How the node is started the next time.
    pub(crate) args: Vec<String>,
}

/// How a node is told where the bridge is.
pub(crate) fn way(daemon: &Daemon) -> Vec<String> {
    vec!["--port".into(), daemon.address().port().to_string()]
}

impl Pi {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(Setup::new(), args)
    }

    pub(crate) fn start_with(setup: Setup, args: &[&str]) -> Self {
        let daemon = setup.start();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let (listener, events) = listen(&daemon);
        let mut pi = Self { node: None, events, listener, daemon, args };
        pi.start_node();
        pi.daemon.pending_request("pi");
        pi.daemon.approve("pi");
        pi.wait_until_connected();
        pi
    }

    /// Follows the reports of another daemon.
    pub(crate) fn listen(&mut self) {
        (self.listener, self.events) = listen(&self.daemon);
    }

    pub(crate) fn start_node(&mut self) {
        let mut words = vec!["node".to_owned(), "--node-id".into(), "pi".into()];
        words.extend(way(&self.daemon));
        words.extend(self.args.clone());
        self.node = Some(self.daemon.operator(words.iter().map(String::as_str)));
    }

    pub(crate) fn wait_until_connected(&self) {
        eventually("the node is connected", || {
            let node = self.daemon.ask("node.list", &json!({}))["nodes"][0].take();
            (node["connected"] == true).then_some(())
        });
    }

    /// Ends the node; what it said.
    pub(crate) fn stop_node(&mut self) -> Run {
        let node = self.node.take().unwrap();
        node.signal(Signal::TERM);
        node.finish()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.daemon.setup().path(name)
    }

    /// A file beside the node's token.
    pub(crate) fn beside_the_token(&self, name: &str) -> PathBuf {
        self.path("home/.local/state/openclaw-bridge").join(name)
    }

    pub(crate) fn try_invoke(&self, command: &str, params: &Value) -> Result<Value, Value> {
        let params = json!({
            "nodeId": "pi", "command": command, "params": params, "timeoutMs": 15_000,
            "idempotencyKey": unique(),
        });
        self.daemon.control().ask("node.invoke", &params)
    }

    #[track_caller]
    pub(crate) fn invoke(&self, command: &str, params: &Value) -> Value {
        self.try_invoke(command, params).unwrap()["payload"].take()
    }

    /// Code and message of the node's refusal.
    #[track_caller]
    pub(crate) fn refused(&self, command: &str, params: &Value) -> (String, String) {
        let error = self.try_invoke(command, params).unwrap_err();
        let error = &error["details"]["nodeError"];
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        (text("code"), text("message"))
    }

    /// The text of the next report about a program.
    #[track_caller]
    pub(crate) fn report(&mut self) -> String {
        loop {
            let line = self.events.recv_timeout(DEADLINE).expect("a report in time");
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] == "system" {
                return event["payload"]["text"].as_str().unwrap().to_owned();
            }
        }
    }
}

/// An operator who follows the reports about programs.
fn listen(daemon: &Daemon) -> (Operator, Receiver<String>) {
    let mut listener =
        daemon.operator(["events", "--only", "system", "--only", "voicewake.changed"]);
    let lines = listener.lines();
    eventually("the events are followed", || {
        daemon.ask("voicewake.set", &json!({ "triggers": ["x"] }));
        lines.try_recv().ok()
    });
    (listener, lines)
}

pub(crate) fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("key-{}", LAST.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn sh(script: &str) -> Value {
    json!({ "command": ["/bin/sh", "-c", script], "runId": "r" })
}
