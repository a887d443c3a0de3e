//! What a gateway and its nodes say to each other: invokes, results, events.

use crate::protocol::fields::Fields;
use crate::protocol::{limits, ErrorCode, InvokeFailure, Payload, WireError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::Duration;

/// The method with which a node reports an event.
pub(crate) const NODE_EVENT: &str = "node.event";
/// The method with which a node answers an invoke.
pub(crate) const INVOKE_RESULT: &str = "node.invoke.result";
/// The event that asks a node to run a command.
pub(crate) const INVOKE_REQUEST: &str = "node.invoke.request";
/// The event that says that nobody waits for an invoke any more.
pub(crate) const INVOKE_CANCEL: &str = "node.invoke.cancel";
/// The command with which a gateway asks a node how it would run a program.
pub(crate) const RUN_PREPARE: &str = "system.run.prepare";
/// The method that lists nodes, with what was approved of each.
pub(crate) const NODE_LIST: &str = "node.list";
/// The method that approves what a node can do.
pub(crate) const PAIR_APPROVE: &str = "node.pair.approve";
/// The event that says that the approval of a node has changed.
pub(crate) const PAIR_RESOLVED: &str = "node.pair.resolved";

/// A node as the gateway lists it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ListedNode {
    pub(crate) node_id: String,
    /// Those that agents may use.
    pub(crate) commands: Vec<String>,
    approval_state: String,
    /// The request that has to be approved.
    pub(crate) pending_request_id: Option<String>,
    /// Those that it would allow.
    pub(crate) pending_declared_commands: Vec<String>,
}

impl ListedNode {
    /// Whether what the node can do was approved. Its request may follow a little later.
    pub(crate) fn is_approved(&self) -> bool {
        self.pending_request_id.is_none() && self.approval_state == "approved"
    }
}

/// The gateway's answer to [`NODE_LIST`]. What is of another shape is left out.
pub(crate) fn listed_nodes(payload: &str) -> Vec<ListedNode> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        nodes: Vec<&'a RawValue>,
    }
    let list = serde_json::from_str::<List<'_>>(payload);
    let nodes = list.map(|list| list.nodes).unwrap_or_default();
    nodes.into_iter().filter_map(|node| serde_json::from_str(node.get()).ok()).collect()
}

/// The parameters of [`PAIR_APPROVE`].
pub(crate) fn approve_params(request: &str) -> String {
    serde_json::json!({ "requestId": request }).to_string()
}

/// The gateway asks a node to run a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InvokeRequest {
    pub(crate) id: String,
    pub(crate) command: String,
    /// JSON text.
    pub(crate) params: Option<Payload>,
    /// How long the gateway waits.
    pub(crate) timeout: Duration,
}

impl InvokeRequest {
    /// `None` if it has no id, to which nobody could answer.
    pub(crate) fn read(payload: &str) -> Option<Self> {
        let fields = Fields::read(payload).ok()?;
        let timeout = match fields.integer("timeoutMs") {
            None | Some(0) => limits::INVOKE_TIMEOUT_MAX,
            Some(ms) => Duration::from_millis(ms).min(limits::INVOKE_TIMEOUT_MAX),
        };
        Some(Self {
            id: fields.short_text("id")?,
            command: fields.short_text("command").unwrap_or_default(),
            params: fields.payload("paramsJSON"),
            timeout,
        })
    }
}

/// The invoke for which nobody waits any more.
pub(crate) fn cancelled_invoke(payload: &str) -> Option<String> {
    Fields::read(payload).ok()?.short_text("invokeId")
}

/// The parameters of an event that a node reports.
pub(crate) fn event_params(event: &str, payload: Option<&str>) -> String {
    #[derive(Serialize)]
    struct Event<'a> {
        event: &'a str,
        #[serde(rename = "payloadJSON", skip_serializing_if = "Option::is_none")]
        payload: Option<&'a str>,
    }
    serde_json::to_string(&Event { event, payload }).unwrap_or_default()
}

/// The parameters of an invoke's result.
pub(crate) fn result_params(
    id: &str,
    node: &str,
    result: Result<Option<&str>, &InvokeFailure>,
) -> String {
    /// Both are there, and nothing else is.
    #[derive(Serialize)]
    struct Failure {
        code: String,
        message: String,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Outcome<'a> {
        id: &'a str,
        node_id: &'a str,
        ok: bool,
        #[serde(rename = "payloadJSON", skip_serializing_if = "Option::is_none")]
        payload: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    }
    let (payload, error) = match result {
        Ok(payload) => (payload, None),
        Err(failure) => {
            // Neither may be empty.
            let said = |text: &'_ Option<String>| text.clone().filter(|text| !text.is_empty());
            let code = said(&failure.code).unwrap_or_else(|| "UNAVAILABLE".into());
            let message = said(&failure.message).unwrap_or_else(|| "node invoke failed".into());
            (None, Some(Failure { code, message }))
        }
    };
    let outcome = Outcome { id, node_id: node, ok: result.is_ok(), payload, error };
    serde_json::to_string(&outcome).unwrap_or_default()
}

/// What the node said itself, out of the bridge's error about an invoke.
pub(crate) fn failure(error: &WireError) -> InvokeFailure {
    let details = error.details.as_deref().and_then(|text| Fields::read(text).ok());
    let said = details.and_then(|fields| Fields::read(fields.json("nodeError")?).ok());
    let text = |name| said.as_ref()?.text(name).map(String::from);
    let code = text("code").unwrap_or_else(|| match &error.code {
        ErrorCode::Other(code) => code.to_string(),
        code => code.as_str().to_owned(),
    });
    InvokeFailure {
        code: Some(code),
        message: Some(text("message").unwrap_or_else(|| error.message.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoke_without_a_time_limit_has_the_longest() {
        let read = |ms: &str| {
            let text =
                format!(r#"{{"id":"a","nodeId":"n","command":"c","timeoutMs":{ms},"new":1}}"#);
            InvokeRequest::read(&text).unwrap().timeout
        };
        assert_eq!(read("14989"), Duration::from_millis(14_989));
        assert_eq!(read("0"), limits::INVOKE_TIMEOUT_MAX);
        assert_eq!(read("99999999999999"), limits::INVOKE_TIMEOUT_MAX);
        assert_eq!(InvokeRequest::read("{}"), None);
    }

    #[test]
    fn an_outcome_has_no_field_that_is_null() {
        assert_eq!(result_params("i", "n", Ok(None)), r#"{"id":"i","nodeId":"n","ok":true}"#);
        let failure = InvokeFailure { code: None, message: Some("no".into()) };
        assert_eq!(
            result_params("i", "n", Err(&failure)),
            r#"{"id":"i","nodeId":"n","ok":false,"error":{"code":"UNAVAILABLE","message":"no"}}"#
        );
    }

    #[test]
    fn the_gateway_hears_what_the_node_said() {
        let details = serde_json::json!({ "nodeError": { "code": "NO_CAMERA", "message": null } });
        let error = WireError::unavailable("no camera").with_details(&details);
        let said = failure(&error);
        assert_eq!(said.code.as_deref(), Some("NO_CAMERA"));
        assert_eq!(said.message.as_deref(), Some("no camera"));
    }
}
