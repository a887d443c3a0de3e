//! How it looks: in the light and in the dark, on phones. With `SCREENSHOTS` set, pictures of all
//! components are written to `target/screenshots` for people to look at.

use crate::stage::{component, root, text, Stage};
use serde_json::{json, Value};
use std::path::PathBuf;

fn example() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/a2ui/components.jsonl");
    let lines = std::fs::read_to_string(file).unwrap();
    lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
}

fn see(stage: &mut Stage, scheme: &str, width: u32, height: u32) {
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": true });
    stage.page.call("Emulation.setDeviceMetricsOverride", &size);
    let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
    stage.page.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
}

/// Writes a picture of the whole page, if pictures are wanted.
fn picture(stage: &mut Stage, name: &str) {
    if std::env::var_os("SCREENSHOTS").is_none() {
        return;
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let folder = target.join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    let size = stage.page.call("Page.getLayoutMetrics", &json!({}))["cssContentSize"].take();
    let clip =
        json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
    let params = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
    let taken = stage.page.call("Page.captureScreenshot", &params);
    let png = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        taken["data"].as_str().unwrap(),
    );
    std::fs::write(folder.join(format!("{name}.png")), png.unwrap()).unwrap();
}

/// What on the page is hard to read, to touch, or does not fit.
const FLAWS: &str = r#"(() => {
    const flaws = [];
    const colour = (text) => text.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((p) => p / 255)
        .map((p) => p <= 0.04045 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4)
        .reduce((sum, p, at) => sum + p * [0.2126, 0.7152, 0.0722][at], 0);
    const backdrop = (e) => {
        for (let at = e; at; at = at.parentElement) {
            const c = colour(getComputedStyle(at).backgroundColor);
            if (c.length === 3 || c[3] > 0) return c;
        }
        return [255, 255, 255];
    };
    const isSeen = (e) => e.getClientRects().length > 0;
    for (const e of document.querySelectorAll('main *, #status *, #empty *')) {
        if (!isSeen(e)) continue;
        const r = e.getBoundingClientRect();
        const scrolls = e.closest('.list.horizontal, .tab-bar, pre');
        if (!scrolls && (r.right > innerWidth + 0.5 || r.left < -0.5)) {
            flaws.push(`wider than the page: ${e.className || e.localName}`);
        }
        const hasText = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== '');
        if (hasText && !e.closest(':disabled')) {
            const [low, high] = [light(colour(getComputedStyle(e).color)), light(backdrop(e))].sort((a, b) => a - b);
            const contrast = (high + 0.05) / (low + 0.05);
            if (contrast < 4.5) flaws.push(`contrast ${contrast.toFixed(1)}: ${e.innerText.slice(0, 30)}`);
        }
        if (e.matches('button, input:not([type=checkbox], [type=radio]), textarea, label.check, [role=button]')
            && (r.height < 44 || r.width < 44)) {
            flaws.push(`${r.width} by ${r.height}: ${e.outerHTML.slice(0, 80)}`);
        }
    }
    return flaws;
})()"#;

#[test]
fn all_components_can_be_read_and_touched_on_every_phone() {
    let Some(mut stage) = Stage::new() else { return };
    stage.expect_complaint("video.mp4");
    for scheme in ["light", "dark"] {
        for (width, height) in [(412, 915), (320, 640)] {
            see(&mut stage, scheme, width, height);
            stage.open("android");
            picture(&mut stage, &format!("{scheme}-{width}-empty"));
            stage.push(&example());
            for (at, tab) in ["show", "ask", "lists", "icons"].iter().enumerate() {
                stage.press(&format!("[role=tab]:nth-child({})", at + 1));
                stage.page.until("[...document.images].every((i) => i.complete)");
                let flaws = stage.eval(FLAWS);
                assert_eq!(flaws, json!([]), "{scheme}, {width}, {tab}");
                picture(&mut stage, &format!("{scheme}-{width}-{tab}"));
            }
            stage.press("[role=tab]:nth-child(2)");
            stage.press("[data-id=help-button]");
            assert_eq!(stage.eval(FLAWS), json!([]), "{scheme}, {width}, modal");
            picture(&mut stage, &format!("{scheme}-{width}-modal"));
            stage.key("Escape", 27);
        }
    }
}

