//! From the command line to the page: an app on a node gets what `nodes canvas a2ui push` sends and
//! gives it to the page that it was told of, as the apps do.

use crate::stage::Stage;
use crate::support::{eventually, Phone};
use serde_json::{json, Value};

const README: &str = include_str!("../../etc/a2ui/README.md");
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/a2ui/components.jsonl");

/// The app's answer to an invoke.
fn serve(stage: &mut Stage, phone: &mut Phone) {
    let asked = phone.expect("invoke");
    let params: Value = match asked["paramsJSON"].as_str() {
        Some(text) => serde_json::from_str(text).unwrap(),
        None => Value::Null,
    };
    // It looks until the page is ready, fifty times at most; the page has loaded here.
    assert_eq!(stage.eval("typeof clawdbotA2UI.applyMessages"), "function");
    let result = match asked["command"].as_str().unwrap() {
        "canvas.a2ui.pushJSONL" => {
            let lines = params["jsonl"].as_str().unwrap().lines();
            let messages: Vec<Value> =
                lines.map(|line| serde_json::from_str(line).unwrap()).collect();
            stage.apply(&messages.into())
        }
        "canvas.a2ui.reset" => stage.eval("clawdbotA2UI.reset()"),
        other => panic!("{other}"),
    };
    phone.send(&json!({ "type": "invoke-res", "id": asked["id"], "ok": true,
        "payloadJSON": result.to_string() }));
}

#[test]
fn what_is_pushed_is_shown_on_the_node() {
    let Some(mut stage) = Stage::new() else { return };
    let mut phone = Phone::paired(&stage.daemon, "kitchen");
    let push = ["nodes", "canvas", "a2ui", "push", "--node", "kitchen"];
    let run = stage.daemon.operator([&push[..], &["--text", "Dinner *is* <b>ready</b>"]].concat());
    serve(&mut stage, &mut phone);
    assert_eq!(run.finish().ok(), "canvas a2ui push ok\n");
    assert_eq!(stage.text("text"), "Dinner is <b>ready</b>");

    let run = stage.daemon.operator([&push[..], &["--jsonl", EXAMPLE]].concat());
    serve(&mut stage, &mut phone);
    assert_eq!(run.finish().ok(), "canvas a2ui push ok\n");
    assert_eq!(stage.text("title"), "Every component");
    stage.expect_complaint("video.mp4");

    // What the page says about messages that the command line takes.
    let file = stage.daemon.setup().path("bad.jsonl");
    let lines =
        "{\"surfaceUpdate\":{\"components\":[{\"id\":\"root\",\"component\":{\"Chart\":{}}}]}}\n\
        {\"beginRendering\":{\"root\":\"root\"}}\n{\"surfaceUpdate\":{\"components\":5}}\n";
    std::fs::write(&file, lines).unwrap();
    let run = stage.daemon.operator([&push[..], &["--jsonl", file.to_str().unwrap()]].concat());
    serve(&mut stage, &mut phone);
    let said = run.finish().error(1);
    assert!(said.contains("messages[2]: surfaceUpdate: components has to be a list"), "{said}");
    let warning = "warning: surface \"main\": component \"root\": there is no Chart in A2UI v0.8";
    assert!(said.contains(warning), "{said}");

    let run = stage.daemon.operator(["nodes", "canvas", "a2ui", "reset", "--node", "kitchen"]);
    serve(&mut stage, &mut phone);
    assert_eq!(run.finish().ok(), "canvas a2ui reset ok\n");
    let words = eventually("the page is empty", || {
        let words = stage.eval("document.body.innerText");
        words.as_str().unwrap().contains("Nothing here yet").then_some(words)
    });
    // On a phone nobody types commands.
    assert!(!words.as_str().unwrap().contains("openclaw-bridge"), "{words}");
    stage.open("macos");
    assert!(stage
        .eval("document.body.innerText")
        .as_str()
        .unwrap()
        .contains("openclaw-bridge nodes"));
}

#[test]
fn the_messages_in_the_description_are_shown() {
    let Some(mut stage) = Stage::new() else { return };
    let blocks = README.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let messages: Vec<Value> = blocks.map(|text| serde_json::from_str(text).unwrap()).collect();
    let [form @ .., list, data] = messages.as_slice() else { panic!("{messages:?}") };
    stage.push(&form.to_vec().into());
    assert_eq!(stage.text("title"), "Who are you?");
    stage.press("[data-id=save]");
    assert_eq!(stage.sent()[0]["userAction"]["context"], json!({ "name": "Ada" }));
    stage.push(&json!([list, data]));
    assert_eq!(stage.texts("task"), ["Water the plants", "Buy bread"]);
}

#[test]
fn an_agent_that_pushes_is_told_what_is_not_drawn() {
    let Some(mut stage) = Stage::new() else { return };
    let token = Phone::paired(&stage.daemon, "kitchen").token;
    let mut phone = Phone::connect(&stage.daemon);
    phone.send(&json!({ "type": "hello", "nodeId": "kitchen", "token": token,
        "caps": ["canvas"], "commands": ["canvas.a2ui.pushJSONL"] }));
    phone.expect("hello-ok");
    phone.expect_event("voicewake.changed");
    let chart = json!({ "id": "root", "component": { "Chart": {} } });
    let messages = json!({ "messages": [
        { "surfaceUpdate": { "surfaceId": "main", "components": [chart] } },
        { "beginRendering": { "surfaceId": "main", "root": "root" } },
    ] });
    let call = ["tools", "call", "canvas_a2ui_push", "--params", &messages.to_string()];
    let run = stage.daemon.operator(call);
    serve(&mut stage, &mut phone);
    let warning = "surface \"main\": component \"root\": there is no Chart in A2UI v0.8";
    assert_eq!(run.finish().ok(), format!("done\nwarning: {warning}\n"));
}
