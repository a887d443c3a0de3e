//! A daemon, a browser that shows its A2UI page, and the app around the page.

use crate::chromium::Chromium;
use crate::support::tools::has;
use crate::support::{Daemon, Phone};
use serde_json::{json, Value};

/// The object that the Android app gives its pages, which takes texts and wants to be called as a
/// method of itself.
pub(crate) const ANDROID: &str = "window.sent = [];
    window.clawdbotCanvasA2UIAction = { postMessage(text) {
        if (this !== window.clawdbotCanvasA2UIAction) throw new Error('not a method');
        if (typeof text !== 'string') throw new Error('not a text');
        window.sent.push(JSON.parse(text));
    } };";

/// The object of iOS and macOS, which takes anything.
pub(crate) const APPLE: &str = "window.sent = [];
    window.webkit = { messageHandlers: { clawdbotCanvasA2UIAction: {
        postMessage(value) { window.sent.push(value); },
    } } };";

pub(crate) struct Stage {
    pub(crate) page: Chromium,
    pub(crate) daemon: Daemon,
    /// Where the canvas host is.
    pub(crate) host: String,
    /// Complaints that belong to the test.
    expected: Vec<&'static str>,
}

impl Stage {
    /// The A2UI page in the Android app; `None` if there is no browser here.
    pub(crate) fn new() -> Option<Self> {
        Self::inside(ANDROID)
    }

    /// The A2UI page in an app that adds this to each page.
    pub(crate) fn inside(app: &str) -> Option<Self> {
        if !has("chromium", "chromium") {
            return None;
        }
        let daemon = Daemon::start();
        let host = canvas_host(&daemon);
        let mut page = Chromium::start();
        let size = json!({ "width": 412, "height": 915, "deviceScaleFactor": 1, "mobile": true });
        page.call("Emulation.setDeviceMetricsOverride", &size);
        page.call("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": app }));
        let mut stage = Self { page, daemon, host, expected: Vec::new() };
        stage.open("android");
        Some(stage)
    }

    /// Opens the page as an app on this platform does.
    pub(crate) fn open(&mut self, platform: &str) {
        let url = format!("{}/__clawdbot__/a2ui/?platform={platform}", self.host);
        self.page.open(&url);
        self.page.until("typeof globalThis.clawdbotA2UI?.applyMessages === 'function'");
    }

    /// The page may complain with these words.
    pub(crate) fn expect_complaint(&mut self, words: &'static str) {
        self.expected.push(words);
    }

    /// Applies messages; what the page says.
    #[track_caller]
    pub(crate) fn apply(&mut self, messages: &Value) -> Value {
        let call = format!("JSON.stringify(clawdbotA2UI.applyMessages({messages}))");
        serde_json::from_str(self.page.eval(&call).as_str().unwrap()).unwrap()
    }

    /// Applies messages that are valid and give no warning.
    #[track_caller]
    pub(crate) fn push(&mut self, messages: &Value) {
        let done = self.apply(messages);
        assert!(done["ok"] == true && done["warnings"].is_null(), "{done}");
    }

    /// Shows components, of which one is called `root`, and which may give warnings.
    #[track_caller]
    pub(crate) fn show(&mut self, components: &Value) -> Value {
        let done = self.apply(&shown(components));
        assert_eq!(done["ok"], true, "{done}");
        done
    }

    /// Changes the data model at a path.
    #[track_caller]
    pub(crate) fn data(&mut self, path: &str, contents: &Value) {
        self.push(&json!([{ "dataModelUpdate":
            { "surfaceId": "main", "path": path, "contents": contents } }]));
    }

    #[track_caller]
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        self.page.eval(expression)
    }

    /// The texts that are shown of the components with this id.
    #[track_caller]
    pub(crate) fn texts(&mut self, id: &str) -> Vec<String> {
        let texts = self.eval(&format!(
            "Array.from(document.querySelectorAll('[data-id=\"{id}\"]'), (e) => e.innerText)"
        ));
        serde_json::from_value(texts).unwrap()
    }

    /// The text that is shown of the component with this id.
    #[track_caller]
    pub(crate) fn text(&mut self, id: &str) -> String {
        let texts = self.texts(id);
        assert_eq!(texts.len(), 1, "{id}: {texts:?}");
        texts.into_iter().next().unwrap()
    }

    #[track_caller]
    pub(crate) fn count(&mut self, selector: &str) -> u64 {
        self.eval(&format!("document.querySelectorAll('{selector}').length")).as_u64().unwrap()
    }

    /// Presses the first element that is found.
    #[track_caller]
    pub(crate) fn press(&mut self, selector: &str) {
        let place = self.eval(&format!(
            "{{ const e = document.querySelector('{selector}');
                e.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const r = e.getBoundingClientRect();
                ({{ x: r.x + r.width / 2, y: r.y + r.height / 2 }}) }}"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place["x"], "y": place["y"],
                "button": "left", "clickCount": 1 });
            self.page.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Types a text where the focus is.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.page.call("Input.insertText", &json!({ "text": text }));
    }

    /// Presses a key that has a name.
    pub(crate) fn key(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.page.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// The actions that the app was given.
    #[track_caller]
    pub(crate) fn sent(&mut self) -> Vec<Value> {
        let sent = self.eval("JSON.stringify(window.sent)");
        serde_json::from_str(sent.as_str().unwrap()).unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let complaints = self.page.complaints();
        let unexpected: Vec<&String> = complaints
            .iter()
            .filter(|complaint| !self.expected.iter().any(|words| complaint.contains(words)))
            .collect();
        assert!(unexpected.is_empty(), "the page complained: {unexpected:#?}");
    }
}

/// The address that nodes are told.
fn canvas_host(daemon: &Daemon) -> String {
    let mut phone = Phone::asking(daemon, "browser");
    daemon.approve("browser");
    phone.expect_token();
    phone.expect("hello-ok")["canvasHostUrl"].as_str().unwrap().to_owned()
}

/// The messages that show components, of which one is called `root`.
pub(crate) fn shown(components: &Value) -> Value {
    json!([
        { "surfaceUpdate": { "surfaceId": "main", "components": components } },
        { "beginRendering": { "surfaceId": "main", "root": "root" } },
    ])
}

/// A component with its properties.
pub(crate) fn component(id: &str, kind: &str, props: &Value) -> Value {
    json!({ "id": id, "component": { kind: props } })
}

/// A text.
pub(crate) fn text(id: &str, text: &str) -> Value {
    component(id, "Text", &json!({ "text": { "literalString": text } }))
}

/// A column of components, called `root`.
pub(crate) fn root(children: &[&str]) -> Value {
    component("root", "Column", &json!({ "children": { "explicitList": children } }))
}
