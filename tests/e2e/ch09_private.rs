//! What another user of the machine can reach.

use crate::support::{eventually, Daemon, Operator, Phone, Setup};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[test]
fn what_a_bridge_and_its_agents_create_is_private_whatever_the_umask() {
    let setup = Setup::new().umask("0").config(
        r#"{ bridge: { tls: { enabled: true } }, agent: { kind: "command",
            command: ["/bin/sh", "-c", "umask; touch \"$OPENCLAW_BRIDGE_STATE_DIR/made\""] } }"#,
    );
    let daemon = setup.start();
    Phone::paired(&daemon, "alice");
    daemon.run(["voicewake", "set", "hey"]).ok();
    daemon.run(["chat", "send", "hello"]).ok();
    eventually("the agent has answered", || {
        let history = daemon.ask("chat.history", &json!({ "sessionKey": "main" })).to_string();
        history.contains("0077").then_some(())
    });
    let mut found: Vec<PathBuf> = vec![setup.path("state")];
    let mut next = 0;
    while next < found.len() {
        let path = found[next].clone();
        let meta = fs::symlink_metadata(&path).unwrap();
        assert_eq!(meta.mode() & 0o077, 0, "{path:?} {:o}", meta.mode());
        if meta.is_dir() {
            found.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        next += 1;
    }
    for name in ["made", "control.sock", "lock", "nodes/paired.json", "bridge/tls", "agents/main"] {
        assert!(found.contains(&setup.state(name)), "{name} in {found:?}");
    }
}

#[test]
fn a_state_directory_that_is_open_to_others_is_refused_with_the_command_that_mends_it() {
    let setup = Setup::new().file("x", "");
    let state = setup.path("state");
    for mode in [0o755, 0o750, 0o720, 0o1777] {
        fs::set_permissions(&state, fs::Permissions::from_mode(mode)).unwrap();
        let said = setup.fail_to_start().error(1);
        assert!(said.contains(&format!("chmod 700 {state:?}")), "{said}");
        assert!(!setup.state("lock").exists(), "nothing was created");
    }
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&state, Some(65534), None).unwrap();
        let said = setup.fail_to_start().error(1);
        assert!(said.contains(&format!("chown -R 0 {state:?}")), "{said}");
        std::os::unix::fs::chown(&state, Some(0), None).unwrap();
    }
    let daemon: Daemon = setup.start();
    daemon.run(["status"]).ok();
}

