//! Frames recorded from 2026.5.22 and 2026.9.6, and what becomes of them.

use super::*;
use crate::protocol::session;
use serde_json::{json, Value};
use std::time::Duration;

struct Phone {
    conversations: Conversations,
    now: Instant,
}

impl Phone {
    fn following(keys: &[&str]) -> Self {
        let mut conversations = Conversations::default();
        for key in keys {
            conversations.keys.subscribe(key);
        }
        Self { conversations, now: Instant::now() }
    }

    fn hears(&mut self, event: &str, payload: &str) -> Vec<Value> {
        let heard = self.conversations.incoming(event, payload, false, self.now);
        heard.iter().map(|heard| serde_json::from_str(&heard.payload).unwrap()).collect()
    }

    fn later(&mut self, ms: u64) -> Vec<Value> {
        self.now += Duration::from_millis(ms);
        let heard = self.conversations.due(self.now);
        heard.iter().map(|heard| serde_json::from_str(&heard.payload).unwrap()).collect()
    }
}

const STATUS: &str = r#"{"runId":"idem-1","sessionKey":"agent:main:main","agentId":"main","seq":1,"state":"status","phase":"preparing_workspace"}"#;
const DELTA: &str = r#"{"runId":"idem-1","sessionKey":"agent:main:main","agentId":"main","seq":9,"state":"delta","deltaText":" a reply","message":{"role":"assistant","content":[{"type":"text","text":"This is a reply"}],"timestamp":1795225572423}}"#;
const FINAL: &str = r#"{"runId":"idem-1","sessionKey":"agent:main:main","agentId":"main","seq":78,"state":"final","stopReason":"stop","usage":{},"message":{"role":"assistant","content":[{"type":"text","text":"This is a reply that is streamed"}],"timestamp":1795225574000,"api":"openai-responses","model":"x"}}"#;
const ERRORS: [&str; 2] = [
    r#"{"runId":"idem-2","sessionKey":"agent:main:main","agentId":"main","seq":5,"state":"error","errorMessage":"No route-compatible authentication source is configured for openai."}"#,
    r#"{"runId":"idem-2","sessionKey":"agent:main:main","seq":1,"state":"error","errorMessage":"⚠️ Agent failed before reply: No route-compatible authentication source is configured for openai.\nTo view logs, run `openclaw logs --follow` in a terminal."}"#,
];
/// 2026.5.22, in which an abort has the key as it was sent.
const ABORTED: &str = r#"{"runId":"k1","sessionKey":"main","seq":23,"state":"aborted","stopReason":"stop","message":{"role":"assistant","content":[{"type":"text","text":"This is"}],"timestamp":1795322564858}}"#;

#[test]
fn pitfall_1_chat_events_have_the_session_key_as_the_node_spells_it() {
    let mut phone = Phone::following(&["main"]);
    assert!(phone.hears("chat", STATUS).is_empty(), "no app knows how to show a status");
    let delta = phone.hears("chat", DELTA);
    assert_eq!(
        delta,
        [json!({"sessionKey":"main","runId":"idem-1","seq":9,"state":"delta",
            "message":{"role":"assistant","content":[{"type":"text","text":"This is a reply"}],"timestamp":1_795_225_572_423_u64}})]
    );
    let end = phone.hears("chat", FINAL);
    assert_eq!(end[0]["message"]["content"][0]["text"], "This is a reply that is streamed");
    assert_eq!((&end[0]["sessionKey"], end[0].get("stopReason")), (&json!("main"), None));
    let aborted = phone.hears("chat", ABORTED);
    assert_eq!(
        (&aborted[0]["state"], &aborted[0]["stopReason"]),
        (&json!("aborted"), &json!("stop"))
    );

    let other = DELTA.replace("agent:main:main", "agent:main:other");
    assert!(phone.hears("chat", &other).is_empty(), "nobody follows it");
    let mut two = Phone::following(&["main", "agent:main:main"]);
    let keys: Vec<Value> =
        two.hears("chat", FINAL).iter().map(|e| e["sessionKey"].clone()).collect();
    assert_eq!(keys, ["main", "agent:main:main"]);
    let mut upper = Phone::following(&["node-ABC"]);
    let lower = FINAL.replace("agent:main:main", "agent:main:node-abc");
    assert_eq!(upper.hears("chat", &lower)[0]["sessionKey"], "node-ABC");
}

