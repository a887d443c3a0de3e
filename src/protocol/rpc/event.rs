//! The events that the backend sends to nodes and operators (protocol section 7).

use super::chat::ChatMessage;
use super::system::{HealthView, TalkModeState, WakeWords};
use crate::protocol::GatewayEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The payload of one kind of event.
pub trait Event: Serialize {
    /// The kind.
    const EVENT: GatewayEvent;
}

impl Event for WakeWords {
    const EVENT: GatewayEvent = GatewayEvent::VoicewakeChanged;
}

impl Event for TalkModeState {
    const EVENT: GatewayEvent = GatewayEvent::TalkMode;
}

impl Event for HealthView {
    const EVENT: GatewayEvent = GatewayEvent::Health;
}

/// Sent every 30 s to nodes with a subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// Milliseconds since 1970.
    pub ts: u64,
}

impl Event for Tick {
    const EVENT: GatewayEvent = GatewayEvent::Tick;
}

/// Something a node reported about a program it runs; for operators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemEvent {
    /// The conversation, canonical.
    pub session_key: String,
    /// A sentence for operators and agents.
    pub text: String,
    /// The subject: `exec:<run>` or `exec`.
    pub context_key: String,
    /// Milliseconds since 1970.
    pub ts: u64,
}

impl Event for SystemEvent {
    const EVENT: GatewayEvent = GatewayEvent::System;
}

/// The progress of a run (protocol section 7.2). The router adds the `sessionKey`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatEvent {
    /// The run.
    pub run_id: String,
    /// Grows with every event of the run.
    pub seq: u64,
    /// What happened.
    pub state: ChatState,
    /// The answer so far, or the whole of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<ChatMessage>,
    /// Why the run was aborted: `rpc`, `stop`, `timeout` or `shutdown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
    /// Why the run failed, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
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

impl Event for ChatEvent {
    const EVENT: GatewayEvent = GatewayEvent::Chat;
}

/// What the agent does during a run (protocol section 7.3). The router adds the `sessionKey`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentEvent {
    /// The id of the session, not of the run: the apps look for that.
    pub run_id: String,
    /// Grows with every event of the run.
    pub seq: u64,
    /// `lifecycle`, `assistant` or `tool`.
    pub stream: String,
    /// Milliseconds since 1970.
    pub ts: u64,
    /// Depends on the stream.
    pub data: Value,
}

impl Event for AgentEvent {
    const EVENT: GatewayEvent = GatewayEvent::Agent;
}
