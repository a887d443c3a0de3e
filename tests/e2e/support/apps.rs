//! A phone with an app on it: results and events are decoded as strictly as the iPhone and the
//! Android app do, and what one of them could not read fails the test.

use super::{eventually, Daemon, Phone, Setup};
use rustix::fs::OFlags;
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A phone that keeps the events that come between answers.
pub(crate) struct App {
    pub(crate) phone: Phone,
    /// Every event that nobody has looked at, with its payload.
    pub(crate) events: VecDeque<(String, Value)>,
    calls: u64,
}

/// Why a call was refused: code, message, and details.
#[derive(Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) details: Value,
}

/// A `chat` event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chat {
    pub(crate) run: String,
    pub(crate) session_key: String,
    pub(crate) seq: u64,
    pub(crate) state: String,
    /// The text of its message.
    pub(crate) text: Option<String>,
    /// `stopReason` or `errorMessage`.
    pub(crate) why: Option<String>,
}

/// The answer of `chat.history`.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) session_id: Option<String>,
    pub(crate) thinking: String,
    /// Role and text.
    pub(crate) messages: Vec<(String, String)>,
}

impl App {
    pub(crate) fn paired(daemon: &Daemon, node: &str) -> Self {
        Self::on(Phone::paired(daemon, node))
    }

    /// The same app after the connection was lost.
    pub(crate) fn again(daemon: &Daemon, node: &str, token: &str) -> Self {
        Self::on(Phone::log_in(daemon, node, token))
    }

    fn on(phone: Phone) -> Self {
        Self { phone, events: VecDeque::new(), calls: 0 }
    }

    /// Asks; the number is for [`App::answer`].
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> u64 {
        self.calls += 1;
        let id = format!("call-{}", self.calls);
        let params = params.to_string();
        self.phone
            .send(&json!({ "type": "req", "id": id, "method": method, "paramsJSON": params }));
        self.calls
    }

    #[track_caller]
    pub(crate) fn answer(&mut self, call: u64) -> Result<Value, Refusal> {
        loop {
            let frame = self.phone.receive();
            if frame["type"] == "event" {
                self.keep(&frame);
                continue;
            }
            assert_eq!(
                (&frame["type"], &frame["id"]),
                (&json!("res"), &json!(format!("call-{call}")))
            );
            if frame["ok"] == true {
                return Ok(json_text(&frame["payloadJSON"]));
            }
            let error = &frame["error"];
            let (code, message) = (text(&error["code"]), text(&error["message"]));
            return Err(Refusal { code, message, details: error["details"].clone() });
        }
    }

    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Result<Value, Refusal> {
        let call = self.ask(method, params);
        self.answer(call)
    }

    #[track_caller]
    pub(crate) fn ok(&mut self, method: &str, params: &Value) -> Value {
        self.call(method, params).unwrap_or_else(|refusal| panic!("{method} {params}: {refusal:?}"))
    }

    /// The message of a refusal, which has to be INVALID_REQUEST.
    #[track_caller]
    pub(crate) fn invalid(&mut self, method: &str, params: &Value) -> String {
        let refusal = self.call(method, params).expect_err("a refusal");
        assert_eq!(refusal.code, "INVALID_REQUEST", "{method} {params}: {refusal:?}");
        refusal.message
    }

    /// The code of a refusal.
    #[track_caller]
    pub(crate) fn refused(&mut self, method: &str, params: &Value) -> String {
        self.call(method, params).expect_err("a refusal").code
    }

    pub(crate) fn tell(&mut self, event: &str, payload: &Value) {
        let payload = payload.to_string();
        self.phone.send(&json!({ "type": "event", "event": event, "payloadJSON": payload }));
    }

