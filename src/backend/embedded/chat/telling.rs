//! What becomes of a run: what the agent is given when it begins, and where its answer goes.

use super::events::{message, End, RunNews};
use super::runs::Runs;
use crate::backend::embedded::agent::{Context, Outcome, RunSink};
use crate::backend::embedded::now_ms;
use crate::backend::embedded::pulse::Beat;
use crate::backend::embedded::sessions::{Session, Sessions};
use crate::backend::embedded::system_events::SystemEvents;
use crate::protocol::limits;
use crossbeam_channel::Sender;
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;

/// Everything one run needs to be heard of.
pub(super) struct Telling {
    pub(super) news: Arc<RunNews>,
    pub(super) session: Session,
    pub(super) sessions: Arc<Sessions>,
    pub(super) runs: Arc<Runs>,
    pub(super) system_events: Arc<SystemEvents>,
    pub(super) nudge: Sender<Beat>,
    /// The message that began the run.
    pub(super) said: Value,
}

impl Telling {
    /// Keeps what the agent said; a sentence for the node if that does not work.
    fn keep(&self, text: &str, stop_reason: Option<&str>) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        let now_ms = now_ms();
        let mut said = message(text, now_ms);
        if let Some(reason) = stop_reason {
            said["stopReason"] = reason.into();
        }
        let kept = self.sessions.append(&self.session, &said, now_ms);
        kept.map(drop).map_err(|error| {
            log::error!(
                "chat: could not keep an answer session={:?} error={error}",
                self.session.key
            );
            "the gateway could not save the answer".to_owned()
        })
    }

    /// Takes out of a history the message itself, which is handed over by itself, and those that
    /// wait behind it. Answers behind it are to messages before it: runs of a session are in order.
    fn leave_the_past(&self, history: &mut Vec<Value>) {
        let own = history.iter().rposition(|message| {
            message["role"] == "user"
                && message["timestamp"] == self.said["timestamp"]
                && message["content"][0]["text"] == self.said["content"][0]["text"]
        });
        if let Some(own) = own {
            let behind = history.split_off(own).into_iter().skip(1);
            history.extend(behind.filter(|message| message["role"] != "user"));
        }
    }
}

impl RunSink for Telling {
    /// The past of the conversation and the system events that wait for it, as they are now: a
    /// run may have waited for another one.
    fn prepare(&mut self) -> Result<Context, String> {
        let history = self.sessions.history(&self.session.key, limits::HISTORY_FOR_AGENT + 1);
        let history =
            history.map_err(|_| "the gateway could not read the conversation".to_owned())?;
        let messages = history.messages.iter().filter_map(|text| serde_json::from_str(text).ok());
        let mut history: Vec<Value> = messages.collect();
        self.leave_the_past(&mut history);
        let system_events = self.system_events.take(&self.session.key);
        Ok(Context { session_id: self.session.session_id.clone(), history, system_events })
    }

    fn started(&mut self) {
        self.news.started(now_ms());
    }

    fn text(&mut self, full: &str) {
        if self.news.text(full, Instant::now(), now_ms()).is_some() {
            // A full channel means that the pulse has been nudged already.
            let _ = self.nudge.try_send(Beat::Delta);
        }
    }

    fn tool(&mut self, event: &Value) {
        self.news.tool(event, now_ms());
    }

    fn end(self: Box<Self>, outcome: Outcome) {
        let (kept, end) = match outcome {
            Outcome::Done { text } => (self.keep(&text, None), End::Final(text)),
            Outcome::Aborted { reason, text } => {
                (self.keep(&text, Some("aborted")), End::Aborted(reason))
            }
            Outcome::Failed { message, text } => {
                (self.keep(&text, Some("error")), End::Error(message))
            }
        };
        let end = match kept {
            Err(sentence) => End::Error(sentence),
            Ok(()) => end,
        };
        let result = match &end {
            End::Error(text) => Err(text.clone()),
            End::Final(_) | End::Aborted(_) => Ok(()),
        };
        // Before the end is told: whoever hears of it and asks again must not be told that the run
        // goes on, because no other end would come.
        self.runs.done(&self.news.run_id, result, Instant::now());
        self.news.end(&end, Instant::now(), now_ms());
    }
}
