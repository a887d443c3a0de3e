//! What the owner of a node allows, and what the gateway tries in order to run more.

use crate::support::pi::{sh, Pi};
use crate::support::Setup;
use serde_json::{json, Value};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn by_default_nothing_runs_and_everybody_is_told() {
    let mut pi = Pi::start(&[]);
    let made = pi.path("made");
    let refused = pi.refused("system.run", &sh(&format!("touch '{}'", made.display())));
    assert_eq!(refused, ("UNAVAILABLE".into(), "SYSTEM_RUN_DISABLED: security=deny".into()));
    let denied = pi.report();
    assert!(
        denied.starts_with("Exec denied (node=pi id=r, security=deny): /bin/sh -c \"touch "),
        "{denied}"
    );
    assert!(!made.exists());
    let nodes = pi.daemon.ask("node.describe", &json!({ "nodeId": "pi" }));
    assert_eq!(nodes["permissions"], json!({ "system.run": false }));
    let said = pi.stop_node();
    assert_eq!(said.code, Some(0));
    assert!(said.stderr.contains("system.run is refused (policy: deny)"), "{}", said.stderr);
}

#[test]
fn an_allowlist_is_about_the_file_that_runs() {
    let mut pi = Pi::start(&["--allow", "echo", "--allow", "/usr/bin/pri*"]);
    let run = |argv: &[&str]| json!({ "command": argv, "cwd": pi.path("") });
    assert_eq!(pi.invoke("system.run", &run(&["echo", "a b", "$HOME"]))["stdout"], "a b $HOME\n");
    assert_eq!(pi.invoke("system.run", &run(&["/usr/bin/printf", "x"]))["stdout"], "x");
    fs::copy("/bin/echo", pi.path("echo")).unwrap();
    let miss = ("UNAVAILABLE".to_owned(), "SYSTEM_RUN_DENIED: allowlist miss".to_owned());
    let own = pi.path("echo");
    for argv in [
        &["ls"][..],
        &["./echo"],
        &[own.to_str().unwrap()],
        &["/usr/bin/../bin/ls"],
        &["/usr/bin/printf/../ls"],
        &["no-such-program"],
        &["echo;ls"],
        &["echo\n"],
    ] {
        assert_eq!(pi.refused("system.run", &run(argv)), miss, "{argv:?}");
    }
    let mut approved = run(&["ls"]);
    approved["approved"] = true.into();
    approved["approvalDecision"] = "allow-always".into();
    approved["rawCommand"] = "echo".into();
    assert_eq!(pi.refused("system.run", &approved), miss, "the gateway approves nothing");
    let recording = json!({ "command": ["echo"], "needsScreenRecording": true });
    let (_, message) = pi.refused("system.run", &recording);
    assert_eq!(message, "PERMISSION_MISSING: screenRecording");
    let last = std::iter::repeat_with(|| pi.report()).find(|text| text.contains("permission"));
    assert!(last.unwrap().contains("permission:screenRecording"));
}

#[test]
fn an_allowlist_is_not_evaded_by_environment_variables() {
    let mut pi = Pi::start(&["--allow", "printenv", "--allow-env", "LAMP"]);
    let env = json!({
        "DBUS_SYSTEM_BUS_ADDRESS": "unixexec:path=/bin/sh", "MANOPT": "-P sh", "MAKEFILES": "/x",
        "RSYNC_CONNECT_PROG": "sh", "HGRCPATH": "/x", "GOFLAGS": "-toolexec=sh", "FFREPORT": "file=/x",
        "LANG": "xx", "LC_TIME": "../x", "TZ": "CET", "LAMP": "on",
    });
    let run = json!({ "command": ["printenv"], "env": env });
    let printed = pi.invoke("system.run", &run)["stdout"].as_str().unwrap().to_owned();
    for name in env.as_object().unwrap().keys() {
        let is_given = printed.lines().any(|line| line.starts_with(&format!("{name}=")));
        assert_eq!(is_given, ["LANG", "TZ", "LAMP"].contains(&name.as_str()), "{name}\n{printed}");
    }
    let said = pi.stop_node().stderr;
    assert!(said.contains("ignored variables") && !said.contains("toolexec"), "{said}");
}

