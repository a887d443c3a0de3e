//! A headless Chromium with one page. It is told what to do by the DevTools protocol: JSON objects,
//! each ended by a zero byte, on the descriptors 3 and 4.

use crate::support::{within, DEADLINE};
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The shell makes the descriptors of what it can have from here: standard input and output.
const START: &str = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";

const FLAGS: &[&str] = &[
    "--headless=new",
    "--remote-debugging-pipe",
    // It shows our own page only, and root has no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--mute-audio",
    "--lang=en-US",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "about:blank",
];

pub(crate) struct Chromium {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    events: VecDeque<Value>,
    /// The page, once there is one.
    session: Option<String>,
    last: u64,
    _home: TempDir,
}

impl Chromium {
    pub(crate) fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let profile = format!("--user-data-dir={}", home.path().display());
        let mut child = Command::new("/bin/sh")
            .args(["-c", START, "sh", &profile])
            .args(FLAGS)
            .env("HOME", home.path())
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (commands, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            let messages = BufReader::new(output).split(0).map_while(Result::ok);
            for message in messages {
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        let (events, session) = (VecDeque::new(), None);
        let mut this = Self { child, commands, messages, events, session, last: 0, _home: home };
        let target = this.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = this.call("Target.attachToTarget", &target)["sessionId"].take();
        this.session = session.as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            this.call(&format!("{domain}.enable"), &json!({}));
        }
        this
    }

    /// Calls a method of the protocol.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    #[track_caller]
    fn try_call(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        self.commands.write_all(format!("{command}\0").as_bytes()).unwrap();
        let end = Instant::now() + DEADLINE;
        loop {
            let mut message = self.receive(end, method);
            if message["id"] == self.last {
                return match message["error"].take() {
                    Value::Null => Ok(message["result"].take()),
                    error => Err(error),
                };
            }
            self.events.push_back(message);
        }
    }

    #[track_caller]
    fn receive(&self, end: Instant, what: &str) -> Value {
        let left = end.saturating_duration_since(Instant::now());
        self.messages.recv_timeout(left).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Waits for an event; its parameters.
    #[track_caller]
    pub(crate) fn event(&mut self, name: &str) -> Value {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.events.iter().position(|event| event["method"] == name) {
                return self.events.remove(at).unwrap()["params"].take();
            }
            let message = self.receive(end, name);
            self.events.push_back(message);
        }
    }

    /// The value of an expression, which may be a promise.
    #[track_caller]
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        self.try_eval(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    #[track_caller]
    fn try_eval(&mut self, expression: &str) -> Result<Value, Value> {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut done = self.try_call("Runtime.evaluate", &params)?;
        match done["exceptionDetails"].take() {
            Value::Null => Ok(done["result"]["value"].take()),
            exception => Err(exception),
        }
    }

    /// Waits until an expression is true. While a page is loaded, what it is about may be missing.
    #[track_caller]
    pub(crate) fn until(&mut self, expression: &str) {
        within(DEADLINE, expression, || {
            (self.try_eval(expression) == Ok(Value::Bool(true))).then_some(())
        });
    }

    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) {
        let opened = self.call("Page.navigate", &json!({ "url": url }));
        assert!(opened["errorText"].is_null(), "{url}: {opened}");
        self.event("Page.loadEventFired");
    }

    /// What the page has complained of so far: errors, exceptions, refusals of its policy.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // Everything that was said before this answer is here.
        self.call("Runtime.evaluate", &json!({ "expression": "0" }));
        let is_bad = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => event["params"]["type"] == "error",
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            _ => false,
        };
        self.events.iter().filter(is_bad).map(|event| event["params"].to_string()).collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.session = None;
        let _ = self.commands.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
