//! Answers recorded from 2026.5.22 and 2026.9.6, and what becomes of them.

use super::*;
use serde_json::{json, Value};

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What a caller gets for an answer.
fn result(method: Method, params: &str, answer: &str) -> Value {
    let request = request(method, Some(params), true).unwrap();
    value(&super::answer(&request, answer, None).unwrap().result)
}

#[test]
fn every_method_is_asked_for_with_the_least_scope_that_serves_it() {
    for method in Method::ALL {
        let params = match method {
            Method::ChatSend => r#"{"sessionKey":"main","message":"m","idempotencyKey":"k"}"#,
            Method::ChatInject => r#"{"sessionKey":"main","message":"m"}"#,
            Method::ChatHistory | Method::ChatAbort => r#"{"sessionKey":"main"}"#,
            Method::ConfigSet | Method::ConfigPatch => r#"{"raw":"{}"}"#,
            Method::TalkMode => r#"{"enabled":true,"phase":"listening"}"#,
            Method::SessionsResolve
            | Method::SessionsPatch
            | Method::SessionsReset
            | Method::SessionsDelete
            | Method::SessionsCompact => r#"{"key":"main"}"#,
            _ => "{}",
        };
        let allowed = request(*method, Some(params), true).unwrap();
        let over = if *method == Method::SkillsBins { Over::Node } else { Over::Operator };
        assert_eq!((allowed.method, allowed.over), (*method, over));
        if *method != Method::VoicewakeSet {
            assert_eq!(value(&allowed.params), value(params), "{method}");
        }
        let refused = request(*method, Some(params), false);
        assert_eq!(refused.is_err(), needs_admin(*method), "{method}");
    }
    assert_eq!(Method::ALL.iter().filter(|method| needs_admin(**method)).count(), 6);
}

