//! Events of nodes that start a run: `voice.transcript` and `agent.request` (protocol section 6).
//! None is answered; an invalid one is ignored.

use super::agent::AgentRun;
use super::chat::new_run_id;
use crate::lock::lock;
use crate::protocol::fields::Fields;
use crate::protocol::json::mend_surrogates;
use crate::protocol::{limits, session, NodeEvent, NodeId};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How the ids of runs begin that somebody spoke.
const VOICE: &str = "voice-";

/// The run that an event starts; `None` for another event, or an invalid one.
pub(super) fn run_request(node: &NodeId, event: &str, payload: &str) -> Option<AgentRun> {
    let payload = mend_surrogates(payload);
    let fields = Fields::read(&payload).ok()?;
    let text = |name| {
        let text = fields.text(name)?.trim().to_owned();
        (!text.is_empty() && text.chars().count() <= limits::SPOKEN_CHARS).then_some(text)
    };
    let key = fields.text("sessionKey").map(|key| key.trim().to_owned());
    let key = key.filter(|key| !key.is_empty());
    let (message, session_key, thinking, prefix) = match NodeEvent::parse(event)? {
        NodeEvent::VoiceTranscript => {
            let key = key.unwrap_or_else(|| session::MAIN.to_owned());
            (text("text")?, key, Some("low".to_owned()), VOICE)
        }
        NodeEvent::AgentRequest => {
            let key = key.unwrap_or_else(|| format!("node-{node}"));
            (text("message")?, key, fields.short_text("thinking"), "agent-")
        }
        _ => return None,
    };
    if session_key.chars().count() > limits::SESSION_KEY_CHARS {
        return None;
    }
    let seconds = fields.json("timeoutSeconds").and_then(|raw| raw.parse::<f64>().ok());
    let timeout = seconds.filter(|s| s.is_finite() && *s > 0.0).map(|seconds| {
        let longest = limits::AGENT_TIMEOUT_MAX.as_secs_f64();
        Duration::from_secs_f64(seconds.clamp(1.0, longest))
    });
    let request = AgentRun {
        run_id: new_run_id(prefix),
        session_key,
        message,
        thinking,
        node: Some(node.clone()),
        timeout,
        ..AgentRun::default()
    };
    if prefix == VOICE {
        return Some(request);
    }
    let (channel, to) = (fields.short_text("channel"), fields.short_text("to"));
    Some(AgentRun { deliver: fields.is_true("deliver"), channel, to, ..request })
}

/// Limits how many runs each node starts by events.
#[derive(Default)]
pub(in crate::backend) struct RunRateLimit {
    by_node: Mutex<BTreeMap<NodeId, (Instant, usize)>>,
}

impl RunRateLimit {
    /// Counts one more run; whether the node may start it now.
    pub(in crate::backend) fn admit(&self, node: &NodeId, now: Instant) -> bool {
        let mut by_node = lock(&self.by_node);
        by_node.retain(|_, (since, _)| {
            now.saturating_duration_since(*since) < limits::NODE_RUNS_WINDOW
        });
        let (_, count) = by_node.entry(node.clone()).or_insert((now, 0));
        *count += 1;
        *count <= limits::NODE_RUNS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str, payload: &str) -> Option<(String, String, Option<String>)> {
        let run = run_request(&NodeId::new("phone").unwrap(), event, payload)?;
        Some((run.session_key, run.message, run.thinking))
    }

    fn said(
        key: &str,
        message: &str,
        thinking: Option<&str>,
    ) -> Option<(String, String, Option<String>)> {
        Some((key.into(), message.into(), thinking.map(str::to_owned)))
    }

    #[test]
    fn voice_goes_to_the_main_chat_and_requests_to_the_nodes_own() {
        assert_eq!(read("voice.transcript", r#"{"text":" hi "}"#), said("main", "hi", Some("low")));
        assert_eq!(
            read("voice.transcript", r#"{"text":"hi","sessionKey":"work"}"#),
            said("work", "hi", Some("low"))
        );
        assert_eq!(
            read(
                "agent.request",
                r#"{"message":"go","thinking":"high","key":"a","sessionKey":null}"#
            ),
            said("node-phone", "go", Some("high"))
        );
    }

    #[test]
    fn a_request_may_want_its_answer_elsewhere_and_what_is_spoken_does_not() {
        let wanted = |event: &str, deliver: &str| {
            let payload = format!(
                r#"{{"text":"hi","message":"hi","deliver":{deliver},"channel":"sms","to":"+49"}}"#
            );
            let run = run_request(&NodeId::new("phone").unwrap(), event, &payload).unwrap();
            (run.deliver, run.channel, run.to)
        };
        let there = || (Some("sms".to_owned()), Some("+49".to_owned()));
        let to = |deliver, (channel, to)| (deliver, channel, to);
        assert_eq!(wanted("agent.request", "true"), to(true, there()));
        assert_eq!(wanted("agent.request", "null"), to(false, there()));
        assert_eq!(wanted("voice.transcript", "true"), to(false, (None, None)));
    }

    #[test]
    fn an_invalid_event_is_ignored() {
        for (event, payload) in [
            ("voice.transcript", r#"{"text":"  "}"#),
            ("voice.transcript", "nonsense"),
            ("agent.request", r#"{"message":5}"#),
            ("agent.request", "{}"),
            ("other", r#"{"text":"hi","message":"hi"}"#),
        ] {
            assert_eq!(read(event, payload), None, "{event} {payload}");
        }
        let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(limits::SPOKEN_CHARS + 1));
        assert_eq!(read("voice.transcript", &long), None);
    }

    #[test]
    fn a_node_starts_only_so_many_runs_at_a_time() {
        let rates = RunRateLimit::default();
        let (node, now) = (NodeId::new("phone").unwrap(), Instant::now());
        let admitted = (0..100).filter(|_| rates.admit(&node, now)).count();
        assert_eq!(admitted, limits::NODE_RUNS);
        assert!(rates.admit(&NodeId::new("other").unwrap(), now));
        assert!(rates.admit(&node, now + limits::NODE_RUNS_WINDOW));
    }
}
