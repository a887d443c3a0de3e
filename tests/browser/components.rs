//! What components show: texts, pictures, media, icons, and how they are arranged.

use crate::stage::{component, root, shown, text, Stage};
use serde_json::{json, Value};

/// A picture of 2 by 1 pixels.
pub(crate) const PICTURE: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' \
    viewBox='0 0 2 1'%3E%3Crect width='2' height='1' fill='green'/%3E%3C/svg%3E";

/// A tenth of a second of silence.
const SOUND: &str = "data:audio/wav;base64,UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA==";

#[test]
fn texts_have_their_sizes_and_simple_markdown() {
    let Some(mut stage) = Stage::new() else { return };
    let hints = ["h1", "h2", "h3", "h4", "h5", "body", "caption"];
    let mut components = vec![root(&hints)];
    for hint in hints {
        let props = json!({ "text": { "literalString": hint }, "usageHint": hint });
        components.push(component(hint, "Text", &props));
    }
    stage.show(&components.into());
    let size = "parseFloat(getComputedStyle(e).fontSize)";
    let sizes = stage.eval(&format!(
        "Array.from(document.querySelectorAll('[data-id=root] > *'), (e) => {size})"
    ));
    let sizes: Vec<f64> = serde_json::from_value(sizes).unwrap();
    assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]) && sizes[0] > sizes[3], "{sizes:?}");
    assert_eq!(stage.count("[role=heading][aria-level=\"2\"]"), 1);

    let words = "# Plan\nOne **bold** and *thin*, `co*de*` and snake_case_name\nsecond line\n\n\
        - a\n- b **c**\n  - inner\n\n3. three\n4. four\n\n```\n<b>\n```\n2 * 3 * 4, \\*not\\*";
    stage.show(&json!([root(&["t"]), text("t", words)]));
    let inside = stage.eval("document.querySelector('[data-id=t]').innerHTML");
    assert_eq!(
        inside,
        "<h1>Plan</h1><p>One <strong>bold</strong> and <em>thin</em>, <code>co*de*</code> and \
         snake_case_name<br>second line</p><ul><li>a</li><li>b <strong>c</strong><ul><li>inner</li>\
         </ul></li></ul><ol start=\"3\"><li>three</li><li>four</li></ol><pre><code>&lt;b&gt;</code>\
         </pre><p>2 * 3 * 4, *not*</p>"
    );
}

#[test]
fn markup_in_texts_stays_text() {
    let Some(mut stage) = Stage::new() else { return };
    let evil = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'> \
        [a](javascript:window.hit=1) ![b](http://127.0.0.1:9/x) <a href=x>";
    let label = json!({ "literalString": evil });
    stage.show(&json!([
        root(&["t", "h", "c", "f", "tabs", "x", "audio"]),
        text("t", evil),
        component("h", "Text", &json!({ "text": label, "usageHint": "h1" })),
        component("c", "CheckBox", &json!({ "label": label, "value": { "path": evil } })),
        component("f", "TextField", &json!({ "label": label, "text": label })),
        component("tabs", "Tabs", &json!({ "tabItems": [{ "title": label, "child": "t2" }] })),
        text("t2", "inside"),
        component("x", evil, &json!({})),
        component(
            "audio",
            "AudioPlayer",
            &json!({ "url": { "literalString": "" }, "description": label })
        ),
    ]));
    for shown in ["t", "h"] {
        assert!(stage.text(shown).contains("<script>window.hit = 1</script><img src=x"), "{shown}");
    }
    assert_eq!(stage.count("#surfaces :is(script, img, a)"), 0);
    assert_eq!(stage.eval("window.hit ?? 'safe'"), "safe");
}

