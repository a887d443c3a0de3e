//! The messages on the control socket: one JSON object per line, in both directions.
//!
//! ```text
//! {"id":1,"method":"node.pair.list","params":{}}
//! {"id":1,"ok":true,"payload":{…}}   or   {"id":1,"ok":false,"error":{"code","message","details"?}}
//! {"event":"node.pair.requested","payload":{…}}       after events.subscribe
//! ```
//!
//! Method names are those of the old gateway's operator interface (protocol section 12), the
//! allowlisted RPC methods, and a few of our own. Requests are strict: an unknown key is an error.
//! Answers are not: a newer bridge may add fields.
#![allow(missing_docs, reason = "PROTOCOL.md describes the fields; comments add to it")]

mod answer;
mod command;
mod event;
mod frame;

pub use answer::*;
pub use command::*;
pub use event::*;
pub use frame::*;

pub use crate::protocol::json::InvokePayload;

use crate::protocol::fields::Fields;
use crate::protocol::json;
use crate::protocol::{limits, wire, WireError};
use serde::Serialize;
use std::sync::Arc;

/// One line from an operator.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorRequest {
    /// The request's id as JSON text; comes back in the reply. `null` if there was none.
    pub id: Arc<str>,
    /// The command, or why it cannot be read.
    pub command: Result<OperatorCommand, WireError>,
}

impl OperatorRequest {
    /// Decodes one line. What is wrong with it becomes the answer to it.
    pub fn decode(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        let text = json::mend_surrogates(&text);
        let is_long = |id: &str| id.len() > limits::SHORT_TEXT_CHARS;
        match Fields::read(&text) {
            Ok(fields) if fields.json("id").is_some_and(is_long) => Self {
                id: "null".into(),
                command: Err(WireError::invalid(format!(
                    "id is longer than {} bytes",
                    limits::SHORT_TEXT_CHARS
                ))),
            },
            Ok(fields) => Self {
                id: fields.json("id").unwrap_or("null").into(),
                command: OperatorCommand::decode(
                    fields.text("method").unwrap_or_default().trim(),
                    fields.json("params"),
                ),
            },
            Err(error) => Self {
                id: "null".into(),
                command: Err(WireError::invalid(format!("not a JSON object on one line: {error}"))),
            },
        }
    }

    /// Encodes a request as one line, line feed included.
    pub fn encode<C: OperatorCall>(id: u64, call: &C) -> Vec<u8> {
        Self::encode_named(id, C::METHOD, call)
    }