#[test]
fn a_run_that_fails_ends_once_with_an_error_of_one_line() {
    let mut phone = Phone::following(&["main"]);
    let errors: Vec<Value> = ERRORS.iter().flat_map(|error| phone.hears("chat", error)).collect();
    assert_eq!(
        errors,
        [json!({"sessionKey":"main","runId":"idem-2","seq":5,"state":"error",
            "errorMessage":"No route-compatible authentication source is configured for openai."})]
    );
    let long = format!(
        r#"{{"runId":"r","sessionKey":"main","state":"error","errorMessage":"{}"}}"#,
        "é\\n ".repeat(300)
    );
    let line = phone.hears("chat", &long)[0]["errorMessage"].as_str().unwrap().to_owned();
    assert!(line.starts_with("é é é") && line.ends_with("..."), "{line}");
    assert_eq!(line.chars().count(), limits::AGENT_ERROR_CHARS + 3);
}

#[test]
fn deltas_are_thinned_out_and_the_last_one_comes_before_the_end() {
    let mut phone = Phone::following(&["main"]);
    let delta = |number: u32| DELTA.replace("This is a reply", &number.to_string());
    let text = |event: &Value| event["message"]["content"][0]["text"].clone();
    assert_eq!(phone.hears("chat", &delta(1)).len(), 1);
    assert!(phone.hears("chat", &delta(2)).is_empty() && phone.hears("chat", &delta(3)).is_empty());
    assert_eq!(phone.conversations.next_due(), Some(phone.now + limits::DELTA_EVERY));
    assert_eq!(phone.later(150).iter().map(text).collect::<Vec<_>>(), ["3"]);
    assert!(phone.hears("chat", &delta(4)).is_empty());
    let end = phone.hears("chat", FINAL);
    assert_eq!((text(&end[0]), &end[1]["state"]), (json!("4"), &json!("final")));
    assert!(phone.hears("chat", &delta(5)).is_empty(), "nothing comes after the end");
    assert_eq!(phone.conversations.next_due(), None);
}

#[test]
fn agent_events_have_the_id_of_the_session_in_the_place_of_the_run() {
    let mut phone = Phone::following(&["main"]);
    // 2026.9.6 says the session's id itself; of 2026.5.22 it is known from the history.
    let start = r#"{"runId":"idem-1","sessionKey":"agent:main:main","sessionId":"53e174d2","agentId":"main","stream":"lifecycle","data":{"phase":"start","startedAt":1795225572150},"seq":3,"ts":1795225572151,"isHeartbeat":false}"#;
    assert_eq!(
        phone.hears("agent", start),
        [
            json!({"sessionKey":"main","runId":"53e174d2","seq":3,"stream":"lifecycle","ts":1_795_225_572_151_u64,"data":{"phase":"start","startedAt":1_795_225_572_150_u64}})
        ]
    );
    let said = |text: &str| {
        format!(
            r#"{{"runId":"idem-1","stream":"assistant","data":{{"text":"{text}","delta":"x"}},"sessionKey":"agent:main:main","seq":6,"ts":1795225572266}}"#
        )
    };
    assert_eq!(phone.hears("agent", &said("This"))[0]["runId"], "53e174d2");
    assert!(phone.hears("agent", &said("This is")).is_empty());
    let end = r#"{"runId":"idem-1","sessionKey":"agent:main:main","stream":"lifecycle","data":{"phase":"end"},"seq":67,"ts":1}"#;
    let end = phone.hears("agent", end);
    assert_eq!(
        (&end[0]["data"]["text"], &end[1]["data"]["phase"]),
        (&json!("This is"), &json!("end"))
    );
    for unknown in ["run_status", "usage", "plan"] {
        let event = said("x").replace("assistant", unknown);
        assert!(phone.hears("agent", &event).is_empty(), "{unknown}");
    }
    let mut old = Phone::following(&["main"]);
    assert_eq!(old.hears("agent", &said("a"))[0]["runId"], "idem-1");
    old.conversations.learn_session_id("main", "00ae94ca");
    old.later(200);
    assert_eq!(old.hears("agent", &said("b"))[0]["runId"], "00ae94ca");
}

