//! Events for operators who have subscribed to them.

use crate::protocol::operator::{InvokePayload, PendingView};
use crate::protocol::records::records;
use crate::protocol::{json, GatewayEvent, NodeId, Payload};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{from_str, value::RawValue};
use std::borrow::Cow;
use std::sync::Arc;

/// Something that an operator may want to know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OperatorEvent {
    /// `node.pair.requested`: a node asks to be paired.
    PairRequested(Box<PendingView>),
    /// `node.pair.resolved`: a request was decided or expired.
    PairResolved(PairResolved),
    /// `presence`: a node came or went.
    Presence(Box<Presence>),
    /// An event of a conversation, whose session key is in its canonical spelling and left out of
    /// the payload, a JSON object. Decodes as [`OperatorEvent::Backend`]: on the wire the two do
    /// not differ.
    Session { event: Arc<str>, session_key: Arc<str>, payload: Payload },
    /// An event of the backend, with its content as JSON text.
    Backend { event: Arc<str>, payload: Option<Payload> },
}

records! {
    /// The content of `node.pair.resolved`.
    #[non_exhaustive]
    PairResolved {
        request_id: Arc<str>,
        node_id: NodeId,
        /// `approved`, `rejected`, `expired`, or `evicted` if it gave way to a newer one.
        decision: Cow<'static, str>,
        /// Milliseconds since 1970.
        ts: u64,
    }
    /// The content of `presence` (protocol section 12).
    #[non_exhaustive]
    Presence {
        /// The node's name, else its id.
        host: String,
        /// Its address; absent for loopback.
        ip?: String,
        /// Its version, else `unknown`.
        version: String,
        platform?: String,
        device_family?: String,
        model_identifier?: String,
        /// Always `remote`.
        mode: Cow<'static, str>,
        /// `node-connected` or `node-disconnected`.
        reason: Cow<'static, str>,
        instance_id: NodeId,
        /// One line for a person.
        text: String,
        /// Milliseconds since 1970.
        ts: u64,
    }
}

impl OperatorEvent {
    /// Bytes of its content, where that may be long.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Session { payload, .. } => payload.len(),
            Self::Backend { payload, .. } => payload.as_deref().map_or(0, str::len),
            _ => 0,
        }
    }

    /// The event's name.
    pub fn name(&self) -> &str {
        match self {
            Self::PairRequested(_) => GatewayEvent::PairRequested.as_str(),
            Self::PairResolved(_) => GatewayEvent::PairResolved.as_str(),
            Self::Presence(_) => GatewayEvent::Presence.as_str(),
            Self::Session { event, .. } | Self::Backend { event, .. } => event,
        }
    }

    /// An event whose content is not what its name promises counts as one of the backend's.
    pub(super) fn decode(name: &str, payload: Option<&RawValue>) -> Self {
        let text = payload.map(RawValue::get);
        let json = text.unwrap_or("null");
        let known = match GatewayEvent::parse(name) {
            Some(GatewayEvent::PairRequested) => from_str(json).map(Self::PairRequested).ok(),
            Some(GatewayEvent::PairResolved) => from_str(json).map(Self::PairResolved).ok(),
            Some(GatewayEvent::Presence) => from_str(json).map(Self::Presence).ok(),
            _ => None,
        };
        let payload = text.map(Into::into);
        known.unwrap_or_else(|| Self::Backend { event: name.into(), payload })
    }
}

impl Serialize for OperatorEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("event", self.name())?;
        match self {
            Self::PairRequested(view) => map.serialize_entry("payload", view)?,
            Self::PairResolved(resolved) => map.serialize_entry("payload", resolved)?,
            Self::Presence(presence) => map.serialize_entry("payload", presence)?,
            Self::Session { session_key, payload, .. } => {
                let payload = json::with_session_key(payload, session_key);
                map.serialize_entry("payload", &InvokePayload(payload.into()))?;
            }
            Self::Backend { payload, .. } => {
                map.serialize_entry("payload", &payload.clone().map(InvokePayload))?;
            }
        }
        map.end()
    }
}
