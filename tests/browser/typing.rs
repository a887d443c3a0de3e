//! Messages come while the user does something, and do not disturb.

use crate::stage::{component, root, text, Stage};
use serde_json::{json, Value};

fn form() -> Value {
    json!([
        root(&["news", "field", "list", "go"]),
        component("news", "Text", &json!({ "text": { "path": "/news" } })),
        component(
            "field",
            "TextField",
            &json!({ "label": { "literalString": "Name" }, "text": { "path": "/name" } })
        ),
        component(
            "list",
            "List",
            &json!({ "children": { "template": { "dataBinding": "/rows", "componentId": "row" } } })
        ),
        component(
            "row",
            "TextField",
            &json!({ "label": { "literalString": "Row" }, "text": { "path": "v" } })
        ),
        component("go", "Button", &json!({ "child": "label", "action": { "name": "go" } })),
        text("label", "Go"),
    ])
}

fn rows(keys: &[&str]) -> Value {
    let row = |key: &&str| json!({ "key": key, "valueMap": [{ "key": "v", "valueString": key }] });
    json!({ "key": "rows", "valueMap": keys.iter().map(row).collect::<Vec<_>>() })
}

fn string(key: &str, value: &str) -> Value {
    json!({ "key": key, "valueString": value })
}

/// Value, caret, and whether it has the focus.
fn field(stage: &mut Stage) -> Value {
    stage.eval(
        "{ const e = document.querySelector('[data-id=field] input');
        [e.value, e.selectionStart, document.activeElement === e] }",
    )
}

#[test]
fn focus_caret_and_text_survive_what_comes_while_typing() {
    let Some(mut stage) = Stage::new() else { return };
    stage.show(&form());
    stage.data("", &json!([string("name", "Ada"), string("news", "old"), rows(&["a", "b"])]));
    stage.press("[data-id=field] input");
    stage.eval("document.activeElement.setSelectionRange(1, 1)");
    stage.type_text("xy");
    assert_eq!(field(&mut stage), json!(["Axyda", 3, true]));
    // Other values; components; the whole model, which does not know what was typed.
    stage.data("/", &json!([string("name", "Ada"), string("news", "new"), rows(&["z", "a", "b"])]));
    stage.show(&form());
    assert_eq!(stage.text("news"), "new");
    assert_eq!(field(&mut stage), json!(["Axyda", 3, true]));
    stage.type_text("z");
    assert_eq!(field(&mut stage), json!(["Axyzda", 4, true]));
    // What is seen is what is sent.
    stage.show(&json!([component(
        "go",
        "Button",
        &json!({ "child": "label", "action":
        { "name": "go", "context": [{ "key": "name", "value": { "path": "/name" } }] } })
    )]));
    stage.press("[data-id=go]");
    assert_eq!(stage.sent()[0]["userAction"]["context"]["name"], "Axyzda");
    // Now the agent may clear the form.
    stage.data("", &json!([string("name", ""), rows(&[])]));
    assert_eq!(field(&mut stage)[0], "");
}

#[test]
fn a_form_is_cleared_after_its_action_even_if_the_field_has_the_focus() {
    let Some(mut stage) = Stage::new() else { return };
    stage.show(&form());
    stage.press("[data-id=field] input");
    stage.type_text("Ada");
    // On iOS a button does not take the focus.
    stage.eval("document.querySelector('[data-id=go]').click()");
    stage.data("", &json!([string("name", "")]));
    assert_eq!(field(&mut stage), json!(["", 0, true]));
}

#[test]
fn a_field_that_nobody_types_in_follows_the_data_with_its_caret() {
    let Some(mut stage) = Stage::new() else { return };
    stage.show(&form());
    stage.data("", &json!([string("name", "Ada Lovelace")]));
    stage.press("[data-id=field] input");
    stage.eval("document.activeElement.setSelectionRange(3, 3)");
    stage.data("", &json!([string("name", "Ada L.")]));
    assert_eq!(field(&mut stage), json!(["Ada L.", 3, true]));
}

