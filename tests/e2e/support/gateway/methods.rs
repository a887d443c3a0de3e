//! What the gateway answers, and the events that come of it.

use super::connection::{Connection, Order};
use super::{event, schema, Call, Row, Shared};
use serde_json::{json, Value};

const FOR_NODES: &[&str] =
    &["health", "skills.bins", "node.event", "node.invoke.result", "node.invoke.progress"];
const FOR_ADMINS: &[&str] = &[
    "sessions.reset",
    "sessions.delete",
    "sessions.compact",
    "chat.inject",
    "config.set",
    "config.patch",
];

fn refused(code: &str, message: &str) -> Result<Value, Value> {
    Err(json!({ "code": code, "message": message }))
}

fn pairing_changed(message: &str) -> Result<Value, Value> {
    Err(json!({ "code": "UNAVAILABLE", "message": message, "retryable": true,
        "details": { "code": "PAIRING_CHANGED" } }))
}

/// The first events of a connection.
pub(super) fn greet(connection: &mut Connection<'_>) {
    if connection.admitted.as_ref().is_some_and(|admitted| admitted.role == "node") {
        let routing = json!({ "config": { "version": 1, "routes": [] } });
        connection.send(&event("voicewake.routing.changed", &routing, None));
        let words = json!({ "triggers": ["openclaw", "claude", "computer"] });
        connection.send(&event("voicewake.changed", &words, None));
    }
}

pub(super) fn answer(connection: &mut Connection<'_>, call: &Call) -> Result<Value, Value> {
    let admitted = connection.admitted.as_ref().expect("it was let in");
    let (role, who, scopes) = (&*admitted.role, admitted.who.clone(), admitted.scopes.clone());
    let method = &*call.method;
    if (role == "node") != FOR_NODES.contains(&method) && method != "health" {
        return refused("INVALID_REQUEST", &format!("unauthorized role: {role}"));
    }
    if let Err(what) = schema::params(method, &call.params) {
        let what = format!("invalid {method} params: {what}");
        connection.state.lock().unwrap().mistakes.push(what.clone());
        return refused("INVALID_REQUEST", &what);
    }
    if FOR_ADMINS.contains(&method) && !scopes.iter().any(|scope| scope == "operator.admin") {
        return Err(json!({ "code": "FORBIDDEN", "message": "missing scope: operator.admin",
            "details": { "code": "MISSING_SCOPE", "missingScope": "operator.admin" } }));
    }
    match method {
        "node.event" => node_event(connection, &who, &call.params),
        "node.invoke.result" => invoke_result(connection.state, &who, &call.params),
        "node.list" => Ok(node_list(connection.state)),
        "node.pair.list" => Ok(pairings(connection.state)),
        "node.pair.approve" => approve(connection.state, &call.params["requestId"]),
        _ => usual(method, &call.params),
    }
}

fn node_event(
    connection: &mut Connection<'_>,
    device: &str,
    params: &Value,
) -> Result<Value, Value> {
    {
        let state = connection.state.lock().unwrap();
        let approved = state.rows.get(device).is_some_and(|row| !row.commands.is_empty());
        if state.refuses_events || !approved {
            return pairing_changed("node pairing changed while invocation was active");
        }
    }
    let payload = params["payloadJSON"].as_str().unwrap_or("{}");
    let payload: Value = serde_json::from_str(payload).unwrap_or_default();
    let key = payload["sessionKey"].as_str().unwrap_or_default().to_owned();
    match params["event"].as_str().unwrap_or_default() {
        "chat.subscribe" => {
            connection.follows.insert(key);
        }
        "chat.unsubscribe" => {
            connection.follows.remove(&key);
        }
        "agent.request" | "voice.transcript" | "exec.started" | "exec.finished" | "exec.denied" => {
        }
        name => {
            return Ok(
                json!({ "ok": true, "event": name, "handled": false, "reason": "unsupported_event" }),
            );
        }
    }
    Ok(json!({ "ok": true }))
}

