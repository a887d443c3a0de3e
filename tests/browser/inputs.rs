//! What the user puts in arrives in the data model, and what is bound to the same path follows.

use crate::stage::{component, root, Stage};
use serde_json::{json, Value};

/// Shows an input that is bound to `/v`, and the value as text.
#[track_caller]
fn input(stage: &mut Stage, kind: &str, mut props: Value, bound: &str, initial: &Value) {
    props[bound] = json!({ "path": "/v" });
    let contents = match initial {
        Value::Array(values) => {
            let entry = |(at, value): (usize, &Value)| json!({ "key": at.to_string(), "valueString": value });
            let values: Vec<Value> = values.iter().enumerate().map(entry).collect();
            json!({ "key": "v", "valueMap": values })
        }
        Value::Bool(value) => json!({ "key": "v", "valueBoolean": value }),
        Value::Number(value) => json!({ "key": "v", "valueNumber": value }),
        value => json!({ "key": "v", "valueString": value }),
    };
    stage.eval("clawdbotA2UI.reset()");
    stage.show(&json!([
        root(&["in", "echo", "send"]),
        component("in", kind, &props),
        component("echo", "Text", &json!({ "text": { "path": "/v" } })),
        component(
            "send",
            "Button",
            &json!({ "child": "none",
            "action": { "name": "send", "context": [{ "key": "v", "value": { "path": "/v" } }] } })
        ),
    ]));
    stage.data("", &json!([contents]));
}

/// What an action says about the value now.
#[track_caller]
fn value(stage: &mut Stage) -> Value {
    let before = stage.sent().len();
    stage.press("[data-id=send]");
    let sent = stage.sent();
    assert_eq!(sent.len(), before + 1);
    let action = &sent[before]["userAction"];
    let done = json!({ "detail": { "id": action["id"], "ok": true } });
    stage.eval(&format!(
        "dispatchEvent(new CustomEvent('clawdbot:a2ui-action-status', {done})) && null"
    ));
    action["context"]["v"].clone()
}

#[test]
fn a_check_box_is_true_or_false() {
    let Some(mut stage) = Stage::new() else { return };
    let label = json!({ "label": { "literalString": "Lights" } });
    input(&mut stage, "CheckBox", label, "value", &json!(true));
    assert_eq!(stage.eval("document.querySelector('input').checked"), true);
    assert_eq!(stage.text("in"), "Lights");
    stage.press("[data-id=in]");
    stage.page.until("document.querySelector('[data-id=echo]').innerText === 'false'");
    assert_eq!(value(&mut stage), false);
}

#[test]
fn text_fields_are_of_the_asked_type() {
    let Some(mut stage) = Stage::new() else { return };
    for (kind, tag, typed, expected) in [
        ("shortText", "input[type=text]", "Ada", json!("Ada")),
        ("longText", "textarea", "two\nlines", json!("two\nlines")),
        ("number", "input[type=number]", "4.5", json!("4.5")),
        ("obscured", "input[type=password]", "secret", json!("secret")),
    ] {
        let props = json!({ "label": { "literalString": "Label" }, "textFieldType": kind });
        input(&mut stage, "TextField", props, "text", &json!(""));
        assert_eq!(
            stage.eval("document.querySelector('[data-id=in] label').control.localName"),
            tag.split('[').next().unwrap()
        );
        stage.press(&format!("[data-id=in] {tag}"));
        stage.type_text(typed);
        stage.page.until("document.querySelector('[data-id=echo]').innerText !== ''");
        assert_eq!(value(&mut stage), expected, "{kind}");
    }
    let props = json!({ "label": { "literalString": "Day" }, "textFieldType": "date" });
    input(&mut stage, "TextField", props, "text", &json!("2026-01-17"));
    assert_eq!(stage.eval("document.querySelector('[type=date]').value"), "2026-01-17");
    // A number stays one.
    let props = json!({ "label": { "literalString": "Age" }, "textFieldType": "number" });
    input(&mut stage, "TextField", props, "text", &json!(4));
    stage.press("[data-id=in] input");
    stage.type_text("2");
    stage.page.until("document.querySelector('[data-id=echo]').innerText.length === 2");
    assert!(value(&mut stage).is_number());
}

#[test]
fn a_text_that_does_not_match_is_marked() {
    let Some(mut stage) = Stage::new() else { return };
    let props = json!({ "label": { "literalString": "Code" }, "validationRegexp": "[0-9]{3}" });
    input(&mut stage, "TextField", props, "text", &json!(""));
    stage.press("[data-id=in] input");
    stage.type_text("12");
    stage.page.until("document.querySelector('[data-id=in] [aria-invalid=true]') !== null");
    assert!(stage.text("in").contains("expected form"));
    // Whether to refuse it is up to the agent.
    assert_eq!(value(&mut stage), "12");
    stage.press("[data-id=in] input");
    stage.type_text("3");
    stage.page.until("document.querySelector('[data-id=in] [aria-invalid=true]') === null");
}

