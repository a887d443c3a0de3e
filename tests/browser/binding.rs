//! Data binding: paths, templates, initial values, and what messages do to what is shown.

use crate::stage::{component, root, shown, text, Stage};
use serde_json::{json, Value};

fn bound(id: &str, path: &str) -> Value {
    component(id, "Text", &json!({ "text": { "path": path } }))
}

fn string(key: &str, value: &str) -> Value {
    json!({ "key": key, "valueString": value })
}

#[test]
fn nothing_is_shown_before_begin_rendering() {
    let Some(mut stage) = Stage::new() else { return };
    assert!(stage.eval("document.body.innerText").as_str().unwrap().contains("Nothing here yet"));
    let update =
        json!([{ "surfaceUpdate": { "surfaceId": "s", "components": [text("r", "Hello")] } }]);
    assert_eq!(stage.apply(&update), json!({ "ok": true, "surfaces": ["s"] }));
    assert_eq!(stage.count("[data-id=r]"), 0);
    stage.push(&json!([{ "beginRendering": { "surfaceId": "s", "root": "r" } }]));
    assert_eq!(stage.eval("document.body.innerText.trim()"), "Hello");
}

#[test]
fn surfaces_come_and_go() {
    let Some(mut stage) = Stage::new() else { return };
    let surface = |id: &str| {
        [
            json!({ "surfaceUpdate": { "surfaceId": id, "components": [text("r", id)] } }),
            json!({ "beginRendering": { "surfaceId": id, "root": "r" } }),
        ]
    };
    let done = stage.apply(&json!([surface("a"), surface("b")].concat()));
    assert_eq!(done, json!({ "ok": true, "surfaces": ["a", "b"] }));
    assert_eq!(stage.texts("r"), ["a", "b"]);
    let done = stage.apply(&json!([
        { "deleteSurface": { "surfaceId": "a" } },
        { "deleteSurface": { "surfaceId": "was never there" } },
    ]));
    assert_eq!(done, json!({ "ok": true, "surfaces": ["b"] }));
    assert_eq!(stage.texts("r"), ["b"]);
    assert_eq!(stage.eval("clawdbotA2UI.getSurfaces()"), json!(["b"]));
    assert_eq!(stage.eval("clawdbotA2UI.reset()"), json!({ "ok": true }));
    assert_eq!(stage.eval("clawdbotA2UI.getSurfaces()"), json!([]));
    assert!(stage.eval("document.body.innerText").as_str().unwrap().contains("Nothing here yet"));
}

#[test]
fn values_appear_and_change_with_the_data() {
    let Some(mut stage) = Stage::new() else { return };
    stage.show(&json!([
        root(&["name", "relative", "count", "open", "deep"]),
        bound("name", "/user/name"),
        bound("relative", "user/name"),
        bound("count", "/count"),
        bound("open", "/open"),
        bound("deep", "/a/b/c"),
    ]));
    assert_eq!(stage.text("name"), "");
    stage.data(
        "",
        &json!([
            { "key": "user", "valueMap": [string("name", "Ada"), string("mail", "a@b")] },
            { "key": "count", "valueNumber": 3 },
            { "key": "open", "valueBoolean": true },
        ]),
    );
    for (id, expected) in [("name", "Ada"), ("relative", "Ada"), ("count", "3"), ("open", "true")] {
        assert_eq!(stage.text(id), expected, "{id}");
    }
    // A path changes what is named there and makes what is missing; the rest stays.
    stage.data("/user", &json!([string("mail", "new")]));
    stage.data("/a/b", &json!([string("c", "deep")]));
    assert_eq!((stage.text("name"), stage.text("deep")), ("Ada".into(), "deep".into()));
    stage.data("/user/name", &json!([string(".", "Grace")]));
    assert_eq!(stage.text("name"), "Grace");
    // Without a path, or with `/`, it is the whole model.
    stage.data("/", &json!([string("count", "four")]));
    assert_eq!((stage.text("name"), stage.text("count")), (String::new(), "four".into()));
}

