//! The gateway in a box: everything in local files, and an agent that is a program or an echo.

pub(crate) mod agent;
mod catalog;
mod catalog_programs;
mod chat;
mod health;
mod named_locks;
mod node_events;
pub(crate) mod sessions;
mod settings;
mod system_events;
mod ticker;
pub(crate) mod voicewake;

use crate::backend::requests::RunRateLimit;
use crate::backend::{Audience, Backend, Caller, Document, NodeNotice, Outlet};
use crate::calendar::now_ms;
use crate::config::{AgentConfig, Config};
use crate::lock::lock;
use crate::protocol::rpc::settings::{ConfigPatch, ConfigSet};
use crate::protocol::rpc::system::{HealthView, TalkMode, TalkModeState, WakeWords};
use crate::protocol::rpc::{self, Params};
use crate::protocol::{ErrorCode, Method, NodeId, Payload, WireError};
use agent::{AgentHost, Agents};
use catalog_programs::Catalog;
use chat::Chat;
use health::Health;
use serde::Serialize;
use serde_json::json;
use sessions::Sessions;
use settings::Settings;
pub(in crate::backend) use settings::KEYS as SETTINGS;
use std::fmt;
use std::path::Path;
#[cfg(feature = "cli")]
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use system_events::SystemEvents;
use ticker::Ticker;
use voicewake::Voicewake;

/// The embedded backend.
pub struct Embedded {
    voicewake: Voicewake,
    settings: Settings,
    catalog: Catalog,
    sessions: Arc<Sessions>,
    system_events: Arc<SystemEvents>,
    run_rate: Arc<RunRateLimit>,
    agent: AgentConfig,
    host: AgentHost,
    may_nodes_write: AtomicBool,
    running: OnceLock<RunningParts>,
}

struct RunningParts {
    outlet: Arc<dyn Outlet>,
    chat: Arc<Chat>,
    health: Arc<Health>,
    ticker: Mutex<Option<Ticker>>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The settings and the agent's environment may hold secrets.
        f.debug_struct("Embedded").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

impl Embedded {
    /// A backend that keeps its files below `state_dir`. Nothing is written before it is called.
    pub fn new(state_dir: &Path, config: &Config) -> Self {
        let sections = json!({
            "session": config.session.0, "talk": config.talk.0, "ui": config.ui.0,
        });
        let sessions = Sessions::open(sessions::dir(state_dir));
        sessions.set_limit(config.bridge.limits.conversation_bytes);
        Self {
            voicewake: Voicewake::new(state_dir),
            settings: Settings::new(state_dir, &sections),
            catalog: Catalog::new(config),
            sessions: Arc::new(sessions),
            system_events: Arc::default(),
            run_rate: Arc::default(),
            agent: config.agent.clone(),
            host: AgentHost { state_dir: state_dir.to_owned(), ..AgentHost::default() },
            may_nodes_write: AtomicBool::new(config.bridge.allow.config_write),
            running: OnceLock::new(),
        }
    }

    /// Has agents find this program by its name.
    #[cfg(feature = "cli")]
    pub(crate) fn with_program(mut self, program: Option<PathBuf>) -> Self {
        self.host.program = program;
        self
    }

    /// Takes from a new configuration what can change while the bridge runs.
    pub fn reconfigure(&self, config: &Config) {
        self.may_nodes_write.store(config.bridge.allow.config_write, Ordering::Relaxed);
        self.sessions.set_limit(config.bridge.limits.conversation_bytes);
        self.catalog.refresh();
    }

    fn chat(&self) -> Result<&Chat, WireError> {
        let running = self.running.get();
        let running = running.ok_or_else(|| WireError::unavailable("the gateway is starting"))?;
        Ok(&running.chat)
    }

    fn publish(&self, to: Audience, event: &impl rpc::Event) {
        if let Some(running) = self.running.get() {
            running.outlet.publish(to, event);
        }
    }

    /// Nodes get this result without a call from now on.
    fn publish_result(&self, method: Method, result: &impl Serialize) {
        if let Some(running) = self.running.get() {
            let text = rpc::encode(result);
            running.outlet.set_document(Document::Result { method, text });
        }
    }

    fn may_write_settings(&self, caller: &Caller, method: Method) -> Result<(), WireError> {
        if *caller == Caller::Operator || self.may_nodes_write.load(Ordering::Relaxed) {
            return Ok(());
        }
        let text = "nodes may not change settings here; bridge.allow.configWrite would permit it";
        let details = json!({ "method": method.as_str() });
        Err(WireError::new(ErrorCode::Forbidden, text).with_details(&details))
    }