#[test]
fn dates_and_times_are_read_and_written_as_asked() {
    let Some(mut stage) = Stage::new() else { return };
    for (props, given, shown, entered, expected) in [
        (json!({ "enableDate": true }), "2026-01-17", "2026-01-17", "2026-02-01", "2026-02-01"),
        (json!({ "enableTime": true }), "7:05", "07:05", "18:30", "18:30"),
        (
            json!({}),
            "2026-01-17T10:00:00Z",
            "2026-01-17T10:00",
            "2026-02-01T18:30",
            "2026-02-01T18:30",
        ),
        (
            json!({ "enableDate": true, "enableTime": true, "outputFormat": "dd.MM.yyyy, HH:mm" }),
            "17.01.2026, 10:00",
            "2026-01-17T10:00",
            "2026-02-01T18:30",
            "01.02.2026, 18:30",
        ),
        (
            json!({ "enableDate": true, "outputFormat": "MMMM d, yyyy" }),
            "2026-01-17",
            "2026-01-17",
            "2026-02-01",
            "February 1, 2026",
        ),
        (json!({ "enableDate": true }), "no date", "", "2026-02-01", "2026-02-01"),
    ] {
        input(&mut stage, "DateTimeInput", props, "value", &json!(given));
        assert_eq!(
            stage.eval("document.querySelector('[data-id=in] input').value"),
            shown,
            "{given}"
        );
        stage.eval(&format!(
            "{{ const e = document.querySelector('[data-id=in] input'); e.value = '{entered}';
                e.dispatchEvent(new Event('input', {{ bubbles: true }})) }}"
        ));
        stage
            .page
            .until(&format!("document.querySelector('[data-id=echo]').innerText === '{expected}'"));
        assert_eq!(stage.eval("document.querySelector('[data-id=in] input').value"), entered);
        assert_eq!(value(&mut stage), expected);
    }
}

#[test]
fn choices_are_lists_and_end_at_what_is_allowed() {
    let Some(mut stage) = Stage::new() else { return };
    let option =
        |value: &str| json!({ "label": { "literalString": value.to_uppercase() }, "value": value });
    let options = json!([option("red"), option("green"), option("blue")]);
    let box_of = |n: u32| format!("[data-id=in] label:nth-child({n}) input");
    let checked = "Array.from(document.querySelectorAll('[data-id=in] input'), (e) => e.checked)";

    let props = json!({ "options": options, "maxAllowedSelections": 2 });
    input(&mut stage, "MultipleChoice", props, "selections", &json!(["green"]));
    assert_eq!(stage.eval(checked), json!([false, true, false]));
    assert_eq!(stage.text("in"), "RED\nGREEN\nBLUE");
    stage.press(&box_of(1));
    stage.page.until("document.querySelectorAll('[data-id=in] :disabled').length === 1");
    assert_eq!(value(&mut stage), json!(["red", "green"]));
    stage.press(&box_of(3));
    assert_eq!(value(&mut stage), json!(["red", "green"]));
    stage.press(&box_of(2));
    stage.page.until("document.querySelectorAll('[data-id=in] :disabled').length === 0");
    assert_eq!(value(&mut stage), json!(["red"]));

    let props = json!({ "options": options, "maxAllowedSelections": 1 });
    input(&mut stage, "MultipleChoice", props, "selections", &json!("red"));
    assert_eq!(stage.count("[role=radiogroup] [type=radio]:checked"), 1);
    stage.press(&box_of(3));
    stage.page.until("document.querySelector('[data-id=echo]').innerText === 'blue'");
    assert_eq!(value(&mut stage), json!(["blue"]));
}

#[test]
fn a_slider_has_its_range_and_gives_numbers() {
    let Some(mut stage) = Stage::new() else { return };
    let props = json!({ "minValue": 10, "maxValue": 20 });
    input(&mut stage, "Slider", props, "value", &json!(15));
    assert_eq!(stage.eval("document.querySelector('[type=range]').value"), "15");
    assert_eq!(stage.text("in"), "15");
    stage.eval("document.querySelector('[type=range]').focus()");
    stage.key("ArrowRight", 39);
    stage.page.until("document.querySelector('[data-id=echo]').innerText === '16'");
    assert_eq!(value(&mut stage), 16);
    let props = json!({ "minValue": 0, "maxValue": 1 });
    input(&mut stage, "Slider", props, "value", &json!(0.25));
    assert_eq!(stage.eval("document.querySelector('[type=range]').value"), "0.25");
}

#[test]
fn an_input_that_becomes_another_one_keeps_its_value() {
    let Some(mut stage) = Stage::new() else { return };
    let option = |value: &str| json!({ "label": { "literalString": value }, "value": value });
    let choice = |values: [&str; 2]| {
        let props =
            json!({ "selections": { "literalArray": ["b"] }, "options": values.map(option) });
        component("choice", "MultipleChoice", &props)
    };
    let field = |kind: &str| {
        let props = json!({ "label": { "literalString": "L" }, "text": { "literalString": "1" },
            "textFieldType": kind, "validationRegexp": "[a-z]" });
        component("field", "TextField", &props)
    };
    stage.show(&json!([root(&["choice", "field"]), choice(["a", "b"]), field("shortText")]));
    let invalid = "document.querySelector('[data-id=field] [aria-invalid=true]')?.value === '1'";
    stage.page.until(invalid);
    stage.show(&json!([choice(["b", "c"]), field("longText")]));
    let checked =
        "Array.from(document.querySelectorAll('[data-id=choice] input'), (e) => e.checked)";
    assert_eq!(stage.eval(checked), json!([true, false]));
    stage.page.until(invalid);
}
