//! The manual pages in `etc/man`: each is made from a Markdown file, in which `<!-- commands -->`
//! and `<!-- keys -->` stand for what is made from the descriptions of the command line and of the
//! configuration. `UPDATE=1 cargo test --test manual` writes them.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "manual/markdown.rs"]
mod markdown;

use clap::Command;
use clap_mangen::Man;
use markdown::{to_roff, without_preamble};
use openclaw_bridge::cli::command;
use openclaw_bridge::config::schema::{self, Effect, Key, KEYS};
use openclaw_bridge::config::Config;
use openclaw_bridge::protocol::limits;
use roff::{bold, roman, Roff};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command as Program, Stdio};
use std::{env, fs};

struct Page {
    name: &'static str,
    section: &'static str,
    manual: &'static str,
    source: &'static str,
}

const PAGES: [Page; 3] = [
    Page {
        name: "openclaw-bridge",
        section: "1",
        manual: "User Commands",
        source: "etc/man/openclaw-bridge.1.md",
    },
    Page {
        name: "openclaw-bridge.json5",
        section: "5",
        manual: "File Formats",
        source: "etc/man/openclaw-bridge.json5.5.md",
    },
    Page {
        name: "openclaw-bridge-protocol",
        section: "7",
        manual: "Miscellaneous Information",
        source: "src/protocol/PROTOCOL.md",
    },
];

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

impl Page {
    fn path(&self) -> PathBuf {
        root().join(format!("etc/man/{}.{}", self.name, self.section))
    }

    fn roff(&self) -> String {
        let mut source = fs::read_to_string(root().join(self.source)).unwrap();
        if self.section == "7" {
            // The document begins with its title; a manual page begins with its name.
            let (_, text) = source.split_once("\n\n").unwrap();
            source = format!(
                "## Name\n\n{} - how nodes and the gateway talk to each other\n\n## Description\n\n{text}",
                self.name
            );
        }
        let version = format!("openclaw-bridge {}", env!("CARGO_PKG_VERSION"));
        let title = [self.name.to_uppercase(), self.section.to_owned()];
        let mut head = Roff::new();
        head.control("TH", [&*title[0], &title[1], "", &version, self.manual]);
        // Keeps apostrophes what they are.
        let mut page = head.render();
        for (i, part) in source.split("<!-- ").enumerate() {
            let rest = match part.split_once(" -->") {
                Some(("commands", rest)) if i > 0 => {
                    page += &commands();
                    rest
                }
                Some(("keys", rest)) if i > 0 => {
                    page += &keys();
                    rest
                }
                _ => part,
            };
            page += &to_roff(rest);
        }
        page
    }
}

/// A subsection for every command that does something.
fn commands() -> String {
    let mut program = command();
    program.build();
    let mut text = String::new();
    for below in program.get_subcommands().filter(|below| below.get_name() != "help") {
        describe(below, below.get_name(), &mut text);
    }
    text
}

fn describe(command: &Command, path: &str, text: &mut String) {
    if !command.is_subcommand_required_set() && !command.has_subcommands() {
        *text += &subsection(command.clone(), path);
    }
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        describe(below, &format!("{path} {}", below.get_name()), text);
    }
}

fn subsection(mut command: Command, path: &str) -> String {
    let paragraphs = |text: Option<&clap::builder::StyledStr>| text.map(ToString::to_string);
    let details = paragraphs(command.get_before_help()).unwrap_or_default();
    let examples = paragraphs(command.get_after_help()).unwrap_or_default();
    let about = paragraphs(command.get_about()).unwrap_or_default();
    let aliases: Vec<&str> = command.get_visible_aliases().collect();
    let aliases = match aliases[..] {
        [] => String::new(),
        _ => format!(" Also called {}.", aliases.join(", ")),
    };
    command = short(command);
    let mut head = Roff::new();
    head.control("SS", [path]).text([roman(format!("{about}.{aliases}"))]).control("PP", []);
    let mut text = without_preamble(&head.render());
    let man = Man::new(command.clone());
    text += &section(|out| man.render_synopsis_section(out));
    text += &to_roff(&details.replace('<', "\\<").replace('*', "\\*").replace('_', "\\_"));
    if command.get_arguments().any(|arg| !arg.is_hide_set()) {
        text += &section(|out| man.render_options_section(out));
    }
    let mut tail = Roff::new();
    tail.control("PP", []).control("RS", ["4"]).control("nf", []);
    for line in examples.lines().skip(1) {
        tail.text([roman(line.trim())]);
    }
    tail.control("fi", []).control("RE", []);
    text + &without_preamble(&tail.render())
}