#[test]
fn pictures_films_and_sounds_are_loaded() {
    let Some(mut stage) = Stage::new() else { return };
    let url = json!({ "path": "/url" });
    stage.show(&json!([
        root(&["header", "avatar", "sound", "film"]),
        component(
            "header",
            "Image",
            &json!({ "url": url, "usageHint": "header", "fit": "contain" })
        ),
        component("avatar", "Image", &json!({ "url": url, "usageHint": "avatar" })),
        component(
            "sound",
            "AudioPlayer",
            &json!({
            "url": { "literalString": SOUND }, "description": { "literalString": "Silence" } })
        ),
        component("film", "Video", &json!({ "url": { "path": "/film" } })),
    ]));
    // The address comes later.
    assert_eq!(stage.count("img"), 0);
    stage.data("", &json!([{ "key": "url", "valueString": PICTURE }]));
    stage.page.until(
        "[...document.images].length === 2
        && [...document.images].every((i) => i.complete && i.naturalWidth > 0)",
    );
    assert_eq!(stage.eval("getComputedStyle(document.images[0]).objectFit"), "contain");
    assert_eq!(stage.eval("document.images[0].clientWidth > 300"), true);
    assert_eq!(stage.eval("document.images[1].clientWidth"), 44);
    stage.page.until("document.querySelector('audio').readyState > 0");
    assert_eq!(stage.eval("document.querySelector('audio').ariaLabel"), "Silence");
    assert!(stage.text("sound").contains("Silence"));

    // What is not there is said in its place, and tried again with another address.
    stage.expect_complaint("404");
    stage.data(
        "",
        &json!([{ "key": "url", "valueString": "/no-such-picture.png" },
        { "key": "film", "valueString": "/no-such-film.mp4" }]),
    );
    stage.page.until(
        "document.body.innerText.includes('This picture cannot be loaded')
        && document.body.innerText.includes('This video cannot be loaded')",
    );
    stage.data("", &json!([{ "key": "url", "valueString": PICTURE }]));
    stage.page.until("[...document.images].length === 2");
}

#[test]
fn every_icon_of_the_standard_is_drawn() {
    let Some(mut stage) = Stage::new() else { return };
    let names = "accountCircle add arrowBack arrowForward attachFile calendarToday call camera \
        check close delete download edit event error favorite favoriteOff folder help home info \
        locationOn lock lockOpen mail menu moreVert moreHoriz notificationsOff notifications \
        payment person phone photo print refresh search send settings share shoppingCart star \
        starHalf starOff upload visibility visibilityOff warning";
    let names: Vec<&str> = names.split_whitespace().collect();
    let icon = |name: &&str| component(name, "Icon", &json!({ "name": { "literalString": name } }));
    let mut components: Vec<Value> = names.iter().map(icon).collect();
    components.push(component("root", "Row", &json!({ "children": { "explicitList": names } })));
    stage.push(&shown(&components.into()));
    let drawn = stage.eval(
        "Array.from(document.querySelectorAll('svg'), (e) => e.dataset.icon + ' '
            + (e.getBBox().width > 3 || e.getBBox().height > 10)).join('\\n')",
    );
    let expected: Vec<String> = names.iter().map(|name| format!("{name} true")).collect();
    assert_eq!(drawn.as_str().unwrap().lines().collect::<Vec<_>>(), expected);
    assert_eq!(
        stage.eval(
            "new Set(Array.from(document.querySelectorAll('svg'), \
        (e) => e.innerHTML)).size"
        ),
        names.len()
    );

    // One that does not exist is visible as such.
    let done = stage.show(&json!([root(&["i"]), icon(&"sparkles")]));
    assert_eq!(done["warnings"].as_array(), None, "nothing shows it");
    let done = stage.show(&json!([root(&["sparkles"]), icon(&"sparkles")]));
    assert_eq!(
        done["warnings"][0],
        "surface \"main\": component \"sparkles\": there is no icon sparkles"
    );
    assert_eq!(stage.eval("document.querySelector('svg').getBBox().width > 10"), true);
}

/// Left and right edge of each child of the root.
fn edges(stage: &mut Stage) -> Vec<(f64, f64)> {
    let edges = stage.eval(
        "Array.from(document.querySelectorAll('[data-id=root] > *'), (e) => {
            const r = e.getBoundingClientRect(); return [r.left, r.right]; })",
    );
    serde_json::from_value(edges).unwrap()
}

#[test]
fn rows_share_their_width_by_weight_or_distribute_it() {
    let Some(mut stage) = Stage::new() else { return };
    let row = |more: Value| {
        let mut props = json!({ "children": { "explicitList": ["a", "b"] } });
        props.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        component("root", "Row", &props)
    };
    let (mut a, mut b) = (text("a", "a"), text("b", "b"));
    stage.show(&json!([row(json!({ "distribution": "spaceBetween" })), a, b]));
    let found = edges(&mut stage);
    assert!(found[0].0 < 20.0 && found[1].1 > 390.0, "{found:?}");
    stage.show(&json!([row(json!({ "distribution": "end" }))]));
    let found = edges(&mut stage);
    assert!(found[0].0 > 350.0, "{found:?}");
    (a["weight"], b["weight"]) = (json!(1), json!(3));
    stage.show(&json!([a, b]));
    let found = edges(&mut stage);
    let [first, second] = [found[0].1 - found[0].0, found[1].1 - found[1].0];
    assert!((second / first - 3.0).abs() < 0.1, "{found:?}");

    // Many buttons go to the next line; nothing is wider than the phone.
    let ids: Vec<String> = (0..12).map(|n| format!("b{n}")).collect();
    let mut components = vec![text("label", "Press")];
    for id in &ids {
        components.push(component(
            id,
            "Button",
            &json!({ "child": "label", "action": { "name": "x" } }),
        ));
    }
    components.push(component("root", "Row", &json!({ "children": { "explicitList": ids } })));
    stage.show(&components.into());
    assert!(edges(&mut stage).iter().all(|(_, right)| *right <= 412.0));
    assert_eq!(stage.eval("document.documentElement.scrollWidth"), 412);
}

