//! Conversations: `chat.send`, `chat.abort`, `chat.history`, `chat.inject` (protocol section 5.4),
//! and whatever else makes the agent speak.
//!
//! What was said is in the transcript before anybody is told that it was accepted, and an answer
//! before it is told to be final, because that is when the apps read the transcript again.

mod attachments;
mod events;
mod runs;
mod telling;

use super::params::Params;
use super::pulse::Beat;
use super::sessions::{ActiveRuns, Session, Sessions};
use super::stripes::Stripes;
use super::system_events::SystemEvents;
use crate::backend::embedded::agent::{Agents, Attachment, Busy, Run};
use crate::backend::Outlet;
use crate::protocol::{limits, session, GatewayEvent, Method, NodeId, Payload, WireError};
use crate::random;
use crate::router::{Audience, BackendEvent};
use crossbeam_channel::Sender;
pub(crate) use events::{End, RunNews};
use runs::{Begin, Runs};
use serde_json::{json, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};
use telling::Telling;

/// Messages that mean "stop" (protocol section 5.4).
const STOP_WORDS: [&str; 7] = ["/stop", "stop", "esc", "abort", "wait", "exit", "interrupt"];

/// Characters in a message; a longer one would not fit into a line.
const LONGEST_TEXT: usize = limits::LINE_NODE;

/// The conversations.
pub(crate) struct Chat {
    sessions: Arc<Sessions>,
    agents: Agents,
    runs: Arc<Runs>,
    system_events: Arc<SystemEvents>,
    outlet: Arc<dyn Outlet>,
    /// Tells the pulse that a delta waits.
    nudge: Sender<Beat>,
    /// How long a run may take, if nobody asks for less.
    usual_timeout: Duration,
    /// By session key: messages are answered in the order in which they are kept.
    turns: Stripes,
}

/// Something that is said to the agent.
pub(crate) struct Saying {
    pub(crate) run_id: String,
    /// In any spelling.
    pub(crate) session_key: String,
    pub(crate) message: String,
    pub(crate) thinking: Option<String>,
    pub(crate) node: Option<NodeId>,
    pub(crate) attachments: Vec<Attachment>,
    /// If it shall be shorter than what an agent usually may take.
    pub(crate) timeout: Option<Duration>,
}

impl Chat {
    pub(crate) fn new(
        sessions: Arc<Sessions>,
        agents: Agents,
        system_events: Arc<SystemEvents>,
        outlet: Arc<dyn Outlet>,
        nudge: Sender<Beat>,
        usual_timeout: Duration,
    ) -> Self {
        let (runs, turns) = Default::default();
        Self { sessions, agents, runs, system_events, outlet, nudge, usual_timeout, turns }
    }

    /// `chat.send`
    pub(crate) fn send(
        &self,
        node: Option<&NodeId>,
        params: Option<&str>,
        now_ms: u64,
    ) -> Result<Payload, WireError> {
        let mut params = Params::read(Method::ChatSend, params)?;
        let session_key = params.required_text("sessionKey", 1..=limits::SESSION_KEY_CHARS);
        let message = params.required_text("message", 1..=LONGEST_TEXT);
        let thinking = params.text("thinking", 0..=limits::SHORT_TEXT_CHARS);
        params.flag("deliver");
        let attached = params.list("attachments").unwrap_or_default();
        let timeout_ms = params.integer("timeoutMs", 0..=u64::MAX);
        let run_id = params.required_text("idempotencyKey", 1..=limits::SHORT_TEXT_CHARS);
        params.finish()?;
        let attachments = attachments::read(&attached)?;
        if STOP_WORDS.contains(&message.trim().to_lowercase().as_str()) {
            return Ok(self.stop_word(&session_key, run_id, now_ms));
        }
        let timeout = timeout_ms.filter(|ms| *ms > 0).map(|ms| {
            let wanted = Duration::from_millis(ms);
            match node {
                // The apps say 30 s and wait for two minutes (protocol section 5.4).
                Some(_) => wanted.saturating_add(limits::RUN_MARGIN).max(limits::RUN_TIMEOUT_MIN),
                None => wanted,
            }
        });
        match self.runs.begin(&run_id, &session::canonical(&session_key), Instant::now()) {
            Begin::New => {}
            Begin::InFlight => return Ok(status(&run_id, "in_flight")),
            Begin::Done(Ok(())) => return Ok(status(&run_id, "ok")),
            Begin::Done(Err(text)) => return Err(WireError::unavailable(text)),
        }
        let answer = status(&run_id, "started");
        let node = node.cloned();
        let saying = Saying { run_id, session_key, message, thinking, node, attachments, timeout };
        self.begin(saying, now_ms)?;
        Ok(answer)
    }

