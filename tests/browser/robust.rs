//! Messages that are wrong, hostile, or just large.

use crate::stage::{component, root, shown, text, Stage};
use serde_json::{json, Value};

fn warnings(done: &Value) -> String {
    done["warnings"].to_string()
}

#[test]
fn unknown_components_have_a_visible_place() {
    let Some(mut stage) = Stage::new() else { return };
    let done = stage.show(&json!([
        root(&["a", "b"]),
        component("a", "Chart", &json!({})),
        text("b", "here")
    ]));
    assert!(warnings(&done).contains("there is no Chart in A2UI v0.8"), "{done}");
    assert_eq!(
        (stage.text("a"), stage.text("b")),
        ("Unknown component: Chart".into(), "here".into())
    );
    // Nothing of JavaScript itself is a component.
    for name in ["constructor", "toString"] {
        let done = stage.show(&json!([component("a", name, &json!({}))]));
        assert!(warnings(&done).contains(name), "{done}");
    }
    let proto = r#"{"id":"a","component":{"__proto__":{}}}"#;
    let done = stage.eval(&format!(
        "clawdbotA2UI.applyMessages([{{ surfaceUpdate: {{ components: [JSON.parse('{proto}')] }} }}])"
    ));
    assert!(warnings(&done).contains("there is no __proto__"), "{done}");
}