#[test]
fn notes_and_statuses_can_be_read_in_any_colour() {
    let Some(mut stage) = Stage::new() else { return };
    for scheme in ["light", "dark"] {
        for colour in ["#000000", "#ffffff", "#ffff00", "#1a73e8"] {
            see(&mut stage, scheme, 360, 640);
            stage.eval("clawdbotA2UI.reset()");
            stage.show(&json!([
                root(&["unknown", "picture", "tabs", "plain", "primary"]),
                component("unknown", "Chart", &json!({})),
                component("picture", "Image", &json!({ "url": { "literalString": "x:y" } })),
                component(
                    "tabs",
                    "Tabs",
                    &json!({ "tabItems": [
                    { "title": { "literalString": "One" }, "child": "label" },
                    { "title": { "literalString": "Two" }, "child": "label" } ] })
                ),
                text("label", "A label"),
                component(
                    "plain",
                    "Button",
                    &json!({ "child": "label", "action": { "name": "x" } })
                ),
                component(
                    "primary",
                    "Button",
                    &json!({ "child": "label", "primary": true, "action": { "name": "x" } })
                ),
            ]));
            stage.push(&json!([{ "beginRendering": { "surfaceId": "main", "root": "root",
                "styles": { "primaryColor": colour } } }]));
            stage.press("[data-id=plain]");
            stage.eval("dispatchEvent(new CustomEvent('clawdbot:a2ui-action-status', { detail:
                { id: sent.at(-1).userAction.id, ok: false, error: 'the gateway is away' } })) && null");
            assert_eq!(stage.eval(FLAWS), json!([]), "{scheme} {colour}");
            picture(&mut stage, &format!("{scheme}-notes-{}", &colour[1..]));
        }
    }
}

#[test]
fn the_page_loads_nothing_from_elsewhere_and_its_policy_forbids_scripts_in_markup() {
    let Some(mut stage) = Stage::new() else { return };
    let loaded =
        stage.eval("performance.getEntriesByType('resource').map((e) => new URL(e.name).origin)");
    let loaded: Vec<String> = serde_json::from_value(loaded).unwrap();
    let files = "performance.getEntriesByType('resource').map((e) => e.name)";
    let once = format!("new Set({files}).size === {files}.length");
    assert_eq!(stage.eval(&once), true, "each file is loaded once");
    assert!(loaded.len() > 5 && loaded.iter().all(|origin| *origin == stage.host), "{loaded:?}");
    stage.expect_complaint("Content Security Policy");
    stage.eval("{ const e = document.createElement('div'); document.body.append(e);
        e.innerHTML = '<img src=data:, onerror=\"window.hit = 1\">';
        const s = document.createElement('script'); s.textContent = 'window.hit = 1'; e.append(s); null }");
    stage.page.until("document.querySelector('img').complete");
    assert_eq!(stage.eval("window.hit ?? 'safe'"), "safe");
}

/// Rows with more in them than a small phone has room for.
fn rows() -> Value {
    let row = |id: &str, children: &str, distribution: &str| {
        let ids: Vec<&str> = children.split(' ').collect();
        let props = json!({ "children": { "explicitList": ids }, "distribution": distribution });
        component(id, "Row", &props)
    };
    let address = format!("https://example.org/{}", "long".repeat(30));
    let mut components = vec![
        root(&["sum", "news", "figures", "address", "buttons"]),
        row("sum", "what much", "spaceBetween"),
        text("what", "Total with a rather long explanation that has to be on several lines"),
        text("much", "€ 25.90"),
        row("news", "bell long ok", "start"),
        component("bell", "Icon", &json!({ "name": { "literalString": "notifications" } })),
        text("long", "Washing machine finished 12 minutes ago in the basement"),
        row("figures", "f1 f2 f3", "start"),
        row("address", "label url", "start"),
        text("label", "Label"),
        text("url", &address),
        row("buttons", "b1 b2 b3", "start"),
    ];
    for (id, word) in [("f1", "Temperature"), ("f2", "Illumination"), ("f3", "Pressure")] {
        components.push(text(word, word));
        components
            .push(json!({ "id": id, "weight": 1, "component": { "Card": { "child": word } } }));
    }
    for (id, word) in [("ok", "OK"), ("b1", "Acknowledge"), ("b2", "Postpone"), ("b3", "Dismiss")] {
        components.push(text(word, word));
        let props = json!({ "child": word, "action": { "name": "x" } });
        components.push(component(id, "Button", &props));
    }
    components.into()
}

#[test]
fn rows_on_a_small_phone_break_lines_but_no_words() {
    let Some(mut stage) = Stage::new() else { return };
    see(&mut stage, "light", 320, 640);
    stage.show(&rows());
    picture(&mut stage, "light-320-rows");
    assert_eq!(stage.eval(FLAWS), json!([]));
    let words = "much label OK Temperature Illumination Pressure Acknowledge Postpone Dismiss";
    for id in words.split(' ') {
        let lines = stage.eval(&format!(
            "{{ const r = document.createRange();
                r.selectNodeContents(document.querySelector('[data-id={id}] p'));
                r.getClientRects().length }}"
        ));
        assert_eq!(lines, 1, "{id}");
    }
    // What is short stands beside what is long.
    for (one, other) in [("what", "much"), ("bell", "long"), ("long", "ok"), ("label", "url")] {
        let place =
            |id: &str| format!("document.querySelector('[data-id={id}]').getBoundingClientRect()");
        let is_beside = format!("{}.right <= {}.left", place(one), place(other));
        assert_eq!(stage.eval(&is_beside), true, "{one} {other}");
    }
}
