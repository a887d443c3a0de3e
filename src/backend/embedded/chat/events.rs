//! The events of a run while it goes on: `chat` and `agent` (protocol sections 7.2 and 7.3).
//!
//! All events of one run are sent under its lock, so that nothing overtakes its end: exactly one
//! terminal state, and nothing after it.

use crate::backend::embedded::agent::{AnswerMedia, RunOutcome};
use crate::backend::embedded::sessions::SessionRecord;
use crate::backend::{Audience, Outlet};
use crate::lock::lock;
use crate::protocol::rpc::chat::{ChatMessage, Part};
use crate::protocol::rpc::event::{AgentEvent, ChatEvent, ChatState};
use crate::protocol::rpc::Event;
use crate::protocol::NodeId;
use serde_json::{json, Value};
use std::sync::{Arc, Mutex};

pub(super) struct RunEvents {
    pub(super) run_id: String,
    pub(super) session: SessionRecord,
    outlet: Arc<dyn Outlet>,
    progress: Mutex<RunProgress>,
}

#[derive(Default)]
struct RunProgress {
    seq: u64,
    ended: bool,
    started_ms: u64,
    /// Bytes of the text that were sent.
    sent: usize,
    /// What the answer contains besides its text.
    pictures: Vec<Part>,
}

impl RunEvents {
    pub(super) fn new(run_id: String, session: SessionRecord, outlet: Arc<dyn Outlet>) -> Self {
        Self { run_id, session, outlet, progress: Mutex::default() }
    }

    pub(super) fn started(&self, now_ms: u64) {
        let mut progress = lock(&self.progress);
        progress.started_ms = now_ms;
        if !progress.ended {
            let data = json!({ "phase": "start", "startedAt": now_ms });
            self.send_agent(&mut progress, "lifecycle", data, now_ms);
        }
    }

    /// The answer has grown to this.
    pub(super) fn text(&self, full: &str, now_ms: u64) {
        let mut progress = lock(&self.progress);
        // One that is cut does not grow any more.
        if progress.ended || full.len() <= progress.sent {
            return;
        }
        let delta = full.get(progress.sent..).unwrap_or_default();
        progress.sent = full.len();
        let data = json!({ "text": full, "delta": delta });
        self.send_agent(&mut progress, "assistant", data, now_ms);
        let mut chat = chat_event(self.run_id.clone(), progress.seq, ChatState::Delta);
        chat.message = Some(ChatMessage::text("assistant", full, now_ms));
        self.send(&chat);
    }

    pub(super) fn tool(&self, event: &Value, now_ms: u64) {
        let mut progress = lock(&self.progress);
        let verbose = self.session.entry.get("verboseLevel").and_then(Value::as_str);
        if !progress.ended && matches!(verbose, Some("on" | "full")) {
            self.send_agent(&mut progress, "tool", event.clone(), now_ms);
        }
    }

    /// The answer is complete and names these besides its text. An app reads the pictures in
    /// `chat.history`, like the answer itself.
    pub(super) fn media(
        &self,
        full: &str,
        media: &[AnswerMedia],
        mut pictures: Vec<Part>,
        now_ms: u64,
    ) {
        let mut progress = lock(&self.progress);
        if progress.ended || media.is_empty() {
            return;
        }
        let delta = full.get(progress.sent..).unwrap_or_default();
        progress.sent = full.len();
        let urls: Vec<&str> = media.iter().map(|media| &*media.source).collect();
        let data = json!({ "text": full, "delta": delta, "mediaUrls": urls });
        self.send_agent(&mut progress, "assistant", data, now_ms);
        // Names of files are nothing for an app.
        pictures.iter_mut().for_each(|picture| picture.media = None);
        progress.pictures = pictures;
    }