    fn set_wake_words(&self, words: WakeWords, now_ms: u64) -> Result<WakeWords, WireError> {
        let words = self.voicewake.set(words, now_ms, |words| {
            self.publish_result(Method::VoicewakeGet, words);
        })?;
        self.publish(Audience::Everyone, &words);
        Ok(words)
    }

    fn set_talk_mode(&self, params: TalkMode, ts: u64) -> TalkModeState {
        let state = TalkModeState { enabled: params.enabled, phase: params.phase, ts };
        self.publish(Audience::Operators, &state);
        state
    }

    /// A node sent an event that is not a call.
    fn node_event(&self, node: &NodeId, event: &str, payload: &str) {
        let Some(running) = self.running.get() else { return };
        let now_ms = now_ms();
        if let Some(report) = system_events::read(node, event, payload, now_ms) {
            self.publish(Audience::Operators, &report);
            if self.system_events.push(node, &report) && self.agent.wake_on_system_event {
                if let Some(ticker) = &*lock(&running.ticker) {
                    ticker.wake(report.session_key, node.clone());
                }
            }
            return;
        }
        let Some(request) = node_events::run_request(node, event, payload) else { return };
        if !self.run_rate.admit(node, Instant::now()) {
            log::debug!("backend: too many runs node={:?}", node.as_str());
            return;
        }
        // Nobody waits for an answer, so a failure goes to the log.
        let session = request.session_key.clone();
        if let Err(error) = running.chat.start_run(request, None, now_ms) {
            let node = node.as_str();
            log::warn!("backend: dropped an event node={node:?} session={session:?}: {error}");
        }
    }
}

/// Decodes the parameters, calls the method, encodes its result.
fn answer<P: Params>(
    params: Option<&str>,
    call: impl FnOnce(P) -> Result<P::Result, WireError>,
) -> Result<Payload, WireError> {
    Ok(rpc::encode(&call(P::decode(params)?)?))
}

impl Backend for Embedded {
    fn start(&self, outlet: Arc<dyn Outlet>) {
        let health = Health::new(outlet.clone(), self.sessions.clone(), self.agent.kind);
        let control_socket = outlet.control_socket().map(Path::to_owned);
        let host = AgentHost { control_socket, ..self.host.clone() };
        let chat = Arc::new(Chat::new(
            self.sessions.clone(),
            Agents::new(self.agent.clone(), host),
            self.system_events.clone(),
            outlet.clone(),
            health.clone(),
        ));
        health.publish();
        let (chats, rate) = (chat.clone(), self.run_rate.clone());
        let ticker = Ticker::start(chats, outlet.clone(), health.clone(), rate);
        let ticker = ticker.map_err(|error| log::error!("backend: no ticker: {error}")).ok();
        // A second start would be a second bridge; the first one keeps the backend.
        let ticker = Mutex::new(ticker);
        let _ = self.running.set(RunningParts { outlet, chat, health, ticker });
        self.publish_result(Method::VoicewakeGet, &self.voicewake.get());
        // Who asks for what a program lists has it run again now and then.
        if self.catalog.has_fixed_models() {
            self.publish_result(Method::ModelsList, &self.catalog.models());
        }
        if self.catalog.has_fixed_bins() {
            self.publish_result(Method::SkillsBins, &self.catalog.bins());
        }
        if let Err(error) = self.catalog.start() {
            log::error!("backend: no lists of programs: {error}");
        }
    }

