//! `call`: any method by its name, for scripts.

use crate::support::Daemon;
use serde_json::json;

#[test]
fn any_method_can_be_called_by_its_name() {
    let daemon = Daemon::start();
    let call = |words: &[&str]| daemon.run(["call"].iter().chain(words).copied());
    assert_eq!(call(&["health"]).json()["ok"], true);
    call(&["voicewake.set", "--params", r#"{"triggers":["tea"]}"#]).ok();
    assert_eq!(call(&["voicewake.get"]).json(), json!({ "triggers": ["tea"] }));
    let params = "{ \"sessionKey\": \"main\",\n\"limit\": 5 }";
    let history = call(&["chat.history", "--params", params, "--json"]).json();
    assert_eq!(history["messages"].as_array().map(Vec::len), Some(0));
    assert!(call(&["node.list"]).json()["nodes"].is_array());
    let said = call(&["chat.hstory"]).error(1);
    assert!(said.contains("unknown method") && said.contains("chat.history"), "{said}");
    let said = call(&["chat.history"]).error(1);
    assert!(said.contains("INVALID_REQUEST"), "{said}");
    call(&["health", "--params", "{"]).error(2);
    let said = call(&["events.subscribe"]).error(2);
    assert!(said.contains("`openclaw-bridge events`"), "{said}");
}

#[test]
fn every_method_without_parameters_answers_or_names_what_it_needs() {
    let daemon = Daemon::start();
    for (method, needed) in [
        ("health", None),
        ("voicewake.get", None),
        ("voicewake.set", None),
        ("talk.mode", Some("'enabled'")),
        ("models.list", None),
        ("skills.bins", None),
        ("config.get", None),
        ("config.schema", None),
        ("config.set", Some("'raw'")),
        ("config.patch", Some("'raw'")),
        ("sessions.list", None),
        ("sessions.resolve", Some("key or label")),
        ("sessions.patch", Some("'key'")),
        ("sessions.reset", Some("'key'")),
        ("sessions.delete", Some("'key'")),
        ("sessions.compact", Some("'key'")),
        ("chat.history", Some("'sessionKey'")),
        ("chat.abort", Some("'sessionKey'")),
        ("chat.send", Some("'idempotencyKey'")),
        ("chat.inject", Some("'message'")),
        ("node.list", None),
        ("node.pair.list", None),
        ("node.describe", Some("`nodeId`")),
        ("node.pair.approve", Some("`requestId`")),
        ("node.pair.reject", Some("`requestId`")),
        ("node.rename", Some("`nodeId`")),
        ("node.revoke", Some("`nodeId`")),
        ("node.invoke", Some("`nodeId`")),
        ("log", Some("`level`")),
    ] {
        let run = daemon.run(["call", method]);
        match needed {
            None => assert!(run.json().is_object(), "{method}"),
            Some(needed) => {
                let said = run.error(1);
                assert!(said.contains("INVALID_REQUEST") && said.contains(needed), "{said}");
                assert!(!said.contains("line 1"), "{said}");
            }
        }
    }
}