    /// The run ends. Only the first end counts; whether this was it.
    pub(super) fn end(&self, end: &RunOutcome, now_ms: u64) -> bool {
        let mut progress = lock(&self.progress);
        if progress.ended {
            return false;
        }
        progress.ended = true;
        let mut data =
            json!({ "phase": "end", "startedAt": progress.started_ms, "endedAt": now_ms });
        match end {
            RunOutcome::Done { .. } => {}
            RunOutcome::Aborted { .. } => data["aborted"] = true.into(),
            RunOutcome::Failed { message, .. } => {
                data["phase"] = "error".into();
                data["error"] = message.as_str().into();
            }
        }
        self.send_agent(&mut progress, "lifecycle", data, now_ms);
        let mut chat = chat_event(self.run_id.clone(), progress.seq, ChatState::Final);
        match end {
            RunOutcome::Done { text } if text.is_empty() && progress.pictures.is_empty() => {}
            RunOutcome::Done { text } => {
                let mut message = ChatMessage::text("assistant", text, now_ms);
                message.content.append(&mut progress.pictures);
                chat.message = Some(message);
            }
            RunOutcome::Aborted { reason, .. } => {
                (chat.state, chat.stop_reason) = (ChatState::Aborted, Some((*reason).to_owned()));
            }
            RunOutcome::Failed { message, .. } => {
                (chat.state, chat.error_message) = (ChatState::Error, Some(message.clone()));
            }
        }
        self.send(&chat);
        true
    }

    pub(super) fn node_name(&self, node: &NodeId) -> Option<String> {
        self.outlet.node_name(node)
    }

    fn send_agent(&self, progress: &mut RunProgress, stream: &str, data: Value, ts: u64) {
        progress.seq += 1;
        // The apps accept these only under the id of the session (protocol section 7.3).
        let (run_id, seq) = (self.session.session_id.clone(), progress.seq);
        self.send(&AgentEvent { run_id, seq, stream: stream.to_owned(), ts, data });
    }

    fn send(&self, event: &impl Event) {
        self.outlet.publish(Audience::Session(self.session.key.as_str().into()), event);
    }
}

/// An event without anything optional.
pub(super) fn chat_event(run_id: String, seq: u64, state: ChatState) -> ChatEvent {
    ChatEvent { run_id, seq, state, message: None, stop_reason: None, error_message: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::BackendEvent;

    #[derive(Default)]
    struct Sent(Mutex<Vec<(String, Value)>>);

    impl Outlet for Sent {
        fn send(&self, event: BackendEvent) {
            let payload = serde_json::from_str(&event.payload.unwrap()).unwrap();
            self.0.lock().unwrap().push((event.event.to_string(), payload));
        }
    }

    fn run(sent: &Arc<Sent>) -> RunEvents {
        let entry = json!({ "verboseLevel": "on" }).as_object().cloned().unwrap();
        let (key, session_id) = ("agent:main:main".into(), "s".into());
        let session = SessionRecord { key, session_id, entry, ..Default::default() };
        RunEvents::new("r".into(), session, sent.clone())
    }

    #[test]
    fn there_is_one_end_and_nothing_after_it() {
        let sent = Arc::new(Sent::default());
        let run = run(&sent);
        run.started(1);
        assert!(run.end(&RunOutcome::aborted("rpc"), 2));
        let count = sent.0.lock().unwrap().len();
        run.text("late", 3);
        run.tool(&json!({ "phase": "start" }), 3);
        assert!(!run.end(&RunOutcome::Done { text: "late".into() }, 3));
        assert_eq!(sent.0.lock().unwrap().len(), count);
    }

    #[test]
    fn events_carry_their_ids_growing_numbers_and_the_text_so_far() {
        let sent = Arc::new(Sent::default());
        let run = run(&sent);
        run.started(7);
        run.text("hi", 8);
        run.text("high", 9);
        assert!(run.end(&RunOutcome::Done { text: "high!".into() }, 10));
        let sent = sent.0.lock().unwrap();
        let of = |name: &str| {
            let events = sent.iter().filter(|(event, _)| event == name);
            events.map(|(_, payload)| payload.clone()).collect::<Vec<_>>()
        };
        let (agent, chat) = (of("agent"), of("chat"));
        assert!(agent.iter().all(|event| event["runId"] == "s"));
        assert_eq!(agent[0]["data"]["phase"], "start");
        assert_eq!(agent[1]["data"], json!({ "text": "hi", "delta": "hi" }));
        assert_eq!(agent[2]["data"], json!({ "text": "high", "delta": "gh" }));
        let message = |text: &str, ms: u64| {
            let content = json!([{ "type": "text", "text": text }]);
            json!({ "role": "assistant", "content": content, "timestamp": ms })
        };
        let event = |seq: u64, state: &str, message: Value| json!({ "runId": "r", "seq": seq, "state": state, "message": message });
        let expected = [
            event(2, "delta", message("hi", 8)),
            event(3, "delta", message("high", 9)),
            event(4, "final", message("high!", 10)),
        ];
        assert_eq!(chat, expected);
    }
}
