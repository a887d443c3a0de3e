//! What nodes read from the gateway and may not simply change: `config.*`, the wake words, and the
//! lists of models and programs.

use crate::support::apps::{integer, text, App};
use crate::support::{eventually, Daemon, Setup};
use serde_json::{json, Value};
use std::fs;

const FILE: &str = "settings/nodes.json";

/// A configuration with much that is none of a node's business.
const CONFIG: &str = r##"{
    bridge: { name: "den", allow: { configWrite: true } },
    ui: { seamColor: "#112233", assistant: { name: "secret-name" } },
    talk: { voiceId: "v1", voiceAliases: { Clawd: "v2" }, apiKey: "talk-key", interruptOnSpeech: true },
    session: { mainKey: "other", store: "/secret/store" },
    agent: { kind: "command", command: ["/bin/echo", "secret-argument"], env: { KEY: "secret-env" } },
    models: { providers: { p: { apiKey: "secret-model", models: [
        { id: "b", name: "Bee", contextWindow: 5 }, { id: "a", reasoning: true }, { name: "none" },
    ] } } },
    skills: { bins: ["git", "curl", "git"] },
}"##;

fn alice(daemon: &Daemon) -> App {
    App::paired(daemon, "alice")
}

fn get(app: &mut App) -> Value {
    app.ok("config.get", &json!({}))
}

#[test]
fn nodes_see_what_the_apps_read_and_no_secret() {
    let daemon = Daemon::with_config(CONFIG);
    let mut app = alice(&daemon);
    let snapshot = get(&mut app);
    let expected = json!({
        "session": { "mainKey": "main" },
        "talk": {
            "voiceId": "v1", "voiceAliases": { "Clawd": "v2" }, "apiKey": "talk-key",
            "interruptOnSpeech": true,
        },
        "ui": { "seamColor": "#112233" },
    });
    assert_eq!(snapshot["config"], expected);
    assert_eq!((&snapshot["valid"], &snapshot["exists"]), (&json!(true), &json!(false)));
    assert_eq!((&snapshot["raw"], &snapshot["issues"]), (&Value::Null, &json!([])));
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(snapshot["hash"], of_nothing);
    for method in
        ["config.get", "config.schema", "health", "models.list", "skills.bins", "sessions.list"]
    {
        let result = app.ok(method, &json!({})).to_string();
        assert!(!result.contains("secret-"), "{method}: {result}");
        assert!(method == "sessions.list" || !result.contains("/secret"), "{method}: {result}");
    }
}

#[test]
fn an_operators_screen_shows_no_secret_and_takes_none_of_its_dots() {
    let daemon = Daemon::with_config(CONFIG);
    for args in [&["settings", "get"][..], &["settings", "get", "--json"]] {
        let shown = daemon.run(args.iter().copied()).ok();
        assert!(shown.contains("voiceId") && !shown.contains("talk-key"), "{shown}");
    }
    let dots = r#"{"talk":{"apiKey":"…"}}"#;
    let refused = daemon.run(["settings", "patch", dots]).error(2);
    assert!(refused.contains("instead of a secret"), "{refused}");
}

#[test]
fn nothing_configured_is_the_main_key() {
    let daemon = Daemon::start();
    let mut app = alice(&daemon);
    let config = get(&mut app)["config"].take();
    assert_eq!(config, json!({ "session": { "mainKey": "main" }, "talk": {}, "ui": {} }));
    assert_eq!(app.ok("models.list", &json!({})), json!({ "models": [] }));
    assert_eq!(app.ok("skills.bins", &json!({ "any": [1] })), json!({ "bins": [] }));
}

#[test]
fn lists_are_served_as_configured() {
    let daemon = Daemon::with_config(CONFIG);
    let mut app = alice(&daemon);
    let models = json!({ "models": [
        { "id": "b", "name": "Bee", "provider": "p", "contextWindow": 5 },
        { "id": "a", "name": "a", "provider": "p", "reasoning": true },
    ] });
    assert_eq!(app.ok("models.list", &json!({})), models);
    assert_eq!(app.ok("skills.bins", &json!({})), json!({ "bins": ["curl", "git"] }));
}

