//! The events that the backend sends to nodes and operators (protocol section 7).

use super::chat::ChatMessage;
use super::system::{HealthView, TalkModeState, WakeWords};
use crate::protocol::records::records;
use crate::protocol::GatewayEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The payload of one kind of event.
pub trait Event: Serialize {
    /// The kind.
    const EVENT: GatewayEvent;
}

macro_rules! events {
    ($($payload:ty => $event:ident,)*) => {
        $(impl Event for $payload {
            const EVENT: GatewayEvent = GatewayEvent::$event;
        })*
    };
}

events! {
    ChatEvent => Chat,
    AgentEvent => Agent,
    Tick => Tick,
    HealthView => Health,
    WakeWords => VoicewakeChanged,
    TalkModeState => TalkMode,
    SystemEvent => System,
}

records! {
    /// Sent every 30 s to nodes with a subscription.
    Tick {
        ts: u64,
    }
    /// Something a node reported about a program it runs; for operators.
    SystemEvent {
        session_key: String,
        text: String,
        /// The subject: `exec:<run>` or `exec`.
        context_key: String,
        ts: u64,
    }
    /// The progress of a run (protocol section 7.2). The router adds the `sessionKey`.
    ChatEvent {
        run_id: String,
        seq: u64,
        state: ChatState,
        message?: ChatMessage,
        /// Why the run was aborted: `rpc`, `stop`, `timeout` or `shutdown`.
        stop_reason?: String,
        /// Why the run failed, in one line.
        error_message?: String,
    }
    /// What the agent does during a run (protocol section 7.3). The router adds the `sessionKey`.
    AgentEvent {
        /// The id of the session, not of the run: the apps look for that.
        run_id: String,
        seq: u64,
        /// `lifecycle`, `assistant` or `tool`.
        stream: String,
        ts: u64,
        data: Value,
    }
}

/// How far a run is; all but `Delta` end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatState {
    /// The answer has grown.
    Delta,
    /// The answer is complete and in the transcript.
    Final,
    /// Somebody aborted the run, or it took too long.
    Aborted,
    /// The run failed.
    Error,
}
