//! `nodes approvals`: an operator sees and changes what the real node lets the gateway run.

use crate::support::pi::Pi;
use crate::support::Run;
use serde_json::{json, Value};
use std::fs;

fn approvals(pi: &Pi, words: &[&str]) -> Run {
    let line = ["nodes", "approvals", words[0], "--node", "pi"];
    pi.daemon.run(line.iter().chain(&words[1..]).copied())
}

#[test]
fn an_operator_allows_and_denies_programs_where_the_owner_permits_it() {
    let pi = Pi::start(&["--remote-approvals"]);
    let run = json!({ "command": ["true"] });
    let file = pi.beside_the_token("exec-approvals.json");
    let said = approvals(&pi, &["get"]).ok();
    assert!(said.contains(file.to_str().unwrap()) && said.contains("does not exist"), "{said}");

    let said = approvals(&pi, &["allow", "true"]).ok();
    assert!(
        said.starts_with("allowed true for every agent\nnote: `security` is not set"),
        "{said}"
    );
    assert!(pi.try_invoke("system.run", &run).is_err());
    // As it was shown, with a change.
    let mut shown = approvals(&pi, &["get", "--json"]).json();
    shown["file"]["defaults"] = json!({ "security": "allowlist" });
    shown["file"]["mine"] = json!([1]);
    let changed = pi.path("changed.json");
    fs::write(&changed, serde_json::to_string_pretty(&shown).unwrap()).unwrap();
    let changed = changed.to_str().unwrap();
    let said = approvals(&pi, &["set", changed]).ok();
    assert_eq!(said, format!("replaced {}\n", file.display()));
    assert_eq!(pi.invoke("system.run", &run)["success"], true);
    let said = approvals(&pi, &["get"]).ok();
    assert!(said.contains("\ndefaults: security allowlist\n"), "{said}");
    assert!(said.contains("\nevery agent:\n  true · used "), "{said}");

    // What somebody else has changed meanwhile is not lost.
    let said = approvals(&pi, &["set", changed]).error(1);
    assert!(said.contains("the file on the node has changed"), "{said}");
    let said = approvals(&pi, &["allow", "--agent", "main", "/usr/bin/uptime"]).ok();
    assert_eq!(said, "allowed /usr/bin/uptime for the agent main\n");
    assert!(approvals(&pi, &["allow", "true"]).ok().starts_with("already allowed"));
    let said = approvals(&pi, &["deny", "true", "--agent", "main"]).error(1);
    assert!(said.contains("no allowlist of the agent main contains true"), "{said}");
    approvals(&pi, &["deny", "true"]).ok();
    let (_, message) = pi.refused("system.run", &run);
    assert_eq!(message, "SYSTEM_RUN_DENIED: allowlist miss");
    let stored: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(stored["mine"], json!([1]));
    assert_eq!(stored["agents"]["*"]["allowlist"], json!([]));
    // Only the content, for whoever wrote the file by hand.
    fs::write(changed, r#"{ "version": 1 }"#).unwrap();
    assert_eq!(approvals(&pi, &["set", changed, "--json"]).json()["file"], json!({ "version": 1 }));
    approvals(&pi, &["set", "/nowhere"]).error(1);
    fs::write(changed, "{").unwrap();
    assert!(approvals(&pi, &["set", changed]).error(2).contains("is not JSON"));
}

#[test]
fn a_node_whose_owner_does_not_permit_it_can_only_be_narrowed() {
    let pi = Pi::start(&[]);
    let file = pi.beside_the_token("exec-approvals.json");
    let rules = json!({ "security": "allowlist", "allowlist": [{ "pattern": "true" }] });
    let content = json!({
        "version": 1, "socket": { "path": "/s", "token": "a-secret-of-the-owner" },
        "agents": { "main": rules },
    });
    fs::write(&file, content.to_string()).unwrap();
    let said = approvals(&pi, &["allow", "git"]).error(1);
    assert!(said.contains("only the owner of the node may"), "{said}");
    assert!(said.contains("--remote-approvals"), "{said}");
    assert_eq!(approvals(&pi, &["deny", "true"]).ok(), "no longer allowed: true\n");
    let stored = fs::read_to_string(&file).unwrap();
    assert!(stored.contains("a-secret-of-the-owner") && !stored.contains("pattern"), "{stored}");
    let shown = approvals(&pi, &["get", "--json"]).ok();
    assert!(!shown.contains("secret"), "{shown}");
}
