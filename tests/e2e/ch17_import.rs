//! Taking over what an old gateway left.

use crate::support::{secrets, Operator, Phone, Run, Setup};
use serde_json::{json, Value};

const TOKEN: &str = "5d41402abc4b2a76b9719d911017c592";

fn import(setup: &Setup, args: &[&str]) -> Run {
    let mut command = setup.program();
    command.arg("import").arg(setup.path("old")).args(args);
    Operator::spawn(command).finish()
}

fn write(setup: &Setup, name: &str, text: &str) {
    let path = setup.path("old").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// An old gateway with one node and one conversation.
fn old_gateway() -> Setup {
    secrets::remember(TOKEN);
    let setup = Setup::new();
    let paired =
        json!({ "ipad": { "nodeId": "ipad", "token": TOKEN, "displayName": "Ada\u{1b}c" } });
    write(&setup, "nodes/paired.json", &paired.to_string());
    let message = json!({ "role": "user", "content": [{ "type": "text", "text": "from before" }],
        "timestamp": 5 });
    let line = json!({ "type": "message", "id": "0000000a", "message": message });
    let header = json!({ "type": "session", "version": 2, "id": "s1" });
    let transcript = format!("{header}\n{line}\n");
    write(&setup, "agents/main/sessions/s1.jsonl", &transcript);
    let store = json!({ "main": { "sessionId": "s1", "updatedAt": 5 } });
    write(&setup, "agents/main/sessions/sessions.json", &store.to_string());
    write(&setup, "settings/voicewake.json", r#"{"triggers":["ahoy"]}"#);
    setup
}

#[test]
fn a_node_of_the_old_gateway_logs_in_and_finds_its_conversation() {
    let setup = old_gateway();
    let said = import(&setup, &[]).ok();
    assert!(said.contains("--apply") && said.contains("ipad (Ada\\u001bc)"), "{said}");
    assert!(!setup.path("state").exists(), "only looked at");
    let report = import(&setup, &["--apply", "--json"]).json();
    assert_eq!(report["applied"], true);
    assert_eq!(report["taken"].as_array().unwrap().len(), 4, "{report}");
    assert_eq!(import(&setup, &["--apply", "--json"]).json()["taken"], json!([]));

    let daemon = setup.start();
    let mut phone = Phone::log_in(&daemon, "ipad", TOKEN);
    let reply = phone.request("chat.history", Some(r#"{"sessionKey":"main"}"#));
    let history: Value = serde_json::from_str(reply["payloadJSON"].as_str().unwrap()).unwrap();
    assert_eq!(history["messages"][0]["content"][0]["text"], "from before", "{history}");
    let reply = phone.request("voicewake.get", None);
    assert_eq!(reply["payloadJSON"], r#"{"triggers":["ahoy"]}"#);
}

#[test]
fn a_running_bridge_is_not_imported_under_and_damage_has_an_exit_code() {
    let setup = old_gateway();
    let mut daemon = setup.start();
    let said = import(&setup, &["--apply"]).error(1);
    let told = said.contains(&format!("pid {}", daemon.pid())) && said.contains("stop");
    assert!(told, "{said}");
    import(&setup, &[]).ok();
    daemon.signal(rustix::process::Signal::TERM);
    daemon.wait(crate::support::DEADLINE);
    write(&setup, "nodes/paired.json", "{");
    let damaged = import(&setup, &["--apply"]);
    assert!(damaged.stdout.contains("nodes/paired.json"), "{damaged:?}");
    damaged.error(1);
    assert!(setup.state("agents/main/sessions/s1.jsonl").exists());
}
