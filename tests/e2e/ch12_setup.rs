//! The first five minutes: `setup`, and what `status` and `serve` say is to be done next.

use crate::support::{
    eventually, tools, Daemon, Operator, Phone, Run, Setup, Terminal, NEEDS_NAMESPACES,
};
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

/// `setup` for the file of this setup, with no daemon around.
fn command(setup: &Setup, args: &[&str]) -> Command {
    let mut command = setup.program();
    command.args(["setup", "--config"]).arg(setup.path("bridge.json5")).args(args);
    command
}

fn run(setup: &Setup, args: &[&str]) -> Run {
    Operator::spawn(command(setup, args)).finish()
}

/// Gives each answer when its question is shown.
fn dialogue(setup: &Setup, args: &[&str], answers: &[(&str, &str)]) -> (String, Option<i32>) {
    let mut terminal = Terminal::run(command(setup, args), 120);
    let mut asked = Vec::new();
    for (question, answer) in answers {
        asked.push(*question);
        let times = asked.iter().filter(|other| *other == question).count();
        terminal.wait_for(question, times);
        terminal.type_text(answer);
    }
    terminal.finish()
}

fn without_config() -> Setup {
    let setup = Setup::new();
    fs::remove_file(setup.path("bridge.json5")).unwrap();
    setup
}

#[test]
fn four_answers_make_a_configuration_with_which_the_bridge_starts() {
    let setup = without_config();
    let answers = [
        ("Answer [lan]:", "nobody\n"),
        ("Answer [lan]:", "1\n"),
        ("(TLS)?", "\n"),
        ("as the apps show it", "Ada's \"Attic\"\n"),
        ("Answer [echo]:", "command\n"),
        ("The program, and its arguments:", "/no/program\n"),
        ("The program, and its arguments:", "/bin/cat \"a b\"\n"),
        ("Write this? [Y/n]", "\n"),
    ];
    let (shown, code) = dialogue(&setup, &[], &answers);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("please answer lan or tailnet or loopback"), "{shown}");
    assert!(shown.contains("`/no/program` cannot be run"), "{shown}");
    assert!(shown.contains("openclaw-bridge serve --config"), "{shown}");
    let values = setup
        .program()
        .args(["config", "show", "--json", "--config"])
        .arg(setup.path("bridge.json5"))
        .output();
    let values: serde_json::Value = serde_json::from_slice(&values.unwrap().stdout).unwrap();
    assert_eq!(values["agent.command"]["value"], json!(["/bin/cat", "a b"]));
    let daemon = setup.start();
    let status = daemon.status();
    assert_eq!(status["serverName"], "Ada's \"Attic\"");
    assert!(status["listeners"][0]["address"].as_str().unwrap().starts_with("0.0.0.0:"));
    assert_eq!(status["listeners"][0]["tls"], "required");
    drop(daemon);
    // What was answered is what is offered.
    let answers = [
        ("Answer [lan]:", "\n"),
        ("(TLS)? ", "\n"),
        ("Attic\"]:", "\n"),
        ("Answer [command]:", "\n"),
        ("[/bin/cat, as before]:", "\n"),
    ];
    let (shown, code) = dialogue(&setup, &[], &answers);
    assert!(code == Some(0) && shown.contains("is as wanted already"), "{shown}");
}

