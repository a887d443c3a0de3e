//! Calls of nodes and operators on their way to the backend and back. Each is answered once.

use crate::protocol::operator::{Answer, InvokePayload, NodeCounts};
use crate::protocol::{limits, GatewayFrame, Method, NodeId, Payload, WireError};
use crate::router::context::Context;
use crate::router::documents::Documents;
use crate::router::timers::Timer;
use crate::router::{CallId, Caller, ConnId, Output, Requester};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Calls that the backend has not answered.
#[derive(Debug, Default)]
pub(super) struct Calls {
    last: u64,
    open: BTreeMap<CallId, CallOrigin>,
    per_connection: BTreeMap<ConnId, usize>,
    pub(super) documents: Documents,
}

#[derive(Debug)]
pub(super) enum CallOrigin {
    Node { conn: ConnId, id: Arc<str> },
    Operator(Requester),
}

impl Calls {
    /// A node's `req` (protocol section 5).
    pub(super) fn request(
        &mut self,
        ctx: &mut Context,
        conn: ConnId,
        node: NodeId,
        (id, method): (Option<Arc<str>>, Option<Arc<str>>),
        params: Option<Payload>,
        nodes: NodeCounts,
    ) {
        ctx.counters.requests += 1;
        let open = self.per_connection.entry(conn).or_default();
        let method = match (&id, &method) {
            (Some(_), Some(name)) => permitted(ctx, &node, name)
                .and_then(|method| check_length(method, params.as_ref()).map(|()| method)),
            _ => Err(WireError::invalid("id and method required")),
        };
        let id = id.unwrap_or_else(|| "invalid".into());
        match method {
            // The transport stops reading before this; the rule stands for any transport.
            Ok(_) if *open >= limits::UNANSWERED => {
                let error = WireError::unavailable("too many requests at once");
                ctx.send(conn, GatewayFrame::Res { id, result: Err(error) });
            }
            Ok(method) => {
                let published = self.documents.result(method, params.as_ref(), ctx.now, nodes);
                if let Some(text) = published {
                    return ctx.send(conn, GatewayFrame::Res { id, result: Ok(Some(text)) });
                }
                *open += 1;
                self.start(ctx, CallOrigin::Node { conn, id }, Caller::Node(node), method, params);
            }
            Err(error) => ctx.send(conn, GatewayFrame::Res { id, result: Err(error) }),
        }
    }

    pub(super) fn start(
        &mut self,
        ctx: &mut Context,
        origin: CallOrigin,
        caller: Caller,
        method: Method,
        params: Option<Payload>,
    ) {
        self.last += 1;
        let call = CallId(self.last);
        self.open.insert(call, origin);
        ctx.timers.set(ctx.after(limits::CALL_DEADLINE), Timer::Call(call));
        ctx.outputs.push(Output::Call { call, caller, method, params });
    }

    /// Passes the backend's answer on, unless nobody waits for it any more.
    pub(super) fn answered(
        &mut self,
        ctx: &mut Context,
        call: CallId,
        result: Result<Payload, WireError>,
    ) {
        let Some(origin) = self.open.remove(&call) else { return };
        ctx.timers.cancel(&Timer::Call(call));
        match origin {
            CallOrigin::Node { conn, id } => {
                if let Some(open) = self.per_connection.get_mut(&conn) {
                    *open -= 1;
                }
                ctx.send(conn, GatewayFrame::Res { id, result: result.map(Some) });
            }
            CallOrigin::Operator(requester) => {
                let answer = result.map(|payload| Answer::Called(InvokePayload(payload)));
                ctx.reply(requester, answer);
            }
        }
    }

    /// Drops the calls of a connection that is gone; their answers are ignored when they come.
    pub(super) fn forget_connection(&mut self, ctx: &mut Context, conn: ConnId) {
        if self.per_connection.remove(&conn).is_none() {
            return;
        }
        self.open.retain(|call, origin| {
            let is_theirs =
                matches!(origin, CallOrigin::Node { conn: other, .. } if *other == conn);
            if is_theirs {
                ctx.timers.cancel(&Timer::Call(*call));
            }
            !is_theirs
        });
    }
}

/// Refuses parameters that are longer than those of any honest call.
pub(super) fn check_length(method: Method, params: Option<&Payload>) -> Result<(), WireError> {
    let most = method.params_limit();
    if params.is_some_and(|params| params.len() > most) {
        let text = format!("the parameters of {method} have more than {most} bytes");
        return Err(WireError::invalid(text));
    }
    Ok(())
}

fn permitted(ctx: &Context, node: &NodeId, name: &str) -> Result<Method, WireError> {
    let permits = |method: &Method| ctx.policy.allow.permits_method(node.as_str(), *method);
    Method::parse(name).filter(permits).ok_or_else(|| {
        // The name is repeated to the node, but not longer than any we know.
        let shown: String = name.chars().take(limits::SHORT_TEXT_CHARS).collect();
        WireError::method_not_allowed(&shown)
    })
}
