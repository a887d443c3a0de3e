//! Old nodes in a current gateway: what they see of it, and it of them. Each of the pitfalls between
//! the two has a test that says its number.

use crate::support::gateway::{schema, Gateway, Rules};
use crate::support::{eventually, within, Daemon, Next, Phone, DEADLINE};
use serde_json::{json, Value};
use std::time::{Duration, Instant};

/// What an old iPhone says about itself.
pub(crate) fn iphone(name: &str, version: &str) -> Value {
    json!({ "displayName": name, "platform": format!("iOS {version}"), "version": "2026.1.17",
        "coreVersion": "7", "uiVersion": "8", "deviceFamily": "iPhone", "modelIdentifier": "iPhone17,1",
        "caps": ["canvas", "camera"], "permissions": { "camera": true },
        "commands": ["location.get", "camera.list", "camera.snap"] })
}

pub(crate) fn mac(name: &str) -> Value {
    json!({ "displayName": name, "platform": "macos", "deviceFamily": "Mac", "caps": ["system"],
        "commands": ["system.run", "system.which", "location.get"] })
}

fn frame(kind: &str, node: &str, profile: &Value) -> Value {
    let mut frame = profile.clone();
    (frame["type"], frame["nodeId"]) = (kind.into(), node.into());
    frame
}

/// A node that was paired by the bridge's operator.
pub(crate) fn paired(daemon: &Daemon, node: &str, profile: &Value) -> Phone {
    let mut phone = Phone::connect(daemon);
    phone.send(&frame("hello", node, profile));
    phone.expect("error");
    phone.send(&frame("pair-request", node, profile));
    daemon.pending_request(node);
    daemon.approve(node);
    phone.expect_token();
    phone.expect("hello-ok");
    phone
}

/// A node that comes back.
pub(crate) fn back(daemon: &Daemon, node: &str, token: &str, profile: &Value) -> Phone {
    let mut phone = Phone::connect(daemon);
    let mut hello = frame("hello", node, profile);
    hello["token"] = token.into();
    phone.send(&hello);
    phone.expect("hello-ok");
    token.clone_into(&mut phone.token);
    phone
}

#[test]
fn pitfall_10_the_gateways_canvas_is_not_offered_to_apps_that_cannot_find_it() {
    let gateway = Gateway::start();
    for (canvas, own) in [("canvasHost: { enabled: false }", 0), ("", 1)] {
        let config = gateway.config("").replacen('{', &format!("{{ {canvas},"), 1);
        let daemon = Daemon::with_config(&config.replace("{ ,", "{"));
        let token = paired(&daemon, "phone", &iphone("Phone", "17.2")).token;
        let mut phone = Phone::connect(&daemon);
        phone.send(&json!({ "type": "hello", "nodeId": "phone", "token": token }));
        let hello = phone.expect("hello-ok");
        let url = hello["canvasHostUrl"].as_str();
        assert_eq!(url.iter().count(), own, "only that of the bridge itself: {hello}");
        let gateways = gateway.url().replace("ws://", "http://");
        assert!(url.is_none_or(|url| !url.starts_with(&gateways)), "{hello}");
    }
}

/// The next frame of this kind, whatever else comes before.
#[track_caller]
pub(crate) fn next(phone: &mut Phone, is_it: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        let frame = phone.receive();
        if is_it(&frame) {
            return frame;
        }
    }
    panic!("the frame did not come");
}

/// The payload of the next event with this name.
#[track_caller]
pub(crate) fn heard(phone: &mut Phone, event: &str) -> Value {
    let frame = next(phone, |frame| frame["event"] == event);
    serde_json::from_str(frame["payloadJSON"].as_str().unwrap()).unwrap()
}

pub(crate) fn say(phone: &mut Phone, event: &str, payload: &Value) {
    phone.send(&json!({ "type": "event", "event": event, "payloadJSON": payload.to_string() }));
}

/// A call that succeeds.
#[track_caller]
pub(crate) fn call(phone: &mut Phone, method: &str, params: &Value) -> Value {
    let answer = phone.request(method, Some(&params.to_string()));
    assert_eq!(answer["ok"], true, "{answer}");
    serde_json::from_str(answer["payloadJSON"].as_str().unwrap()).unwrap()
}