    /// Says something that nobody may ask for twice.
    pub(crate) fn say(&self, saying: Saying, now_ms: u64) -> Result<(), WireError> {
        let session_key = session::canonical(&saying.session_key);
        match self.runs.begin(&saying.run_id, &session_key, Instant::now()) {
            Begin::New => self.begin(saying, now_ms),
            _ => Err(WireError::invalid("this run was begun before")),
        }
    }

    /// Begins a run whose id is claimed; gives the claim back if it cannot.
    fn begin(&self, saying: Saying, now_ms: u64) -> Result<(), WireError> {
        let run_id = saying.run_id.clone();
        let begun = self.try_begin(saying, now_ms);
        if begun.is_err() {
            self.runs.forget(&run_id);
        }
        begun
    }

    fn try_begin(&self, saying: Saying, now_ms: u64) -> Result<(), WireError> {
        let node = saying.node.as_ref().map(|node| node.as_str().to_owned());
        // Nothing of an entry is overwritten: it may hold what other channels need.
        let session = self.sessions.touch(&saying.session_key, now_ms, |_| ())?;
        if session.entry.get("sendPolicy").is_some_and(|policy| policy == "deny") {
            return Err(WireError::invalid("send blocked by session policy"));
        }
        let said = user_message(&saying.message, &saying.attachments, now_ms);
        let news = self.news(&saying.run_id, &session);
        let usual = self.usual_timeout;
        let run = Run {
            run_id: saying.run_id,
            session_key: session.key.clone(),
            node_id: node,
            message: saying.message,
            thinking: saying.thinking,
            attachments: saying.attachments,
            timeout: saying.timeout.map_or(usual, |wanted| wanted.min(usual)),
        };
        let busy = |busy: Busy| WireError::unavailable(busy.to_string());
        let _turn = self.turns.lock(&session.key);
        // A message that is refused must not be in the transcript: it will be sent again.
        self.agents.has_room(&run).map_err(busy)?;
        self.sessions.append(&session, &said, now_ms)?;
        self.runs.live(news.clone());
        let telling = Telling {
            news,
            session,
            sessions: self.sessions.clone(),
            runs: self.runs.clone(),
            system_events: self.system_events.clone(),
            nudge: self.nudge.clone(),
            said,
        };
        self.agents.start(run, Box::new(telling)).map_err(busy)
    }

    fn news(&self, run_id: &str, session: &Session) -> Arc<RunNews> {
        let verbose = session.entry.get("verboseLevel").and_then(Value::as_str);
        Arc::new(RunNews::new(
            run_id.to_owned(),
            session.key.clone(),
            session.session_id.clone(),
            matches!(verbose, Some("on" | "full")),
            self.outlet.clone(),
        ))
    }

    /// A message that means "stop". The apps wait for the end of the run they believe they have
    /// begun, so it gets one.
    fn stop_word(&self, session_key: &str, run_id: String, now_ms: u64) -> Payload {
        let session_key = session::canonical(session_key);
        let run_ids = self.abort_all(&session_key, "stop", now_ms);
        let outlet = self.outlet.clone();
        let news = RunNews::new(run_id.clone(), session_key, run_id.clone(), false, outlet);
        news.end(&End::Aborted("stop"), Instant::now(), now_ms);
        json!({
            "ok": true,
            "aborted": !run_ids.is_empty(),
            "runIds": run_ids,
            "runId": run_id,
            "status": "aborted",
        })
        .to_string()
        .into()
    }

    /// `chat.abort`
    pub(crate) fn abort(&self, params: Option<&str>, now_ms: u64) -> Result<Payload, WireError> {
        let mut params = Params::read(Method::ChatAbort, params)?;
        let session_key = params.required_text("sessionKey", 1..=limits::SESSION_KEY_CHARS);
        let run_id = params.text("runId", 1..=limits::SHORT_TEXT_CHARS);
        params.finish()?;
        let session_key = session::canonical(&session_key);
        let run_ids = match run_id {
            None => self.abort_all(&session_key, "rpc", now_ms),
            Some(run_id) => match self.runs.find(&run_id) {
                Some(news) if news.session_key != session_key => {
                    return Err(WireError::invalid("runId does not match sessionKey"));
                }
                Some(news) => {
                    let ended = end_now(&news, "rpc", now_ms);
                    self.agents.abort(&news.run_id, "rpc");
                    ended.then_some(run_id).into_iter().collect()
                }
                None => Vec::new(),
            },
        };
        let answer = json!({ "ok": true, "aborted": !run_ids.is_empty(), "runIds": run_ids });
        Ok(answer.to_string().into())
    }

