//! What a gateway tells a node, as old apps understand it (protocol section 7).

use super::keys::{SessionDefaults, SessionKeys};
use super::messages::message;
use super::object::{integer, list, text, Object};
use super::runs::{Growing, Runs, Update};
use crate::protocol::fields::Fields;
use crate::protocol::rpc::event::ChatState;
use crate::protocol::text::one_line;
use crate::protocol::{limits, GatewayEvent, Payload};
use std::collections::BTreeMap;
use std::time::Instant;

/// An event for the node.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::backend::openclaw) struct Incoming {
    pub(in crate::backend::openclaw) event: GatewayEvent,
    /// JSON text.
    pub(in crate::backend::openclaw) payload: Payload,
}

/// The conversations that one node follows: under which names, and how far their runs are. It
/// belongs to the node, not to its connections: apps do not always subscribe anew.
#[derive(Debug, Default)]
pub(in crate::backend::openclaw) struct Conversations {
    pub(super) keys: SessionKeys,
    runs: Runs,
    /// The ids of sessions by the gateway's names of them. Apps take an agent event for theirs only
    /// if it has the id of their session in the place of the run's.
    ids: BTreeMap<String, String>,
    wake_words: Option<String>,
}

impl Conversations {
    /// A connection to a gateway begins. Returns the keys to subscribe to on it.
    pub(in crate::backend::openclaw) fn connected(
        &mut self,
        defaults: SessionDefaults,
    ) -> Vec<String> {
        self.keys.set_defaults(defaults);
        self.wake_words = None;
        self.keys.all()
    }

    /// The id of a session, from `chat.history`. A few are remembered: those of open screens.
    pub(in crate::backend::openclaw) fn learn_session_id(&mut self, key: &str, id: &str) {
        let is_known = self.keys.spellings(key).is_empty();
        if !is_known && id.len() <= limits::SHORT_TEXT_CHARS {
            self.ids.retain(|key, _| !self.keys.spellings(key).is_empty());
            self.ids.insert(self.keys.canonical(key), id.to_owned());
        }
    }

    /// An event that the gateway sent to this node. `numbered`: it has a `seq`. Nothing for what old
    /// apps do not know, or of a conversation that the node does not follow.
    pub(in crate::backend::openclaw) fn incoming(
        &mut self,
        event: &str,
        payload: &str,
        numbered: bool,
        now: Instant,
    ) -> Vec<Incoming> {
        let Ok(fields) = Fields::read(payload) else { return Vec::new() };
        match GatewayEvent::parse(event) {
            Some(GatewayEvent::Chat) => self.chat(&fields, now),
            Some(GatewayEvent::Agent) => self.agent(&fields, now),
            // A node that follows something gets these twice; the copy is numbered.
            Some(event @ (GatewayEvent::Tick | GatewayEvent::Health)) if !numbered => {
                let payload = match event {
                    GatewayEvent::Tick => {
                        let ts = fields.json("ts").and_then(integer);
                        Object::new().maybe("ts", ts.as_deref()).finish()
                    }
                    _ => health(&fields),
                };
                vec![Incoming { event, payload: payload.into() }]
            }
            Some(GatewayEvent::VoicewakeChanged) => self.wake_words(&fields),
            _ => Vec::new(),
        }
    }

    /// When [`Conversations::due`] has something next.
    pub(in crate::backend::openclaw) fn next_due(&self) -> Option<Instant> {
        self.runs.next_due()
    }

    /// Texts that were held back for a moment.
    pub(in crate::backend::openclaw) fn due(&mut self, now: Instant) -> Vec<Incoming> {
        let updates = self.runs.due(now);
        self.spelled(updates)
    }

