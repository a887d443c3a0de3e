//! Whatever a gateway or a node sends, damaged in any place: what comes out is JSON, or nothing.

use super::*;
use crate::backend::{Method, NodeId};
use crate::protocol::gateway::GatewayMessage;
use serde_json::value::RawValue;
use std::time::Instant;

/// Frames of both sides, as recorded, with an event's or a method's name in front.
const RECORDED: &[(&str, &str)] = &[
    (
        "chat",
        r#"{"runId":"idem-1","sessionKey":"agent:main:main","agentId":"main","seq":9,"state":"delta","deltaText":" a","message":{"role":"assistant","content":[{"type":"text","text":"Thïs is"}],"timestamp":1795225572423}}"#,
    ),
    (
        "chat",
        r#"{"runId":"idem-2","sessionKey":"agent:main:main","seq":1,"state":"error","errorMessage":"⚠️ failed\nTo view logs"}"#,
    ),
    (
        "agent",
        r#"{"runId":"idem-1","sessionKey":"agent:main:main","sessionId":"53e1","stream":"lifecycle","data":{"phase":"start"},"seq":3,"ts":1795225572151}"#,
    ),
    (
        "health",
        r#"{"ok":true,"ts":1795322548448,"durationMs":320,"plugins":{"loaded":["browser"]}}"#,
    ),
    ("voicewake.changed", r#"{"triggers":["openclaw","cla\u0075de",5]}"#),
    (
        "agent.request",
        r#"{"message":"hi","sessionKey":null,"thinking":"low","deliver":true,"timeoutSeconds":30.5,"key":"k"}"#,
    ),
    ("voice.transcript", r#"{"text":"turn on the light","sessionKey":"main"}"#),
    ("chat.subscribe", r#"{"sessionKey":"agent:main:Main"}"#),
    (
        "exec.finished",
        r#"{"sessionKey":"main","runId":"own","command":"uname","exitCode":0,"output":"D\n"}"#,
    ),
    (
        "chat.history",
        r#"{"sessionKey":"main","sessionId":"s","messages":[{"role":"user","content":"hello","timestamp":1.5,"usage":{"input":1}}],"sessionInfo":{"thinkingLevel":"low"}}"#,
    ),
    (
        "sessions.list",
        r#"{"ts":1,"defaults":{"contextTokens":32000.0},"sessions":[{"key":"agent:main:main","updatedAt":8.5,"systemSent":true}]}"#,
    ),
    (
        "config.get",
        r#"{"path":"/a/b","hash":"h","config":{"ui":{"seamColor":"x"},"talk":{"apiKey":"__OPENCLAW_REDACTED__"}}}"#,
    ),
    ("models.list", r#"{"models":[{"id":"m","name":"m","provider":"p","contextWindow":32000}]}"#),
    ("chat.send", r#"{"ok":true,"aborted":false,"runIds":[]}"#),
];

/// The text with one byte less, one more, or another one, in every place.
fn damaged(text: &str) -> impl Iterator<Item = String> + '_ {
    let places = text.char_indices().map(|(at, c)| (at, at + c.len_utf8()));
    places.flat_map(move |(at, next)| {
        ["", "\"", "{", "]", "9", "\\u", "null", "e"]
            .iter()
            .map(move |other| format!("{}{other}{}", &text[..at], &text[next..]))
    })
}

fn is_object(text: &str) {
    // Not as a tree, which holds no numbers like 1e999.
    let value: Result<&RawValue, _> = serde_json::from_str(text);
    assert!(value.is_ok() && text.starts_with('{'), "{text}");
}

fn given(name: &str, text: &str) {
    let node = NodeId::new("node").unwrap();
    let (mut talk, mut exec) = (Conversations::default(), ExecRuns::default());
    outgoing(&node, &mut talk, &mut exec, ("chat.subscribe", r#"{"sessionKey":"main"}"#), "r");
    exec.issued(Some(r#"{"command":["uname"],"runId":"1","sessionKey":"main"}"#));
    exec.issued(Some(text));
    let now = Instant::now();
    for event in talk.incoming(name, text, false, now).into_iter().chain(talk.due(now)) {
        is_object(&event.payload);
    }
    for out in outgoing(&node, &mut talk, &mut exec, (name, text), "r") {
        match out {
            Outgoing::Event { payload, .. } => is_object(&payload),
            Outgoing::Call(call) => is_object(&call.params),
        }
    }
    prepare(Some(text)).iter().for_each(|plan| is_object(plan));
    SessionDefaults::read(Some(text));
    if let Some(method) = Method::parse(name) {
        if let Ok(request) = request(method, Some(text), true) {
            is_object(&request.params);
        }
        let params = match method {
            Method::ChatSend => r#"{"sessionKey":"main","message":"m","idempotencyKey":"k"}"#,
            Method::ChatHistory => r#"{"sessionKey":"main"}"#,
            _ => "{}",
        };
        let request = request(method, Some(params), true).unwrap();
        if let Ok(answer) = answer(&request, text, Some(&mut talk)) {
            is_object(&answer.result);
            answer.events.iter().for_each(|event| is_object(&event.payload));
        }
    }
}

#[test]
fn what_is_damaged_on_the_way_becomes_json_or_nothing() {
    for (name, text) in RECORDED {
        given(name, text);
        for text in damaged(text) {
            // What is not JSON never gets here: its message is not understood.
            let message = format!(r#"{{"type":"event","event":"{name}","payload":{text}}}"#);
            if let GatewayMessage::Event { payload: Some(payload), .. } =
                GatewayMessage::read(&message)
            {
                given(name, &payload);
            }
            // A node's payload is a string, whatever is in it.
            let node = NodeId::new("node").unwrap();
            let (mut talk, mut exec) = (Conversations::default(), ExecRuns::default());
            outgoing(&node, &mut talk, &mut exec, (name, &text), "r");
            let _ = Method::parse(name).map(|method| request(method, Some(&text), true).is_ok());
        }
    }
}
