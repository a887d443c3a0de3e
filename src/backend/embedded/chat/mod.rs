//! Conversations: `chat.send`, `chat.abort`, `chat.history`, `chat.inject` (protocol section 5.4),
//! and every other way to start a run.
//!
//! A message is in the transcript before its node learns that it was accepted, and an answer
//! before its `final` event, because that is when the apps read the transcript again.

mod attachments;
mod events;
mod recorder;
mod runs;
mod text;

use super::agent::{AgentAttachment, AgentRun, Agents, Busy, RunOutcome};
use super::health::Health;
use super::named_locks::NamedLocks;
use super::sessions::{ActiveRuns, SessionRecord, Sessions};
use super::system_events::SystemEvents;
use crate::backend::{Audience, Outlet};
use crate::calendar::now_ms;
use crate::log_limit::LogLimit;
use crate::protocol::rpc::chat::{
    ChatAbort, ChatHistory, ChatInject, ChatSend, History, Injected, RunAccepted, RunStatus,
    RunsAborted,
};
use crate::protocol::rpc::event::ChatState;
use crate::protocol::{limits, session, NodeId, WireError};
use crate::random;
use events::{chat_event, RunEvents};
use recorder::RunRecorder;
use runs::Runs;
use serde_json::{json, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Messages that mean "stop" (protocol section 5.4).
const STOP_WORDS: [&str; 7] = ["/stop", "stop", "esc", "abort", "wait", "exit", "interrupt"];

pub(crate) struct Chat {
    sessions: Arc<Sessions>,
    agents: Agents,
    runs: Arc<Runs>,
    system_events: Arc<SystemEvents>,
    outlet: Arc<dyn Outlet>,
    health: Arc<Health>,
    /// By session key: messages are answered in the order in which they are stored.
    order: NamedLocks,
    log_limit: LogLimit,
}

impl Chat {
    pub(crate) fn new(
        sessions: Arc<Sessions>,
        agents: Agents,
        system_events: Arc<SystemEvents>,
        outlet: Arc<dyn Outlet>,
        health: Arc<Health>,
    ) -> Self {
        let (runs, order, log_limit) = Default::default();
        Self { sessions, agents, runs, system_events, outlet, health, order, log_limit }
    }

    pub(crate) fn send(
        &self,
        node: Option<&NodeId>,
        params: ChatSend,
        now_ms: u64,
    ) -> Result<RunAccepted, WireError> {
        let ChatSend { session_key, message, thinking, timeout_ms, .. } = params;
        let run_id = params.idempotency_key;
        text::check(&message)?;
        let attachments = params.attachments.unwrap_or_default();
        let attachments = attachments::decode(&attachments, &self.log_limit, node)?;
        let said = message.trim();
        if STOP_WORDS.iter().any(|word| said.eq_ignore_ascii_case(word)) {
            return Ok(self.stop_word(&session_key, run_id, now_ms));
        }
        let timeout = timeout_ms.filter(|ms| *ms > 0).map(|ms| {
            let wanted = Duration::from_millis(ms);
            match node {
                // The apps send 30 s and wait for two minutes (protocol section 5.4).
                Some(_) => wanted.saturating_add(limits::RUN_MARGIN).max(limits::RUN_TIMEOUT_MIN),
                None => wanted,
            }
        });
        let chosen = thinking.clone();
        let run = AgentRun {
            run_id: run_id.clone(),
            session_key,
            node: node.cloned(),
            message,
            thinking,
            deliver: params.deliver.unwrap_or_default(),
            attachments,
            timeout,
            ..AgentRun::default()
        };
        let status = self.start_run(run, chosen.as_deref(), now_ms)?;
        Ok(RunAccepted { run_id, status, stopped: None })
    }

    /// Starts a run, unless one with this id was started before. Its session key may have any
    /// spelling. The session keeps the chosen thinking level.
    pub(crate) fn start_run(
        &self,
        run: AgentRun,
        chosen: Option<&str>,
        now_ms: u64,
    ) -> Result<RunStatus, WireError> {
        let (run_id, key) = (run.run_id.clone(), session::canonical(&run.session_key));
        let status = self.runs.begin(&run_id, &key, Instant::now());
        let status = status.map_err(WireError::unavailable)?;
        if status == RunStatus::Started {
            // The same id may be tried again if this fails.
            self.begin(run, chosen, now_ms).inspect_err(|_| self.runs.forget(&run_id))?;
        }
        Ok(status)
    }

    /// Begins a run whose id is claimed.
    fn begin(&self, mut run: AgentRun, chosen: Option<&str>, now_ms: u64) -> Result<(), WireError> {
        self.sessions.has_room(run.node.as_ref(), run.message.len())?;
        // Nothing of an entry is overwritten: it may hold what other channels need.
        let (key, node) = (&run.session_key, run.node.as_ref());
        let session = self.sessions.touch(key, node, chosen, now_ms)?;
        if session.entry.get("sendPolicy").is_some_and(|policy| policy == "deny") {
            return Err(WireError::invalid("send blocked by session policy"));
        }
        let prompt = user_message(&run.message, &run.attachments, now_ms);
        run.session_key.clone_from(&session.key);
        let usual = || session.entry.get("thinkingLevel")?.as_str().map(str::to_owned);
        run.thinking = run.thinking.or_else(usual);
        let busy = |busy: Busy| WireError::unavailable(busy.to_string());
        let _in_order = self.order.lock(&run.session_key);
        // A message that is refused must not be in the transcript: it will be sent again.
        self.agents.has_room(&run).map_err(busy)?;
        self.sessions.append(&session, &prompt, run.node.as_ref(), now_ms)?;
        let events = RunEvents::new(run.run_id.clone(), session, self.outlet.clone());
        let events = Arc::new(events);
        self.runs.began(events.clone());
        let recorder = RunRecorder {
            events,
            sessions: self.sessions.clone(),
            runs: self.runs.clone(),
            system_events: self.system_events.clone(),
            health: self.health.run(),
            node: run.node.clone(),
            prompt,
            media: Vec::new(),
        };
        self.agents.start(run, Box::new(recorder)).map_err(busy)
    }

    /// A message that means "stop". The apps wait for the end of the run they believe to have
    /// started, so it gets one.
    fn stop_word(&self, session_key: &str, run_id: String, now_ms: u64) -> RunAccepted {
        let session_key = session::canonical(session_key);
        let stopped = Some(self.end("stop", now_ms, |_, key| key == session_key));
        let (key, session_id) = (session_key, run_id.clone());
        let session = SessionRecord { key, session_id, ..SessionRecord::default() };
        let run = RunEvents::new(run_id.clone(), session, self.outlet.clone());
        run.end(&RunOutcome::aborted("stop"), now_ms);
        RunAccepted { run_id, status: RunStatus::Aborted, stopped }
    }

    pub(crate) fn abort(&self, params: &ChatAbort, now_ms: u64) -> Result<RunsAborted, WireError> {
        let session_key = session::canonical(&params.session_key);
        let Some(run_id) = &params.run_id else {
            return Ok(self.end("rpc", now_ms, |_, key| key == session_key));
        };
        if !self.runs.live(|id, key| id == run_id && key != session_key).is_empty() {
            return Err(WireError::invalid("runId does not match sessionKey"));
        }
        Ok(self.end("rpc", now_ms, |id, _| id == run_id))
    }

    /// Ends the runs whose id and session key match. The end is reported at once; the program may
    /// take some seconds to terminate.
    fn end(
        &self,
        reason: &'static str,
        now_ms: u64,
        matches: impl Fn(&str, &str) -> bool,
    ) -> RunsAborted {
        let runs = self.runs.live(&matches);
        let ended = runs.iter().filter(|run| run.end(&RunOutcome::aborted(reason), now_ms));
        let run_ids: Vec<String> = ended.map(|run| run.run_id.clone()).collect();
        self.agents.abort(reason, matches);
        RunsAborted { ok: true, aborted: !run_ids.is_empty(), run_ids }
    }

    pub(crate) fn history(&self, params: &ChatHistory) -> Result<History, WireError> {
        let limit = params.limit.map_or(200, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(self.sessions.history(&params.session_key, limit, limits::HISTORY_MEDIA)?)
    }

    pub(crate) fn inject(
        &self,
        params: &ChatInject,
        node: Option<&NodeId>,
        now_ms: u64,
    ) -> Result<Injected, WireError> {
        text::check(&params.message)?;
        let (session, message_id, message) = self.sessions.inject(params, node, now_ms)?;
        let mut event = chat_event(format!("inject-{message_id}"), 0, ChatState::Final);
        event.message = Some(message);
        self.outlet.publish(Audience::Session(session.key.into()), &event);
        Ok(Injected { ok: true, message_id })
    }

    /// Ends every run; programs that have not terminated after `timeout` are killed.
    pub(crate) fn stop(&self, timeout: Duration) {
        self.agents.stop(timeout);
    }
}

impl ActiveRuns for Chat {
    fn is_active(&self, canonical_key: &str) -> bool {
        self.runs.is_active(canonical_key) || self.agents.is_active(canonical_key)
    }

    fn abort_and_wait(&self, canonical_key: &str, timeout: Duration) -> bool {
        self.end("rpc", now_ms(), |_, key| key == canonical_key);
        self.agents.wait_idle(canonical_key, timeout)
    }
}

pub(crate) fn new_run_id(prefix: &str) -> String {
    format!("{prefix}{}", random::uuid(random::bits()))
}

/// A message of the user as the transcript holds it. Of an attachment only its type and name are
/// stored: the agent gets its content.
fn user_message(text: &str, attachments: &[AgentAttachment], now_ms: u64) -> Value {
    let mut content = vec![json!({ "type": "text", "text": text })];
    content.extend(attachments.iter().map(|attachment| {
        json!({
            "type": "attachment",
            "mimeType": attachment.mime_type,
            "fileName": attachment.file_name,
        })
    }));
    json!({ "role": "user", "content": content, "timestamp": now_ms })
}