#[test]
fn a_file_that_exists_is_replaced_only_if_somebody_agrees_and_is_kept() {
    let old = r#"{ bridge: { bind: "127.0.0.1", limits: { pairedNodes: 7 } }, talk: { apiKey: "very-secret" } }"#;
    let setup = Setup::new().config(old);
    let file = setup.path("bridge.json5");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let flags = ["--network", "lan", "--tls", "yes", "--agent", "echo", "--name", "Attic"];
    let (shown, code) = dialogue(&setup, &flags, &[("Replace it by this?", "\n")]);
    assert!(code == Some(0) && shown.contains("nothing was changed"), "{shown}");
    assert!(shown.contains("talk.apiKey") && !shown.contains("very-secret"), "{shown}");
    assert_eq!(fs::read_to_string(&file).unwrap(), old);
    // With --yes, the flags are the agreement; what they do not say stays.
    let said = run(&setup, &["--yes", "--name", "Attic"]).ok();
    let line = said.lines().find(|line| line.starts_with("not taken over:")).unwrap();
    assert!(line.contains("bridge.limits.pairedNodes") && line.contains("talk.apiKey"), "{said}");
    let new = fs::read_to_string(&file).unwrap();
    assert!(new.contains("bind: \"127.0.0.1\"") && new.contains("name: \"Attic\""), "{new}");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
    let undo = said.lines().find(|line| line.starts_with("to undo it: ")).unwrap();
    let undo = undo.split('`').nth(1).unwrap();
    assert!(Command::new("sh").args(["-c", undo]).status().unwrap().success());
    assert_eq!(fs::read_to_string(&file).unwrap(), old);
    let report = run(&setup, &["--json", "--network", "loopback"]).json();
    assert_eq!((&report["changed"], &report["path"]), (&json!(true), &json!(file)));
    assert_eq!(fs::read_to_string(report["copy"].as_str().unwrap()).unwrap(), old);
    assert_eq!(run(&setup, &["--json"]).json()["changed"], false);
}

#[test]
fn setup_ends_with_a_clear_word_where_nothing_can_be_done() {
    let setup = without_config();
    let said = run(&setup, &[]).error(2);
    assert!(said.contains("--yes"), "{said}");
    for (args, says) in [
        (&["--network", "wan"][..], "wan"),
        (&["--yes", "--agent", "command"], "-- PROGRAM"),
        (&["--yes", "--agent", "echo", "--", "/bin/cat"], "--agent echo takes no program"),
        (&["--yes", "--", "/no/program"], "`/no/program` cannot be run"),
        (&["--yes", "--", "/etc/passwd"], "is not a program"),
        (&["--yes", "--", "bin/cat"], "give the whole path"),
    ] {
        let said = run(&setup, args).error(2);
        assert!(said.contains(says), "{said}");
    }
    let (shown, code) = dialogue(&setup, &[], &[("Answer [lan]:", "\u{4}")]);
    assert!(code == Some(1) && shown.contains("nothing was changed"), "{shown}");
    let (shown, code) = dialogue(&setup, &["--tls", "no"], &[("Answer [lan]:", "x\nx\nx\nx\nx\n")]);
    assert!(code == Some(1) && shown.contains("no answer that fits"), "{shown}");
    assert!(!setup.path("bridge.json5").exists());
    let mut closed = setup.program();
    closed.args(["setup", "--yes", "--config", "/proc/none/bridge.json5"]);
    let said = Operator::spawn(closed).finish().error(1);
    assert!(said.contains("could not write `/proc/none/bridge.json5`"), "{said}");
}

/// `$1` is the program. The machine has a service, and its bridge runs.
const SERVICE: &str = r#"
mount -t tmpfs none /etc
mkdir -p /etc/systemd/system
touch /etc/systemd/system/openclaw-bridge.service
umask 077
"$1" setup --yes --network loopback --tls no
stat -c 'mode %a %n' /etc/openclaw-bridge /etc/openclaw-bridge/bridge.json5
"$1" config check
"$1" serve --port 0 >log 2>&1 &
until "$1" status >/dev/null 2>&1; do kill -0 $!; sleep 0.05; done
"$1" setup --yes --name Attic
"$1" status
"$1" setup --yes --network lan --tls yes
"$1" stop
wait
"#;