/// Follows a session, and waits until the gateway knows.
#[track_caller]
fn follow(gateway: &Gateway, phone: &mut Phone, key: &str) {
    let count = || gateway.calls("node.event").len();
    let before = count();
    say(phone, "chat.subscribe", &json!({ "sessionKey": key }));
    eventually("the gateway knows", || (count() > before + 1).then_some(()));
}

#[test]
fn an_old_phone_is_a_node_of_the_gateway_which_invokes_it() {
    let gateway = Gateway::start();
    let daemon = Daemon::with_config(&gateway.config(""));
    let mut phone = paired(&daemon, "phone", &iphone("Anna's iPhone", "17.2"));
    assert_eq!(heard(&mut phone, "voicewake.changed")["triggers"][0], "openclaw");
    let row = gateway.approved("Anna's iPhone");
    assert_eq!((&*row.platform, &*row.family), ("ios", "iPhone"));
    let params = json!({ "desiredAccuracy": "precise" });
    let (id, result) = gateway.begin_invoke(&row.device, "location.get", &params, 15_000);
    let invoke = next(&mut phone, |frame| frame["type"] == "invoke");
    assert_eq!(
        (&invoke["command"], &invoke["paramsJSON"]),
        (&"location.get".into(), &params.to_string().into())
    );
    let answer = json!({ "type": "invoke-res", "id": invoke["id"], "ok": true, "payloadJSON": "{\"lat\":1}" });
    phone.send(&answer);
    let result = result.recv_timeout(DEADLINE).unwrap();
    assert_eq!(
        result,
        json!({ "id": id, "nodeId": row.device, "ok": true, "payloadJSON": "{\"lat\":1}" })
    );

    let (_, result) = gateway.begin_invoke(&row.device, "camera.list", &json!({}), 15_000);
    let invoke = next(&mut phone, |frame| frame["type"] == "invoke");
    phone.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": false,
        "error": { "code": "UNAVAILABLE", "message": "NODE_BACKGROUND_UNAVAILABLE: in background", "retryable": true } }));
    let error = result.recv_timeout(DEADLINE).unwrap()["error"].take();
    assert_eq!(
        error,
        json!({ "code": "UNAVAILABLE", "message": "NODE_BACKGROUND_UNAVAILABLE: in background" })
    );

    drop(phone);
    eventually("the gateway sees it go", || (gateway.rows()[0].connections == 0).then_some(()));
}

#[test]
fn pitfalls_1_and_2_a_run_is_heard_under_the_nodes_key_in_few_deltas_with_one_end() {
    for version in ["2026.5.22", "2026.9.6"] {
        let gateway = Gateway::with(Rules { version, deltas: 200, ..Rules::default() });
        let daemon = Daemon::with_config(&gateway.config(""));
        let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
        gateway.approved("Phone");
        follow(&gateway, &mut phone, "main");
        let began = Instant::now();
        let message = json!({ "sessionKey": "main", "message": "hello", "idempotencyKey": "run-1", "thinking": "low" });
        phone.send(&json!({ "type": "req", "id": "send", "method": "chat.send", "paramsJSON": message.to_string() }));
        let (mut deltas, mut is_answered) = (Vec::new(), false);
        let end = loop {
            let frame = phone.receive();
            is_answered |= frame["id"] == "send";
            let payload = frame["payloadJSON"].as_str().unwrap_or("{}");
            let payload: Value = serde_json::from_str(payload).unwrap();
            match payload["state"].as_str() {
                Some("delta") => deltas.push(payload),
                Some(_) => break payload,
                None => {}
            }
        };
        assert_eq!(
            (&end["state"], &end["sessionKey"], &end["runId"]),
            (&"final".into(), &"main".into(), &"run-1".into())
        );
        let most = 2 + began.elapsed().as_millis() / 150;
        assert!(deltas.len() as u128 <= most, "{} deltas", deltas.len());
        let text = |event: &Value| event["message"]["content"][0]["text"].clone();
        assert_eq!(text(deltas.last().unwrap()), text(&end), "the last one is always sent");
        assert!(is_answered || next(&mut phone, |frame| frame["id"] == "send")["ok"] == true);
        assert_eq!(heard_until_quiet(&mut phone, "chat"), 0, "a run ends once");
    }
}

