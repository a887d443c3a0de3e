//! Pages of the owner in a real browser, as an app shows them.

use crate::stage::{Stage, ANDROID, APPLE};
use serde_json::json;
use std::fs;

/// Shows the owner's page.
fn open(stage: &mut Stage) {
    let url = format!("{}/", stage.host);
    stage.page.open(&url);
    stage.page.until("document.readyState === 'complete'");
}

#[test]
fn the_first_page_sends_an_action_and_tells_what_became_of_it() {
    for (app, platform) in [(ANDROID, "an Android device"), (APPLE, "an iPhone, an iPad or a Mac")]
    {
        let Some(mut stage) = Stage::inside(app) else { return };
        open(&mut stage);
        let told = "document.getElementById('told').innerText";
        assert_eq!(stage.eval(told), format!("Shown by the app on {platform}."));
        stage.press("#send");
        let sent = stage.sent();
        assert_eq!(sent.len(), 1);
        let action = &sent[0]["userAction"];
        assert_eq!((&action["name"], &action["surfaceId"]), (&json!("hello"), &json!("main")));
        stage.eval(
            "dispatchEvent(new CustomEvent('clawdbot:a2ui-action-status', \
             { detail: { id: '1', ok: false, error: 'no agent' } }))",
        );
        assert_eq!(stage.eval(told), "The app could not pass it on: no agent");
    }
}

#[test]
fn a_page_reloads_by_itself_when_a_file_changes() {
    let Some(mut stage) = Stage::new() else { return };
    let page = stage.daemon.setup().state("canvas/index.html");
    let style = stage.daemon.setup().state("canvas/style.css");
    fs::write(&page, "<!doctype html><link rel=icon href=data:,><link rel=stylesheet href=style.css><p id=p>one</p>").unwrap();
    fs::write(&style, "p { color: rgb(1, 2, 3) }").unwrap();
    open(&mut stage);
    stage.page.until("getComputedStyle(p).color === 'rgb(1, 2, 3)'");
    assert_eq!(stage.eval("typeof Clawdbot.sendUserAction"), "function");
    fs::write(&style, "p { color: rgb(3, 2, 1) }").unwrap();
    stage.page.until("getComputedStyle(p).color === 'rgb(3, 2, 1)'");
    fs::write(&page, "<!doctype html><link rel=icon href=data:,><p id=p>two</p>").unwrap();
    stage.page.until("p.innerText === 'two'");
}