#[test]
fn methods_of_admins_are_refused_with_the_setting_that_allows_them() {
    let local = request(Method::SessionsReset, Some(r#"{"key":"main"}"#), false).unwrap_err();
    assert_eq!(local.code, ErrorCode::Forbidden);
    assert!(local.message.contains("backend.adminMethods"), "{local}");
    // 2026.9.6 and 2026.5.22, for a field of `sessions.patch`.
    for code in ["FORBIDDEN", "INVALID_REQUEST"] {
        let error = refused(Method::SessionsPatch, code, "missing scope: operator.admin");
        assert_eq!(error.code, ErrorCode::Forbidden);
        assert!(error.message.starts_with("sessions.patch needs the scope"), "{error}");
    }
    let other = refused(Method::SessionsResolve, "INVALID_REQUEST", "No session found: nope");
    assert_eq!(other, WireError::invalid("No session found: nope"));
    // An app that reads these asks to be paired again.
    let paired = refused(Method::ChatSend, "NOT_PAIRED", "pairing required");
    assert_eq!(paired.code, ErrorCode::Unavailable);
}

#[test]
fn parameters_are_checked_as_ever_and_nothing_else_gets_through() {
    let sneaky =
        r#"{"sessionKey":"main","message":"m","idempotencyKey":"k","systemProvenanceReceipt":"x"}"#;
    let error = request(Method::ChatSend, Some(sneaky), true).unwrap_err();
    assert_eq!(error.message, "invalid chat.send params: data must NOT have additional properties");
    let photo = r#"{"sessionKey":"main","message":"m","idempotencyKey":"k","timeoutMs":30000.0,"attachments":[{"type":"image","mimeType":"image/jpeg","fileName":"a.jpg","content":"QQ=="}]}"#;
    let sent = value(&request(Method::ChatSend, Some(photo), false).unwrap().params);
    assert_eq!(sent["attachments"][0]["mimeType"], "image/jpeg");
    assert_eq!(sent["timeoutMs"], json!(30000));
    assert_eq!(request(Method::Health, Some("null"), false).unwrap().params, "{}");
    let words =
        request(Method::VoicewakeSet, Some(r#"{"triggers":["a",5],"x":1}"#), false).unwrap();
    assert_eq!(words.params, r#"{"triggers":["a"]}"#);
}

#[test]
fn health_tells_nodes_that_the_gateway_is_well_and_nothing_else() {
    let new = r#"{"ok":true,"ts":1795322546882,"durationMs":30,"plugins":{"loaded":["x"]},"agents":[{"agentId":"main","sessions":{"path":"/home/anna/x"}}]}"#;
    let health = json!({"ok":true,"ts":1_795_322_546_882_u64,"durationMs":30});
    assert_eq!(result(Method::Health, "{}", new), health);
}

#[test]
fn models_are_those_that_apps_know() {
    let new = r#"{"models":[{"id":"fake-1","name":"fake-1","provider":"fakelocal","contextWindow":32000,"reasoning":false,"tags":["default"],"available":true},{"id":7}]}"#;
    let old = r#"{"models":[{"provider":"fakelocal","id":"fake-1","name":"fake-1","contextWindow":32000,"reasoning":false,"input":["text"]}]}"#;
    let model = json!({"models":[{"id":"fake-1","name":"fake-1","provider":"fakelocal","contextWindow":32000,"reasoning":false}]});
    assert_eq!(result(Method::ModelsList, "{}", old), model);
    assert_eq!(result(Method::ModelsList, "{}", new)["models"][0], model["models"][0]);
}

#[test]
fn a_message_that_means_stop_is_answered_as_a_run_and_the_run_ends() {
    let params = r#"{"sessionKey":"main","message":"/stop","idempotencyKey":"k3"}"#;
    let request = request(Method::ChatSend, Some(params), false).unwrap();
    let stopped = answer(&request, r#"{"ok":true,"aborted":true,"runIds":["k1"]}"#, None).unwrap();
    assert_eq!(
        value(&stopped.result),
        json!({"runId":"k3","status":"aborted","ok":true,"aborted":true,"runIds":["k1"]})
    );
    let [end] = &stopped.events[..] else { panic!("{stopped:?}") };
    assert_eq!(
        value(&end.payload),
        json!({"sessionKey":"main","runId":"k3","seq":0,"state":"aborted","stopReason":"stop"})
    );
    let started = answer(&request, r#"{"runId":"k3","status":"started"}"#, None).unwrap();
    assert_eq!(value(&started.result), json!({"runId":"k3","status":"started"}));
    assert!(started.events.is_empty());
}

#[test]
fn history_is_known_by_the_key_that_was_asked_for_and_tells_the_sessions_id() {
    let mut phone = Conversations::default();
    phone.keys.subscribe("main");
    let request = request(Method::ChatHistory, Some(r#"{"sessionKey":"main"}"#), false).unwrap();
    let history =
        r#"{"sessionKey":"main","sessionId":"00ae94ca","messages":[],"thinkingLevel":"off"}"#;
    let answer = answer(&request, history, Some(&mut phone)).unwrap();
    assert_eq!(value(&answer.result), value(history));
    let agent = r#"{"runId":"k1","stream":"assistant","data":{},"sessionKey":"agent:main:main","seq":1,"ts":1}"#;
    let now = std::time::Instant::now();
    let heard = phone.incoming(GatewayEvent::Agent.as_str(), agent, false, now);
    assert_eq!(value(&heard[0].payload)["runId"], "00ae94ca");
}

#[test]
fn what_has_not_changed_is_passed_on_and_what_is_no_answer_is_an_error() {
    for (method, params, same) in [
        (Method::VoicewakeGet, "{}", r#"{"triggers":["openclaw"]}"#),
        (Method::TalkMode, r#"{"enabled":true}"#, r#"{"enabled":true,"phase":null,"ts":1}"#),
        (Method::SkillsBins, "{}", r#"{"bins":["git"]}"#),
        (
            Method::ChatAbort,
            r#"{"sessionKey":"main"}"#,
            r#"{"ok":true,"aborted":false,"runIds":[]}"#,
        ),
    ] {
        assert_eq!(result(method, params, same), value(same), "{method}");
    }
    let resolved = r#"{"ok":true,"key":"agent:main:main","agentId":"main"}"#;
    let key = json!({"ok":true,"key":"agent:main:main"});
    assert_eq!(result(Method::SessionsResolve, r#"{"key":"main"}"#, resolved), key);
    for method in [Method::ModelsList, Method::SessionsList] {
        let request = request(method, None, false).unwrap();
        for odd in ["null", "{}", "[]"] {
            let error = answer(&request, odd, None).unwrap_err();
            assert!(error.message.contains("none that apps know"), "{error}");
        }
    }
}
