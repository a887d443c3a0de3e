//! The names of events, in both directions (protocol sections 6, 7 and 12).
//!
//! A frame carries any name: nodes and backends may have events that the protocol does not know.

use crate::protocol::names::names;
use crate::protocol::Method;

names! {
    /// An event that a node sends (protocol section 6).
    NodeEvent {
        VoiceTranscript = "voice.transcript",
        AgentRequest = "agent.request",
        ChatSubscribe = "chat.subscribe",
        ChatUnsubscribe = "chat.unsubscribe",
        ExecStarted = "exec.started",
        ExecFinished = "exec.finished",
        ExecDenied = "exec.denied",
    }
}

names! {
    /// An event that the gateway sends: to nodes (protocol section 7) and to operators who follow
    /// events (protocol section 12).
    GatewayEvent {
        Chat = "chat",
        Agent = "agent",
        Tick = "tick",
        Health = "health",
        VoicewakeChanged = "voicewake.changed",
        /// To operators only: what a node reports of a program it ran.
        System = "system",
        /// To operators only: a node switched its talk mode.
        TalkMode = "talk.mode",
        /// To operators only: a node asks to be paired.
        PairRequested = "node.pair.requested",
        /// To operators only: a pairing request was decided or has expired.
        PairResolved = "node.pair.resolved",
        /// To operators only: a node connected or disconnected.
        Presence = "presence",
    }
}

impl NodeEvent {
    /// The method that does the same. Who may not call it may not send the event either.
    pub fn method(self) -> Option<Method> {
        match self {
            Self::VoiceTranscript | Self::AgentRequest => Some(Method::ChatSend),
            Self::ChatSubscribe => Some(Method::ChatHistory),
            Self::ChatUnsubscribe | Self::ExecStarted | Self::ExecFinished | Self::ExecDenied => {
                None
            }
        }
    }
}

impl GatewayEvent {
    /// The method that tells the same. Who may not call it is not sent the event either.
    pub fn method(self) -> Option<Method> {
        match self {
            Self::Chat | Self::Agent => Some(Method::ChatHistory),
            Self::Health => Some(Method::Health),
            Self::VoicewakeChanged => Some(Method::VoicewakeGet),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_parsed_as_the_event_that_prints_it() {
        assert!(NodeEvent::ALL.iter().all(|e| NodeEvent::parse(e.as_str()) == Some(*e)));
        assert!(GatewayEvent::ALL.iter().all(|e| GatewayEvent::parse(e.as_str()) == Some(*e)));
        assert_eq!(NodeEvent::parse("exec.exploded"), None);
    }
}