    fn abort_all(&self, session_key: &str, reason: &'static str, now_ms: u64) -> Vec<String> {
        let runs = self.runs.of_session(session_key);
        let ended = runs.iter().filter(|news| end_now(news, reason, now_ms));
        let ended = ended.map(|news| news.run_id.clone()).collect();
        self.agents.abort_session(session_key, reason);
        ended
    }

    /// `chat.history`
    pub(crate) fn history(&self, params: Option<&str>) -> Result<Payload, WireError> {
        let mut params = Params::read(Method::ChatHistory, params)?;
        let session_key = params.required_text("sessionKey", 1..=limits::SESSION_KEY_CHARS);
        let limit = params.integer("limit", 1..=1000).unwrap_or(200);
        params.finish()?;
        let history = self.sessions.history(&session_key, usize::try_from(limit).unwrap_or(200))?;
        let session_id = history.session_id.map(|id| format!(",\"sessionId\":{}", Value::from(id)));
        // The messages are JSON already; taking them apart again would cost more than reading them.
        let text = format!(
            "{{\"sessionKey\":{}{},\"messages\":[{}],\"thinkingLevel\":{}}}",
            Value::from(session_key),
            session_id.unwrap_or_default(),
            history.messages.join(","),
            Value::from(history.thinking_level),
        );
        Ok(text.into())
    }

    /// `chat.inject`
    pub(crate) fn inject(&self, params: Option<&str>, now_ms: u64) -> Result<Payload, WireError> {
        let mut params = Params::read(Method::ChatInject, params)?;
        let session_key = params.required_text("sessionKey", 1..=limits::SESSION_KEY_CHARS);
        let message = params.required_text("message", 1..=LONGEST_TEXT);
        let label = params.text("label", 0..=100);
        params.finish()?;
        let injected = self.sessions.inject(&session_key, &message, label.as_deref(), now_ms)?;
        let payload = json!({
            "runId": format!("inject-{}", injected.message_id),
            "seq": 0,
            "state": "final",
            "message": injected.message,
        });
        self.outlet.tell(BackendEvent {
            to: Audience::Session(injected.session.key.as_str().into()),
            event: GatewayEvent::Chat.into(),
            payload: Some(payload.to_string().into()),
        });
        Ok(json!({ "ok": true, "messageId": injected.message_id }).to_string().into())
    }

    /// Tells the deltas that have waited long enough; returns when the next one will have.
    pub(crate) fn flush(&self, now: Instant, now_ms: u64) -> Option<Instant> {
        self.runs.all_live().iter().filter_map(|news| news.flush(now, now_ms)).min()
    }

    /// Ends every run; what has not ended by then is killed.
    pub(crate) fn stop(&self, patience: Duration) {
        self.agents.stop(patience);
    }
}

impl ActiveRuns for Chat {
    fn is_active(&self, canonical_key: &str) -> bool {
        self.runs.is_active(canonical_key) || self.agents.is_active(canonical_key)
    }

    fn abort_and_wait(&self, canonical_key: &str, patience: Duration) -> bool {
        self.abort_all(canonical_key, "rpc", super::now_ms());
        self.agents.wait_idle(canonical_key, patience)
    }
}

/// Tells the end at once; the program behind the run may take some seconds to go.
fn end_now(news: &RunNews, reason: &'static str, now_ms: u64) -> bool {
    news.end(&End::Aborted(reason), Instant::now(), now_ms)
}

/// A new run id.
pub(crate) fn new_run_id(prefix: &str) -> Result<String, WireError> {
    let bits = random::bits();
    let bits = bits.map_err(|_| WireError::unavailable("the gateway has no random numbers"))?;
    Ok(format!("{prefix}{}", random::uuid(bits)))
}

fn status(run_id: &str, status: &str) -> Payload {
    json!({ "runId": run_id, "status": status }).to_string().into()
}

/// What somebody said, as it is kept. Of an attachment the transcript tells only what it was: the
/// agent got it.
fn user_message(text: &str, attachments: &[Attachment], now_ms: u64) -> Value {
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