#[test]
fn a_literal_beside_a_path_is_its_initial_value() {
    let Some(mut stage) = Stage::new() else { return };
    let both = json!({ "path": "/user/name", "literalString": "Guest" });
    stage.show(&json!([
        root(&["field", "echo", "send"]),
        component("field", "TextField", &json!({ "label": { "literalString": "Name" }, "text": both })),
        bound("echo", "/user/name"),
        component("send", "Button", &json!({ "child": "none",
            "action": { "name": "go", "context": [{ "key": "n", "value": { "path": "/user/name" } }] } })),
    ]));
    assert_eq!(stage.text("echo"), "Guest");
    stage.press("[data-id=field] input");
    stage.type_text("!");
    stage.page.until("document.querySelector('[data-id=echo]').innerText === 'Guest!'");
    // The same component once more does not undo what the user did; another literal does.
    stage.show(&json!([component(
        "field",
        "TextField",
        &json!({ "label": { "literalString": "Name" }, "text": both })
    )]));
    assert_eq!(stage.text("echo"), "Guest!");
    stage.press("[data-id=send]");
    assert_eq!(stage.sent()[0]["userAction"]["context"]["n"], "Guest!");
    // A model without the value gets it again.
    stage.data("", &json!([string("other", "x")]));
    assert_eq!(stage.text("echo"), "Guest");
}

#[test]
fn templates_repeat_for_maps_and_lists_with_paths_of_the_item() {
    let Some(mut stage) = Stage::new() else { return };
    let template = |path: &str, id: &str| json!({ "children": { "template": { "dataBinding": path, "componentId": id } } });
    stage.show(&json!([
        component("root", "List", &template("/people", "person")),
        component(
            "person",
            "Column",
            &json!({ "children": { "explicitList": ["name", "slashed", "all", "pets", "pick"] } })
        ),
        bound("name", "name"),
        // Written so by some.
        bound("slashed", "/name"),
        bound("all", "/title"),
        component("pets", "Row", &template("pets", "pet")),
        bound("pet", "."),
        component(
            "pick",
            "Button",
            &json!({ "child": "name", "action": { "name": "pick", "context": [
            { "key": "who", "value": { "path": "name" } },
            { "key": "title", "value": { "path": "/title" } },
            { "key": "pets", "value": { "path": "pets" } } ] } })
        ),
    ]));
    let person = |key: &str, name: &str, pets: &[&str]| {
        let pets: Vec<Value> =
            pets.iter().enumerate().map(|(at, pet)| string(&at.to_string(), pet)).collect();
        json!({ "key": key, "valueMap": [string("name", name), { "key": "pets", "valueMap": pets }] })
    };
    stage.data("", &json!([string("title", "Friends"),
        { "key": "people", "valueMap": [person("z", "Zoe", &["Rex", "Tom"]), person("10", "Ada", &[])] }]));
    // In the order of the message, whatever the keys look like.
    assert_eq!(stage.texts("slashed"), ["Zoe", "Ada"]);
    assert_eq!(stage.texts("all"), ["Friends", "Friends"]);
    assert_eq!(stage.texts("pet"), ["Rex", "Tom"]);
    stage.data("/people", &json!([person("b", "Bob", &["Kit"])]));
    assert_eq!(stage.texts("slashed"), ["Zoe", "Ada", "Bob"]);
    stage.press("[role=listitem]:nth-child(3) [data-id=pick]");
    let action = stage.sent()[0]["userAction"].take();
    assert_eq!(
        action["context"],
        json!({ "who": "Bob", "title": "Friends", "pets": { "0": "Kit" } })
    );
    assert_eq!(action["sourceComponentId"], "pick");
    stage.data("", &json!([{ "key": "people", "valueMap": [person("z", "Zoe", &[])] }]));
    assert_eq!(stage.texts("slashed"), ["Zoe"]);
}

