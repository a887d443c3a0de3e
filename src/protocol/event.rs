//! The names of events, in both directions (protocol sections 6, 7 and 12).
//!
//! A frame carries any name: nodes and backends may have events that the protocol does not know.

use crate::protocol::names::names;

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
