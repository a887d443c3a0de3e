//! What the user presses reaches the app, and what becomes of it is shown.

use crate::stage::{component, root, text, Stage, ANDROID, APPLE};
use serde_json::{json, Value};

fn button(id: &str, action: Value) -> Value {
    component(id, "Button", &json!({ "child": "label", "action": action }))
}

/// A page with one button.
fn one_button(stage: &mut Stage) {
    stage.show(&json!([root(&["go"]), button("go", json!({ "name": "go" })), text("label", "Go")]));
}

/// What the app says about the last action.
fn answer(stage: &mut Stage, detail: &Value) {
    let sent = stage.sent();
    let mut detail = detail.clone();
    detail["id"] = sent.last().unwrap()["userAction"]["id"].clone();
    let event = json!({ "detail": detail });
    stage.eval(&format!(
        "dispatchEvent(new CustomEvent('clawdbot:a2ui-action-status', {event})) && null"
    ));
}

fn status(stage: &mut Stage) -> String {
    stage.eval("document.getElementById('status').innerText.trim()").as_str().unwrap().to_owned()
}

#[test]
fn an_action_says_what_was_pressed_with_the_values_of_that_moment() {
    for app in [ANDROID, APPLE] {
        let Some(mut stage) = Stage::inside(app) else { return };
        let context = json!([
            { "key": "name", "value": { "path": "/name" } },
            { "key": "fixed", "value": { "literalNumber": 3 } },
            { "key": "flag", "value": { "literalBoolean": false } },
            { "key": "all", "value": { "path": "/" } },
            { "key": "none", "value": { "path": "/nothing" } },
        ]);
        stage.show(&json!([
            root(&["field", "go"]),
            component(
                "field",
                "TextField",
                &json!({ "label": { "literalString": "" }, "text": { "path": "/name" } })
            ),
            button("go", json!({ "name": "save", "context": context })),
            text("label", "Save"),
        ]));
        stage.press("[data-id=field] input");
        stage.type_text("Ada");
        stage.press("[data-id=go]");
        let sent = stage.sent();
        let [Value::Object(message)] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!(message.keys().collect::<Vec<_>>(), ["userAction"]);
        let mut action = message["userAction"].clone();
        let (id, time) = (action["id"].take(), action["timestamp"].take());
        assert!(id.as_str().is_some_and(|id| id.len() >= 16), "{id}");
        let time = time.as_str().unwrap().to_owned();
        assert!(time.starts_with("20") && time.ends_with('Z') && time.contains('T'), "{time}");
        assert_eq!(
            action,
            json!({ "id": null, "timestamp": null, "name": "save", "surfaceId": "main",
                "sourceComponentId": "go",
                "context": { "name": "Ada", "fixed": 3, "flag": false, "all": { "name": "Ada" },
                    "none": null } })
        );
    }
}

#[test]
fn sending_and_working_are_shown_until_messages_come() {
    let Some(mut stage) = Stage::new() else { return };
    one_button(&mut stage);
    assert_eq!(status(&mut stage), "");
    stage.press("[data-id=go]");
    assert_eq!(status(&mut stage), "Sending…");
    // It is not sent twice while it is on its way.
    stage.press("[data-id=go]");
    assert_eq!(stage.sent().len(), 1);
    // Somebody else's answer changes nothing.
    stage.eval(
        "dispatchEvent(new CustomEvent('clawdbot:a2ui-action-status',
        { detail: { id: 'other', ok: false, error: 'x' } })) && null",
    );
    assert_eq!(status(&mut stage), "Sending…");
    answer(&mut stage, &json!({ "ok": true }));
    assert_eq!(status(&mut stage), "Working…");
    stage.push(&json!([]));
    assert_eq!(status(&mut stage), "");
    stage.press("[data-id=go]");
    assert_eq!(stage.sent().len(), 2);
    stage.eval("clawdbotA2UI.reset()");
    assert_eq!(status(&mut stage), "");
}

