//! `chat.*` (protocol section 5.4).
#![allow(missing_docs, reason = "PROTOCOL.md describes the fields; comments add to it")]

use super::{Kind, Params, Rule};
use crate::protocol::{limits, Method};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::Value;

/// Characters in a message; a longer one would not fit into a line.
const MESSAGE_CHARS: usize = limits::LINE_NODE;

const SESSION_KEY: Rule = Rule::required("sessionKey", Kind::Text(1, limits::SESSION_KEY_CHARS));

const MESSAGE: Rule = Rule::required("message", Kind::Text(1, MESSAGE_CHARS));

/// Parameters of `chat.send`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatSend {
    pub session_key: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// Accepted and ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// How long the run may take, in milliseconds; 0 or absent is the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The id of the run. A second call with the same key starts nothing.
    pub idempotency_key: String,
}

/// An attachment as the apps send it. A field of another type counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Value")]
pub struct Attachment {
    /// `file` or `image`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Its bytes in base64, perhaps behind `data:<type>;base64,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

impl From<Value> for Attachment {
    fn from(mut value: Value) -> Self {
        let mut text = |name| match value.get_mut(name).map(Value::take) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Self { r#type: text("type"), file_name: text("fileName"), content: text("content") }
    }
}

impl Params for ChatSend {
    const METHOD: Method = Method::ChatSend;
    const RULES: &'static [Rule] = &[
        SESSION_KEY,
        MESSAGE,
        Rule::optional("thinking", Kind::Text(0, limits::SHORT_TEXT_CHARS)),
        Rule::optional("deliver", Kind::Flag),
        Rule::optional("attachments", Kind::List),
        Rule::optional("timeoutMs", Kind::Integer(0, u64::MAX)),
        Rule::required("idempotencyKey", Kind::Text(1, limits::SHORT_TEXT_CHARS)),
    ];
    type Result = RunAccepted;
}

/// Result of `chat.send`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunAccepted {
    /// The run: the idempotency key.
    pub run_id: String,
    pub status: RunStatus,
    /// What a message that means "stop" has aborted; absent for other messages.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<RunsAborted>,
}

/// What became of a `chat.send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// The run was accepted.
    Started,
    /// An earlier call started it, and it has not ended.
    InFlight,
    /// An earlier call started it, and it ended well.
    Ok,
    /// The message meant "stop".
    Aborted,
}

/// Parameters of `chat.abort`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatAbort {
    pub session_key: String,
    /// One of its runs; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
}

impl Params for ChatAbort {
    const METHOD: Method = Method::ChatAbort;
    const RULES: &'static [Rule] =
        &[SESSION_KEY, Rule::optional("runId", Kind::Text(1, limits::SHORT_TEXT_CHARS))];
    type Result = RunsAborted;
}

/// Result of `chat.abort`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunsAborted {
    pub ok: bool,
    pub aborted: bool,
    pub run_ids: Vec<String>,
}

/// Parameters of `chat.history`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatHistory {
    pub session_key: String,
    /// Messages at most; absent for 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl Params for ChatHistory {
    const METHOD: Method = Method::ChatHistory;
    const RULES: &'static [Rule] =
        &[SESSION_KEY, Rule::optional("limit", Kind::Integer(1, limits::HISTORY_MESSAGES as u64))];
    type Result = History;
}

/// Result of `chat.history`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    pub session_key: String,
    /// Absent for an unused conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Oldest first; see [`ChatMessage`] for the fields that every one can have.
    pub messages: Vec<Box<RawValue>>,
    pub thinking_level: String,
}

/// Parameters of `chat.inject`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatInject {
    pub session_key: String,
    pub message: String,
    /// Put in brackets above the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Params for ChatInject {
    const METHOD: Method = Method::ChatInject;
    const RULES: &'static [Rule] =
        &[SESSION_KEY, MESSAGE, Rule::optional("label", Kind::Text(0, 100))];
    type Result = Injected;
}

/// Result of `chat.inject`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Injected {
    pub ok: bool,
    /// Eight hex digits.
    pub message_id: String,
}

/// A message of a conversation, as far as the bridge writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// `user` or `assistant`.
    pub role: String,
    /// Its parts: text and attachments.
    #[serde(default)]
    pub content: Vec<Part>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<u64>,
    /// Why it ended, unless by itself: `aborted`, `error` or `injected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Value>,
}

/// A part of a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// `text`, `attachment` and others.
    #[serde(default)]
    pub r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl ChatMessage {
    /// A message with one part of text.
    pub fn text(role: &str, text: &str, now_ms: u64) -> Self {
        let part = Part { r#type: "text".to_owned(), text: Some(text.to_owned()) };
        let (content, timestamp) = (vec![part], Some(now_ms));
        Self { role: role.to_owned(), content, timestamp, stop_reason: None, usage: None }
    }

    /// Its text parts, one per line.
    pub fn plain_text(&self) -> String {
        let texts = self.content.iter().filter(|part| part.r#type == "text");
        texts.filter_map(|part| part.text.as_deref()).collect::<Vec<_>>().join("\n")
    }
}
