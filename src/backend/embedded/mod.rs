//! The gateway in a box: everything in local files, and an agent that is a program or an echo.

pub(crate) mod agent;
mod catalog;
mod chat;
mod node_events;
pub(crate) mod params;
mod pulse;
pub(crate) mod sessions;
mod settings;
mod stripes;
mod system_events;
pub(crate) mod voicewake;

use crate::backend::{Backend, Outlet};
use crate::calendar::now_ms;
use crate::config::Config;
use crate::protocol::{ErrorCode, GatewayEvent, Method, NodeId, Payload, WireError};
use crate::router::{Audience, BackendEvent, Caller, NodeNotice};
use agent::Agents;
use catalog::Catalog;
use chat::Chat;
use crossbeam_channel::Sender;
use node_events::Rates;
use pulse::{Beat, Pulse};
use serde_json::{json, Value};
use sessions::Sessions;
use settings::Settings;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use system_events::SystemEvents;
use voicewake::Voicewake;

/// The embedded backend.
pub struct Embedded {
    voicewake: Voicewake,
    settings: Settings,
    catalog: Catalog,
    sessions: Arc<Sessions>,
    system_events: Arc<SystemEvents>,
    rates: Rates,
    agent: crate::config::AgentConfig,
    may_nodes_write: AtomicBool,
    running: OnceLock<Running>,
}

/// What exists once there is somebody to tell.
struct Running {
    outlet: Arc<dyn Outlet>,
    chat: Arc<Chat>,
    beats: Sender<Beat>,
    pulse: Mutex<Option<Pulse>>,
}

impl Embedded {
    /// A backend that keeps its files in this state directory.
    pub fn new(state_dir: &Path, config: &Config) -> Self {
        let sections = json!({
            "session": config.session.0, "talk": config.talk.0, "ui": config.ui.0,
        });
        Self {
            voicewake: Voicewake::new(state_dir),
            settings: Settings::new(state_dir, &sections),
            catalog: Catalog::new(&config.models.0, &config.skills.0),
            sessions: Arc::new(Sessions::open(state_dir.join("agents/main/sessions"))),
            system_events: Arc::default(),
            rates: Rates::default(),
            agent: config.agent.clone(),
            may_nodes_write: AtomicBool::new(config.bridge.allow.config_write),
            running: OnceLock::new(),
        }
    }

    /// Takes from a new configuration what can change while the bridge runs.
    pub fn reconfigure(&self, config: &Config) {
        self.may_nodes_write.store(config.bridge.allow.config_write, Ordering::Relaxed);
    }

    fn running(&self) -> Result<&Running, WireError> {
        self.running.get().ok_or_else(|| WireError::unavailable("the gateway is starting"))
    }

    fn tell(&self, to: Audience, event: GatewayEvent, payload: Payload) {
        if let Some(running) = self.running.get() {
            running.outlet.tell(BackendEvent { to, event: event.into(), payload: Some(payload) });
        }
    }

    fn change_settings(
        &self,
        caller: &Caller,
        method: Method,
        params: Option<&str>,
    ) -> Result<Payload, WireError> {
        if *caller != Caller::Operator && !self.may_nodes_write.load(Ordering::Relaxed) {
            let text =
                "nodes may not change settings here; bridge.allow.configWrite would permit it";
            let details = json!({ "method": method.as_str() });
            return Err(WireError::new(ErrorCode::Forbidden, text).with_details(&details));
        }
        self.settings.change(method, params)
    }

    /// A node said something that is not a call.
    fn heard(&self, node: &NodeId, event: &str, payload: &str) {
        let Some(running) = self.running.get() else { return };
        if let Some(report) = system_events::read(node, event, payload) {
            let told = json!({
                "sessionKey": report.session_key,
                "text": report.text,
                "contextKey": report.context_key,
                "ts": now_ms(),
            });
            self.tell(Audience::Operators, GatewayEvent::System, told.to_string().into());
            if self.system_events.push(&report) && self.agent.wake_on_system_event {
                // If the pulse has much to do, the event waits for the next run.
                let _ = running.beats.try_send(Beat::Wake(report.session_key));
            }
            return;
        }
        let Some(saying) = node_events::saying(node, event, payload) else { return };
        if self.rates.admit(node, Instant::now()) {
            node_events::say(&running.chat, node, saying, now_ms());
        } else {
            log::debug!("backend: a node says too much node={:?}", node.as_str());
        }
    }
}

