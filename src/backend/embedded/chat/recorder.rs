//! Records a run: gives the agent its context when the run starts, appends the answer to the
//! transcript, and sends the run's events.

use super::events::RunEvents;
use super::runs::Runs;
use super::text;
use crate::backend::embedded::agent::{
    add_note, extension, AnswerMedia, RunContext, RunOutcome, RunSink,
};
use crate::backend::embedded::health::RunHealth;
use crate::backend::embedded::sessions::Sessions;
use crate::backend::embedded::system_events::SystemEvents;
use crate::calendar::now_ms;
use crate::protocol::rpc::chat::{ChatMessage, Part};
use crate::protocol::{limits, NodeId, WireError};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

pub(super) struct RunRecorder {
    pub(super) events: Arc<RunEvents>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) runs: Arc<Runs>,
    pub(super) system_events: Arc<SystemEvents>,
    pub(super) health: RunHealth,
    /// Who began the run.
    pub(super) node: Option<NodeId>,
    /// The message that began it.
    pub(super) prompt: Value,
    pub(super) media: Vec<AnswerMedia>,
}

impl RunRecorder {
    /// Appends the answer to the transcript. The error is for the node.
    fn append(
        &self,
        text: &str,
        pictures: Vec<Part>,
        stop_reason: Option<&str>,
    ) -> Result<(), String> {
        let now_ms = now_ms();
        let mut answer = ChatMessage::text("assistant", text, now_ms);
        if text.is_empty() {
            answer.content.clear();
        }
        answer.content.extend(pictures);
        if answer.content.is_empty() {
            return Ok(());
        }
        answer.stop_reason = stop_reason.map(str::to_owned);
        let node = self.node.as_ref();
        self.sessions.append(&self.events.session, &answer, node, now_ms).map(drop).map_err(
            |error| {
                let key = &self.events.session.key;
                log::error!("chat: could not save an answer session={key:?} error={error}");
                "the gateway could not save the answer".to_owned()
            },
        )
    }

    /// Keeps the pictures of the answer, and returns them as parts of its message. The text says
    /// which of them could not be kept.
    fn keep_pictures(&self, text: &mut String) -> Vec<Part> {
        let mut parts = Vec::new();
        for file in self.media.iter().filter_map(|media| media.file.as_ref()) {
            let picture = (extension(&file.mime_type), &*file.bytes);
            let node = self.node.as_ref();
            match self.sessions.keep_picture(&self.events.session, picture, node) {
                Ok(media) => parts.push(Part {
                    r#type: "attachment".to_owned(),
                    mime_type: Some(file.mime_type.clone()),
                    file_name: file.file_name.clone(),
                    media: Some(media),
                    text: None,
                }),
                Err(error) => {
                    let name = file.file_name.as_deref().unwrap_or_default();
                    let why = WireError::from(error).message;
                    add_note(text, &format!("{name} was not sent: {why}"));
                }
            }
        }
        parts
    }

    /// Removes from the history the prompt itself, which the agent gets separately, and the
    /// messages queued behind it. Answers behind it belong to messages before it: runs of a
    /// session are in order.
    fn without_prompt(&self, history: &mut Vec<Value>) {
        let prompt = history.iter().rposition(|message| {
            message["role"] == "user"
                && message["timestamp"] == self.prompt["timestamp"]
                && message["content"][0]["text"] == self.prompt["content"][0]["text"]
        });
        if let Some(prompt) = prompt {
            let behind = history.split_off(prompt).into_iter().skip(1);
            history.extend(behind.filter(|message| message["role"] != "user"));
        }
    }
}

impl RunSink for RunRecorder {
    fn prepare(&mut self) -> Result<RunContext, String> {
        let history =
            self.sessions.history(&self.events.session.key, limits::HISTORY_FOR_AGENT + 1, 0);
        let history =
            history.map_err(|_| "the gateway could not read the conversation".to_owned())?;
        let messages = history.messages.iter();
        let messages = messages.filter_map(|message| serde_json::from_str(message.get()).ok());
        let mut history: Vec<Value> = messages.collect();
        self.without_prompt(&mut history);
        let system_events = self.system_events.take(&self.events.session.key);
        let node = self.node.as_ref();
        Ok(RunContext {
            session_id: self.events.session.session_id.clone(),
            model: self.events.session.model(),
            verbose: self.events.session.text("verboseLevel"),
            node_name: node.and_then(|node| self.events.node_name(node)),
            history,
            system_events,
        })
    }

    fn started(&mut self) {
        self.health.started();
        self.events.started(now_ms());
    }

    fn text(&mut self, full: &str) {
        self.events.text(text::beginning(full), now_ms());
    }

    fn tool(&mut self, event: &Value) {
        self.events.tool(event, now_ms());
    }

    fn media(&mut self, media: Vec<AnswerMedia>) {
        self.media = media;
    }

    fn end(mut self: Box<Self>, mut outcome: RunOutcome) {
        let (RunOutcome::Done { text }
        | RunOutcome::Aborted { text, .. }
        | RunOutcome::Failed { text, .. }) = &mut outcome;
        if let Cow::Owned(cut) = text::kept(text) {
            *text = cut;
        }
        let pictures = self.keep_pictures(text);
        self.events.media(text, &self.media, pictures.clone(), now_ms());
        let (text, stop_reason) = match &outcome {
            RunOutcome::Done { text } => (text, None),
            RunOutcome::Aborted { text, .. } => (text, Some("aborted")),
            RunOutcome::Failed { text, .. } => (text, Some("error")),
        };
        if let Err(message) = self.append(text, pictures, stop_reason) {
            outcome = RunOutcome::Failed { message, text: String::new() };
        }
        let result = match &outcome {
            RunOutcome::Failed { message, .. } => Err(message.clone()),
            _ => Ok(()),
        };
        // Who asks about it on the event gets the new state.
        self.health.ended(&outcome, now_ms());
        // Before the event: a node that repeats its request on the event must not get
        // "in_flight", because no other end would come.
        self.runs.done(&self.events.run_id, self.node, result, Instant::now());
        self.events.end(&outcome, now_ms());
    }
}