#[test]
fn the_owners_file_counts_at_once_and_the_gateway_only_narrows_it() {
    let mut pi = Pi::start(&[]);
    let empty = pi.invoke("system.execApprovals.get", &json!({}));
    assert_eq!(empty["exists"], false);
    let file = pi.beside_the_token("exec-approvals.json");
    assert_eq!(empty["path"], file.to_str().unwrap());
    let list = json!([{ "pattern": "/usr/bin/true" }]);
    let content = json!({
        "version": 1, "socket": { "path": "/s", "token": "0123456789abcdef-secret" },
        "agents": { "main": { "security": "allowlist", "allowlist": list } },
    });
    fs::write(&file, content.to_string()).unwrap();
    assert_eq!(pi.invoke("system.run", &json!({ "command": ["true"] }))["success"], true);
    let shown = pi.invoke("system.execApprovals.get", &Value::Null);
    let entry = &shown["file"]["agents"]["main"]["allowlist"][0];
    assert_eq!(
        (&entry["lastUsedCommand"], &entry["lastResolvedPath"]),
        (&json!("true"), &json!("/usr/bin/true"))
    );
    assert_eq!(shown["file"]["socket"], json!({ "path": "/s" }));

    let set = |file: Value, base: &Value| json!({ "file": file, "baseHash": base });
    let full = json!({ "version": 1, "defaults": { "security": "full" } });
    let (code, message) =
        pi.refused("system.execApprovals.set", &set(full.clone(), &shown["hash"]));
    assert_eq!(code, "FORBIDDEN");
    assert!(message.contains("only the owner"), "{message}");
    let deny = json!({ "version": 1, "defaults": { "security": "deny" } });
    let (_, message) = pi.refused("system.execApprovals.set", &set(deny.clone(), &json!("old")));
    assert_eq!(message, "exec approvals changed; reload and retry");
    let narrowed = pi.invoke("system.execApprovals.set", &set(deny, &shown["hash"]));
    assert_eq!(narrowed["file"]["defaults"]["security"], "deny");
    let (_, message) = pi.refused("system.run", &json!({ "command": ["true"] }));
    assert_eq!(message, "SYSTEM_RUN_DISABLED: security=deny");
    assert!(fs::read_to_string(&file).unwrap().contains("0123456789abcdef-secret"));

    fs::write(&file, "{ damaged").unwrap();
    let (_, message) = pi.refused("system.run", &json!({ "command": ["true"] }));
    assert_eq!(message, "SYSTEM_RUN_DISABLED: security=deny");
    let (_, message) = pi.refused("system.execApprovals.get", &json!({}));
    assert!(message.contains("is damaged in line 1"), "{message}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{ damaged");

    fs::remove_file(&file).unwrap();
    pi.stop_node().ok();
    pi.args = vec!["--remote-approvals".into()];
    pi.start_node();
    pi.wait_until_connected();
    pi.invoke("system.execApprovals.set", &json!({ "file": full }));
    assert_eq!(pi.invoke("system.run", &sh("true"))["success"], true);
}

#[test]
fn a_program_on_the_list_that_writes_files_does_not_extend_the_list() {
    let mut pi = Pi::start(&["--allow", "tee", "--allow", "cp"]);
    let file = pi.beside_the_token("exec-approvals.json");
    let rules = json!({ "security": "full", "allowlist": [{ "pattern": "**" }] });
    let content = json!({ "version": 1, "defaults": rules });
    fs::write(pi.path("made"), content.to_string()).unwrap();
    fs::set_permissions(pi.path("made"), fs::Permissions::from_mode(0o600)).unwrap();
    let copy = json!({ "command": ["cp", pi.path("made"), file] });
    assert_eq!(pi.invoke("system.run", &copy)["success"], true);
    assert!(file.exists());
    let (_, message) = pi.refused("system.run", &sh("true"));
    assert_eq!(message, "SYSTEM_RUN_DENIED: allowlist miss");
    let hash = pi.invoke("system.execApprovals.get", &json!({}))["hash"].take();
    let file = json!({ "version": 1, "defaults": { "security": "deny" } });
    pi.invoke("system.execApprovals.set", &json!({ "file": file, "baseHash": hash }));
    let (_, message) = pi.refused("system.run", &copy);
    assert_eq!(message, "SYSTEM_RUN_DISABLED: security=deny", "what it takes away counts");
    pi.stop_node().ok();
    pi.start_node();
    pi.wait_until_connected();
    let said = pi.stop_node().stderr;
    assert!(said.contains("only takes away") && said.contains("--exec-approvals"), "{said}");
}

#[test]
fn programs_of_skills_run_where_the_owner_said_so() {
    let setup = Setup::new().config(r#"{ skills: { bins: ["uname", "true"] } }"#);
    let mut pi = Pi::start_with(setup, &[]);
    let rules = json!({ "security": "allowlist", "autoAllowSkills": true });
    let content = json!({ "version": 1, "defaults": rules });
    fs::write(pi.beside_the_token("exec-approvals.json"), content.to_string()).unwrap();
    assert_eq!(pi.invoke("system.run", &json!({ "command": ["uname"] }))["success"], true);
    let (_, message) = pi.refused("system.run", &json!({ "command": ["ls"] }));
    assert_eq!(message, "SYSTEM_RUN_DENIED: allowlist miss");
    pi.stop_node().ok();
}
