//! Taking over what an old gateway left.

use crate::ch22_power_cut::on_every_state;
use crate::support::faults::Faults;
use crate::support::pi::{sh, Pi};
use crate::support::{secrets, tools, Operator, Phone, Run, Setup, NEEDS_NAMESPACES};
use serde_json::{json, Value};
use std::fs::{self, Permissions};
use std::os::unix::fs::{chown, symlink, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

const TOKEN: &str = "5d41402abc4b2a76b9719d911017c592";

/// What the old gateway's call made: `openssl req -x509 -newkey rsa:2048 -sha256 -days 3650 -nodes
/// -subj /CN=clawdbot-bridge`.
const CERTIFICATE: &str = include_str!("old-gateway/bridge-cert.pem");
const KEY: &str = include_str!("old-gateway/bridge-key.pem");
/// As `openssl x509 -fingerprint -sha256` prints it, without the colons.
const PINNED: &str = "736f4bce31d4e0018152a01b6c5fb7e30083f977d308a4fcde4d611b135e4450";

fn import(setup: &Setup, args: &[&str]) -> Run {
    let mut command = setup.program_in_its_environment();
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

#[test]
fn a_phone_that_pinned_the_old_certificate_finds_it_again() {
    let setup = old_gateway().config("{ bridge: { tls: { enabled: true } } }");
    write(&setup, "bridge/tls/bridge-cert.pem", CERTIFICATE);
    write(&setup, "bridge/tls/bridge-key.pem", KEY);
    let said = import(&setup, &["--apply"]).ok();
    assert!(said.contains(&format!("fingerprint {PINNED}")), "{said}");
    let daemon = setup.start();
    assert_eq!(daemon.status()["fingerprintSha256"], PINNED);
    let phone = Phone::log_in(&daemon, "ipad", TOKEN);
    assert_eq!(phone.wire().fingerprint(), PINNED);
    let key = fs::metadata(setup.state("bridge/tls/bridge-key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_certificate_that_the_bridge_made_is_kept_until_somebody_removes_it() {
    let setup = old_gateway().config("{ bridge: { tls: { enabled: true } } }");
    write(&setup, "bridge/tls/bridge-cert.pem", CERTIFICATE);
    write(&setup, "bridge/tls/bridge-key.pem", KEY);
    let mut daemon = setup.start();
    daemon.signal(rustix::process::Signal::TERM);
    daemon.wait(crate::support::DEADLINE);
    let report = import(&setup, &["--apply", "--json"]).json();
    let kept = report["kept"].as_array().unwrap();
    let why = kept.iter().find(|item| item["what"] == "certificate").unwrap()["why"].to_string();
    assert!(why.contains("remove both files in bridge/tls"), "{report}");
    for name in ["bridge-cert.pem", "bridge-key.pem"] {
        fs::remove_file(setup.state("bridge/tls").join(name)).unwrap();
    }
    import(&setup, &["--apply"]).ok();
    assert_eq!(setup.start().status()["fingerprintSha256"], PINNED);
}

#[test]
fn the_conversations_of_other_agents_are_listed_and_read() {
    let setup = old_gateway();
    let store = json!({ "main": { "sessionId": "s2", "updatedAt": 7, "label": "Office" } });
    write(&setup, "agents/office/sessions/sessions.json", &store.to_string());
    let message = json!({ "role": "user", "content": "at the office", "timestamp": 7 });
    let line = json!({ "type": "message", "id": "0000000b", "message": message });
    write(&setup, "agents/office/sessions/s2.jsonl", &format!("{line}\n"));
    write(&setup, "clawdbot.json", "{}");
    let report = import(&setup, &["--apply", "--json"]).json();
    let left = report["skipped"].as_array().unwrap();
    assert!(left.iter().any(|item| item["name"] == "clawdbot.json"), "{report}");
    let daemon = setup.start();
    let listed = daemon.run(["sessions", "list", "--json"]).json();
    let keys: Vec<&Value> =
        listed["sessions"].as_array().unwrap().iter().map(|session| &session["key"]).collect();
    assert_eq!(keys, ["agent:office:main", "agent:main:main"], "{listed}");
    let mut phone = Phone::log_in(&daemon, "ipad", TOKEN);
    for key in ["agent:office:main", "main"] {
        let params = json!({ "sessionKey": key }).to_string();
        let reply = phone.request("chat.history", Some(&params));
        let is_office = reply["payloadJSON"].as_str().unwrap().contains("at the office");
        assert_eq!(is_office, key == "agent:office:main", "{reply}");
    }
}

#[test]
fn a_node_may_run_what_the_old_node_host_might() {
    let setup = old_gateway();
    let approvals = json!({
        "version": 1, "socket": { "path": "/x", "token": TOKEN },
        "agents": { "main": { "security": "allowlist", "allowlist": [{ "pattern": "/bin/sh" }] } },
    });
    write(&setup, "exec-approvals.json", &approvals.to_string());
    write(&setup, "node.json", "{}");
    let said = import(&setup, &["--apply"]).ok();
    assert!(said.contains("exec approvals") && said.contains("on its allowlists"), "{said}");
    let pi = Pi::start_with(setup, &[]);
    let file = fs::read_to_string(pi.beside_the_token("exec-approvals.json")).unwrap();
    assert!(!file.contains("socket"), "{file}");
    assert_eq!(pi.invoke("system.run", &sh("echo hi"))["stdout"], "hi\n");
    let (_, why) = pi.refused("system.run", &json!({ "command": ["/bin/ls"] }));
    assert!(why.contains("SYSTEM_RUN_DENIED"), "{why}");
}

#[test]
fn after_a_power_cut_at_any_moment_another_import_completes_it() {
    let old = || {
        let setup = old_gateway().config("{ bridge: { tls: { enabled: true } } }");
        write(&setup, "bridge/tls/bridge-cert.pem", CERTIFICATE);
        write(&setup, "bridge/tls/bridge-key.pem", KEY);
        setup
    };
    let Some((faults, setup)) = Faults::between(old()) else { return };
    import(&setup, &["--apply"]).ok();
    let states = on_every_state(&faults.records(), &old, |setup, _| {
        import(setup, &["--apply"]).ok();
        let daemon = setup.start();
        assert_eq!(daemon.status()["fingerprintSha256"], PINNED);
        let mut phone = Phone::log_in(&daemon, "ipad", TOKEN);
        let reply = phone.request("chat.history", Some(r#"{"sessionKey":"main"}"#));
        assert!(reply["payloadJSON"].as_str().unwrap().contains("from before"), "{reply}");
        assert_eq!(phone.request("voicewake.get", None)["payloadJSON"], r#"{"triggers":["ahoy"]}"#);
    });
    assert!(states > 20, "{states}");
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

/// `$1` is the program. The machine has a service that never ran, and then one with a directory as
/// systemd makes it; its owner can only be somebody else if this is really root.
const SERVICE: &str = r#"
mount -t tmpfs none /var/lib
mount -t tmpfs none /usr/local/lib
mkdir -p /usr/local/lib/systemd/system
touch /usr/local/lib/systemd/system/openclaw-bridge.service
"$1" import old
mkdir -m 700 /var/lib/private /var/lib/private/openclaw-bridge
ln -s private/openclaw-bridge /var/lib/openclaw-bridge
chown 4343:4343 /var/lib/private/openclaw-bridge 2>/dev/null || echo "root is not root"
"$1" import old
"$1" import old --apply
"$1" zone --write --address 10.8.0.1
"$1" zone --write --address 10.8.0.2
cd /var/lib/private/openclaw-bridge
find . -exec stat -c 'owner %u %n' {} +
test ! -e "$HOME/.local"
"$1" fingerprint && exit 9
mkdir -p "$HOME/.local/state/openclaw-bridge"
echo "token of root" >"$HOME/.local/state/openclaw-bridge/node.json"
"$1" zone --write --address 10.8.0.2
touch "$HOME/.local/state/openclaw-bridge/lock"
"$1" zone --write --address 10.8.0.3 && exit 9
"$1" zone --write --address 10.8.0.3 --state-dir /var/lib/openclaw-bridge
"#;

#[test]
fn what_root_does_without_a_bridge_is_for_the_service_and_belongs_to_it() {
    let setup = old_gateway();
    let mut namespace = vec!["--mount"];
    if !rustix::process::geteuid().is_root() {
        namespace.extend(["--user", "--map-root-user"]);
    }
    let probe = Command::new("unshare")
        .args(&namespace)
        .args(["mount", "-t", "tmpfs", "none", "/var/lib"])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        tools::skip("namespaces", NEEDS_NAMESPACES);
        return;
    }
    let mut command = setup.program();
    let program = command.get_program().to_owned();
    command = Command::new("unshare");
    command.args(&namespace).args(["sh", "-euc", SERVICE, "sh"]).arg(program);
    command.env_clear().env("HOME", setup.path("home")).env("PATH", tools::PATH);
    command.current_dir(setup.path(""));
    let run = Operator::spawn(command).finish();
    let (said, why) = (run.stdout.clone(), run.stderr.clone());
    run.ok();
    assert_eq!(
        said.matches("would be imported into /var/lib/openclaw-bridge, ").count(),
        2,
        "{said}"
    );
    assert!(said.contains(" imported into /var/lib/openclaw-bridge, "), "{said}");
    let zone = "/var/lib/openclaw-bridge/dns/clawdbot.internal.db";
    assert_eq!(said.matches(&format!("wrote {zone}, serial ")).count(), 3, "{said}");
    assert!(said.contains(&format!("{zone} is up to date")), "{said}");
    assert!(why.contains("there is no certificate at `/var/lib/openclaw-bridge/"), "{why}");
    assert!(why.contains("--state-dir /var/lib/openclaw-bridge"), "{why}");
    if !said.contains("root is not root") {
        let owners: Vec<&str> = said.lines().filter(|line| line.starts_with("owner ")).collect();
        assert!(owners.len() > 5, "{said}");
        assert!(owners.iter().all(|line| line.starts_with("owner 4343 ")), "{owners:?}");
    }
}
