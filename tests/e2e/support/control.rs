//! A connection to the control socket: questions, and events for those who subscribe.

use super::{secrets, DEADLINE};
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

pub(crate) struct Control {
    lines: BufReader<UnixStream>,
    events: VecDeque<Value>,
    last: u64,
}

impl Control {
    /// `None` if nobody listens there.
    pub(crate) fn try_open(path: &Path) -> Option<Self> {
        let stream = UnixStream::connect(path).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Some(Self { lines: BufReader::new(stream), events: VecDeque::new(), last: 0 })
    }

    /// The whole reply; `None` if the daemon goes away instead of answering.
    pub(crate) fn try_ask(&mut self, method: &str, params: &Value) -> Option<Value> {
        let request = json!({ "id": 0, "method": method, "params": params });
        writeln!(self.lines.get_mut(), "{request}").ok()?;
        let mut line = String::new();
        self.lines.read_line(&mut line).ok()?;
        // A daemon that is killed may leave half a line.
        line.ends_with('\n').then(|| serde_json::from_str(&line).unwrap())
    }

    /// Asks, and waits for the answer: the payload, or the error.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        let id = self.send(method, params);
        self.answer(id)
    }

    /// Asks without waiting; the number is for [`Control::answer`].
    pub(crate) fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.last += 1;
        let request = json!({ "id": self.last, "method": method, "params": params });
        writeln!(self.lines.get_mut(), "{request}").unwrap();
        self.last
    }

    /// Waits for an answer.
    #[track_caller]
    pub(crate) fn answer(&mut self, id: u64) -> Result<Value, Value> {
        loop {
            let line = self.read();
            if line["event"].is_string() {
                self.events.push_back(line);
                continue;
            }
            assert_eq!(line["id"], id, "answers come in order: {line}");
            return if line["ok"] == true {
                Ok(line["payload"].clone())
            } else {
                Err(line["error"].clone())
            };
        }
    }

    /// Waits for an answer that is nested too deeply for the reader of this test.
    #[track_caller]
    pub(crate) fn raw_answer(&mut self, id: u64) -> String {
        let line = self.read_line();
        assert!(line.starts_with(&format!("{{\"id\":{id},")), "{}", &line[..line.len().min(80)]);
        line
    }

    /// Follows these events; all of them if none is named.
    pub(crate) fn subscribe(mut self, only: &[&str]) -> Self {
        let params = if only.is_empty() { json!({}) } else { json!({ "only": only }) };
        self.ask("events.subscribe", &params).unwrap();
        self
    }

    /// Waits for the next event of this name, throwing others away, and returns its payload.
    #[track_caller]
    pub(crate) fn event(&mut self, name: &str) -> Value {
        loop {
            let line = self.events.pop_front().unwrap_or_else(|| self.read());
            if line["event"] == name {
                return line["payload"].clone();
            }
        }
    }

    /// The events that have come, after an answer that came later than all of them.
    pub(crate) fn events_so_far(&mut self) -> Vec<Value> {
        self.ask("status", &json!({})).unwrap();
        self.events.drain(..).collect()
    }

    #[track_caller]
    fn read(&mut self) -> Value {
        serde_json::from_str(&self.read_line()).unwrap()
    }

    #[track_caller]
    fn read_line(&mut self) -> String {
        let mut line = String::new();
        let bytes = self.lines.read_line(&mut line).expect("the daemon says something in time");
        assert!(bytes > 0, "the daemon closed the control connection");
        secrets::none_in(&line, "an answer to an operator");
        line
    }

    /// Waits until the daemon hangs up.
    pub(crate) fn wait_for_end(&mut self, deadline: Duration) {
        self.lines.get_ref().set_read_timeout(Some(deadline)).unwrap();
        let mut line = String::new();
        while self.lines.read_line(&mut line).expect("the daemon hangs up in time") > 0 {}
    }
}
