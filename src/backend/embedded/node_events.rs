//! Events of nodes that start a run: `voice.transcript` and `agent.request` (protocol section 6).
//! None is answered; an invalid one is ignored.

use super::agent::AgentRun;
use super::chat::new_run_id;
use crate::backend::requests;
use crate::protocol::fields::Fields;
use crate::protocol::json::mend_surrogates;
use crate::protocol::{limits, NodeEvent, NodeId};
use std::time::Duration;

/// The run that an event starts; `None` for another event, or an invalid one.
pub(super) fn run_request(node: &NodeId, event: &str, payload: &str) -> Option<AgentRun> {
    let payload = mend_surrogates(payload);
    let fields = Fields::read(&payload).ok()?;
    let event = NodeEvent::parse(event)?;
    let (session_key, message) = requests::read(node, event, &fields)?;
    let seconds = fields.json("timeoutSeconds").and_then(|raw| raw.parse::<f64>().ok());
    let timeout = seconds.filter(|s| s.is_finite() && *s > 0.0).map(|seconds| {
        let longest = limits::AGENT_TIMEOUT_MAX.as_secs_f64();
        Duration::from_secs_f64(seconds.clamp(1.0, longest))
    });
    let node = Some(node.clone());
    let request = AgentRun { session_key, message, node, timeout, ..AgentRun::default() };
    if event == NodeEvent::VoiceTranscript {
        let thinking = Some("low".to_owned());
        return Some(AgentRun { run_id: new_run_id("voice-"), thinking, ..request });
    }
    Some(AgentRun {
        run_id: new_run_id("agent-"),
        thinking: fields.short_text("thinking"),
        deliver: fields.is_true("deliver"),
        channel: fields.short_text("channel"),
        to: fields.short_text("to"),
        ..request
    })
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
}