fn invoke_result(state: &Shared, device: &str, params: &Value) -> Result<Value, Value> {
    let mut state = state.lock().unwrap();
    if params["nodeId"] != *device {
        state.mistakes.push(format!("a result of another node: {params}"));
        return refused("INVALID_REQUEST", "nodeId mismatch");
    }
    if state.refused_results > 0 {
        state.refused_results -= 1;
        return pairing_changed("node pairing changed before request dispatch");
    }
    let id = params["id"].as_str().unwrap_or_default();
    match state.invokes.remove(id).is_some_and(|waiting| waiting.send(params.clone()).is_ok()) {
        true => Ok(json!({ "ok": true })),
        false => Ok(json!({ "ok": true, "ignored": true })),
    }
}

fn node_list(state: &Shared) -> Value {
    let row = |row: &Row| {
        let pending = !row.pending.is_empty();
        json!({ "nodeId": row.device, "displayName": row.name, "platform": row.platform,
            "commands": row.commands, "caps": [], "paired": true, "connected": row.connections > 0,
            "approvalState": if pending { "pending-approval" } else { "approved" } })
    };
    let state = state.lock().unwrap();
    json!({ "ts": 1, "nodes": state.rows.values().map(row).collect::<Vec<_>>() })
}

/// The id of the request to approve what a node can do.
fn request_id(row: &Row) -> String {
    format!("surface-{}", &row.device[..8])
}

/// What waits for an approval; `node.list` does not show it.
fn pairings(state: &Shared) -> Value {
    let state = state.lock().unwrap();
    let waiting = state.rows.values().filter(|row| !row.pending.is_empty());
    let pending = waiting.map(|row| {
        json!({ "requestId": request_id(row), "nodeId": row.device, "commands": row.pending })
    });
    json!({ "pending": pending.collect::<Vec<_>>(), "paired": [] })
}

fn approve(state: &Shared, id: &Value) -> Result<Value, Value> {
    let mut state = state.lock().unwrap();
    let found = state.rows.values_mut().find(|row| request_id(row) == *id);
    let Some(row) = found else { return refused("INVALID_REQUEST", "unknown requestId") };
    row.commands.append(&mut row.pending);
    Ok(json!({ "requestId": id }))
}