/// Only root can act for others.
#[test]
fn members_of_the_group_of_the_runtime_directory_are_operators_and_nobody_else_is() {
    let setup = Setup::new().copied_program();
    let (service, friend, stranger) = (4343, 4344, 4345);
    let groups = fs::read_to_string("/etc/group").unwrap();
    let mut group = groups.lines().filter_map(|line| {
        let mut parts = line.split(':');
        Some((parts.next()?, parts.nth(1)?.parse::<u32>().ok().filter(|id| *id > 0)?))
    });
    let Some((name, group)) = group.next_back() else { return };
    for dir in ["state", "run"] {
        fs::create_dir(setup.path(dir)).unwrap();
        let given = std::os::unix::fs::chown(setup.path(dir), Some(service), Some(group));
        if !rustix::process::geteuid().is_root() || given.is_err() {
            return;
        }
        let mode = if dir == "run" { 0o750 } else { 0o700 };
        fs::set_permissions(setup.path(dir), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(setup.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let run_as = |user: u32, group: u32, args: &[&str]| {
        let mut command = setup.program();
        command.args(args).uid(user).gid(group).env_remove("OPENCLAW_BRIDGE_STATE_DIR");
        command.env("STATE_DIRECTORY", setup.path("state"));
        command.env("RUNTIME_DIRECTORY", setup.path("run"));
        Operator::spawn(command)
    };
    let daemon = run_as(service, group, &["serve", "--port", "0"]);
    eventually("the group may control it", || {
        let socket = fs::metadata(setup.path("run/control.sock")).ok()?;
        (socket.mode() & 0o777 == 0o660).then_some(())
    });
    run_as(friend, group, &["status"]).finish().ok();
    run_as(service, service, &["status"]).finish().ok();
    let said = run_as(stranger, stranger, &["status"]).finish().error(1);
    assert!(said.contains(&format!("sudo usermod -aG {name} $USER")), "{said}");
    run_as(friend, group, &["stop"]).finish().ok();
    assert_eq!(daemon.finish().code, Some(0));
    fs::set_permissions(setup.path("run"), fs::Permissions::from_mode(0o700)).unwrap();
    let daemon = run_as(service, group, &["serve", "--port", "0"]);
    eventually("the owner may control it", || {
        let owner = run_as(service, service, &["status"]).finish();
        (owner.code == Some(0)).then_some(())
    });
    let said = run_as(friend, group, &["status"]).finish().error(1);
    assert!(said.contains("run this as that user, or with sudo"), "{said}");
    run_as(service, service, &["stop"]).finish().ok();
    drop(daemon);
}

#[test]
fn a_configuration_that_names_a_program_and_that_others_can_write_is_refused() {
    let agent = r#"{ agent: { kind: "command", command: ["/bin/cat"] } }"#;
    let setup = Setup::new().config(agent);
    let file = setup.path("bridge.json5");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let said = setup.fail_to_start().error(78);
    assert!(said.contains(&format!("chmod go-w {file:?}")), "{said}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let daemon = setup.start();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let said = daemon.run(["reload"]).error(1);
    assert!(said.contains("names a program"), "{said}");
    daemon.run(["status"]).ok();
}

#[test]
fn the_agent_for_openclaw_shows_no_message_in_the_list_of_processes() {
    let setup = Setup::new();
    let bin = setup.path("bin");
    fs::create_dir(&bin).unwrap();
    // By another process: a file that a thread of this one has open for writing cannot be run.
    let double = r#"printf '#!/bin/sh\nfor file; do :; done; stat -c %%a "$file"; cat "$file"; tr "\\0" " " </proc/$$/cmdline' > "$1/openclaw"; chmod 755 "$1/openclaw""#;
    assert!(Command::new("sh").args(["-c", double, "sh"]).arg(&bin).status().unwrap().success());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/agents/openclaw.sh");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let mut agent = Command::new(script)
        .env("PATH", path)
        .env("TMPDIR", setup.path("home"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    agent.stdin.take().unwrap().write_all(b"my secret").unwrap();
    let output = agent.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let arguments = said.strip_prefix("600\nmy secret").unwrap();
    assert!(arguments.contains("--message-file") && !arguments.contains("secret"), "{said}");
    assert_eq!(fs::read_dir(setup.path("home")).unwrap().count(), 0, "it was removed");
}

#[test]
fn what_make_installs_can_be_read_by_everybody_whatever_the_umask() {
    let setup = Setup::new();
    let (root, program) = (setup.path("root"), setup.path("target/release/openclaw-bridge"));
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, "").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let made = Command::new("sh")
        .args(["-c", "umask 077; exec make -s install"])
        .env("DESTDIR", &root)
        .env("CARGO_TARGET_DIR", setup.path("target"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut found = vec![root.join("usr/local")];
    while let Some(path) = found.pop() {
        let meta = fs::metadata(&path).unwrap();
        match meta.is_dir() {
            true => found.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path())),
            false => assert_eq!(meta.mode() & 0o644, 0o644, "{path:?}"),
        }
        assert_eq!(meta.mode() & 0o022, 0, "{path:?}");
    }
    for file in ["systemd/system/openclaw-bridge.service", "sysusers.d/openclaw-bridge.conf"] {
        assert!(root.join("usr/local/lib").join(file).exists(), "{file}");
    }
}

/// A release takes minutes, so the compiler gets a program of one line in a crate's place.
#[test]
fn make_build_leaves_no_paths_of_this_machine_in_the_program() {
    let setup = Setup::new();
    let crates = setup.path("cargo/registry/src/index/crate-1.0.0");
    fs::create_dir_all(&crates).unwrap();
    let source = crates.join("main.rs");
    fs::write(&source, "fn main() { panic!() }").unwrap();
    let built = setup.path("built");
    let cargo = setup.path("fake-cargo");
    let compile = format!("#!/bin/sh\nexec rustc $RUSTFLAGS -o {built:?} {source:?}\n");
    fs::write(&cargo, compile).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let mut make = Command::new("make");
    make.args(["-s", "-C", env!("CARGO_MANIFEST_DIR"), "build"]);
    make.arg(format!("CARGO={}", cargo.display())).env("CARGO_HOME", setup.path("cargo"));
    assert!(make.status().unwrap().success());
    let program = fs::read(built).unwrap();
    let contains = |text: &str| program.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(contains("crates/index/crate-1.0.0/main.rs"));
    assert!(!contains(crates.to_str().unwrap()));
}