#[test]
fn root_configures_the_service_and_a_bridge_that_runs_reads_it() {
    let setup = without_config();
    let mut namespace = vec!["--mount", "--net"];
    if !rustix::process::geteuid().is_root() {
        namespace.extend(["--user", "--map-root-user"]);
    }
    let probe = ["ip", "link", "set", "lo", "up"];
    let probe = Command::new("unshare").args(&namespace).args(probe).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        tools::skip("namespaces", NEEDS_NAMESPACES);
        return;
    }
    let program = setup.program().get_program().to_owned();
    let script = format!("ip link set lo up\n{SERVICE}");
    let mut command = Command::new("unshare");
    command.args(&namespace).args(["sh", "-euc", &script, "sh"]).arg(program);
    command.env_clear().env("HOME", setup.path("home")).env("PATH", tools::PATH);
    command.env("STATE_DIRECTORY", setup.path("state")).env("SUDO_USER", "ada");
    command.current_dir(setup.path(""));
    let said = Operator::spawn(command).finish().ok();
    assert!(said.contains("wrote /etc/openclaw-bridge/bridge.json5\n"), "{said}");
    assert!(said.contains("mode 755 /etc/openclaw-bridge\n"), "{said}");
    assert!(said.contains("mode 644 /etc/openclaw-bridge/bridge.json5\n"), "{said}");
    assert!(said.contains("/etc/openclaw-bridge/bridge.json5 is valid"), "{said}");
    assert!(said.contains("`sudo systemctl enable --now openclaw-bridge`"), "{said}");
    assert!(said.contains("Attic · openclaw-bridge"), "the name is in force: {said}");
    assert!(
        said.contains("`sudo openclaw-bridge stop`, and `sudo openclaw-bridge serve`"),
        "{said}"
    );
}

#[test]
fn status_says_what_to_do_next_until_there_is_nothing_left() {
    let daemon = Daemon::start();
    let status = || daemon.run(["status"]).ok();
    let said = status();
    assert!(said.contains("Next:        only this machine can connect"), "{said}");
    let mut phone = Phone::asking(&daemon, "alice");
    let said = status();
    let step = said.lines().find_map(|line| line.strip_prefix("Next:        ")).unwrap();
    assert!(step.starts_with("alice at 127.0.0.1 asks to be paired: "), "{said}");
    let command = step.split('`').nth(1).unwrap();
    daemon.run(command.split(' ').skip(1)).ok();
    phone.expect_token();
    assert!(!status().contains("Next:"), "{}", status());
    let _mallory = Phone::asking(&daemon, "Alice");
    let said = status();
    assert!(said.contains("look first: `openclaw-bridge nodes pending --watch`"), "{said}");
    assert!(!daemon.log().contains("Next:"));
}

#[test]
fn a_bridge_that_is_open_says_what_to_type_on_the_phone() {
    let setup = Setup::new().config(r#"{ bridge: { bind: "0.0.0.0", tls: { enabled: true } } }"#);
    let daemon = setup.start();
    let said = daemon.run(["status"]).ok();
    let port = format!("port {}", daemon.address().port());
    // A machine without a network says that.
    assert!(said.contains(&port) || said.contains("in no network"), "{said}");
    assert!(said.contains("nodes pending --watch") || said.contains("in no network"), "{said}");
}

#[test]
fn serve_on_a_terminal_names_who_waits_and_the_command() {
    let setup = Setup::new();
    let mut command = setup.program();
    command.args(["serve", "--port", "0", "--config"]).arg(setup.path("bridge.json5"));
    let terminal = Terminal::run(command, 200);
    terminal.wait_for("Next:        only this machine can connect", 1);
    let shown = terminal.shown();
    let address = shown.split("listening on ").nth(1).unwrap().split(' ').next().unwrap();
    let mut phone = Phone::connect_to(address.parse().unwrap());
    phone.send(&json!({ "type": "pair-request", "nodeId": "alice", "displayName": "Alice" }));
    terminal.wait_for("Alice at 127.0.0.1 asks to be paired: `openclaw-bridge nodes approve ", 1);
    terminal.signal(Signal::TERM);
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    eventually("the phone is disconnected", || phone.try_send_raw(b"\n").err());
}