#[test]
fn cards_lists_and_dividers_hold_their_children() {
    let Some(mut stage) = Stage::new() else { return };
    stage.show(&json!([
        root(&["card", "line", "list"]),
        component("card", "Card", &json!({ "child": "a" })),
        text("a", "in the card"),
        component("line", "Divider", &json!({ "axis": "horizontal" })),
        component(
            "list",
            "List",
            &json!({
            "direction": "horizontal", "children": { "explicitList": ["b", "c"] } })
        ),
        text("b", "one"),
        text("c", "two"),
    ]));
    assert_eq!(stage.text("card"), "in the card");
    assert_eq!(stage.count("[role=list] > [role=listitem]"), 2);
    assert_eq!(stage.count("[role=separator][aria-orientation=horizontal]"), 1);
    let b = "document.querySelector('[data-id=b]').getBoundingClientRect()";
    let c = "document.querySelector('[data-id=c]').getBoundingClientRect()";
    assert_eq!(stage.eval(&format!("{b}.right <= {c}.left && {b}.top === {c}.top")), true);
}

#[test]
fn tabs_are_chosen_by_touch_and_by_keyboard() {
    let Some(mut stage) = Stage::new() else { return };
    let tabs = |titles: &[&str]| {
        let items: Vec<Value> = titles
            .iter()
            .map(|title| json!({ "title": { "literalString": title }, "child": title }))
            .collect();
        component("root", "Tabs", &json!({ "tabItems": items }))
    };
    stage.show(&json!([tabs(&["a", "b", "c"]), text("a", "A"), text("b", "B"), text("c", "C")]));
    assert_eq!(
        stage.eval("document.querySelector('main').innerText.split(/\\s+/)"),
        json!(["a", "b", "c", "A"])
    );
    stage.press("[role=tab]:nth-child(2)");
    assert_eq!(stage.count("[role=tab][aria-selected=true]"), 1);
    assert_eq!(stage.text("b"), "B");
    for (key, code, shown) in [("ArrowRight", 39, "c"), ("ArrowRight", 39, "a"), ("End", 35, "c")] {
        stage.key(key, code);
        assert_eq!(stage.eval("document.activeElement.innerText"), shown);
        let panel = "document.querySelector('[role=tabpanel]:not([hidden])')";
        assert_eq!(stage.eval(&format!("{panel}.innerText")), shown.to_uppercase());
        assert_eq!(
            stage.eval(&format!("{panel}.ariaLabelledByElements?.[0]?.innerText ?? '{shown}'")),
            shown
        );
    }
    // The open tab stays open when others change, and gives way when it goes.
    stage.show(&json!([text("a", "A2")]));
    assert_eq!(stage.eval("document.querySelector('[aria-selected=true]').innerText"), "c");
    stage.show(&json!([tabs(&["a", "b"])]));
    assert_eq!(stage.eval("document.querySelector('[aria-selected=true]').innerText"), "a");
    assert_eq!(stage.text("a"), "A2");
}

#[test]
fn a_modal_opens_and_closes() {
    let Some(mut stage) = Stage::new() else { return };
    stage.show(&json!([
        root(&["modal"]),
        component(
            "modal",
            "Modal",
            &json!({ "entryPointChild": "entry", "contentChild": "inside" })
        ),
        text("entry", "More"),
        text("inside", "Details"),
    ]));
    assert_eq!(stage.count("[data-id=inside]"), 0);
    for (open, close) in [("click", "button"), ("Enter", "Escape")] {
        match open {
            "click" => stage.press("[data-id=entry]"),
            key => {
                stage.eval("document.querySelector('.modal-entry').focus()");
                stage.key(key, 13);
            }
        }
        assert_eq!(stage.eval("document.querySelector('dialog').matches(':modal')"), true);
        assert_eq!(stage.text("inside"), "Details");
        // What happens meanwhile is shown in it.
        stage.show(&json!([text("inside", "News")]));
        assert_eq!(stage.text("inside"), "News");
        match close {
            "button" => stage.press("dialog [aria-label=Close]"),
            key => stage.key(key, 27),
        }
        assert_eq!(stage.count("dialog[open]"), 0);
        stage.show(&json!([text("inside", "Details")]));
    }
}