impl Backend for Embedded {
    fn start(&self, outlet: Arc<dyn Outlet>) {
        let (beats, heard) = pulse::channel();
        let chat = Arc::new(Chat::new(
            self.sessions.clone(),
            Agents::new(self.agent.clone()),
            self.system_events.clone(),
            outlet.clone(),
            beats.clone(),
            self.agent.timeout,
        ));
        let pulse = Pulse::start(chat.clone(), outlet.clone(), heard);
        let pulse = pulse.map_err(|error| log::error!("backend: no pulse: {error}")).ok();
        let running = Running { outlet, chat, beats, pulse: Mutex::new(pulse) };
        // A second start would be a second bridge; the first one keeps the backend.
        let _ = self.running.set(running);
    }

    fn call(
        &self,
        caller: &Caller,
        method: Method,
        params: Option<&str>,
    ) -> Result<Payload, WireError> {
        let now_ms = now_ms();
        let node = match caller {
            Caller::Node(node) => Some(node),
            Caller::Operator => None,
        };
        match method {
            Method::Health => Ok(health(now_ms).to_string().into()),
            Method::VoicewakeGet => Ok(self.voicewake.payload()),
            Method::VoicewakeSet => {
                let payload = self.voicewake.set(params, now_ms)?;
                self.tell(Audience::Everyone, GatewayEvent::VoicewakeChanged, payload.clone());
                Ok(payload)
            }
            Method::TalkMode => {
                let payload = catalog::talk_mode(params, now_ms)?;
                self.tell(Audience::Operators, GatewayEvent::TalkMode, payload.clone());
                Ok(payload)
            }
            Method::ModelsList => self.catalog.models(params),
            Method::SkillsBins => Ok(self.catalog.bins()),
            Method::ConfigGet => self.settings.get(params),
            Method::ConfigSchema => self.settings.schema(params, now_ms),
            Method::ConfigSet | Method::ConfigPatch => self.change_settings(caller, method, params),
            Method::SessionsList
            | Method::SessionsResolve
            | Method::SessionsPatch
            | Method::SessionsReset
            | Method::SessionsDelete
            | Method::SessionsCompact => {
                self.sessions.call(method, params, now_ms, &*self.running()?.chat)
            }
            Method::ChatHistory => self.running()?.chat.history(params),
            Method::ChatSend => self.running()?.chat.send(node, params, now_ms),
            Method::ChatAbort => self.running()?.chat.abort(params, now_ms),
            Method::ChatInject => self.running()?.chat.inject(params, now_ms),
        }
    }

    fn notice(&self, notice: NodeNotice) {
        match notice {
            NodeNotice::Online(node) => {
                self.tell(
                    Audience::Node(node),
                    GatewayEvent::VoicewakeChanged,
                    self.voicewake.payload(),
                );
            }
            NodeNotice::Event { node, event, payload } => self.heard(&node, &event, &payload),
            NodeNotice::Offline(_) => {}
        }
    }

    fn stop(&self, patience: Duration) {
        if let Some(running) = self.running.get() {
            let mut pulse = running.pulse.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            drop(pulse.take());
            running.chat.stop(patience);
        }
    }
}

/// The apps read `ok` and nothing else (protocol section 5.1).
fn health(now_ms: u64) -> Value {
    json!({ "ok": true, "ts": now_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<BackendEvent>>);

    impl Outlet for Heard {
        fn tell(&self, news: BackendEvent) {
            self.0.lock().unwrap().push(news);
        }
    }

    fn backend(dir: &tempfile::TempDir) -> (Embedded, Arc<Heard>) {
        let heard = Arc::new(Heard::default());
        let backend = Embedded::new(dir.path(), &Config::default());
        backend.start(heard.clone());
        (backend, heard)
    }

    #[test]
    fn new_words_are_kept_and_everybody_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (backend, heard) = backend(&dir);
        let params = r#"{"triggers":["  hey ","",5,"computer"]}"#;
        let result = backend.call(&Caller::Operator, Method::VoicewakeSet, Some(params)).unwrap();
        assert_eq!(&*result, r#"{"triggers":["hey","computer"]}"#);
        let news = heard.0.lock().unwrap().pop().unwrap();
        assert_eq!((news.to, &*news.event), (Audience::Everyone, "voicewake.changed"));
        assert_eq!(news.payload.unwrap(), result);

        let later = Embedded::new(dir.path(), &Config::default());
        assert_eq!(later.call(&Caller::Operator, Method::VoicewakeGet, None).unwrap(), result);
    }

    #[test]
    fn an_admitted_node_is_told_the_words() {
        let dir = tempfile::tempdir().unwrap();
        let (backend, heard) = backend(&dir);
        let node = NodeId::new("phone").unwrap();
        backend.notice(NodeNotice::Online(node.clone()));
        let news = heard.0.lock().unwrap().pop().unwrap();
        assert_eq!(news.to, Audience::Node(node));
        assert_eq!(&*news.payload.unwrap(), r#"{"triggers":["clawd","claude","computer"]}"#);
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
