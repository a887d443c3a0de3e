//! `sessions.list` as old apps decode it (protocol section 5.3).

use super::events::Conversations;
use super::object::{integer, list, text, Object};
use crate::protocol::fields::Fields;
use crate::protocol::rpc::sessions::{ROW_FLAGS, ROW_INTEGERS, ROW_TEXTS};
use serde_json::value::RawValue;

/// The fields with a place of their own in a row.
const TEXTS: &str = "kind label displayName sessionId model";
const INTEGERS: &str = "updatedAt totalTokens";

/// The list, with keys as the node spells them where it follows the session.
pub(super) fn list_of(fields: &Fields<'_>, node: Option<&Conversations>) -> Option<String> {
    let rows: Vec<&RawValue> = serde_json::from_str(fields.json("sessions")?).ok()?;
    let rows: Vec<String> = rows.iter().filter_map(|json| row(json.get(), node)).collect();
    let defaults = fields.json("defaults").and_then(|json| Fields::read(json).ok());
    let defaults = defaults.unwrap_or_default();
    let string = |name| defaults.json(name).filter(|json| json.starts_with('"')).unwrap_or("null");
    let tokens = defaults.json("contextTokens").and_then(integer);
    let defaults = Object::new()
        .raw("modelProvider", string("modelProvider"))
        .raw("model", string("model"))
        .raw("contextTokens", tokens.as_deref().unwrap_or("null"))
        .finish();
    let ts = fields.json("ts").and_then(integer);
    let object = Object::new()
        .raw("ts", ts.as_deref().unwrap_or("0"))
        .value("path", &"(gateway)")
        .value("count", &rows.len())
        .raw("defaults", &defaults)
        .raw("sessions", &list(rows));
    Some(object.finish())
}

fn row(json: &str, node: Option<&Conversations>) -> Option<String> {
    let fields = Fields::read(json).ok()?;
    let key = fields.short_text("key")?;
    let spelling = node.and_then(|node| node.keys.spellings(&key).first());
    let mut row = Object::new().raw("key", &text(spelling.unwrap_or(&key)));
    for name in [TEXTS, ROW_TEXTS].into_iter().flat_map(str::split_whitespace) {
        row = row.maybe(name, fields.json(name).filter(|json| json.starts_with('"')));
    }
    for name in ROW_FLAGS.split_whitespace() {
        row = row.maybe(name, fields.json(name).filter(|json| matches!(*json, "true" | "false")));
    }
    for name in [INTEGERS, ROW_INTEGERS].into_iter().flat_map(str::split_whitespace) {
        row = row.maybe(name, fields.json(name).and_then(integer).as_deref());
    }
    Some(row.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    fn listed(answer: &str, node: Option<&Conversations>) -> Value {
        serde_json::from_str(&list_of(&Fields::read(answer).unwrap(), node).unwrap()).unwrap()
    }

    #[test]
    fn rows_of_both_gateways_are_rows_that_apps_decode() {
        let new = r#"{"ts":1795322558166,"path":"/home/anna/agents/main/agent/openclaw-agent.sqlite","count":1,"totalCount":1,"owners":[],"defaults":{"modelProvider":"fakelocal","model":"fake-1","contextTokens":32000.0,"thinkingDefault":"off"},
            "sessions":[{"key":"agent:main:main","visibility":"shared","participants":[{"identity":{"type":"observation"}}],"kind":"direct","chatType":"direct","updatedAt":1795322556197.25,"sessionId":"6ffaaecc","systemSent":true,"abortedLastRun":false,"totalTokens":0.5,"modelOverrideSource":null,"label":null,"contextTokens":"many","model":"fake-1"},{"nokey":1}]}"#;
        let mut node = Conversations::default();
        node.keys.subscribe("main");
        assert_eq!(
            listed(new, Some(&node)),
            json!({"ts":1_795_322_558_166_u64,"path":"(gateway)","count":1,
                "defaults":{"modelProvider":"fakelocal","model":"fake-1","contextTokens":32000},
                "sessions":[{"key":"main","kind":"direct","chatType":"direct","sessionId":"6ffaaecc","model":"fake-1",
                    "systemSent":true,"abortedLastRun":false,"updatedAt":1_795_322_556_197_u64,"totalTokens":1}]})
        );
        let old = r#"{"ts":1,"path":"(multiple)","count":1,"sessions":[{"key":"agent:main:main","kind":"direct","origin":{"provider":"webchat"},"updatedAt":1795322556249,"sessionId":"00ae94ca","lastChannel":"webchat"}]}"#;
        let old = listed(old, None);
        assert_eq!(old["sessions"][0]["key"], "agent:main:main");
        assert_eq!(old["defaults"]["contextTokens"], Value::Null);
    }
}