/// The command as it is described: flags that many commands have are explained once, and possible
/// values are part of the explanation.
fn short(command: Command) -> Command {
    let asks_the_daemon = |name: &str| command.get_arguments().any(|arg| arg.get_id() == name);
    let common: &[&str] = match ["json", "state-dir", "timeout"].into_iter().all(asks_the_daemon) {
        true => &["help", "version", "json", "legacy-json", "state-dir", "timeout"],
        false => &["help", "version"],
    };
    command.mut_args(|arg| {
        let values: Vec<String> =
            arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let is_common = common.contains(&arg.get_id().as_str());
        let arg = arg.hide(is_common).hide_possible_values(true);
        match values.is_empty() || help.contains(':') {
            true => arg.help(format!("{help}.")),
            false => arg.help(format!("{help}: {}.", values.join(", "))),
        }
    })
}

/// What clap_mangen makes, without the heading of the section.
fn section(render: impl FnOnce(&mut dyn std::io::Write) -> Result<(), std::io::Error>) -> String {
    let mut roff = Vec::new();
    render(&mut roff).unwrap();
    let text = without_preamble(&String::from_utf8(roff).unwrap());
    text.lines().filter(|line| !line.starts_with(".SH")).map(|line| format!("{line}\n")).collect()
}

/// An entry for every key of the configuration.
fn keys() -> String {
    let defaults = schema::values(&Config::default());
    let mut roff = Roff::new();
    for key in KEYS.iter() {
        roff.control("TP", []).text([bold(key.path)]).text([roman(meaning(key, &defaults))]);
    }
    without_preamble(&roff.render())
}

fn meaning(key: &Key, defaults: &Value) -> String {
    let default = match key.value_in(defaults) {
        Value::Null => String::new(),
        Value::Object(map) if map.is_empty() => String::new(),
        value => format!(" Default: {value}."),
    };
    let effect = match key.effect {
        Effect::Reload => " A reload changes it.",
        Effect::Restart | Effect::Unused => "",
    };
    format!("{} Must be {}.{default}{effect}", key.help, key.kind.expects())
}

#[test]
fn the_manual_says_what_the_program_does() {
    for page in &PAGES {
        let roff = page.roff();
        if env::var_os("UPDATE").is_some() {
            fs::write(page.path(), &roff).unwrap();
        }
        let kept = fs::read_to_string(page.path()).unwrap_or_default();
        let name = page.name;
        assert!(kept == roff, "{name} is out of date; UPDATE=1 cargo test --test manual");
    }
}

#[test]
fn the_manual_is_roff_without_a_mistake() {
    for page in &PAGES {
        let groff = Program::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-z"])
            .arg(page.path())
            .stdin(Stdio::null())
            .output();
        match groff {
            Ok(output) => {
                let warnings = String::from_utf8_lossy(&output.stderr);
                assert!(
                    output.status.success() && warnings.is_empty(),
                    "{}: {warnings}",
                    page.name
                );
            }
            Err(error) => {
                // In CI it has to be there, unless `.ci/run` could not install it.
                let may_skip = env::var("TESTS_MAY_SKIP").unwrap_or_default();
                assert!(env::var_os("CI").is_none() || may_skip.contains("groff"), "{error}");
            }
        }
    }
}

#[test]
fn every_command_is_in_the_manual_with_its_flags() {
    let page = fs::read_to_string(PAGES[0].path()).unwrap().replace("\\-", "-");
    let mut program = command();
    program.build();
    fn check(command: &Command, page: &str) {
        for arg in command.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(page.contains(&format!("--{arg}")), "--{arg}");
        }
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            assert!(page.contains(below.get_name()), "{}", below.get_name());
            check(below, page);
        }
    }
    check(&program, &page);
}

