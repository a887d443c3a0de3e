//! What a gateway and its nodes say to each other: invokes, results, events.

use crate::protocol::fields::Fields;
use crate::protocol::{json, limits, InvokeFailure, Payload, WireError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
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
/// The method that lists the requests to approve what nodes can do.
pub(crate) const PAIR_LIST: &str = "node.pair.list";
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
    /// Before 2026.8, gateways do not say.
    approval_state: Option<String>,
    /// What has to be approved.
    #[serde(skip)]
    pub(crate) pending: Option<PendingNode>,
}

/// A request to approve what a node can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PendingNode {
    pub(crate) request_id: String,
    node_id: String,
    /// Those that the gateway would allow.
    pub(crate) commands: Vec<String>,
}

impl ListedNode {
    /// Whether what the node can do was approved. Its request may follow a little later.
    pub(crate) fn is_approved(&self, offers_something: bool) -> bool {
        let is_said = self.approval_state.as_deref().map(|state| state == "approved");
        let is_seen = !offers_something || !self.commands.is_empty();
        self.pending.is_none() && is_said.unwrap_or(is_seen)
    }
}

/// The gateway's answers to [`NODE_LIST`] and [`PAIR_LIST`], put together. What is of another shape
/// is left out.
pub(crate) fn listed_nodes(list: &str, pairings: &str) -> Vec<ListedNode> {
    fn each<T: DeserializeOwned>(text: &str, name: &str) -> Vec<T> {
        let lists = serde_json::from_str::<BTreeMap<String, &RawValue>>(text).unwrap_or_default();
        let list = lists.get(name).map(|list| list.get()).unwrap_or_default();
        let list = serde_json::from_str::<Vec<&RawValue>>(list).unwrap_or_default();
        list.into_iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect()
    }
    let pending: Vec<PendingNode> = each(pairings, "pending");
    let mut nodes: Vec<ListedNode> = each(list, "nodes");
    for node in &mut nodes {
        node.pending = pending.iter().find(|request| request.node_id == node.node_id).cloned();
    }
    nodes
}

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

pub(crate) fn cancelled_invoke(payload: &str) -> Option<String> {
    Fields::read(payload).ok()?.short_text("invokeId")
}

pub(crate) fn event_params(event: &str, payload: Option<&str>) -> String {
    #[derive(Serialize)]
    struct Event<'a> {
        event: &'a str,
        #[serde(rename = "payloadJSON", skip_serializing_if = "Option::is_none")]
        payload: Option<&'a str>,
    }
    json::text(&Event { event, payload })
}

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
    json::text(&outcome)
}

/// What the node said itself, out of the bridge's error about an invoke.
pub(crate) fn failure(error: &WireError) -> InvokeFailure {
    let details = error.details.as_deref().and_then(|text| Fields::read(text).ok());
    let said = details.and_then(|fields| Fields::read(fields.json("nodeError")?).ok());
    let text = |name| said.as_ref()?.text(name).map(String::from);
    let code = text("code").unwrap_or_else(|| error.code.as_str().to_owned());
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
    fn what_is_approved_is_found_out_from_gateways_that_do_not_say_it() {
        // Recorded from 2026.5.22 and 2026.9.6.
        let list = r#"{"ts":1,"nodes":[{"nodeId":"a","commands":[],"paired":true},{"nodeId":"b","commands":["x"],"approvedAtMs":1},{"nodeId":"c","commands":["x"],"approvalState":"pending-approval"},{"nodeId":"d","commands":[],"approvalState":"approved"},{"nodeId":5}]}"#;
        let pairings = r#"{"pending":[{"requestId":"r1","nodeId":"a","commands":["location.get"],"silent":false}],"paired":[]}"#;
        let nodes = listed_nodes(list, pairings);
        let approved: Vec<_> =
            nodes.iter().map(|node| (&*node.node_id, node.is_approved(true))).collect();
        assert_eq!(approved, [("a", false), ("b", true), ("c", false), ("d", true)]);
        let pending = nodes[0].pending.as_ref().unwrap();
        assert_eq!(
            (&*pending.request_id, &*pending.commands),
            ("r1", &["location.get".to_owned()][..])
        );
        assert!(listed_nodes("", "{}").is_empty());
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
