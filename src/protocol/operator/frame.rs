//! The lines that go to operators: replies and events.

use crate::protocol::operator::{Answer, InvokePayload, Invoked, OperatorEvent};
use crate::protocol::{json, limits, wire, Payload, WireError};
use serde::{de, Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// One line to an operator. The bridge encodes it with an [`Answer`]; the other side, which knows
/// what it asked for, decodes the answer as the JSON text it is.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorFrame<A = Answer> {
    /// The answer to a request, whose id is JSON text.
    Reply { id: Arc<str>, result: Result<A, WireError> },
    /// An event that the operator has subscribed to.
    Event(Arc<OperatorEvent>),
}

impl<A: Serialize> Serialize for OperatorFrame<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a, A> {
            id: Option<&'a RawValue>,
            ok: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            payload: Option<&'a A>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'a WireError>,
        }
        match self {
            Self::Event(event) => event.serialize(serializer),
            Self::Reply { id, result } => Line {
                id: serde_json::from_str(id).ok(),
                ok: result.is_ok(),
                payload: result.as_ref().ok(),
                error: result.as_ref().err(),
            }
            .serialize(serializer),
        }
    }
}

impl<'de, A: Deserialize<'de>> Deserialize<'de> for OperatorFrame<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Line<'a> {
            #[serde(borrow)]
            event: Option<Cow<'a, str>>,
            #[serde(borrow)]
            id: Option<&'a RawValue>,
            #[serde(default)]
            ok: bool,
            #[serde(borrow)]
            payload: Option<&'a RawValue>,
            error: Option<WireError>,
        }
        let line = Line::deserialize(deserializer)?;
        if let Some(event) = line.event {
            return Ok(Self::Event(Arc::new(OperatorEvent::decode(&event, line.payload))));
        }
        let result = if line.ok {
            let payload = line.payload.unwrap_or(RawValue::NULL).get();
            Ok(serde_json::from_str(payload).map_err(de::Error::custom)?)
        } else {
            Err(line.error.ok_or_else(|| de::Error::missing_field("error"))?)
        };
        Ok(Self::Reply { id: line.id.unwrap_or(RawValue::NULL).get().into(), result })
    }
}

impl OperatorFrame {
    /// The line of an answer with a long payload as what comes before the payload, the payload
    /// itself, and what comes after it: a recording is written without being copied.
    /// `None` if the line has to be encoded as a whole.
    pub fn in_parts(&self) -> Option<(Vec<u8>, Payload, Vec<u8>)> {
        let Self::Reply { id, result: Ok(Answer::Invoked(invoked)) } = self else { return None };
        let payload = invoked.payload.as_ref();
        let InvokePayload(body) = payload.filter(|p| p.0.len() > limits::SHARED_BODY)?;
        let Cow::Borrowed(text) = json::one_line(body)? else { return None };
        if text.len() != body.len() {
            return None;
        }
        let (ok, node_id, command) = (invoked.ok, invoked.node_id.clone(), invoked.command.clone());
        let without = Answer::Invoked(Invoked { ok, node_id, command, payload: None });
        let mut head = Vec::new();
        wire::append_line(&Self::Reply { id: id.clone(), result: Ok(without) }, &mut head);
        // The payload is the last field of the last field.
        let tail = head.split_off(head.strip_suffix(b"}}\n")?.len());
        head.extend_from_slice(b",\"payload\":");
        Some((head, body.clone(), tail))
    }

    /// Roughly the length of the line in bytes.
    pub fn weight(&self) -> usize {
        const ENVELOPE: usize = 256;
        let answer = match self {
            Self::Reply { result: Ok(answer), .. } => answer,
            Self::Reply { result: Err(error), .. } => return ENVELOPE + error.weight(),
            Self::Event(event) => return ENVELOPE + event.weight(),
        };
        ENVELOPE
            + match answer {
                Answer::Invoked(invoked) => invoked.payload.as_ref().map_or(0, |p| p.0.len()),
                Answer::Called(payload) => payload.0.len(),
                Answer::Nodes(list) => ENVELOPE * list.nodes.len(),
                _ => 0,
            }
    }
}
