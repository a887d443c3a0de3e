//! The words on the control socket: one JSON object per line, both ways.
//!
//! ```text
//! {"id":1,"method":"node.pair.list","params":{}}
//! {"id":1,"ok":true,"payload":{…}}   or   {"id":1,"ok":false,"error":{"code","message","details"?}}
//! {"event":"node.pair.requested","payload":{…}}       after events.subscribe
//! ```
//!
//! Method names are those of the old gateway's operator interface (protocol section 12), the
//! allowlisted RPC methods, and a few of our own. Parameters are strict: an unknown key is an
//! error.

mod answer;
mod event;

pub use answer::{
    Answer, CertificateView, ConnectionCounts, Counters, DiscoveryView, InvokePayload,
    ListenerView, MdnsView, NodeCounts, NodeView, OperatorFrame, PendingView, Status,
};
pub use event::{OperatorEvent, PairResolved, Presence};

use crate::protocol::json::{self, Fields};
use crate::protocol::{limits, Method, Payload, WireError};
use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// One line from an operator.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorRequest {
    /// The request's id as JSON text; comes back in the reply. `null` if there was none.
    pub id: Arc<str>,
    /// What is wanted, or why that cannot be read.
    pub command: Result<OperatorCommand, WireError>,
}

/// What an operator may ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorCommand {
    /// `status`
    Status,
    /// `node.list`
    NodeList,
    /// `node.describe {nodeId}`
    NodeDescribe(NodeQuery),
    /// `node.pair.list`
    PairList,
    /// `node.pair.approve {requestId}`
    PairApprove(RequestQuery),
    /// `node.pair.reject {requestId}`
    PairReject(RequestQuery),
    /// `node.rename {nodeId, displayName}`
    NodeRename(Rename),
    /// `node.revoke {nodeId}`: forget the pairing and cut the connection
    NodeRevoke(NodeQuery),
    /// `node.invoke {nodeId, command, params?, timeoutMs?, idempotencyKey?}`
    NodeInvoke(InvokeRequest),
    /// `events.subscribe {only?}`
    EventsSubscribe(EventFilter),
    /// `log {level}`
    Log(LogLevel),
    /// `reload`
    Reload,
    /// `stop`
    Stop,
    /// One of the methods that nodes have.
    Call(Method, Option<Payload>),
}

/// The node an operator means: its id, address, display name, or the beginning of its id.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NodeQuery {
    /// See above.
    pub node_id: String,
}

/// The pairing request an operator means: its id, the beginning of it, or the node's id or name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RequestQuery {
    /// See above.
    pub request_id: String,
}

/// A new name for a node.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rename {
    /// See [`NodeQuery`].
    pub node_id: String,
    /// The name.
    pub display_name: String,
}

/// A command for a node.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InvokeRequest {
    /// See [`NodeQuery`].
    pub node_id: String,
    /// The command, such as `camera.snap`.
    pub command: String,
    /// Its parameters.
    #[serde(default, deserialize_with = "optional_json")]
    pub params: Option<Payload>,
    /// How long the node may take, in milliseconds; 0 or absent is the default of 15 s.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Two requests with the same key are carried out once.
    #[serde(default)]
    pub idempotency_key: Option<String>,
}

impl InvokeRequest {
    /// How long the node may take.
    pub fn timeout(&self) -> Duration {
        match self.timeout_ms.unwrap_or(0) {
            0 => limits::INVOKE_TIMEOUT,
            ms => Duration::from_millis(ms).min(limits::INVOKE_TIMEOUT_MAX),
        }
    }
}

/// Which events an operator wants to see.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EventFilter {
    /// Names of events; absent means all.
    #[serde(default)]
    pub only: Option<BTreeSet<String>>,
}

/// How much the daemon shall log.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LogLevel {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