#[test]
fn parameters_are_read_strictly() {
    let daemon = Daemon::with_config(CONFIG);
    let mut app = alice(&daemon);
    for (method, params, mistake) in [
        ("config.get", json!({ "x": 1 }), "data must NOT have additional properties"),
        ("config.get", json!([]), "data must be object"),
        ("config.schema", json!({ "x": 1 }), "data must NOT have additional properties"),
        ("models.list", json!({ "x": 1 }), "data must NOT have additional properties"),
        ("config.set", json!({}), "data must have required property 'raw'"),
        ("config.set", json!({ "raw": "" }), "data/raw must NOT have fewer than 1 characters"),
        ("config.set", json!({ "raw": {} }), "data/raw must be string"),
        ("config.patch", json!({ "raw": "{}", "baseHash": null }), "data/baseHash must be string"),
        (
            "config.patch",
            json!({ "raw": "{}", "baseHash": "" }),
            "data/baseHash must NOT have fewer than 1 characters",
        ),
        ("talk.mode", json!({}), "data must have required property 'enabled'"),
        ("talk.mode", json!({ "enabled": "yes" }), "data/enabled must be boolean"),
        ("talk.mode", json!({ "enabled": true, "phase": null }), "data/phase must be string"),
        (
            "talk.mode",
            json!({ "enabled": true, "x": 1 }),
            "data must NOT have additional properties",
        ),
    ] {
        let expected = format!("invalid {method} params: {mistake}");
        assert_eq!(app.invalid(method, &params), expected, "{params}");
    }
    // These look at nothing, or at whatever comes.
    for method in ["health", "voicewake.get", "skills.bins"] {
        app.ok(method, &json!({ "x": [null] }));
        app.ok(method, &Value::Null);
        app.ok(method, &json!([1]));
    }
    let words = json!({ "triggers": ["clawd", "claude", "computer"] });
    assert_eq!(app.ok("voicewake.set", &json!({ "triggers": 5, "x": 1 })), words);
    assert_eq!(app.ok("voicewake.get", &json!({})), words);
}

#[test]
fn talk_mode_is_told_to_operators_and_not_to_nodes() {
    let daemon = Daemon::start();
    let mut operator = daemon.control().subscribe(&["talk.mode"]);
    let mut app = alice(&daemon);
    let mut bob = App::paired(&daemon, "bob");
    app.subscribe("main");
    bob.subscribe("main");
    for (params, phase) in [
        (json!({ "enabled": true, "phase": "listening" }), json!("listening")),
        (json!({ "enabled": false }), json!(null)),
    ] {
        let result = app.ok("talk.mode", &params);
        integer(&result["ts"]);
        assert_eq!((&result["enabled"], &result["phase"]), (&params["enabled"], &phase));
        assert_eq!(operator.event("talk.mode"), result);
    }
    for app in [&mut app, &mut bob] {
        app.catch_up();
        assert!(app.events.is_empty(), "{:?}", app.events);
    }
}