    fn chat(&mut self, fields: &Fields<'_>, now: Instant) -> Vec<Incoming> {
        let Some(of) = self.growing(GatewayEvent::Chat, fields) else { return Vec::new() };
        // Not `status`, nor whatever comes after it: no app knows how to show it.
        let state = fields.json("state").and_then(|json| serde_json::from_str(json).ok());
        let Some(state) = state else { return Vec::new() };
        let said = fields.json("message").and_then(message);
        let number = fields.json("seq").and_then(integer).unwrap_or_else(|| "0".to_owned());
        let mut payload = Object::new()
            .value("runId", &of.run)
            .raw("seq", &number)
            .value("state", &state)
            .maybe("message", said.as_deref());
        let updates = match state {
            ChatState::Delta => self.runs.grow(of, payload.finish(), now).into_iter().collect(),
            ChatState::Final => self.runs.end(of, payload.finish(), now),
            ChatState::Aborted => {
                payload = payload.maybe("stopReason", fields.json("stopReason"));
                self.runs.end(of, payload.finish(), now)
            }
            ChatState::Error => {
                let why = fields.text_up_to("errorMessage", limits::ERROR_CHARS);
                let line = one_line(&why.unwrap_or_default(), limits::AGENT_ERROR_CHARS);
                payload = payload.value("errorMessage", &line);
                self.runs.end(of, payload.finish(), now)
            }
        };
        self.spelled(updates)
    }

    fn agent(&mut self, fields: &Fields<'_>, now: Instant) -> Vec<Incoming> {
        let Some(of) = self.growing(GatewayEvent::Agent, fields) else { return Vec::new() };
        let Some(stream) = fields.text("stream") else { return Vec::new() };
        let data = fields.json("data").filter(|data| data.starts_with('{')).unwrap_or("{}");
        let phase = Fields::read(data).ok().and_then(|data| data.short_text("phase"));
        if let Some(id) = fields.short_text("sessionId") {
            self.learn_session_id(&of.session, &id);
        }
        let number = |name| fields.json(name).and_then(integer).unwrap_or_else(|| "0".to_owned());
        let id = self.ids.get(&of.session).unwrap_or(&of.run);
        let payload = Object::new()
            .value("runId", id)
            .raw("seq", &number("seq"))
            .value("stream", &stream)
            .raw("ts", &number("ts"))
            .raw("data", data)
            .finish();
        let updates = match (&*stream, phase.as_deref()) {
            ("assistant", _) => self.runs.grow(of, payload, now).into_iter().collect(),
            ("lifecycle", Some("start")) => {
                let chat = Growing { event: GatewayEvent::Chat, ..of.clone() };
                self.runs.begin(&chat.session, &chat.run);
                vec![Update { of, payload }]
            }
            ("tool" | "compaction" | "error", _) | ("lifecycle", Some("end" | "error")) => {
                let held = self.runs.flush(&of);
                held.into_iter().chain([Update { of, payload }]).collect()
            }
            _ => return Vec::new(),
        };
        self.spelled(updates)
    }

    /// Which run of which conversation it is about, if the node follows that.
    fn growing(&self, event: GatewayEvent, fields: &Fields<'_>) -> Option<Growing> {
        let key = fields.short_text("sessionKey")?;
        if self.keys.spellings(&key).is_empty() {
            return None;
        }
        let run = fields.short_text("runId").unwrap_or_default();
        Some(Growing { event, session: self.keys.canonical(&key), run })
    }

    /// The updates under each name that the node has for their conversation.
    fn spelled(&self, updates: Vec<Update>) -> Vec<Incoming> {
        let mut events = Vec::new();
        for Update { of, payload } in updates {
            for key in self.keys.spellings(&of.session) {
                let payload = crate::protocol::json::with_session_key(&payload, key);
                events.push(Incoming { event: of.event, payload: payload.into() });
            }
        }
        events
    }

    /// A gateway says the wake words to each new connection and to everybody when they change, one
    /// version more often than another.
    fn wake_words(&mut self, fields: &Fields<'_>) -> Vec<Incoming> {
        let words = fields.strings("triggers", limits::PROFILE_ENTRIES).unwrap_or_default();
        let payload =
            Object::new().raw("triggers", &list(words.iter().map(|word| text(&**word)))).finish();
        if self.wake_words.as_ref() == Some(&payload) {
            return Vec::new();
        }
        self.wake_words = Some(payload.clone());
        vec![Incoming { event: GatewayEvent::VoicewakeChanged, payload: payload.into() }]
    }
}

/// What apps read of `health`, without the gateway's paths and settings.
pub(super) fn health(fields: &Fields<'_>) -> String {
    let number = |name| fields.json(name).and_then(integer);
    Object::new()
        .raw("ok", fields.json("ok").unwrap_or("true"))
        .maybe("ts", number("ts").as_deref())
        .maybe("durationMs", number("durationMs").as_deref())
        .finish()
}

#[cfg(test)]
mod tests;