    fn call(
        &self,
        caller: &Caller,
        method: Method,
        params: Option<&str>,
    ) -> Result<Payload, WireError> {
        let now_ms = now_ms();
        let (sessions, settings) = (&*self.sessions, &self.settings);
        let node = caller.node();
        match method {
            // The parameters of these three are ignored, as the old gateway did.
            Method::Health => {
                let running = self.running.get();
                let health = running.map_or_else(HealthView::default, |r| r.health.view());
                let ok = running.is_none() || health.ok;
                Ok(rpc::encode(&HealthView { ok, ts: now_ms, ..health }))
            }
            Method::VoicewakeGet => Ok(rpc::encode(&self.voicewake.get())),
            Method::SkillsBins => Ok(rpc::encode(&self.catalog.bins())),
            Method::VoicewakeSet => answer(params, |words| self.set_wake_words(words, now_ms)),
            Method::TalkMode => answer(params, |mode| Ok(self.set_talk_mode(mode, now_ms))),
            Method::ModelsList => answer(params, |rpc::ModelsList {}| Ok(self.catalog.models())),
            Method::ConfigGet => answer(params, |rpc::ConfigGet {}| settings.get()),
            Method::ConfigSchema => {
                answer(params, |rpc::ConfigSchema {}| Ok(Settings::schema(now_ms)))
            }
            Method::ConfigSet => {
                self.may_write_settings(caller, method)?;
                answer(params, |ConfigSet(change)| settings.set(&change))
            }
            Method::ConfigPatch => {
                self.may_write_settings(caller, method)?;
                answer(params, |ConfigPatch(change)| settings.patch(&change))
            }
            Method::SessionsList => answer(params, |params| sessions.list(params, now_ms)),
            Method::SessionsResolve => answer(params, |params| sessions.resolve(params)),
            Method::SessionsPatch => answer(params, |params| sessions.patch(&params, node, now_ms)),
            Method::SessionsReset => answer(params, |params| sessions.reset(&params, node, now_ms)),
            Method::SessionsDelete => {
                answer(params, |params| sessions.delete(&params, now_ms, self.chat()?))
            }
            Method::SessionsCompact => {
                answer(params, |params| sessions.compact(&params, node, now_ms))
            }
            Method::ChatHistory => answer(params, |params| self.chat()?.history(&params)),
            Method::ChatSend => answer(params, |params| self.chat()?.send(node, params, now_ms)),
            Method::ChatAbort => answer(params, |params| self.chat()?.abort(&params, now_ms)),
            Method::ChatInject => {
                answer(params, |params| self.chat()?.inject(&params, node, now_ms))
            }
        }
    }

    fn notice(&self, notice: NodeNotice) {
        match notice {
            NodeNotice::Online { node, .. } => {
                self.publish(Audience::Node(node), &self.voicewake.get())
            }
            NodeNotice::Event { node, event, payload } => self.node_event(&node, &event, &payload),
            NodeNotice::Changed { .. }
            | NodeNotice::Offline(_)
            | NodeNotice::Subscription { .. } => {}
        }
    }

    fn stop(&self, timeout: Duration) {
        if let Some(running) = self.running.get() {
            let ticker = lock(&running.ticker).take();
            ticker.into_iter().for_each(Ticker::stop);
            self.catalog.stop();
            running.chat.stop(timeout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::BackendEvent;

    #[derive(Default)]
    struct Sent(Mutex<Vec<BackendEvent>>);

    impl Outlet for Sent {
        fn send(&self, event: BackendEvent) {
            self.0.lock().unwrap().push(event);
        }
    }

    fn backend(dir: &tempfile::TempDir) -> (Embedded, Arc<Sent>) {
        let sent = Arc::new(Sent::default());
        let backend = Embedded::new(dir.path(), &Config::default());
        backend.start(sent.clone());
        (backend, sent)
    }

    #[test]
    fn new_wake_words_are_stored_and_sent_to_everyone() {
        let dir = tempfile::tempdir().unwrap();
        let (backend, sent) = backend(&dir);
        let params = r#"{"triggers":["  hey ","",5,"computer"]}"#;
        let result = backend.call(&Caller::Operator, Method::VoicewakeSet, Some(params)).unwrap();
        assert_eq!(&*result, r#"{"triggers":["hey","computer"]}"#);
        let event = sent.0.lock().unwrap().pop().unwrap();
        assert_eq!((event.to, &*event.event), (Audience::Everyone, "voicewake.changed"));
        assert_eq!(event.payload.unwrap(), result);

        let later = Embedded::new(dir.path(), &Config::default());
        assert_eq!(later.call(&Caller::Operator, Method::VoicewakeGet, None).unwrap(), result);
    }

    #[test]
    fn an_admitted_node_is_sent_the_wake_words() {
        let dir = tempfile::tempdir().unwrap();
        let (backend, sent) = backend(&dir);
        let node = NodeId::new("phone").unwrap();
        backend.notice(NodeNotice::Online { node: node.clone(), profile: Arc::default() });
        let event = sent.0.lock().unwrap().pop().unwrap();
        assert_eq!(event.to, Audience::Node(node));
        assert_eq!(&*event.payload.unwrap(), r#"{"triggers":["clawd","claude","computer"]}"#);
    }

    #[test]
    fn nodes_change_settings_only_where_that_is_permitted() {
        let dir = tempfile::tempdir().unwrap();
        let (backend, _) = backend(&dir);
        let node = Caller::Node(NodeId::new("phone").unwrap());
        let params = Some(r#"{"raw":"{}"}"#);
        let error = backend.call(&node, Method::ConfigSet, params).unwrap_err();
        assert_eq!(error.code, ErrorCode::Forbidden);
        let mut config = Config::default();
        config.bridge.allow.config_write = true;
        backend.reconfigure(&config);
        assert!(backend.call(&node, Method::ConfigSet, params).is_ok());
    }
}
