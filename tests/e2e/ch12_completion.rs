//! Completion in real shells: names with blanks and quotation marks arrive whole, and expand to nothing.

use crate::support::{tools, Daemon, Operator, Phone, Setup, Terminal};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What a shell would have to quote, and a command that must not run.
const NAME: &str = "Kit's \"iPad\" $(touch ran) `touch ran` ; touch ran & \\ *";

fn paired(daemon: &Daemon, node: &str, name: &str) -> Phone {
    let mut phone = Phone::connect(daemon);
    phone.send(&json!({ "type": "pair-request", "nodeId": node, "displayName": name }));
    let id = daemon.pending_request(node)["requestId"].clone();
    daemon.ask("node.pair.approve", &json!({ "requestId": id }));
    phone.expect_token();
    phone.expect("hello-ok");
    phone
}

/// A directory of programs with this one in it, and a double that shows its arguments.
fn programs(setup: &Setup) -> PathBuf {
    let bin = setup.path("bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(setup.program().get_program(), bin.join("openclaw-bridge")).unwrap();
    bin
}

/// A shell on a terminal, with the completion script for it.
fn shell(daemon: &Daemon, name: &str, args: &[&str], rc: &str) -> Option<Terminal> {
    let setup = daemon.setup();
    if !tools::has(name, name) {
        return None;
    }
    let script = setup.path("completion");
    fs::write(&script, daemon.run(["completions", name]).ok()).unwrap();
    let path = format!("{}:/usr/bin:/bin", programs(setup).display());
    // A shell wants a terminal that is its own.
    let mut command = Command::new("setsid");
    command.args(["--ctty", name]);
    command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8").env("HOME", setup.path("home"));
    command.env("OPENCLAW_BRIDGE_STATE_DIR", setup.path("state"));
    command.current_dir(setup.path("")).args(args);
    let mut terminal = Terminal::run(command, 200);
    terminal.type_text(&format!("{}\n", rc.replace("SCRIPT", script.to_str().unwrap())));
    terminal.type_text("echo rea''dy\n");
    terminal.wait_for("ready", 1);
    Some(terminal)
}

/// Completes the name after what was typed, and has the node described.
fn is_completed(daemon: &Daemon, terminal: &mut Terminal, typed: &[&str]) {
    for (times, typed) in (1..).zip(typed) {
        terminal.type_text(&format!("{typed}\t"));
        // It is in the name three times, and what was described before shows it, too.
        terminal.wait_for("ouch", times * 6 - 3);
        terminal.type_text("\n");
        terminal.wait_for("Paired", times);
    }
    assert!(!daemon.setup().path("ran").exists(), "{}", terminal.shown());
    assert!(!terminal.shown().contains("error:"), "{}", terminal.shown());
}

#[test]
fn bash_completes_names_as_one_word() {
    let daemon = Daemon::start();
    let _phone = paired(&daemon, "kitchen-1", NAME);
    let args = ["--norc", "--noprofile", "-i"];
    let Some(mut terminal) = shell(&daemon, "bash", &args, "set +H; PS1='> '; . SCRIPT") else {
        return;
    };
    let typed = [
        "openclaw-bridge nodes describe Kit",
        "openclaw-bridge nodes describe --node=Kit",
        "openclaw-bridge nodes describe --node \"Kit",
    ];
    is_completed(&daemon, &mut terminal, &typed);
    terminal.type_text("openclaw-bridge nodes describe kitch\t\n");
    terminal.wait_for("Paired", typed.len() + 1);
    terminal.type_text("openclaw-bridge nodes desc\t--help\n");
    terminal.wait_for("Show the details of a node", 1);
}

#[test]
fn zsh_completes_names_as_one_word() {
    let daemon = Daemon::start();
    let _phone = paired(&daemon, "kitchen-1", NAME);
    let rc = "PS1='> '; unsetopt banghist; autoload -U compinit; compinit -u -D; . SCRIPT";
    let Some(mut terminal) = shell(&daemon, "zsh", &["-f", "-i"], rc) else { return };
    is_completed(
        &daemon,
        &mut terminal,
        &["openclaw-bridge nodes describe Kit", "openclaw-bridge nodes describe --node Kit"],
    );
}

#[test]
fn fish_completes_names_as_one_word() {
    let daemon = Daemon::start();
    let _phone = paired(&daemon, "kitchen-1", NAME);
    let Some(mut terminal) = shell(&daemon, "fish", &["--no-config", "-i"], "source SCRIPT") else {
        return;
    };
    is_completed(
        &daemon,
        &mut terminal,
        &["openclaw-bridge nodes describe Kit", "openclaw-bridge nodes describe --node Kit"],
    );
}

#[test]
fn a_script_is_told_what_may_be_meant_and_nothing_without_a_bridge() {
    let daemon = Daemon::start();
    let _twins = [paired(&daemon, "twin-1", "Twin"), paired(&daemon, "twin-2", "Twin")];
    let _plain = paired(&daemon, "lamp", "Lamp \u{1b}[2J");
    daemon.run(["chat", "send", "hello", "--session", "agent:main:work"]).ok();
    let ask = |words: &[&str]| {
        let mut args = vec!["__complete", "fish"];
        args.extend(words);
        let mut found: Vec<String> = daemon.run(args).ok().lines().map(str::to_owned).collect();
        found.sort();
        found
    };
    assert_eq!(
        ask(&["nodes", "describe", ""]),
        ["lamp\tLamp \\u001b[2J", "twin-1\tTwin", "twin-2\tTwin"]
    );
    let phone = Phone::asking(&daemon, "alice");
    let id = daemon.pending_request("alice")["requestId"].as_str().unwrap()[..8].to_owned();
    assert_eq!(ask(&["nodes", "approve", ""]), [format!("{id}\talice at 127.0.0.1")]);
    let _impostor = Phone::asking(&daemon, "Twin 1");
    assert_eq!(ask(&["nodes", "approve", ""]).len(), 1, "that one needs its full id");
    assert_eq!(ask(&["nodes", "reject", ""]).len(), 2);
    let bash =
        daemon.run(["__complete", "bash", "openclaw-bridge sessions reset agent:main:w", "w"]);
    assert_eq!(bash.ok(), "work\n");
    assert_eq!(ask(&["nodes", "describ"]), Vec::<String>::new());
    drop(phone);
    for words in [&["__complete"][..], &["__complete", "tcsh", "x"], &["__complete", "bash"]] {
        assert_eq!(daemon.run(words.iter().copied()).ok(), "");
    }
    let setup = daemon.setup().clone();
    drop(daemon);
    let mut command = setup.program();
    command.args(["__complete", "zsh", "nodes", "describe", ""]);
    let run = Operator::spawn(command).finish();
    assert_eq!((run.code, &*run.stdout, &*run.stderr), (Some(0), "", ""));
}