#[test]
fn inputs_in_templates_write_to_their_item() {
    let Some(mut stage) = Stage::new() else { return };
    stage.show(&json!([
        component("root", "List", &json!({ "children": { "template": { "dataBinding": "/tasks", "componentId": "task" } } })),
        component("task", "Row", &json!({ "children": { "explicitList": ["done", "state"] } })),
        component("done", "CheckBox", &json!({ "label": { "path": "title" }, "value": { "path": "done", "literalBoolean": false } })),
        bound("state", "done"),
    ]));
    let task = |key: &str| json!({ "key": key, "valueMap": [string("title", key)] });
    stage.data("", &json!([{ "key": "tasks", "valueMap": [task("a"), task("b")] }]));
    assert_eq!(stage.texts("state"), ["false", "false"]);
    stage.press("[role=listitem]:nth-child(2) label");
    stage.page.until("document.querySelectorAll('[data-id=state]')[1].innerText === 'true'");
    assert_eq!(stage.texts("state"), ["false", "true"]);
    assert_eq!(stage.texts("done"), ["a", "b"]);
}

#[test]
fn components_are_added_and_replaced_by_id() {
    let Some(mut stage) = Stage::new() else { return };
    // The child comes later; nothing is wrong until then.
    stage.push(&shown(&json!([root(&["late", "here"]), text("here", "1")])));
    assert_eq!(stage.texts("here"), ["1"]);
    stage.push(&shown(&json!([text("late", "2")])));
    assert_eq!(stage.text("root").split_whitespace().collect::<Vec<_>>(), ["2", "1"]);
    // The same element with another text; another type is another element.
    stage.eval("window.before = document.querySelector('[data-id=here]')");
    stage.push(&shown(&json!([text("here", "3")])));
    assert_eq!(stage.eval("document.querySelector('[data-id=here]') === before"), true);
    stage.push(&shown(&json!([component("here", "Divider", &json!({}))])));
    assert_eq!(
        stage.eval("document.querySelector('[data-id=here]').getAttribute('role')"),
        "separator"
    );
    // Another root.
    stage.push(&json!([{ "beginRendering": { "surfaceId": "main", "root": "late" } }]));
    assert_eq!(stage.eval("document.querySelector('main').innerText.trim()"), "2");
}

#[test]
fn styles_are_used_if_they_are_valid() {
    let Some(mut stage) = Stage::new() else { return };
    let begin = |styles: Value| json!([{ "beginRendering": { "surfaceId": "main", "root": "b", "styles": styles } }]);
    stage.show(&json!([
        text("root", "x"),
        component(
            "b",
            "Button",
            &json!({ "child": "root", "primary": true, "action": { "name": "x" } })
        )
    ]));
    stage.push(&begin(
        json!({ "font": "Noto Serif, 'Times New Roman', serif", "primaryColor": "#FFCC00" }),
    ));
    let style = "getComputedStyle(document.querySelector('[data-id=b]'))";
    assert_eq!(stage.eval(&format!("{style}.backgroundColor")), "rgb(255, 204, 0)");
    // Black on yellow.
    assert_eq!(stage.eval(&format!("{style}.color")), "rgb(0, 0, 0)");
    let font = stage.eval(&format!("{style}.fontFamily"));
    assert!(
        font.as_str().unwrap().starts_with("\"Noto Serif\", \"Times New Roman\", serif"),
        "{font}"
    );
    let evil =
        json!({ "font": "x; } body { display: none", "primaryColor": "red;background:url(//x)" });
    let done = stage.apply(&begin(evil));
    assert_eq!(done["warnings"].as_array().unwrap().len(), 2, "{done}");
    assert_ne!(stage.eval(&format!("{style}.backgroundColor")), "rgb(255, 204, 0)");
    assert_eq!(stage.eval("getComputedStyle(document.body).display"), "block");
}