#[test]
fn cycles_are_cut_and_reported() {
    let Some(mut stage) = Stage::new() else { return };
    let done = stage.show(&json!([
        root(&["self", "a", "fine"]),
        component("self", "Card", &json!({ "child": "self" })),
        component("a", "Card", &json!({ "child": "b" })),
        component("b", "Column", &json!({ "children": { "explicitList": ["root", "fine"] } })),
        text("fine", "fine"),
    ]));
    assert!(warnings(&done).contains(r#"component \"self\" contains itself"#), "{done}");
    assert!(warnings(&done).contains(r#"component \"root\" contains itself"#), "{done}");
    assert_eq!(stage.texts("fine"), ["fine", "fine"]);
    assert_eq!(stage.texts("self").len(), 2);

    // A template inside itself over the same data, and over data that gets deeper.
    let tree = |path: &str| {
        component(
            "node",
            "Column",
            &json!({ "children":
        { "template": { "dataBinding": path, "componentId": "node" } } }),
        )
    };
    stage.eval("clawdbotA2UI.reset()");
    let list =
        json!({ "children": { "template": { "dataBinding": "/items", "componentId": "node" } } });
    let done = stage.show(&json!([component("root", "List", &list), tree("/items")]));
    assert_eq!(done["ok"], true);
    let done = stage.apply(&json!([{ "dataModelUpdate": { "surfaceId": "main", "contents":
        [{ "key": "items", "valueMap": [{ "key": "1", "valueMap": [] }, { "key": "2", "valueMap": [] }] }] } }]));
    assert!(warnings(&done).contains("contains itself"), "{done}");
}

#[test]
fn depth_and_number_of_what_is_shown_are_limited() {
    let Some(mut stage) = Stage::new() else { return };
    let id = |n: u32| if n == 0 { "root".to_owned() } else { format!("c{n}") };
    let chain: Vec<Value> =
        (0..200).map(|n| component(&id(n), "Card", &json!({ "child": id(n + 1) }))).collect();
    let done = stage.show(&chain.into());
    assert!(warnings(&done).contains("inside more than"), "{done}");
    assert_eq!(stage.count(".card"), 51);

    // Each shows ten of the next: a hundred million.
    stage.eval("clawdbotA2UI.reset()");
    let many: Vec<Value> = (0..8)
        .map(|n| {
            component(
                &id(n),
                "Row",
                &json!({ "children": { "explicitList": vec![id(n + 1); 10] } }),
            )
        })
        .chain([text("c8", "x")])
        .collect();
    let done = stage.show(&many.into());
    assert!(warnings(&done).contains("the rest is left out"), "{done}");
    let shown = stage.count("[data-id]");
    assert!((4_900..5_100).contains(&shown), "{shown}");
    // It recovers.
    stage.push(&shown_text("again"));
    assert_eq!(stage.text("root"), "again");
}

fn shown_text(words: &str) -> Value {
    shown(&json!([text("root", words)]))
}

#[test]
fn a_thousand_components_are_shown_and_updated_in_place() {
    let Some(mut stage) = Stage::new() else { return };
    let ids: Vec<String> = (0..1000).map(|n| format!("t{n}")).collect();
    let mut components: Vec<Value> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| component(id, "Text", &json!({ "text": { "path": format!("/rows/{n}") } })))
        .collect();
    components.push(component("root", "List", &json!({ "children": { "explicitList": ids } })));
    stage.push(&shown(&components.into()));
    let row = |n: usize| json!({ "key": n.to_string(), "valueString": format!("row {n}") });
    stage.data("/rows", &(0..1000).map(row).collect());
    assert_eq!(stage.text("t999"), "row 999");
    // One changed value changes one place of the page.
    stage.eval("window.changes = 0; new MutationObserver((list) => { changes += list.length; })
        .observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true })");
    stage.data("/rows", &json!([{ "key": "500", "valueString": "new" }]));
    assert_eq!(stage.text("t500"), "new");
    let changes = stage.eval("new Promise((done) => setTimeout(() => done(changes)))");
    assert!(changes.as_u64().is_some_and(|changes| changes <= 2), "{changes}");
}

const KINDS: &str =
    "Text Image Icon Video AudioPlayer Row Column List Card Tabs Divider Modal Button \
    CheckBox TextField DateTimeInput MultipleChoice Slider";

const PROPERTIES: &str = "text url name description children child tabItems axis entryPointChild \
    contentChild action label value selections options usageHint fit distribution alignment \
    direction primary textFieldType validationRegexp enableDate outputFormat maxAllowedSelections \
    minValue maxValue";

/// Values that no property, or only some, can have.
const WRONG: &str = r#"[null, 7, "x", true, [], [null, 3, []], {}, { "path": 5 }, { "path": "/m" },
    { "path": "/n" }, { "literalString": { "a": [1] } }, { "literalNumber": "x" },
    { "literalArray": "x" }, { "explicitList": [1, null, {}] }, { "explicitList": "x" },
    { "template": { "dataBinding": 1 } }, { "template": { "dataBinding": "/n", "componentId": [] } },
    [{ "title": 5, "child": 6 }], [{ "label": [], "value": {} }]]"#;

/// Uses whatever can be pressed or filled in.
const USE: &str = "document.querySelectorAll('button, input').forEach((e) => e.click());
    document.querySelectorAll('input, textarea').forEach((e) => {
        for (const name of ['input', 'change']) e.dispatchEvent(new Event(name)); });
    document.querySelectorAll('dialog').forEach((e) => e.close()); null";

#[test]
fn values_of_the_wrong_type_do_not_stop_anything() {
    let Some(mut stage) = Stage::new() else { return };
    stage.expect_complaint("Failed to load resource");
    let wrongs: Vec<Value> = serde_json::from_str(WRONG).unwrap();
    for wrong in wrongs {
        let names = PROPERTIES.split_whitespace();
        let props: Value = names.map(|name| (name.to_owned(), wrong.clone())).collect();
        let kinds: Vec<&str> = KINDS.split_whitespace().collect();
        let mut components: Vec<Value> =
            kinds.iter().map(|kind| component(kind, kind, &props)).collect();
        components.push(text("end", "the end"));
        components.push(root(&[&kinds[..], &["end"]].concat()));
        stage.eval("clawdbotA2UI.reset()");
        let done = stage.show(&components.into());
        assert!(!warnings(&done).contains("cannot be shown"), "{wrong}: {done}");
        assert_eq!(stage.text("end"), "the end", "{wrong}");
        let done = stage.apply(&json!([{ "dataModelUpdate": { "contents": [
            { "key": "m", "valueMap": [{ "key": "k", "valueNumber": 1 }] },
            { "key": "n", "valueNumber": 5 },
        ] } }]));
        assert!(done["ok"] == true && !warnings(&done).contains("cannot be shown"), "{done}");
        stage.eval(USE);
    }
    for props in [json!(null), json!("x"), json!([1])] {
        stage.show(&json!([component("root", "Text", &props)]));
    }
}

#[test]
fn only_harmless_addresses_are_loaded() {
    let Some(mut stage) = Stage::new() else { return };
    for (url, is_allowed) in [
        ("https://127.0.0.1:9/a.png", true),
        ("HTTP://127.0.0.1:9/a.png", true),
        ("/__clawdbot__/canvas/a.png", true),
        ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", true),
        ("javascript:window.hit=1", false),
        (" java\\nscript:window.hit=1", false),
        ("file:///etc/passwd", false),
        ("content://contacts", false),
        ("intent://x#Intent;end", false),
        ("ftp://127.0.0.1/x", false),
        ("http://[", false),
    ] {
        let url_literal = json!({ "literalString": url.replace("\\n", "\n") });
        stage.eval("clawdbotA2UI.reset()");
        stage.expect_complaint("Failed to load resource");
        let done = stage.show(&json!([
            root(&["i", "v", "a"]),
            component("i", "Image", &json!({ "url": url_literal })),
            component("v", "Video", &json!({ "url": url_literal })),
            component("a", "AudioPlayer", &json!({ "url": url_literal })),
        ]));
        assert_eq!(
            warnings(&done).contains("only http, https, data and blob"),
            !is_allowed,
            "{url}"
        );
        if !is_allowed {
            assert_eq!(stage.count("#surfaces [src]"), 0, "{url}");
            assert!(stage.text("i").contains("not allowed"), "{url}");
        }
    }
    assert_eq!(stage.eval("window.hit ?? 'safe'"), "safe");
}

#[test]
fn a_regular_expression_that_takes_for_ever_is_given_up() {
    let Some(mut stage) = Stage::new() else { return };
    let field = |id: &str, pattern: &str, value: &str| {
        component(
            id,
            "TextField",
            &json!({ "label": { "literalString": id },
            "text": { "literalString": value }, "validationRegexp": pattern }),
        )
    };
    let done = stage.show(&json!([
        root(&["slow", "invalid", "fine"]),
        field("slow", "(a+)+b", &"a".repeat(60)),
        field("invalid", "([", "x"),
        field("fine", "[a-z]+", "1"),
    ]));
    let invalid = "component \\\"invalid\\\": validationRegexp is not a regular expression";
    assert!(warnings(&done).contains(invalid), "{done}");
    // The page goes on, and so do other fields.
    stage.page.until("document.querySelector('[data-id=fine] [aria-invalid=true]') !== null");
    assert_eq!(stage.count("[aria-invalid=true]"), 1);
    assert_eq!(stage.eval("1 + 1"), 2);
}

#[test]
fn a_message_that_cannot_be_used_is_refused_with_its_place_and_the_rest_stays() {
    let Some(mut stage) = Stage::new() else { return };
    let good = &shown_text("stays")[0];
    for (bad, says) in [
        (
            json!({ "createSurface": { "surfaceId": "s" } }),
            "createSurface is A2UI v0.9; this page knows v0.8",
        ),
        (json!({ "updateComponents": {} }), "updateComponents is A2UI v0.9"),
        (json!({ "updateDataModel": {} }), "updateDataModel is A2UI v0.9"),
        (json!(5), "not an object"),
        (json!([]), "not an object"),
        (json!(null), "not an object"),
        (json!({}), "none of beginRendering, surfaceUpdate, dataModelUpdate, deleteSurface"),
        (json!({ "deleteSurface": {}, "beginRendering": {} }), "more than one of"),
        (json!({ "deleteSurface": "main" }), "deleteSurface has to be an object"),
        (json!({ "deleteSurface": { "surfaceId": 5 } }), "deleteSurface: surfaceId is not usable"),
        (json!({ "beginRendering": {} }), "beginRendering: root has to be the id"),
        (json!({ "surfaceUpdate": {} }), "surfaceUpdate: components has to be a list"),
        (
            json!({ "surfaceUpdate": { "components": [{}] } }),
            "surfaceUpdate: components[0] has no usable id",
        ),
        (
            json!({ "surfaceUpdate": { "components": [{ "id": "x", "component": { "Text": {}, "Row": {} } }] } }),
            "surfaceUpdate: components[0] (\"x\"): component has to be an object with one key",
        ),
        (json!({ "dataModelUpdate": {} }), "dataModelUpdate: contents has to be a list"),
        (
            json!({ "dataModelUpdate": { "path": 5, "contents": [] } }),
            "dataModelUpdate: path has to be a text",
        ),
        (
            json!({ "dataModelUpdate": { "contents": [{ "key": "a" }] } }),
            "dataModelUpdate: contents[0] (\"a\") has none of valueString",
        ),
        (
            json!({ "dataModelUpdate": { "contents": [5] } }),
            "dataModelUpdate: contents[0] has no usable key",
        ),
    ] {
        let begin = json!({ "beginRendering": { "surfaceId": "main", "root": "root" } });
        let done =
            stage.apply(&json!([good, begin, bad, { "deleteSurface": { "surfaceId": "main" } }]));
        assert_eq!(done["ok"], false, "{bad}");
        let error = done["error"].as_str().unwrap();
        assert!(error.starts_with(&format!("messages[2]: {says}")), "{bad}: {error}");
        assert_eq!(done["surfaces"], json!(["main"]));
        assert_eq!(stage.text("root"), "stays");
    }
    for bad in [json!("x"), json!({}), json!(null)] {
        assert_eq!(stage.apply(&bad)["error"], "messages has to be a list");
    }
    assert_eq!(stage.text("root"), "stays");
}

#[test]
fn surfaces_components_messages_and_values_are_limited() {
    let Some(mut stage) = Stage::new() else { return };
    let surfaces: Vec<Value> = (0..33)
        .map(|n| json!({ "surfaceUpdate": { "surfaceId": n.to_string(), "components": [] } }))
        .collect();
    let done = stage.apply(&surfaces.into());
    assert!(
        done["error"]
            .as_str()
            .unwrap()
            .contains("messages[32]: surfaceUpdate: there are 32 surfaces"),
        "{done}"
    );
    stage.eval("clawdbotA2UI.reset()");
    stage.push(&shown_text("here"));
    let components: Vec<Value> = (0..5000).map(|n| text(&n.to_string(), "x")).collect();
    let done = stage.apply(&shown(&components.into()));
    assert!(done["error"].as_str().unwrap().contains("5000 components at most"), "{done}");
    let call = "clawdbotA2UI.applyMessages(Array(10001).fill({ deleteSurface: {} })).error";
    assert_eq!(stage.eval(call), "more than 10000 messages");
    let update = |contents: &str| {
        format!(
            "clawdbotA2UI.applyMessages([{{ dataModelUpdate: {{ contents: {contents} }} }}]).error"
        )
    };
    let wide = "Array.from({ length: 50001 }, (_, n) => ({ key: 'k' + n, valueNumber: n }))";
    let error = stage.eval(&update(wide));
    assert!(error.as_str().unwrap().contains("more than 50000 values"), "{error}");
    let deep = "(() => { let v = []; for (let n = 0; n < 5000; n += 1) v = [{ key: 'k', valueMap: v }]; return v; })()";
    let error = stage.eval(&update(deep));
    assert!(error.as_str().unwrap().contains("values deeper than 32"), "{error}");
    // Little by little it is no more than at once.
    let error = stage.eval("{ let done; for (let n = 0; n < 12; n += 1) {
        done = clawdbotA2UI.applyMessages([{ dataModelUpdate: { path: '/p' + n,
            contents: Array.from({ length: 5000 }, (_, n) => ({ key: 'k' + n, valueNumber: n })) } }]);
        } done.error }");
    assert!(error.as_str().unwrap().contains("has room for 50000 values"), "{error}");
    assert_eq!(stage.text("root"), "here");
}

#[test]
fn long_and_crafted_markdown_takes_no_time() {
    let Some(mut stage) = Stage::new() else { return };
    for words in ["*", "**a ", "_a*b`", "`", "***", "\\*", "- \n", "#\n", "[](", "a_b*c** "] {
        let long = words.repeat(100_000 / words.len());
        stage.push(&shown(&json!([text("root", &long)])));
    }
    assert_eq!(stage.eval("1"), 1);
}

#[test]
fn random_messages_lead_to_what_a_new_surface_would_show() {
    let Some(mut stage) = Stage::new() else { return };
    let differs = stage.eval(&format!("({})({}, 120)", include_str!("fuzz.js"), 7));
    assert_eq!(differs, Value::Null);
}