/// How many events with this name have come before the answer to one more call.
fn heard_until_quiet(phone: &mut Phone, event: &str) -> usize {
    phone.send(&json!({ "type": "req", "id": "quiet?", "method": "health" }));
    let mut count = 0;
    loop {
        let frame = phone.receive();
        count += usize::from(frame["event"] == event);
        if frame["id"] == "quiet?" {
            return count;
        }
    }
}

#[test]
fn pitfall_3_history_and_every_other_answer_has_the_shape_of_the_old_gateway() {
    let gateway = Gateway::start();
    let daemon = Daemon::with_config(&gateway.config("adminMethods: true"));
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    gateway.approved("Phone");
    let history = call(&mut phone, "chat.history", &json!({ "sessionKey": "main", "limit": 50 }));
    assert_eq!(
        history,
        json!({ "sessionKey": "main", "sessionId": "session-1", "thinkingLevel": "low", "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "hello" }], "timestamp": 9 },
            { "role": "assistant", "content": [{ "type": "text", "text": "hi" }], "timestamp": 12 }] })
    );
    let health = call(&mut phone, "health", &json!({}));
    assert_eq!(health, json!({ "ok": true, "ts": 5, "durationMs": 3 }));
    let config = call(&mut phone, "config.get", &json!({}));
    assert_eq!(
        (&config["config"], &config["path"]),
        (&json!({ "ui": { "seamColor": "#ff8800" }, "talk": {} }), &"openclaw.json".into())
    );
    let list = call(&mut phone, "sessions.list", &json!({ "includeGlobal": true, "limit": 50 }));
    assert_eq!(
        list["sessions"],
        json!([{ "key": "agent:main:main", "kind": "direct", "updatedAt": 9 }])
    );
    let stopped = json!({ "sessionKey": "main", "message": "/stop", "idempotencyKey": "k" });
    assert_eq!(call(&mut phone, "chat.send", &stopped)["runId"], "k");
    for (method, params) in [
        ("voicewake.get", json!({})),
        ("talk.mode", json!({ "enabled": true, "phase": "listening" })),
        ("models.list", json!({})),
        ("skills.bins", json!({})),
        ("config.schema", json!({})),
        ("sessions.resolve", json!({ "key": "main" })),
        ("sessions.patch", json!({ "key": "main", "thinkingLevel": "low" })),
        ("sessions.reset", json!({ "key": "main" })),
        ("sessions.delete", json!({ "key": "other" })),
        ("sessions.compact", json!({ "key": "main" })),
        ("chat.abort", json!({ "sessionKey": "main", "runId": "x" })),
        ("chat.inject", json!({ "sessionKey": "main", "message": "m" })),
        ("config.set", json!({ "raw": "{}" })),
        ("config.patch", json!({ "raw": "{}", "baseHash": "h" })),
    ] {
        call(&mut phone, method, &params);
        let over = if method == "skills.bins" { "node" } else { "operator" };
        assert_eq!(gateway.calls(method).last().unwrap().role, over, "{method}");
    }
    let words = json!({ "triggers": ["one"] }).to_string();
    phone.send(
        &json!({ "type": "req", "id": "words", "method": "voicewake.set", "paramsJSON": words }),
    );
    // The answer and the event come over different connections.
    let (mut answer, mut event) = (Value::Null, Value::Null);
    while answer.is_null() || event.is_null() {
        let frame = next(&mut phone, |frame| frame["payloadJSON"] == words);
        let place = if frame["type"] == "res" { &mut answer } else { &mut event };
        *place = frame;
    }
    assert_eq!((&answer["id"], &event["event"]), (&"words".into(), &"voicewake.changed".into()));
}

#[test]
fn methods_of_admins_are_refused_before_the_gateway_is_asked() {
    let gateway = Gateway::start();
    let daemon = Daemon::with_config(&gateway.config(""));
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    gateway.approved("Phone");
    call(&mut phone, "voicewake.get", &json!({}));
    let refused = phone.request("sessions.reset", Some("{\"key\":\"main\"}"));
    assert_eq!(refused["error"]["code"], "FORBIDDEN");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("backend.adminMethods"), "{message}");
    assert!(gateway.calls("sessions.reset").is_empty());
    let connects = gateway.calls("connect");
    let operator = connects.iter().find(|call| call.role == "operator").unwrap();
    assert_eq!(
        operator.params["scopes"],
        json!(["operator.read", "operator.write", "operator.pairing"])
    );
}