    /// Subscribes, and is subscribed when this returns.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, session_key: &str) {
        self.tell("chat.subscribe", &json!({ "sessionKey": session_key }));
        self.catch_up();
    }

    /// Keeps every event that was sent before the answer to a ping.
    #[track_caller]
    pub(crate) fn catch_up(&mut self) {
        self.phone.send(&json!({ "type": "ping", "id": "so far" }));
        loop {
            let frame = self.phone.receive();
            if frame["type"] == "pong" {
                return;
            }
            self.keep(&frame);
        }
    }

    #[track_caller]
    fn keep(&mut self, frame: &Value) {
        assert_eq!(frame["type"], "event", "{frame}");
        self.events.push_back((text(&frame["event"]), json_text(&frame["payloadJSON"])));
    }

    /// The next event of this name; those of other names before it are dropped.
    #[track_caller]
    pub(crate) fn event(&mut self, name: &str) -> Value {
        loop {
            if let Some((found, payload)) = self.events.pop_front() {
                if found == name {
                    return payload;
                }
                continue;
            }
            let frame = self.phone.receive();
            self.keep(&frame);
        }
    }

    /// Sends a message under this key and checks that it was begun.
    #[track_caller]
    pub(crate) fn send(&mut self, session_key: &str, message: &str, run: &str) {
        let (answered, status) = chat_send(&self.ok("chat.send", &send(session_key, message, run)));
        assert_eq!((&*answered, &*status), (run, "started"));
    }

    /// The next chat event.
    #[track_caller]
    pub(crate) fn chat(&mut self) -> Chat {
        chat(&self.event("chat"))
    }

    /// The chat events of a run up to its end; seq grows, texts are cumulative.
    #[track_caller]
    pub(crate) fn run_to_end(&mut self, run: &str) -> Vec<Chat> {
        let mut heard: Vec<Chat> = Vec::new();
        loop {
            let chat = self.chat();
            if chat.run != run {
                continue;
            }
            assert!(heard.last().is_none_or(|last| last.seq < chat.seq), "{heard:?} {chat:?}");
            if let (Some(before), Some(text)) =
                (heard.last().and_then(|c| c.text.as_ref()), &chat.text)
            {
                assert!(text.starts_with(before.as_str()), "{before:?} {text:?}");
            }
            let is_delta = chat.state == "delta";
            heard.push(chat);
            if !is_delta {
                return heard;
            }
        }
    }

    /// The last chat event of a run.
    #[track_caller]
    pub(crate) fn end_of(&mut self, run: &str) -> Chat {
        self.run_to_end(run).pop().unwrap()
    }

    /// The texts of the chat events that have come so far.
    #[track_caller]
    pub(crate) fn chats_so_far(&mut self) -> Vec<Chat> {
        self.catch_up();
        let events = self.events.drain(..).filter(|(name, _)| name == "chat");
        events.map(|(_, payload)| chat(&payload)).collect()
    }

    #[track_caller]
    pub(crate) fn history(&mut self, session_key: &str) -> History {
        history(session_key, &self.ok("chat.history", &json!({ "sessionKey": session_key })))
    }

    /// Role and text of every message.
    #[track_caller]
    pub(crate) fn messages(&mut self, session_key: &str) -> Vec<(String, String)> {
        self.history(session_key).messages
    }
}

/// Parameters of `chat.send` as the apps send them.
pub(crate) fn send(session_key: &str, message: &str, run: &str) -> Value {
    json!({
        "sessionKey": session_key, "message": message, "thinking": "low", "timeoutMs": 30000,
        "idempotencyKey": run, "attachments": [],
    })
}

/// `[("user", "hi")]` as [`App::messages`] has it.
pub(crate) fn said(messages: &[(&str, &str)]) -> Vec<(String, String)> {
    messages.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
}

/// The iPhone: `runId` and `status`, strings.
#[track_caller]
pub(crate) fn chat_send(result: &Value) -> (String, String) {
    (text(&result["runId"]), text(&result["status"]))
}

