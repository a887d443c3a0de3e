//! `chat.*` (protocol section 5.4).

use super::{params, Kind};
use crate::protocol::fields::Fields;
use crate::protocol::limits;
use crate::protocol::records::records;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use Kind::{Flag, Integer, List, Text};

const SESSION_KEY: Kind = Text(1, limits::SESSION_KEY_CHARS);

/// A longer message would not fit into a line.
const MESSAGE: Kind = Text(1, limits::LINE_NODE);

params! {
    ChatSend -> RunAccepted {
        session_key: String = SESSION_KEY,
        message: String = MESSAGE,
        thinking?: String = Text(0, limits::SHORT_TEXT_CHARS),
        /// Whether the answer is also wanted outside of the conversation; the agent is told.
        deliver?: bool = Flag,
        /// At most [`limits::ATTACHMENTS`].
        #[serde(deserialize_with = "attachments")]
        attachments?: Vec<Attachment> = List,
        /// How long the run may take, in milliseconds; 0 or absent is the default.
        timeout_ms?: u64 = Integer(0, u64::MAX),
        /// The id of the run. A second call with the same key starts nothing.
        idempotency_key: String = Text(1, limits::SHORT_TEXT_CHARS),
    }
    ChatAbort -> RunsAborted {
        session_key: String = SESSION_KEY,
        /// One of its runs; absent for all.
        run_id?: String = Text(1, limits::SHORT_TEXT_CHARS),
    }
    ChatHistory -> History {
        session_key: String = SESSION_KEY,
        /// Messages at most; absent for 200.
        limit?: u64 = Integer(1, limits::HISTORY_MESSAGES as u64),
    }
    ChatInject -> Injected {
        session_key: String = SESSION_KEY,
        message: String = MESSAGE,
        /// Put in brackets above the message.
        label?: String = Text(0, 100),
    }
}

records! {
    RunAccepted {
        /// The run: the idempotency key.
        run_id: String,
        status: RunStatus,
        /// What a message that means "stop" has aborted; absent for other messages.
        #[serde(flatten)]
        stopped?: RunsAborted,
    }
    RunsAborted {
        ok: bool,
        aborted: bool,
        run_ids: Vec<String>,
    }
    Injected {
        ok: bool,
        /// Eight hex digits.
        message_id: String,
    }
    /// A message of a conversation, as far as the bridge writes it.
    ChatMessage {
        /// `user` or `assistant`.
        role: String,
        /// Its parts: text and attachments.
        #[serde(default)]
        content: Vec<Part>,
        timestamp?: u64,
        /// Why it ended, unless by itself: `aborted`, `error` or `injected`.
        stop_reason?: String,
        usage?: Value,
    }
    /// A part of a message.
    #[derive(Default)]
    Part {
        /// `text`, `attachment` and others.
        #[serde(default)]
        r#type: String,
        text?: String,
        /// Of an attachment.
        mime_type?: String,
        /// Of an attachment.
        file_name?: String,
        /// In a transcript: the file with the content of an attachment, which `chat.history` has as
        /// Base64 in `content`.
        media?: String,
    }
}

/// An attachment as the apps send it. A field of another type counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
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

impl<'de> Deserialize<'de> for Attachment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Fields::read(<&RawValue>::deserialize(deserializer)?.get());
        let fields = fields.map_err(D::Error::custom)?;
        let text = |name| fields.text(name).map(Cow::into_owned);
        Ok(Self { r#type: text("type"), file_name: text("fileName"), content: text("content") })
    }
}

/// The attachments of a message. What comes behind the last one that is allowed is not looked at.
fn attachments<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<Attachment>>, D::Error> {
    struct List;

    impl<'de> Visitor<'de> for List {
        type Value = Vec<Attachment>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of attachments")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut attachments = Vec::new();
            while let Some(attachment) = list.next_element()? {
                if attachments.len() == limits::ATTACHMENTS {
                    let most = limits::ATTACHMENTS;
                    let text = format!(
                        "a message has at most {most} attachments; send the others in another one"
                    );
                    return Err(A::Error::custom(text));
                }
                attachments.push(attachment);
            }
            Ok(attachments)
        }
    }

    d.deserialize_seq(List).map(Some)
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

impl ChatMessage {
    /// A message with one part of text.
    pub fn text(role: &str, text: &str, now_ms: u64) -> Self {
        let text = Some(text.to_owned());
        let part = Part { r#type: "text".to_owned(), text, ..Part::default() };
        let (content, timestamp) = (vec![part], Some(now_ms));
        Self { role: role.to_owned(), content, timestamp, stop_reason: None, usage: None }
    }

    /// Its text parts, and the names of its attachments in brackets, one per line.
    pub fn plain_text(&self) -> String {
        let lines = self.content.iter().filter_map(|part| match &*part.r#type {
            "text" => part.text.clone(),
            "attachment" => {
                Some(format!("[{}]", part.file_name.as_deref().unwrap_or("attachment")))
            }
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::rpc::Params;

    fn read(attachments: &str) -> Result<Vec<Attachment>, String> {
        let text = format!(
            r#"{{"sessionKey":"main","message":"m","idempotencyKey":"k","attachments":[{attachments}]}}"#
        );
        let params = ChatSend::decode(Some(&text)).map_err(|error| error.message.into_owned())?;
        Ok(params.attachments.unwrap())
    }

    #[test]
    fn more_attachments_than_anybody_chooses_are_not_even_read() {
        let some = |count| vec![r#"{"content":"QQ=="}"#; count].join(",");
        assert_eq!(read(&some(limits::ATTACHMENTS)).unwrap().len(), limits::ATTACHMENTS);
        // What comes behind the last one that is allowed is refused whatever it is.
        for more in [some(limits::ATTACHMENTS + 1), some(limits::ATTACHMENTS) + ",5"] {
            let refusal = read(&more).unwrap_err();
            assert!(refusal.contains("at most 32 attachments"), "{refusal}");
        }
    }

    #[test]
    fn of_an_attachment_what_has_the_wrong_type_counts_as_absent() {
        let odd = r#"5,[[]],null,{"type":"file","fileName":7,"content":"QQ==","x":{"y":[{}]}}"#;
        let read = read(odd).unwrap();
        assert_eq!(read[..3], [(); 3].map(|()| Attachment::default()));
        let attachment = &read[3];
        assert_eq!(attachment.r#type.as_deref(), Some("file"));
        assert_eq!((&attachment.file_name, attachment.content.as_deref()), (&None, Some("QQ==")));
    }
}