#[test]
fn a_second_run_of_the_same_id_is_heard_once_it_has_begun() {
    // Runs by `agent.request` have the id of their session.
    let mut phone = Phone::following(&["main"]);
    let end = FINAL.replace("idem-1", "f11cd174");
    let start = r#"{"runId":"f11cd174","sessionKey":"agent:main:main","stream":"lifecycle","data":{"phase":"start"},"seq":1,"ts":1}"#;
    assert_eq!(phone.hears("chat", &end).len(), 1);
    assert_eq!(phone.hears("chat", &end).len(), 0);
    assert_eq!(phone.hears("agent", start).len(), 1);
    assert_eq!(phone.hears("chat", &end).len(), 1);
}

#[test]
fn tick_and_health_come_once_and_without_what_is_nobodys_business() {
    let mut phone = Phone::following(&["main"]);
    let health = r#"{"ok":true,"ts":1795322548448,"durationMs":320,"plugins":{"loaded":["browser"]},"agents":[{"agentId":"main","sessions":{"path":"/home/anna/x"}}]}"#;
    let trimmed = json!({"ok":true,"ts":1_795_322_548_448_u64,"durationMs":320});
    assert_eq!(phone.hears("health", health), [trimmed]);
    assert_eq!(phone.hears("tick", r#"{"ts":1}"#), [json!({"ts":1})]);
    for event in ["tick", "health"] {
        assert!(phone.conversations.incoming(event, health, true, phone.now).is_empty());
    }
}

#[test]
fn wake_words_are_said_when_they_change_and_after_each_connect() {
    let mut phone = Phone::following(&[]);
    let words = r#"{"triggers":["openclaw","claude",5]}"#;
    assert_eq!(
        phone.hears("voicewake.changed", words),
        [json!({"triggers":["openclaw","claude"]})]
    );
    assert!(phone.hears("voicewake.changed", words).is_empty());
    // The broadcast of 2026.5.22 has a number and no copy without.
    let other = r#"{"triggers":["one"]}"#;
    let heard = phone.conversations.incoming("voicewake.changed", other, true, phone.now);
    assert_eq!(heard.len(), 1);
    phone.conversations.connected(SessionDefaults::default());
    assert_eq!(phone.hears("voicewake.changed", other).len(), 1);
}

#[test]
fn what_old_nodes_do_not_know_is_not_sent_to_them() {
    let mut phone = Phone::following(&["main"]);
    for event in ["voicewake.routing.changed", "presence", "node.pair.resolved", "shutdown", "x"] {
        assert!(phone.hears(event, r#"{"sessionKey":"main"}"#).is_empty(), "{event}");
    }
    for payload in ["", "null", "[]", "{}", r#"{"sessionKey":7}"#, r#"{"sessionKey":"main"}"#] {
        assert!(phone.hears("chat", payload).is_empty(), "{payload}");
        assert!(phone.hears("agent", payload).is_empty(), "{payload}");
    }
}

#[test]
fn a_new_connection_asks_for_all_that_the_node_follows() {
    let mut phone = Phone::following(&["main", "node-x"]);
    let keys = phone.conversations.connected(SessionDefaults::default());
    assert_eq!(keys, ["agent:main:main", "agent:main:node-x", "main", "node-x"]);
    assert!(keys.contains(&session::canonical("main")));
}