#[track_caller]
pub(crate) fn chat(payload: &Value) -> Chat {
    let state = text(&payload["state"]);
    let why = match &*state {
        "delta" | "final" => None,
        "aborted" => Some(text(&payload["stopReason"])),
        "error" => Some(text(&payload["errorMessage"])),
        other => panic!("no such state: {other}"),
    };
    assert!(state != "delta" || payload["message"].is_object(), "{payload}");
    let message = payload.get("message").map(message);
    assert!(message.as_ref().is_none_or(|(role, _)| role == "assistant"), "{payload}");
    Chat {
        run: text(&payload["runId"]),
        session_key: text(&payload["sessionKey"]),
        seq: integer(&payload["seq"]),
        state,
        text: message.map(|(_, text)| text),
        why,
    }
}

/// An `agent` event: the iPhone wants runId, stream, data; seq and ts are integers.
#[track_caller]
pub(crate) fn agent(payload: &Value) -> (String, String, Value) {
    integer(&payload["seq"]);
    integer(&payload["ts"]);
    assert!(payload["data"].is_object(), "{payload}");
    (text(&payload["runId"]), text(&payload["stream"]), payload["data"].clone())
}

#[track_caller]
pub(crate) fn history(session_key: &str, result: &Value) -> History {
    assert_eq!(result["sessionKey"], session_key);
    let messages = result["messages"].as_array().unwrap().iter().map(message);
    History {
        session_id: result.get("sessionId").map(text),
        thinking: text(&result["thinkingLevel"]),
        messages: messages.collect(),
    }
}

/// Android: content is a list, the timestamp an integer literal.
#[track_caller]
fn message(message: &Value) -> (String, String) {
    integer(&message["timestamp"]);
    let parts = message["content"].as_array().unwrap_or_else(|| panic!("no list: {message}"));
    assert!(parts.iter().all(|part| part["type"].is_string()), "{message}");
    let texts = parts.iter().filter(|part| part["type"] == "text");
    (text(&message["role"]), texts.map(|part| text(&part["text"])).collect())
}

/// The rows of `sessions.list`. One fractional number and the iPhone loses the whole list.
#[track_caller]
pub(crate) fn sessions(result: &Value) -> Vec<Value> {
    integer(&result["ts"]);
    text(&result["path"]);
    assert!(result["defaults"].is_object(), "{result}");
    let rows = result["sessions"].as_array().unwrap();
    assert_eq!(integer(&result["count"]), rows.len() as u64);
    for row in rows {
        text(&row["key"]);
        integer(&row["updatedAt"]);
        for name in ["inputTokens", "outputTokens", "totalTokens", "contextTokens"] {
            row.get(name).map(integer);
        }
        for name in [
            "kind",
            "displayName",
            "subject",
            "space",
            "sessionId",
            "thinkingLevel",
            "verboseLevel",
            "model",
        ] {
            row.get(name).map(text);
        }
        for name in ["systemSent", "abortedLastRun"] {
            assert!(row.get(name).is_none_or(Value::is_boolean), "{row}");
        }
    }
    rows.clone()
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

#[track_caller]
pub(crate) fn integer(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not an integer: {value}"))
}

#[track_caller]
fn json_text(value: &Value) -> Value {
    serde_json::from_str(&text(value)).unwrap()
}

/// A configuration in which a shell script answers; `more` goes into the section `agent`.
pub(crate) fn script(script: &str, more: &Value) -> Setup {
    let mut agent = json!({ "kind": "command", "command": ["/bin/sh", "-c", script] });
    for (key, value) in more.as_object().unwrap() {
        agent[key] = value.clone();
    }
    Setup::new().config(&json!({ "agent": agent }).to_string())
}

/// Opens a FIFO that a script reads from, once it does.
pub(crate) fn gate(path: &Path) -> File {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    eventually("the script waits at its gate", || {
        OpenOptions::new().write(true).custom_flags(flags).open(path).ok()
    })
}

/// Lets a script go on that waits at this FIFO.
pub(crate) fn open_gate(path: &Path, line: &str) {
    writeln!(gate(path), "{line}").unwrap();
}
