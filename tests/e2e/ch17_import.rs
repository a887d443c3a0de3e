//! Taking over what an old gateway left.

use crate::support::{secrets, Operator, Phone, Run, Setup};
use serde_json::{json, Value};
use std::fs::{self, Permissions};
use std::os::unix::fs::{chown, symlink, MetadataExt, PermissionsExt};
use std::path::Path;

const TOKEN: &str = "5d41402abc4b2a76b9719d911017c592";

fn import(setup: &Setup, args: &[&str]) -> Run {
    let mut command = setup.program();
    command.arg("import").arg(setup.path("old")).args(args);
    Operator::spawn(command).finish()
}

fn write(setup: &Setup, name: &str, text: &str) {
    let path = setup.path("old").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
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

/// Only root can act for others.
#[test]
fn an_import_by_root_goes_no_further_than_the_owners_of_both_directories_could() {
    let give = |path: &Path, user: u32| chown(path, Some(user), Some(user));
    let (eve, bridge) = (4242, 4343);
    let setup = old_gateway();
    let prison = setup.path("prison");
    fs::create_dir(&prison).unwrap();
    if !rustix::process::geteuid().is_root() || give(&prison, eve).is_err() {
        return;
    }
    // As systemd's are, in a directory that only root can enter.
    fs::set_permissions(&prison, Permissions::from_mode(0o700)).unwrap();
    give(&prison, 0).unwrap();
    fs::create_dir(prison.join("state")).unwrap();
    fs::set_permissions(prison.join("state"), Permissions::from_mode(0o700)).unwrap();
    give(&prison.join("state"), bridge).unwrap();
    symlink(prison.join("state"), setup.path("state")).unwrap();
    // Both owners put links where root is to read and to write.
    let secret = json!({ "type": "message", "id": "1", "message": "of root" }).to_string() + "\n";
    fs::create_dir(setup.path("roots")).unwrap();
    fs::write(setup.path("roots/s2.jsonl"), &secret).unwrap();
    fs::set_permissions(setup.path("roots"), Permissions::from_mode(0o700)).unwrap();
    let own = setup.path("old");
    for part in ["", "nodes", "agents", "agents/main", "settings"] {
        give(&own.join(part), eve).unwrap();
    }
    for file in ["nodes/paired.json", "settings/voicewake.json"] {
        give(&own.join(file), eve).unwrap();
    }
    symlink(setup.path("roots"), own.join("sessions")).unwrap();
    symlink(setup.path("roots"), prison.join("state/settings")).unwrap();
    std::os::unix::fs::lchown(prison.join("state/settings"), Some(bridge), None).unwrap();
    let said = import(&setup, &["--apply"]).error(1);
    assert!(said.contains("voicewake") || said.contains("settings"), "{said}");
    assert_eq!(fs::read_dir(setup.path("roots")).unwrap().count(), 1, "nothing was written there");
    fs::remove_file(prison.join("state/settings")).unwrap();

    let report = import(&setup, &["--apply", "--json"]).stdout;
    assert!(report.contains("symbolic link, which is not followed"), "{report}");
    let mut found = vec![prison.join("state")];
    while let Some(path) = found.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (bridge, bridge), "{path:?}");
        match meta.is_dir() {
            true => found.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path())),
            false => assert!(!fs::read_to_string(&path).unwrap().contains("of root"), "{path:?}"),
        }
    }
    assert!(prison.join("state/nodes/paired.json").exists());
    assert!(prison.join("state/settings/voicewake.json").exists());
}