/// As 2026.9.6 answers.
fn usual(method: &str, params: &Value) -> Result<Value, Value> {
    let key = params["key"].as_str().unwrap_or("main");
    let canonical = canonical(key);
    Ok(match method {
        "health" => {
            json!({ "ok": true, "ts": 5, "durationMs": 3, "agents": [{ "path": "/home/anna" }] })
        }
        "voicewake.get" => json!({ "triggers": ["openclaw", "claude", "computer"] }),
        "voicewake.set" => params.clone(),
        "talk.mode" => json!({ "enabled": params["enabled"], "phase": params["phase"], "ts": 6 }),
        "skills.bins" => json!({ "bins": ["curl", "git"] }),
        "models.list" => {
            json!({ "models": [{ "id": "fake-1", "name": "fake-1", "provider": "fakelocal",
            "contextWindow": 32000, "reasoning": false, "tags": ["default"], "available": true }] })
        }
        "config.get" => {
            json!({ "path": "/home/anna/.openclaw/openclaw.json", "exists": true, "raw": null,
            "parsed": { "gateway": { "port": 18789 } }, "valid": true, "hash": "hmac-sha256:v1:x", "issues": [],
            "config": { "ui": { "seamColor": "#ff8800" }, "talk": { "apiKey": "__OPENCLAW_REDACTED__" } } })
        }
        "config.schema" => {
            json!({ "schema": {}, "uiHints": {}, "version": "1", "generatedAt": "x" })
        }
        "sessions.list" => {
            json!({ "ts": 7, "path": "/home/anna/x.sqlite", "count": 1, "owners": [],
            "defaults": { "model": "fake-1", "contextTokens": 32000.0 },
            "sessions": [{ "key": "agent:main:main", "kind": "direct", "updatedAt": 8.5, "participants": [] }] })
        }
        "sessions.resolve" => json!({ "ok": true, "key": canonical, "agentId": "main" }),
        "sessions.patch" | "sessions.reset" => json!({ "ok": true, "key": canonical, "entry": {} }),
        "sessions.delete" => {
            json!({ "ok": true, "key": canonical, "deleted": true, "archived": [] })
        }
        "sessions.compact" => {
            json!({ "ok": true, "key": canonical, "compacted": false, "kept": 5 })
        }
        "chat.history" => {
            json!({ "sessionKey": params["sessionKey"], "sessionId": "session-1", "messages": [
            { "role": "user", "content": "hello", "timestamp": 9 },
            { "role": "custom", "customType": "note", "content": "a note", "timestamp": 10 },
            { "role": "assistant", "content": [{ "type": "text", "text": "hi" }], "timestamp": 11.5 }],
            "sessionInfo": { "thinkingLevel": "low" } })
        }
        "chat.send" if params["message"] == "/stop" => {
            json!({ "ok": true, "aborted": false, "runIds": [] })
        }
        "chat.send" => json!({ "runId": params["idempotencyKey"], "status": "started" }),
        "chat.abort" => json!({ "ok": true, "aborted": true, "runIds": [params["runId"]] }),
        "chat.inject" => json!({ "ok": true, "messageId": "m" }),
        "config.set" | "config.patch" => {
            json!({ "ok": true, "path": "/home/anna/x", "config": {} })
        }
        _ => return refused("INVALID_REQUEST", &format!("unknown method: {method}")),
    })
}

fn canonical(key: &str) -> String {
    match key.starts_with("agent:") {
        true => key.to_lowercase(),
        false => format!("agent:main:{}", key.to_lowercase()),
    }
}

/// What happens after an answer: the run of a message, the broadcast of new wake words.
pub(super) fn afterwards(connection: &mut Connection<'_>, call: &Call) {
    let state = connection.state;
    if call.method == "voicewake.set" {
        let text = event("voicewake.changed", &call.params, None);
        for (_, _, orders) in &state.lock().unwrap().open {
            let _ = orders.send(Order::Send(text.clone()));
        }
    }
    let deltas = state.lock().unwrap().rules.deltas;
    if call.method == "chat.send" && deltas > 0 && call.params["message"] != "/stop" {
        run(state, &call.params, deltas);
    }
}

/// A run as a streaming model makes it: an event for each word, with all words so far.
fn run(state: &Shared, params: &Value, deltas: u32) {
    let session = canonical(params["sessionKey"].as_str().unwrap_or("main"));
    let run = &params["idempotencyKey"];
    let chat = |seq: u32, state_name: &str, mut more: Value| {
        let fields = json!({ "runId": run, "sessionKey": session, "agentId": "main", "seq": seq, "state": state_name });
        more.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        publish(state, "chat", &session, &more);
    };
    let said = |text: &str| {
        json!({ "message": { "role": "assistant", "timestamp": 12,
        "content": [{ "type": "text", "text": text }] } })
    };
    chat(1, "status", json!({ "phase": "preparing_context" }));
    let mut text = String::new();
    for number in 0..deltas {
        text += &format!("word{number} ");
        chat(number + 2, "delta", said(&text));
    }
    chat(deltas + 2, "final", said(&text));
    // A second end, as of a run whose reply failed.
    chat(1, "error", json!({ "errorMessage": "a second end" }));
}

pub(super) fn publish(state: &Shared, name: &str, session: &str, payload: &Value) {
    let text = event(name, payload, None);
    for (_, _, orders) in &state.lock().unwrap().open {
        let _ = orders.send(Order::ToFollowerOf(session.to_owned(), text.clone()));
    }
}