#[test]
fn a_failed_action_is_shown_with_its_reason() {
    let Some(mut stage) = Stage::new() else { return };
    one_button(&mut stage);
    stage.press("[data-id=go]");
    answer(&mut stage, &json!({ "ok": false, "error": "the gateway is not <b>connected</b>" }));
    assert_eq!(status(&mut stage), "Not sent: the gateway is not <b>connected</b>.");
    // It stays until it is dismissed, or the next one.
    stage.push(&json!([]));
    assert!(status(&mut stage).starts_with("Not sent"));
    stage.press("#status [aria-label=Dismiss]");
    assert_eq!(status(&mut stage), "");
    stage.press("[data-id=go]");
    answer(&mut stage, &json!({ "ok": false }));
    assert_eq!(status(&mut stage), "Not sent: the app gave no reason.");
    stage.press("[data-id=go]");
    assert_eq!(status(&mut stage), "Sending…");
}

#[test]
fn an_app_that_does_not_answer_is_not_waited_for_for_ever() {
    let Some(mut stage) = Stage::new() else { return };
    // Time passes when the test says so.
    let paused = json!({ "policy": "pauseIfNetworkFetchesPending" });
    one_button(&mut stage);
    stage.press("[data-id=go]");
    let budget = json!({ "policy": "advance", "budget": 31_000 });
    stage.page.call("Emulation.setVirtualTimePolicy", &budget);
    stage.page.event("Emulation.virtualTimeBudgetExpired");
    stage.page.call("Emulation.setVirtualTimePolicy", &paused);
    assert_eq!(status(&mut stage), "Not sent: the app did not answer.");
    assert_eq!(stage.count("[aria-busy=true]"), 0);
}

#[test]
fn without_an_app_an_action_fails_at_once() {
    let Some(mut stage) = Stage::inside("window.sent = []") else { return };
    one_button(&mut stage);
    stage.press("[data-id=go]");
    assert_eq!(status(&mut stage), "Not sent: this page is not shown by the app.");
    assert_eq!(stage.eval("Clawdbot.sendUserAction({ name: 'x' })"), false);
    assert_eq!(stage.eval("clawdbotPostMessage({ x: 1 })"), false);
}

#[test]
fn an_action_inside_a_modal_shows_its_status_there() {
    let Some(mut stage) = Stage::new() else { return };
    stage.show(&json!([
        component("root", "Modal", &json!({ "entryPointChild": "entry", "contentChild": "go" })),
        text("entry", "Open"),
        button("go", json!({ "name": "go" })),
        text("label", "Go"),
    ]));
    stage.press("[data-id=entry]");
    stage.press("[data-id=go]");
    assert_eq!(status(&mut stage), "Sending…");
    assert_eq!(stage.count("dialog[open] #status[data-state=sending]"), 1);
    stage.key("Escape", 27);
    stage.page.until("document.querySelector('body > #status[data-state=sending]') !== null");
}

#[test]
fn buttons_without_a_usable_action_do_nothing() {
    let Some(mut stage) = Stage::new() else { return };
    for action in
        [json!(null), json!({}), json!({ "name": 5 }), json!({ "name": " " }), json!("go")]
    {
        stage.show(&json!([root(&["go"]), button("go", action), text("label", "Go")]));
        stage.press("[data-id=go]");
    }
    stage.show(&json!([button("go", json!({ "name": "go", "context": "wrong" }))]));
    stage.press("[data-id=go]");
    let sent = stage.sent();
    assert_eq!((sent.len(), &sent[0]["userAction"]["context"]), (1, &json!({})));
}

#[test]
fn pages_of_the_owner_have_helpers_for_actions() {
    for app in [ANDROID, APPLE] {
        let Some(mut stage) = Stage::inside(app) else { return };
        stage.eval("window.results = [
            Clawdbot.sendUserAction({ name: 'refresh', context: { room: 'kitchen' } }),
            clawdbotSendUserAction({ name: 'own', id: 'mine', surfaceId: 's', sourceComponentId: 'c' }),
            Clawdbot.postMessage({ any: 'thing' }),
            Clawdbot.sendUserAction({}), Clawdbot.sendUserAction(null)]");
        assert_eq!(stage.eval("results"), json!([true, true, true, false, false]));
        let sent = stage.sent();
        let action = &sent[0]["userAction"];
        assert_eq!((&action["name"], &action["surfaceId"]), (&json!("refresh"), &json!("main")));
        assert_eq!(action["context"], json!({ "room": "kitchen" }));
        assert!(action["id"].is_string() && action["timestamp"].is_string(), "{action}");
        assert_eq!(sent[1]["userAction"]["id"], "mine");
        assert_eq!(sent[1]["userAction"]["surfaceId"], "s");
        assert_eq!(sent[2], json!({ "any": "thing" }));
    }
}