#[test]
fn the_manual_states_the_limits_as_they_are() {
    let page = fs::read_to_string(root().join(PAGES[0].source)).unwrap();
    let mib = |bytes: usize| format!("{} MiB", bytes / 1024 / 1024);
    let kib = |bytes: usize| format!("{} KiB", bytes / 1024);
    let rows = [
        ("Line before admission", kib(limits::LINE_UNAUTHENTICATED)),
        ("Line from an admitted node", mib(limits::LINE_NODE)),
        ("Line from a node that was asked for a recording", mib(limits::LINE_RECORDING)),
        ("Connections *", limits::CONNECTIONS.to_string()),
        ("Unauthenticated connections *", limits::UNAUTHENTICATED_CONNECTIONS.to_string()),
        ("Time to send hello", format!("{} s", limits::GREETING_DEADLINE.as_secs())),
        ("Pending pairing requests *", limits::PENDING_PAIRINGS.to_string()),
        ("Pending pairing requests from", limits::PENDING_PAIRINGS_PER_ADDRESS.to_string()),
        ("Lifetime of a pairing", format!("{} min", limits::PAIRING_TTL.as_secs() / 60)),
        ("Lifetime of an approval", format!("{} min", limits::APPROVAL_KEPT.as_secs() / 60)),
        ("Cool-down after a rejection", format!("{} s", limits::COOL_DOWN.as_secs())),
        ("Unanswered requests of a node", limits::UNANSWERED.to_string()),
        ("Requests and events of a node", limits::TASKS_WAITING.to_string()),
        ("Output queued for a node", mib(limits::OUTBOX_BYTES)),
        ("Answer of the backend", format!("{} s", limits::CALL_DEADLINE.as_secs())),
        ("Silence before a ping", format!("{} s", limits::PING_AFTER.as_secs())),
        ("Silence before disconnection", format!("{} s", limits::DROP_AFTER.as_secs())),
        ("Text of a message", kib(limits::MESSAGE_BYTES)),
        ("Sessions |", limits::SESSIONS.to_string()),
        ("Conversations on disk", format!("{} MiB", limits::CONVERSATION_BYTES >> 20)),
        ("Agent runs at once", format!("{}, {}", limits::AGENT_RUNS, limits::AGENT_QUEUE)),
        ("Answer of the agent", format!("{} s", limits::AGENT_TIMEOUT.as_secs())),
        (
            "System events that wait",
            format!("{} for a session, of {}", limits::SYSTEM_EVENTS, limits::SYSTEM_EVENT_BYTES),
        ),
        ("Unanswered invokes |", limits::INVOKES.to_string()),
        ("Unanswered invokes of one node", limits::INVOKES_PER_NODE.to_string()),
        ("Check of the machine's", format!("every {} s", limits::ADDRESSES_EVERY.as_secs())),
        ("Connections to the canvas host", limits::CANVAS_CONNECTIONS.to_string()),
        ("Head of a request to it", kib(limits::CANVAS_HEAD)),
        ("Reading an answer of it", format!("{} s", limits::CANVAS_CHUNK_TIME.as_secs())),
        ("Pages that wait for changes", limits::CANVAS_STREAMS.to_string()),
        ("Files whose changes", limits::CANVAS_FILES.to_string()),
        ("Connected operators", limits::OPERATORS.to_string()),
        ("Invokes that `node`", limits::HOST_INVOKES.to_string()),
        ("Run time of such", format!("{} min", limits::RUN_TIME.as_secs() / 60)),
        ("Exec-approvals file", kib(limits::APPROVALS_BYTES)),
        ("Tools that run at once", limits::TOOL_CALLS.to_string()),
        ("Text that a tool returns", kib(limits::TOOL_ANSWER)),
    ];
    for (what, value) in rows {
        let row = page.lines().find(|line| line.starts_with(&format!("| {what}")));
        let row = row.unwrap_or_else(|| panic!("the manual has no row for {what:?}"));
        assert!(
            row.contains(&format!("| {value}")),
            "the manual says {row:?}, the program {value}"
        );
    }
}