#[test]
fn pitfall_9_a_refused_result_is_sent_again_and_refused_events_end_in_a_new_connection() {
    let gateway = Gateway::start();
    let daemon = Daemon::with_config(&gateway.config(""));
    let mut phone = paired(&daemon, "phone", &iphone("Phone", "17.2"));
    let device = gateway.approved("Phone").device;
    gateway.refuse_results(3);
    let (_, result) = gateway.begin_invoke(&device, "location.get", &json!({}), 15_000);
    let invoke = next(&mut phone, |frame| frame["type"] == "invoke");
    phone.send(
        &json!({ "type": "invoke-res", "id": invoke["id"], "ok": true, "payloadJSON": "{}" }),
    );
    assert_eq!(result.recv_timeout(DEADLINE).unwrap()["ok"], true);
    assert_eq!(gateway.calls("node.invoke.result").len(), 4);

    let connects = gateway.calls("connect").len();
    gateway.refuse_events(true);
    say(&mut phone, "agent.request", &json!({ "message": "matters" }));
    within(2 * DEADLINE, "the bridge connects the node again", || {
        (gateway.calls("connect").len() > connects).then_some(())
    });
    let refused = gateway.calls("node.event").len();
    gateway.refuse_events(false);
    eventually("the event was not lost", || {
        (gateway.calls("node.event").len() > refused).then_some(())
    });
    assert_eq!(gateway.node_event("agent.request")["sessionKey"], "node-phone");
    assert!(phone.is_alive());
}

#[test]
fn everything_that_is_sent_follows_the_schema_that_the_gateway_publishes() {
    let gateway = Gateway::with(Rules { deltas: 3, ..Rules::default() });
    let daemon = Daemon::with_config(&gateway.config("adminMethods: true, execNodes: ['mac']"));
    let mut phone = paired(&daemon, "mac", &mac("Mac"));
    let device = gateway.approved("Mac").device;
    follow(&gateway, &mut phone, "main");
    for (event, payload) in [
        ("agent.request", json!({ "message": "m", "to": null, "timeoutSeconds": 5 })),
        ("voice.transcript", json!({ "text": "t" })),
        ("chat.unsubscribe", json!({ "sessionKey": "main" })),
    ] {
        say(&mut phone, event, &payload);
    }
    let photo = json!({ "type": "image", "mimeType": "image/jpeg", "fileName": "a.jpg", "content": "QQ==" });
    for (method, params) in [
        (
            "chat.send",
            json!({ "sessionKey": "main", "message": "m", "idempotencyKey": "k", "attachments": [photo] }),
        ),
        ("sessions.list", json!({ "includeGlobal": true, "includeUnknown": false, "limit": 50 })),
        ("sessions.patch", json!({ "key": "main", "verboseLevel": "on", "label": null })),
        ("config.patch", json!({ "raw": "{}", "baseHash": "h" })),
        ("voicewake.set", json!({ "triggers": [] })),
        ("talk.mode", json!({ "enabled": false })),
        ("skills.bins", json!({})),
        ("health", json!({})),
        ("models.list", json!({})),
    ] {
        call(&mut phone, method, &params);
    }
    let (_, result) = gateway.begin_invoke(&device, "location.get", &json!({}), 15_000);
    let invoke = next(&mut phone, |frame| frame["type"] == "invoke");
    phone.send(&json!({ "type": "invoke-res", "id": invoke["id"], "ok": false, "error": { "message": "no" } }));
    result.recv_timeout(DEADLINE).unwrap();
    eventually("all events have arrived", || (gateway.calls("chat.send").len() == 2).then_some(()));
    let Some(published) = schema::Schema::fetch() else {
        eprintln!("skipped: npm cannot fetch the gateway's schema");
        return;
    };
    for call in gateway.all_calls() {
        published.check(&call.frame).unwrap_or_else(|wrong| panic!("{wrong}\n{}", call.frame));
    }
}

/// Nothing comes for a while that is long for what would come at once.
pub(crate) fn is_quiet(phone: &mut Phone) -> bool {
    matches!(phone.next_within(Duration::from_millis(300)), Next::Silence)
}
