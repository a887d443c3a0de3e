//! Events of nodes about programs they run: `exec.*`, turned into sentences for the next run of
//! their conversation (protocol section 6).

use crate::lock::lock;
use crate::protocol::json::{mend_surrogates, Fields};
use crate::protocol::rpc::event::SystemEvent;
use crate::protocol::{limits, session, NodeEvent, NodeId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

/// Reads an `exec.*` event; `None` for another event, or an invalid one.
pub(super) fn read(node: &NodeId, event: &str, payload: &str, ts: u64) -> Option<SystemEvent> {
    let kind = NodeEvent::parse(event)?;
    if !matches!(kind, NodeEvent::ExecStarted | NodeEvent::ExecFinished | NodeEvent::ExecDenied) {
        return None;
    }
    let payload = mend_surrogates(payload);
    let fields = Fields::read(&payload).ok()?;
    if !payload.trim_start().starts_with('{') {
        return None;
    }
    let session_key = match fields.text("sessionKey") {
        Some(key) if key.trim().is_empty() => return None,
        Some(key) => key.into_owned(),
        None => format!("node-{node}"),
    };
    let text = |name| fields.text(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let run = text("runId");
    let id = if run.is_empty() { String::new() } else { format!(" id={run}") };
    let command = text("command");
    let behind = |text: &str| if text.is_empty() { String::new() } else { format!(": {text}") };
    let sentence = match kind {
        NodeEvent::ExecStarted => format!("Exec started (node={node}{id}){}", behind(&command)),
        NodeEvent::ExecFinished => {
            let output = text("output");
            let how = match fields.json("exitCode").filter(|_| !fields.is_true("timedOut")) {
                _ if fields.is_true("timedOut") => "timeout".to_owned(),
                Some(code) if code.parse::<i64>().is_ok() => format!("code {code}"),
                _ => "code ?".to_owned(),
            };
            let output = if output.is_empty() { output } else { format!("\n{output}") };
            format!("Exec finished (node={node}{id}, {how}){output}")
        }
        NodeEvent::ExecDenied => {
            let reason = text("reason");
            let reason = if reason.is_empty() { reason } else { format!(", {reason}") };
            format!("Exec denied (node={node}{id}{reason}){}", behind(&command))
        }
        _ => return None,
    };
    let context_key = if run.is_empty() { "exec".into() } else { format!("exec:{run}") };
    let session_key = session::canonical(&session_key);
    Some(SystemEvent { session_key, text: sentence, context_key, ts })
}

/// Sentences waiting for a run, by conversation.
#[derive(Default)]
pub(super) struct SystemEvents {
    waiting: Mutex<BTreeMap<String, VecDeque<String>>>,
}

impl SystemEvents {
    /// Keeps an event's sentence, unless it repeats the previous one. Whether it was kept.
    pub(super) fn push(&self, event: &SystemEvent) -> bool {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= limits::SYSTEM_EVENT_SESSIONS
            && !waiting.contains_key(&event.session_key)
        {
            return false;
        }
        let texts = waiting.entry(event.session_key.clone()).or_default();
        if texts.back() == Some(&event.text) {
            return false;
        }
        if texts.len() == limits::SYSTEM_EVENTS {
            texts.pop_front();
        }
        texts.push_back(event.text.clone());
        true
    }

    /// Removes and returns the sentences of a conversation.
    pub(super) fn take(&self, session_key: &str) -> Vec<String> {
        lock(&self.waiting).remove(session_key).map(Vec::from).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(event: &str, payload: &str) -> Option<String> {
        read(&NodeId::new("n1").unwrap(), event, payload, 1).map(|event| event.text)
    }

    #[test]
    fn exec_events_become_the_sentences_of_the_old_gateway() {
        for (event, payload, sentence) in [
            (
                "exec.started",
                r#"{"runId":"r","command":" ls "}"#,
                "Exec started (node=n1 id=r): ls",
            ),
            ("exec.started", "{}", "Exec started (node=n1)"),
            (
                "exec.finished",
                r#"{"runId":"r","exitCode":0,"output":"a\nb\n"}"#,
                "Exec finished (node=n1 id=r, code 0)\na\nb",
            ),
            ("exec.finished", r#"{"exitCode":"x"}"#, "Exec finished (node=n1, code ?)"),
            (
                "exec.finished",
                r#"{"exitCode":1,"timedOut":true}"#,
                "Exec finished (node=n1, timeout)",
            ),
            (
                "exec.denied",
                r#"{"runId":"r","reason":"user-denied","command":"rm"}"#,
                "Exec denied (node=n1 id=r, user-denied): rm",
            ),
        ] {
            assert_eq!(text(event, payload).as_deref(), Some(sentence), "{event} {payload}");
        }
    }

    #[test]
    fn an_invalid_event_is_ignored() {
        assert_eq!(text("exec.started", r#"{"sessionKey":"  "}"#), None);
        assert_eq!(text("exec.exploded", "{}"), None);
        assert_eq!(text("voice.transcript", "{}"), None);
        assert_eq!(text("exec.started", "[]"), None);
        let event =
            read(&NodeId::new("n1").unwrap(), "exec.started", r#"{"sessionKey":5}"#, 1).unwrap();
        assert_eq!((&*event.session_key, &*event.context_key), ("agent:main:node-n1", "exec"));
    }

    #[test]
    fn twenty_wait_and_repetitions_do_not() {
        let events = SystemEvents::default();
        let event = |text: &str| SystemEvent {
            session_key: "s".into(),
            text: text.into(),
            context_key: "exec".into(),
            ts: 1,
        };
        assert!(events.push(&event("0")));
        assert!(!events.push(&event("0")));
        for i in 1..=limits::SYSTEM_EVENTS {
            events.push(&event(&i.to_string()));
        }
        let taken = events.take("s");
        assert_eq!((taken.len(), &*taken[0]), (limits::SYSTEM_EVENTS, "1"));
        assert!(events.take("s").is_empty());
    }
}