fn optional_json<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Payload>, D::Error> {
    let raw: Option<Box<RawValue>> = Option::deserialize(from)?;
    Ok(raw.map(|raw| json::compact(raw.get()).into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParams {}

impl OperatorRequest {
    /// Reads one line.
    pub fn read(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        let text = json::mend_surrogates(&text);
        match Fields::read(&text, &["id", "method", "params"]) {
            Ok(fields) => Self {
                id: fields.json("id").unwrap_or("null").into(),
                command: OperatorCommand::read(&fields),
            },
            Err(error) => Self {
                id: "null".into(),
                command: Err(WireError::invalid(format!("not a JSON object on one line: {error}"))),
            },
        }
    }
}

impl OperatorCommand {
    /// Every method that is not one of [`Method`].
    pub const METHODS: [&'static str; 13] = [
        "status",
        "node.list",
        "node.describe",
        "node.pair.list",
        "node.pair.approve",
        "node.pair.reject",
        "node.rename",
        "node.revoke",
        "node.invoke",
        "events.subscribe",
        "log",
        "reload",
        "stop",
    ];

    fn read(fields: &Fields<'_>) -> Result<Self, WireError> {
        let method = fields.text("method").unwrap_or_default();
        let params = fields.json("params").filter(|raw| *raw != "null");
        let method = method.trim();
        Ok(match method {
            "" => return Err(WireError::invalid("method required")),
            "status" => typed(method, params, |NoParams {}| Self::Status)?,
            "node.list" => typed(method, params, |NoParams {}| Self::NodeList)?,
            "node.describe" => typed(method, params, Self::NodeDescribe)?,
            "node.pair.list" => typed(method, params, |NoParams {}| Self::PairList)?,
            "node.pair.approve" => typed(method, params, Self::PairApprove)?,
            "node.pair.reject" => typed(method, params, Self::PairReject)?,
            "node.rename" => typed(method, params, Self::NodeRename)?,
            "node.revoke" => typed(method, params, Self::NodeRevoke)?,
            "node.invoke" => typed(method, params, Self::NodeInvoke)?,
            "events.subscribe" => typed(method, params, Self::EventsSubscribe)?,
            "log" => typed(method, params, Self::Log)?,
            "reload" => typed(method, params, |NoParams {}| Self::Reload)?,
            "stop" => typed(method, params, |NoParams {}| Self::Stop)?,
            _ => match Method::parse(method) {
                Some(method) => Self::Call(method, params.map(Into::into)),
                None => return Err(unknown_method(method)),
            },
        })
    }
}

fn unknown_method(method: &str) -> WireError {
    let ours = OperatorCommand::METHODS.into_iter();
    let known = ours.chain(Method::ALL.iter().map(|method| method.as_str()));
    let known: Vec<&str> = known.collect();
    WireError::invalid(format!("unknown method {method:?} (known: {})", known.join(", ")))
}

fn typed<P: DeserializeOwned>(
    method: &str,
    params: Option<&str>,
    command: impl FnOnce(P) -> OperatorCommand,
) -> Result<OperatorCommand, WireError> {
    match serde_json::from_str(params.unwrap_or("{}")) {
        Ok(params) => Ok(command(params)),
        Err(error) => Err(WireError::invalid(format!("invalid {method} params: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<OperatorCommand, WireError> {
        OperatorRequest::read(line.as_bytes()).command
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
        let Ok(OperatorCommand::NodeInvoke(invoke)) = read(line) else { panic!("{line}") };
        assert_eq!(invoke.params.as_deref(), Some(r#"{"includeAudio":true}"#));
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
        let request = OperatorRequest::read(br#"{"id":{"a":[1]},"method":"stop"}"#);
        let reply = OperatorFrame::Reply { id: request.id, result: Ok(Answer::Done {}) };
        let text = serde_json::to_string(&reply).unwrap();
        assert_eq!(text, r#"{"id":{"a":[1]},"ok":true,"payload":{}}"#);
    }

    #[test]
    fn what_a_node_answers_is_shown_as_json_on_one_line() {
        let show =
            |text: &str| serde_json::to_string(&InvokePayload::<Payload>(text.into())).unwrap();
        assert_eq!(show("{\n\"a\": 1}"), "{ \"a\": 1}");
        assert_eq!(show("not json"), r#"{"payloadJSON":"not json"}"#);
        assert_eq!(show(r#"{"cut":"\ud83d"}"#), r#"{"cut":"\ufffd"}"#);
    }

    #[test]
    fn a_long_payload_goes_out_in_parts_that_make_the_same_line() {
        let frame = |payload: String| OperatorFrame::Reply {
            id: "{\"a\":1}".into(),
            result: Ok(Answer::Invoked {
                ok: true,
                node_id: crate::protocol::NodeId::new("n}}").unwrap(),
                command: "camera.clip".into(),
                payload: Some(InvokePayload(payload.into())),
            }),
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
            let Ok(OperatorCommand::NodeInvoke(invoke)) = read(&line) else { panic!("{line}") };
            invoke.timeout()
        };
        assert_eq!(timeout("0"), limits::INVOKE_TIMEOUT);
        assert_eq!(timeout("null"), limits::INVOKE_TIMEOUT);
        assert_eq!(timeout("20"), Duration::from_millis(20));
        assert_eq!(timeout("99999999999"), limits::INVOKE_TIMEOUT_MAX);
    }
}
