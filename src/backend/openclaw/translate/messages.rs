//! Messages of a conversation as old apps read them (protocol section 5.4).

use super::object::{integer, list, Object};
use crate::protocol::fields::Fields;
use crate::protocol::limits;
use serde_json::value::RawValue;

/// What apps read of a message, besides its content and time; each as it is.
const FIELDS: &[&str] =
    &["toolCallId", "tool_call_id", "toolName", "tool_name", "usage", "stopReason"];

/// A message with its content as a list, which is the only form that Android shows, and nothing that
/// no app reads. `None` for what is no message of a person, the agent or a tool: apps would show a
/// gateway's notes to itself as somebody's words.
pub(super) fn message(json: &str) -> Option<String> {
    let fields = Fields::read(json).ok()?;
    let role = fields.text("role")?;
    if !["user", "assistant", "system", "tool", "toolResult", "toolresult"].contains(&&*role) {
        return None;
    }
    let mut object = Object::new().value("role", &role).raw("content", &content(&fields));
    if let Some(time) = fields.json("timestamp").and_then(integer) {
        object = object.raw("timestamp", &time);
    }
    for name in FIELDS {
        object = object.maybe(name, fields.json(name).filter(|json| *json != "null"));
    }
    Some(object.finish())
}

fn content(message: &Fields<'_>) -> String {
    match message.json("content").or_else(|| message.json("text")) {
        Some(json) if json.starts_with('[') => json.to_owned(),
        Some(json) if json.starts_with('"') => {
            list([Object::new().value("type", &"text").raw("text", json).finish()])
        }
        _ => "[]".to_owned(),
    }
}

/// The answer to `chat.history`. `key` is the node's spelling of the session.
pub(super) fn history(answer: &str, key: &str) -> Option<String> {
    let fields = Fields::read(answer).ok()?;
    let messages: Vec<&RawValue> = serde_json::from_str(fields.json("messages")?).ok()?;
    let most = limits::HISTORY_MESSAGES;
    let last = &messages[messages.len().saturating_sub(most)..];
    let object = Object::new()
        .value("sessionKey", &key)
        .maybe("sessionId", fields.json("sessionId").filter(|json| json.starts_with('"')))
        .raw("messages", &list(last.iter().filter_map(|json| message(json.get()))))
        .value("thinkingLevel", &thinking_level(&fields));
    Some(object.finish())
}

/// Gateways since 2026.9 say it of the session or of the agent, if at all; apps send it back with
/// the next message. A model that cannot think refuses any level but `off`.
fn thinking_level(history: &Fields<'_>) -> String {
    let text = |fields: &Fields<'_>, name| fields.short_text(name);
    let part = |name| Fields::read(history.json(name)?).ok();
    let level = text(history, "thinkingLevel");
    let level = level.or_else(|| text(&part("sessionInfo")?, "thinkingLevel"));
    let level = level.or_else(|| text(&part("sessionInfo")?, "thinkingDefault"));
    let level = level.or_else(|| text(&part("defaults")?, "thinkingDefault"));
    level.unwrap_or_else(|| "off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    fn translated(answer: &str) -> Value {
        serde_json::from_str(&history(answer, "main").unwrap()).unwrap()
    }

    #[test]
    fn pitfall_3_history_has_lists_as_content_no_custom_roles_and_a_thinking_level() {
        // 2026.9.6.
        let new = r#"{"sessionKey":"main","sessionId":"6ffaaecc","messages":[
            {"role":"user","content":"hello from the bridge","timestamp":1795225471537,"idempotencyKey":"idem-1795225471491:user","__openclaw":{"id":"c5ec07ad","seq":1}},
            {"role":"custom","customType":"run-failed-before-reply","content":"This turn ended before a reply","display":true,"timestamp":1795225473843},
            {"role":"assistant","content":[{"type":"text","text":"This is a reply"}],"api":"openai-completions","provider":"fakelocal","model":"fake-1","usage":{"input":10,"output":20,"totalTokens":30},"stopReason":"stop","timestamp":1795225572178.5,"__openclaw":{}}],
            "pendingInputs":{"items":[],"total":0},"hasMore":false,"defaults":{"model":"fake-1"},"sessionInfo":{"key":"agent:main:main","thinkingLevel":"low"}}"#;
        assert_eq!(
            translated(new),
            json!({"sessionKey":"main","sessionId":"6ffaaecc","thinkingLevel":"low","messages":[
                {"role":"user","content":[{"type":"text","text":"hello from the bridge"}],"timestamp":1_795_225_471_537_u64},
                {"role":"assistant","content":[{"type":"text","text":"This is a reply"}],"timestamp":1_795_225_572_179_u64,"usage":{"input":10,"output":20,"totalTokens":30},"stopReason":"stop"},
            ]})
        );
        // 2026.5.22.
        let old = r#"{"sessionKey":"main","sessionId":"22c1b695","messages":[{"role":"user","content":[{"type":"text","text":"requested"}],"timestamp":1795322572223,"__openclaw":{"id":"aba92628","seq":1}}],"thinkingLevel":"minimal"}"#;
        let old = translated(old);
        assert_eq!(old["thinkingLevel"], "minimal");
        assert_eq!(old["messages"][0]["content"][0]["text"], "requested");
    }

    #[test]
    fn a_history_without_messages_or_level_is_one_that_apps_can_decode() {
        let empty =
            translated(r#"{"sessionKey":"x","messages":[],"defaults":{"thinkingDefault":"high"}}"#);
        assert_eq!(empty, json!({"sessionKey":"main","messages":[],"thinkingLevel":"high"}));
        assert_eq!(translated(r#"{"messages":[5,null,{"role":7}]}"#)["messages"], json!([]));
        assert_eq!(history(r#"{"sessionKey":"x"}"#, "main"), None);
    }

    #[test]
    fn content_of_any_other_form_is_shown_as_nothing() {
        for json in [r#"{"role":"user"}"#, r#"{"role":"user","content":{"a":1}}"#] {
            assert_eq!(message(json).unwrap(), r#"{"role":"user","content":[]}"#);
        }
        let text = message(r#"{"role":"user","text":"old","timestamp":"soon"}"#).unwrap();
        assert_eq!(text, r#"{"role":"user","content":[{"type":"text","text":"old"}]}"#);
    }
}