#[test]
fn rows_that_come_before_the_focused_one_leave_it_alone() {
    let Some(mut stage) = Stage::new() else { return };
    stage.show(&form());
    stage.data("", &json!([rows(&["a", "b"])]));
    stage.press("[role=listitem]:nth-child(2) input");
    stage.eval("window.mine = document.activeElement; mine.setSelectionRange(0, 0)");
    stage.type_text("my ");
    for keys in [&["0", "a", "b"][..], &["b"], &["a", "b", "c"], &["c", "b", "a"]] {
        stage.data("", &json!([rows(keys)]));
        assert_eq!(
            stage.eval("[mine.isConnected, document.activeElement === mine, mine.value, mine.selectionStart]"),
            json!([true, true, "my b", 3]),
            "{keys:?}"
        );
    }
}

#[test]
fn the_page_stays_where_it_was_scrolled_to() {
    let Some(mut stage) = Stage::new() else { return };
    let ids: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
    let mut components: Vec<Value> = ids.iter().map(|id| text(id, id)).collect();
    components.push(component("t3", "Text", &json!({ "text": { "path": "/news" } })));
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    components.push(root(&ids));
    stage.show(&components.into());
    stage.eval("window.scrollTo({ top: 1500, behavior: 'instant' })");
    stage.data("", &json!([string("news", "one line")]));
    stage.show(&json!([text("t90", "new")]));
    let top = stage.eval("new Promise((done) => requestAnimationFrame(() => done(scrollY)))");
    let top = top.as_f64().unwrap();
    assert!((1480.0..1540.0).contains(&top), "{top}");
}

#[test]
fn a_reload_keeps_what_is_shown_but_no_password() {
    let Some(mut stage) = Stage::new() else { return };
    let field = |id: &str, kind: &str| {
        component(
            id,
            "TextField",
            &json!({ "label": { "literalString": id },
            "text": { "path": format!("/{id}"), "literalString": "" }, "textFieldType": kind }),
        )
    };
    let form = json!([
        root(&["news", "name", "secret"]),
        component("news", "Text", &json!({ "text": { "path": "/news" } })),
        field("name", "shortText"),
        field("secret", "obscured"),
    ]);
    stage.show(&form);
    stage.data("/", &json!([string("news", "Dinner")]));
    for id in ["name", "secret"] {
        stage.press(&format!("[data-id={id}] input"));
        stage.type_text("typed");
    }
    let stored = "JSON.stringify(Object.values(sessionStorage))";
    assert_eq!(stage.eval(stored), "[]");
    // As Android does when it connects again.
    stage.open("android");
    assert_eq!(stage.text("news"), "Dinner");
    let values = "Array.from(document.querySelectorAll('#surfaces input'), (e) => e.value)";
    assert_eq!(stage.eval(values), json!(["typed", ""]));
    assert_eq!(stage.eval(stored), "[]");
    assert_eq!(stage.eval("clawdbotA2UI.getSurfaces()"), json!(["main"]));
    stage.data("/", &json!([string("news", "Tea")]));
    assert_eq!(stage.text("news"), "Tea");

    // Another address is another page.
    stage.open("ios");
    assert_eq!(stage.eval("clawdbotA2UI.getSurfaces()"), json!([]));
    stage.open("android");
    stage.show(&form);

    // What was long ago is over, and so is what was removed.
    stage.eval("Date.now = () => 1e12");
    stage.open("android");
    assert_eq!(stage.eval("clawdbotA2UI.getSurfaces()"), json!([]));
    stage.show(&form);
    stage.eval("clawdbotA2UI.reset()");
    stage.open("android");
    assert_eq!(stage.eval("clawdbotA2UI.getSurfaces()"), json!([]));
    // What somebody else has left there does not matter.
    stage.eval("sessionStorage.setItem('clawdbot-a2ui', '{\"surfaces\":[{\"id\":5}],\"url\":\"' + location + '\",\"at\":' + Date.now() + '}')");
    stage.eval("addEventListener('pagehide', (event) => event.stopImmediatePropagation(), true)");
    stage.open("android");
    stage.show(&json!([text("root", "works")]));
    assert_eq!(stage.text("root"), "works");
}