    /// As [`OperatorRequest::encode`], for a method by its name, with parameters of any kind.
    pub fn encode_named(id: u64, method: &str, params: &impl Serialize) -> Vec<u8> {
        #[derive(Serialize)]
        struct Line<'a, P> {
            id: u64,
            method: &'a str,
            params: &'a P,
        }
        let mut line = Vec::new();
        wire::append_line(&Line { id, method, params }, &mut line);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Method, NodeId};
    use std::time::Duration;

    fn read(line: &str) -> Result<OperatorCommand, WireError> {
        OperatorRequest::decode(line.as_bytes()).command
    }

    #[test]
    fn every_listed_method_is_understood() {
        for method in OperatorCommand::METHODS {
            let line = format!("{{\"id\":1,\"method\":\"{method}\"}}");
            if let Err(error) = read(&line) {
                assert!(error.message.starts_with(&format!("invalid {method} params")), "{error}");
            }
        }
        assert_eq!(read(r#"{"method":"health"}"#), Ok(OperatorCommand::Call(Method::Health, None)));
    }

    #[test]
    fn parameters_travel_compact() {
        let line = r#"{"method":"node.invoke","params":{"nodeId":"n","command":"camera.clip","params":{ "includeAudio": true }}}"#;
        let Ok(OperatorCommand::InvokeNode(invoke)) = read(line) else { panic!("{line}") };
        assert_eq!(invoke.params.as_deref(), Some(r#"{"includeAudio":true}"#));
    }

    #[test]
    fn a_request_is_decoded_as_it_was_encoded() {
        let invoke = InvokeNode {
            node_id: "n".into(),
            command: "camera.clip".into(),
            params: Some("{\n\"includeAudio\":true}".into()),
            timeout_ms: Some(7),
            idempotency_key: None,
        };
        let line = OperatorRequest::encode(3, &invoke);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let request = OperatorRequest::decode(&line);
        let params = Some("{\"includeAudio\":true}".into());
        let command = OperatorCommand::InvokeNode(InvokeNode { params, ..invoke });
        assert_eq!((&*request.id, request.command), ("3", Ok(command)));
        assert_eq!(read(r#"{"method":"stop","params":null}"#), Ok(Stop {}.into_command()));
    }

    #[test]
    fn a_frame_is_decoded_as_it_was_encoded() {
        let error = WireError::invalid("no").with_details(&serde_json::json!({ "a": 1 }));
        let refused = OperatorFrame::Reply { id: "1".into(), result: Err(error) };
        let presence = OperatorEvent::Backend { event: "presence".into(), payload: None };
        let chat = Some(r#"{"sessionKey":"main"}"#.into());
        let chat = OperatorEvent::Backend { event: "chat".into(), payload: chat };
        for frame in [
            refused,
            OperatorFrame::Reply { id: "{}".into(), result: Ok(Status::default()) },
            OperatorFrame::Event(Arc::new(presence)),
            OperatorFrame::Event(Arc::new(chat)),
        ] {
            let line = serde_json::to_string(&frame).unwrap();
            assert_eq!(serde_json::from_str::<OperatorFrame<Status>>(&line).unwrap(), frame);
        }
        let newer = r#"{"id":1,"ok":false,"error":{"code":"NEW","message":"m","x":1}}"#;
        let frame: OperatorFrame<Status> = serde_json::from_str(newer).unwrap();
        let OperatorFrame::Reply { result: Err(error), .. } = frame else { panic!("{frame:?}") };
        assert_eq!((error.code.as_str(), &*error.message), ("NEW", "m"));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, says) in [
            ("nonsense", "not a JSON object on one line"),
            ("{}", "method required"),
            (r#"{"method":"node.lst"}"#, "unknown method \"node.lst\" (known: status, "),
            (r#"{"method":"node.describe"}"#, "missing field `nodeId`"),
            (r#"{"method":"node.list","params":{"x":1}}"#, "unknown field `x`"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.message.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn a_reply_carries_the_id_as_it_came() {
        let request = OperatorRequest::decode(br#"{"id":{"a":[1]},"method":"stop"}"#);
        let reply = OperatorFrame::Reply { id: request.id, result: Ok(Answer::Done(Done {})) };
        let text = serde_json::to_string(&reply).unwrap();
        assert_eq!(text, r#"{"id":{"a":[1]},"ok":true,"payload":{}}"#);
    }

    #[test]
    fn what_a_node_answers_is_shown_as_json_on_one_line() {
        let show = |text: &str| serde_json::to_string(&InvokePayload(text.into())).unwrap();
        assert_eq!(show("{\n\"a\": 1}"), "{ \"a\": 1}");
        assert_eq!(show("not json"), r#"{"payloadJSON":"not json"}"#);
        assert_eq!(show(r#"{"cut":"\ud83d"}"#), r#"{"cut":"\ufffd"}"#);
    }

    #[test]
    fn a_long_payload_goes_out_in_parts_that_make_the_same_line() {
        let frame = |payload: String| OperatorFrame::Reply {
            id: "{\"a\":1}".into(),
            result: Ok(Answer::Invoked(Invoked {
                ok: true,
                node_id: NodeId::new("n}}").unwrap(),
                command: "camera.clip".into(),
                payload: Some(InvokePayload(payload.into())),
            })),
        };
        let long = "A".repeat(limits::SHARED_BODY);
        let clip = frame(format!("{{\"base64\":\"{long}\"}}"));
        let (mut line, body, tail) = clip.in_parts().unwrap();
        line.extend_from_slice(body.as_bytes());
        line.extend_from_slice(&tail);
        assert_eq!(String::from_utf8(line).unwrap(), serde_json::to_string(&clip).unwrap() + "\n");
        // What may not stand in a line as it is takes the usual way.
        for payload in ["no JSON ", "{\n\"a\":\"", " {\"a\":\"", "{\"a\":\"\\ud800"] {
            assert_eq!(frame(format!("{payload}{long}\"}}")).in_parts(), None, "{payload}");
        }
        assert_eq!(frame("{}".into()).in_parts(), None, "short");
    }

    #[test]
    fn an_invoke_without_a_timeout_has_the_usual_one() {
        let timeout = |ms| {
            let line = format!(
                r#"{{"method":"node.invoke","params":{{"nodeId":"n","command":"c","timeoutMs":{ms}}}}}"#
            );
            let Ok(OperatorCommand::InvokeNode(invoke)) = read(&line) else { panic!("{line}") };
            invoke.timeout()
        };
        assert_eq!(timeout("0"), limits::INVOKE_TIMEOUT);
        assert_eq!(timeout("null"), limits::INVOKE_TIMEOUT);
        assert_eq!(timeout("20"), Duration::from_millis(20));
        assert_eq!(timeout("99999999999"), limits::INVOKE_TIMEOUT_MAX);
    }
}
