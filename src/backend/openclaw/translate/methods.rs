//! The twenty methods of the old gateway (protocol section 5), asked of a current one. All but one
//! are an operator's there; those that need more than reading and writing are refused here unless the
//! configuration allows them.

use super::events::{health, Conversations, Incoming};
use super::messages::history;
use super::object::{integer, list, Object};
use super::{config, sessions};
use crate::backend::{ErrorCode, Method, Payload, WireError};
use crate::protocol::fields::Fields;
use crate::protocol::{rpc, GatewayEvent};

/// Whose connection a request goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend::openclaw) enum Over {
    /// That of the bridge, which acts for an operator.
    Operator,
    /// That of the node itself. Operators are refused.
    Node,
}

/// A call, as the gateway is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backend::openclaw) struct Request {
    pub(in crate::backend::openclaw) over: Over,
    pub(in crate::backend::openclaw) method: Method,
    /// JSON text of an object.
    pub(in crate::backend::openclaw) params: String,
}

/// What comes of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::backend::openclaw) struct Answer {
    /// For the caller.
    pub(in crate::backend::openclaw) result: Payload,
    /// To be sent to the node after it.
    pub(in crate::backend::openclaw) events: Vec<Incoming>,
}

/// What a caller asked for, with parameters that hold nothing but what the old gateway accepted.
///
/// # Errors
/// `INVALID_REQUEST` in the old gateway's words; `FORBIDDEN` for a method that needs
/// `operator.admin`, unless `allow_admin`.
pub(in crate::backend::openclaw) fn request(
    method: Method,
    params: Option<&str>,
    allow_admin: bool,
) -> Result<Request, WireError> {
    if needs_admin(method) && !allow_admin {
        return Err(admin_refused(method));
    }
    let over = if method == Method::SkillsBins { Over::Node } else { Over::Operator };
    Ok(Request { over, method, params: rpc::checked(method, params)? })
}

/// Whether every gateway wants the scope `operator.admin` for it. `sessions.patch` depends on the
/// gateway and on what is changed.
fn needs_admin(method: Method) -> bool {
    matches!(
        method,
        Method::SessionsReset
            | Method::SessionsDelete
            | Method::SessionsCompact
            | Method::ChatInject
            | Method::ConfigSet
            | Method::ConfigPatch
    )
}

fn admin_refused(method: Method) -> WireError {
    let text = format!(
        "{method} needs the scope operator.admin at the gateway; `backend.adminMethods: true` in the \
         bridge's configuration lets nodes use it"
    );
    WireError::new(ErrorCode::Forbidden, text)
}

/// The gateway's refusal, as the caller gets it: codes that apps know, and no scope without a word
/// about what to do.
pub(in crate::backend::openclaw) fn refused(
    method: Method,
    code: &str,
    message: &str,
) -> WireError {
    if message.starts_with("missing scope: operator.admin") {
        return admin_refused(method);
    }
    let code = match code {
        // To an app these mean that its own pairing is gone, and it would ask for another.
        "NOT_PAIRED" | "UNAUTHORIZED" => ErrorCode::Unavailable,
        code => code.into(),
    };
    WireError::new(code, message.to_owned())
}

/// An answer in the shape of the old gateway. `node` is absent for an operator.
///
/// # Errors
/// `UNAVAILABLE` if it lacks what every app needs.
pub(in crate::backend::openclaw) fn answer(
    request: &Request,
    result: &str,
    node: Option<&mut Conversations>,
) -> Result<Answer, WireError> {
    let fields = Fields::read(result).unwrap_or_default();
    let params = Fields::read(&request.params).unwrap_or_default();
    let result = match request.method {
        Method::Health => Some(health(&fields)),
        Method::ConfigGet => Some(config::snapshot(&fields)),
        Method::ConfigSet | Method::ConfigPatch => Some(config::changed(&fields)),
        Method::ModelsList => models(&fields),
        Method::SessionsList => sessions::list_of(&fields, node.as_deref()),
        Method::SessionsResolve => {
            fields.json("key").map(|key| Object::new().raw("ok", "true").raw("key", key).finish())
        }
        Method::ChatHistory => {
            let key = params.text("sessionKey").unwrap_or_default();
            if let (Some(node), Some(id)) = (node, fields.short_text("sessionId")) {
                node.learn_session_id(&key, &id);
            }
            history(result, &key)
        }
        Method::ChatSend => return sent(result, &fields, &params),
        _ => Some(result.to_owned()),
    };
    let method = request.method;
    let result = result.ok_or_else(|| {
        WireError::unavailable(format!("the gateway's answer to {method} is none that apps know"))
    })?;
    Ok(Answer { result: result.into(), events: Vec::new() })
}

/// Gateways answer a message that means "stop" without a run, which an iPhone cannot decode; and the
/// app waits for the end of the run that it asked for (protocol section 5.4).
fn sent(result: &str, fields: &Fields<'_>, params: &Fields<'_>) -> Result<Answer, WireError> {
    if fields.has("runId") {
        return Ok(Answer { result: result.into(), events: Vec::new() });
    }
    let run = params.json("idempotencyKey").unwrap_or("\"\"");
    let aborted = Object::new()
        .raw("runId", run)
        .value("status", &"aborted")
        .raw("ok", fields.json("ok").unwrap_or("true"))
        .raw("aborted", fields.json("aborted").unwrap_or("false"))
        .raw("runIds", fields.json("runIds").unwrap_or("[]"))
        .finish();
    let end = Object::new()
        .maybe("sessionKey", params.json("sessionKey"))
        .raw("runId", run)
        .raw("seq", "0")
        .value("state", &"aborted")
        .value("stopReason", &"stop")
        .finish();
    let events = vec![Incoming { event: GatewayEvent::Chat, payload: end.into() }];
    Ok(Answer { result: aborted.into(), events })
}

fn models(fields: &Fields<'_>) -> Option<String> {
    let models: Vec<Box<serde_json::value::RawValue>> =
        serde_json::from_str(fields.json("models")?).ok()?;
    let models = models.iter().filter_map(|json| {
        let model = Fields::read(json.get()).ok()?;
        let object = Object::new()
            .raw("id", model.json("id")?)
            .raw("name", model.json("name").or_else(|| model.json("id"))?)
            .raw("provider", model.json("provider")?);
        let window = model.json("contextWindow").and_then(integer);
        Some(
            object
                .maybe("contextWindow", window.as_deref())
                .maybe("reasoning", model.json("reasoning"))
                .finish(),
        )
    });
    Some(Object::new().raw("models", &list(models)).finish())
}

#[cfg(test)]
mod tests;
