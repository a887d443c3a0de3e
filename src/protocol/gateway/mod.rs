//! What a current OpenClaw gateway speaks, as far as this program does: WebSocket messages, each a
//! JSON object `{type: "req" | "res" | "event", …}`. Requests are closed: one field too many, and
//! the gateway refuses. Answers and events are open: newer gateways add fields, methods and events.

mod connect;
mod frame;
mod node;

pub(crate) use connect::{
    operator_scopes, Challenge, ClientInfo, Connect, Credential, Device, Hello, Role,
    CLIENT_BACKEND, CLIENT_NODE, PAIRING_SCOPE,
};
pub(crate) use frame::{request, shell_word, GatewayMessage, Refusal};
pub(crate) use node::{
    approve_params, cancelled_invoke, event_params, failure, listed_nodes, result_params,
    InvokeRequest, ListedNode, INVOKE_CANCEL, INVOKE_REQUEST, INVOKE_RESULT, NODE_EVENT, NODE_LIST,
    PAIR_APPROVE, PAIR_LIST, PAIR_RESOLVED, RUN_PREPARE,
};