#[test]
fn programs_list_models_and_the_programs_of_skills() {
    let setup = Setup::new();
    let path = setup.path("models.json");
    let list = |models: &str| fs::write(&path, models).unwrap();
    list(r#"[{ "id": "b", "contextWindow": 0 }, { "id": "a", "provider": "p", "name": "again" }]"#);
    let setup = setup.config(
        r#"{
            models: { models: [{ id: "a", provider: "p" }], command: ["/bin/cat", "models.json"] },
            skills: { bins: ["git"], binsCommand: ["/bin/echo", '["uname", "git"]'] },
        }"#,
    );
    let daemon = setup.start();
    let mut app = alice(&daemon);
    let mut names = |key: &str, method: &str, count: usize| {
        eventually("the programs have run", || {
            let listed = app.ok(method, &json!({}))[key].clone();
            (listed.as_array().unwrap().len() == count).then_some(listed)
        })
    };
    let first = json!([
        { "id": "b", "name": "b", "provider": "local" },
        { "id": "a", "name": "a", "provider": "p" },
    ]);
    assert_eq!(names("models", "models.list", 2), first);
    assert_eq!(names("bins", "skills.bins", 2), json!(["git", "uname"]));
    // One that fails leaves the last list in force; a reload has it run again.
    list("damaged");
    daemon.run(["reload"]).ok();
    let is_told = || daemon.log().contains("did not write JSON").then_some(());
    eventually("the failure is in the log", is_told);
    assert_eq!(names("models", "models.list", 2), first);
    list(r#"{ "models": [{ "id": "b" }, { "id": "c" }] }"#);
    daemon.run(["reload"]).ok();
    assert_eq!(names("models", "models.list", 3)[1]["id"], "c");
}

#[test]
fn the_schema_tells_what_can_be_set() {
    let daemon = Daemon::start();
    let schema = alice(&daemon).ok("config.schema", &json!({}));
    assert!(schema["uiHints"]["talk.apiKey"]["sensitive"] == true, "{schema}");
    assert!(schema["schema"]["properties"]["ui"]["properties"]["seamColor"].is_object());
    text(&schema["version"]);
    // As JavaScript writes a time.
    let at = text(&schema["generatedAt"]);
    assert!(at.len() == 24 && at.starts_with("20") && at.ends_with('Z'), "{at}");
}

#[test]
fn nodes_change_nothing_unless_that_is_permitted() {
    let daemon = Daemon::start();
    let mut app = alice(&daemon);
    for method in ["config.set", "config.patch"] {
        let refusal = app.call(method, &json!({ "raw": "{}" })).unwrap_err();
        assert_eq!(refusal.code, "FORBIDDEN");
        assert!(refusal.message.contains("bridge.allow.configWrite"), "{refusal:?}");
    }
    assert!(!daemon.setup().state(FILE).exists());
    // Permitted and forbidden again while it runs.
    daemon.setup().write_config("{ bridge: { allow: { configWrite: true } } }");
    daemon.run(["reload"]).ok();
    app.ok("config.patch", &json!({ "raw": "{}" }));
    daemon.setup().write_config("{}");
    daemon.run(["reload"]).ok();
    assert_eq!(app.refused("config.patch", &json!({ "raw": "{}" })), "FORBIDDEN");
}

#[test]
fn a_change_is_made_on_what_was_read() {
    let daemon = Daemon::with_config(CONFIG);
    let mut app = alice(&daemon);
    let set = |raw: &str, hash: Option<&Value>| {
        let mut params = json!({ "raw": raw });
        if let Some(hash) = hash {
            params["baseHash"] = hash.clone();
        }
        params
    };
    let result = app.ok("config.set", &set("{ ui: { seamColor: 'ff8800' }, /* mine */ }", None));
    assert_eq!(
        (&result["ok"], &result["config"]["ui"]["seamColor"]),
        (&json!(true), &json!("ff8800"))
    );
    let hash = get(&mut app)["hash"].clone();
    for (hash, message) in [
        (None, "config base hash required; re-run config.get and retry"),
        (Some(json!("0000")), "config changed since last load; re-run config.get and retry"),
    ] {
        for method in ["config.set", "config.patch"] {
            assert_eq!(app.invalid(method, &set("{}", hash.as_ref())), message);
        }
    }
    let patch =
        r#"{"talk":{"voiceId":"v9","voiceAliases":{"Molty":"v3"}},"ui":{"seamColor":null}}"#;
    let config = app.ok("config.patch", &set(patch, Some(&hash)))["config"].take();
    assert_eq!(config["ui"]["seamColor"], "#112233", "the configuration counts again");
    assert_eq!(config["talk"]["voiceId"], "v9");
    assert_eq!(get(&mut app)["config"], config);
    let hash = get(&mut app)["hash"].clone();
    for (method, raw, message) in [
        ("config.patch", "[]", "config.patch raw must be an object"),
        ("config.patch", "5", "config.patch raw must be an object"),
        ("config.set", r#"{"agent":{"kind":"command"}}"#, "invalid config"),
        ("config.patch", r#"{"bridge":{"bind":"lan"}}"#, "invalid config"),
        ("config.patch", r#"{"ui":{"seamColor":"red"}}"#, "invalid config"),
    ] {
        let refusal = app.call(method, &set(raw, Some(&hash))).unwrap_err();
        assert_eq!((&*refusal.code, &*refusal.message), ("INVALID_REQUEST", message), "{raw}");
        if message == "invalid config" {
            assert!(refusal.details["issues"][0]["path"].is_string(), "{refusal:?}");
        }
    }
    app.invalid("config.set", &set("{ not json", Some(&hash)));
    assert_eq!(get(&mut app)["hash"], hash);
    // It survives a restart.
    let token = app.phone.token.clone();
    let daemon = daemon.kill_and_restart();
    let mut app = App::again(&daemon, "alice", &token);
    assert_eq!(get(&mut app)["config"], config);
}

#[test]
fn a_damaged_document_is_shown_as_such_and_replaced_only_as_a_whole() {
    let setup = Setup::new().config(CONFIG).file(FILE, "{\"ui\": ");
    let daemon = setup.start();
    let mut app = alice(&daemon);
    let snapshot = get(&mut app);
    assert_eq!((&snapshot["valid"], &snapshot["exists"]), (&json!(false), &json!(true)));
    assert!(snapshot["issues"][0]["message"].is_string(), "{snapshot}");
    assert_eq!(snapshot["config"]["ui"]["seamColor"], "#112233");
    let params = json!({ "raw": "{}", "baseHash": snapshot["hash"] });
    assert_eq!(app.invalid("config.patch", &params), "invalid config; fix before patching");
    assert_eq!(fs::read_to_string(daemon.setup().state(FILE)).unwrap(), "{\"ui\": ");
    app.ok("config.set", &params);
    assert_eq!(get(&mut app)["valid"], true);
}

#[test]
fn what_cannot_be_written_is_not_in_force() {
    let daemon = Daemon::with_config(CONFIG);
    let mut app = alice(&daemon);
    fs::create_dir_all(daemon.setup().state("settings/nodes.json.tmp/x")).unwrap();
    let params = json!({ "raw": "{\"ui\":{\"seamColor\":\"000000\"}}" });
    assert_eq!(app.refused("config.set", &params), "UNAVAILABLE");
    assert_eq!(get(&mut app)["config"]["ui"]["seamColor"], "#112233");
}

#[test]
fn an_operator_reads_and_changes_the_settings() {
    let daemon = Daemon::start();
    let get = || -> Value { daemon.run(["settings", "get"]).json() };
    assert_eq!(get()["session"]["mainKey"], "main");
    daemon.run(["settings", "set", r#"{"ui":{"seamColor":"ff8800"}}"#]).ok();
    daemon.run(["settings", "patch", r#"{"talk":{"voiceId":"v"}}"#]).ok();
    assert_eq!(
        (&get()["ui"]["seamColor"], &get()["talk"]["voiceId"]),
        (&json!("ff8800"), &json!("v"))
    );
    assert_eq!(alice(&daemon).ok("config.get", &json!({}))["config"], get());
    daemon.run(["settings", "patch", r#"{"ui":{"seamColor":"red"}}"#]).error(1);
    daemon.run(["settings", "set", r#"{"talk":{"voiceId":"w"}}"#]).ok();
    assert!(get()["ui"].get("seamColor").is_none(), "replaced as a whole");
    let snapshot = daemon.run(["settings", "get", "--json"]).json();
    assert_eq!((&snapshot["exists"], &snapshot["raw"]), (&json!(true), &Value::Null));
}
