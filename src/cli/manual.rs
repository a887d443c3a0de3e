//! The manual pages, made from the tables of commands and of configuration keys. They are kept in
//! `etc/man`; tests/manual.rs compares them (`UPDATE=1` rewrites).

use super::table::{self, Flag, Verb, PROGRAM};
use super::verbs::{OPERATOR, TOPICS};
use crate::config::schema::{self, Effect, Key, KEYS};
use crate::config::Config;
use serde_json::Value;

/// `openclaw-bridge(1)`, in roff.
pub fn program() -> String {
    let mut page = Page::new("OPENCLAW\\-BRIDGE", 1, "User Commands");
    page.section("NAME");
    page.text(&format!("{PROGRAM} - the gateway side of the OpenClaw Bridge protocol"));
    page.section("SYNOPSIS");
    page.raw(".B openclaw\\-bridge\n.I COMMAND\n.RI [ FLAGS ]\n");
    page.section("DESCRIPTION");
    page.text(
        "Lets phones, tablets, Macs and headless machines (nodes) whose apps speak the Bridge \
         protocol join a gateway at home: they connect over TCP, ask to be paired, and once an \
         operator has approved them they chat, answer commands and tell what happens to them.",
    );
    page.text(
        "`serve` is the daemon; `node` is a node; nearly every other command asks the running \
         daemon through a Unix socket.",
    );
    for topic in TOPICS {
        page.section(&topic.title.to_uppercase());
        for verb in table::verbs().filter(|verb| topic.words.contains(&first_word(verb.path))) {
            command(&mut page, verb);
        }
    }
    page.section("COMMON FLAGS");
    page.text("Every command that asks the running daemon takes these.");
    for flag in OPERATOR {
        options(&mut page, flag);
    }
    page.item("\\fB\\-h\\fR, \\fB\\-\\-help\\fR", "Explain the command.");
    page.section("NODES");
    page.text(
        "Where a command takes a node, it may be named by its id, its address, its name, or the \
         beginning of its id (six characters or more), as long as that means one node only.",
    );
    page.section("ENVIRONMENT");
    for (name, meaning) in ENVIRONMENT {
        page.item(&format!("\\fB{}\\fR", escaped(name)), meaning);
    }
    page.section("FILES");
    for (name, meaning) in FILES {
        page.item(&format!("\\fI{}\\fR", escaped(name)), meaning);
    }
    page.section("EXIT STATUS");
    for (code, meaning) in EXITS {
        page.item(&format!("\\fB{code}\\fR"), meaning);
    }
    page.section("SEE ALSO");
    page.raw(".BR openclaw\\-bridge.json5 (5),\n.BR systemctl (1)\n");
    page.0
}

/// `openclaw-bridge.json5(5)`, in roff.
pub fn configuration() -> String {
    let mut page = Page::new("OPENCLAW\\-BRIDGE.JSON5", 5, "File Formats");
    page.section("NAME");
    page.text("openclaw-bridge.json5 - the configuration of openclaw-bridge");
    page.section("DESCRIPTION");
    page.text(
        "The configuration is one JSON5 file: JSON with comments, trailing commas and names \
         without quotes. Everything in it is optional. It is looked for in this order: --config, \
         $OPENCLAW_BRIDGE_CONFIG, /etc/openclaw-bridge/bridge.json5, \
         $XDG_CONFIG_HOME/openclaw-bridge/bridge.json5.",
    );
    page.text(
        "The sections are those of the old gateway, so parts of an old openclaw.json can be \
         pasted; sections that belong to other programs are ignored with one notice. Within the \
         sections below, an unknown key or a wrong value stops the start and is told with its \
         path; a running daemon keeps its old configuration. `openclaw-bridge config check` tells \
         every mistake at once, `openclaw-bridge config show` what is in force and where it was \
         set.",
    );
    page.text(
        "Durations are written as \"500ms\", \"15s\", \"10m\" or \"2h\", or as a number of \
         milliseconds. A path may begin with ~; a relative one begins where the file is.",
    );
    page.section("KEYS");
    let defaults = schema::values(&Config::default());
    for key in KEYS {
        entry(&mut page, key, &defaults);
    }
    page.section("EXAMPLE");
    page.raw(".nf\n");
    page.raw(&escaped(EXAMPLE));
    page.raw(".fi\n");
    page.section("SEE ALSO");
    page.raw(".BR openclaw\\-bridge (1)\n");
    page.0
}

const ENVIRONMENT: &[(&str, &str)] = &[
    ("OPENCLAW_BRIDGE_CONFIG", "The configuration file."),
    ("OPENCLAW_BRIDGE_STATE_DIR", "The state directory; overrides bridge.stateDir."),
    ("OPENCLAW_BRIDGE_BIND, OPENCLAW_BRIDGE_PORT", "Override bridge.bind and bridge.port."),
    ("OPENCLAW_BRIDGE_LOG", "Overrides bridge.log."),
    ("TMPDIR", "Where pictures and films go that are given no name; without it, /tmp."),
    ("STATE_DIRECTORY, RUNTIME_DIRECTORY", "Set by systemd for a unit."),
    ("NO_COLOR", "Nothing is printed in colour."),
];

const FILES: &[(&str, &str)] = &[
    ("/etc/openclaw-bridge/bridge.json5", "The configuration, see openclaw-bridge.json5(5)."),
    ("~/.local/state/openclaw-bridge", "The state directory, unless one is named."),
    ("nodes/paired.json", "In the state directory: who is paired, with hashes of their tokens."),
    ("bridge/tls", "In the state directory: the certificate and its key."),
    ("control.sock", "In the state directory or $RUNTIME_DIRECTORY: where operators connect."),
];

const EXITS: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "Refused or failed; the reason is on standard error."),
    ("2", "The command line makes no sense."),
    ("69", "No daemon is running."),
    ("78", "The configuration has a mistake."),
];

const EXAMPLE: &str = "{
  bridge: {
    bind: \"lan\",
    tls: { enabled: true },
  },
  agent: { kind: \"command\", command: [\"/usr/local/bin/answer\"] },
}
";

fn first_word(path: &str) -> &str {
    path.split(' ').next().unwrap_or(path)
}

fn command(page: &mut Page, verb: &Verb) {
    let mut usage = format!("\\fB{}\\fR", escaped(verb.path));
    for flag in verb.flags().filter(|flag| flag.required) {
        usage = format!("{usage} {}", option(flag));
    }
    for positional in verb.positionals.iter().filter(|positional| positional.flag.is_none()) {
        usage = format!("{usage} \\fI{}\\fR", escaped(&positional.usage()));
    }
    page.subsection(&usage);
    page.text(&format!("{}.", verb.summary));
    if let [first, rest @ ..] = verb.aliases {
        let others: String = rest.iter().map(|alias| format!(", `{alias}`")).collect();
        page.text(&format!("The same as `{first}`{others}."));
    }
    for paragraph in verb.about {
        page.text(paragraph);
    }
    for positional in verb.positionals {
        page.item(&format!("\\fI{}\\fR", escaped(&positional.usage())), positional.help);
    }
    for flag in verb.flags.iter().filter(|flags| !is_common(flags)).copied().flatten() {
        options(page, flag);
    }
}

/// Whether these are the flags of every command that asks the daemon; they are explained once.
fn is_common(flags: &[Flag]) -> bool {
    flags.iter().map(|flag| flag.name).eq(OPERATOR.iter().map(|flag| flag.name))
}

fn options(page: &mut Page, flag: &Flag) {
    let default = flag.default.map(|value| format!(" Default: {value}."));
    let help = format!("{}{}", flag.help, default.unwrap_or_default());
    page.item(&option(flag), &help);
}

fn option(flag: &Flag) -> String {
    let letter = flag.short.map(|letter| format!("\\fB\\-{letter}\\fR, ")).unwrap_or_default();
    let name = format!("{letter}\\fB\\-\\-{}\\fR", escaped(flag.name));
    match flag.value {
        "" => name,
        value => format!("{name} \\fI{}\\fR", escaped(value)),
    }
}

fn entry(page: &mut Page, key: &Key, defaults: &Value) {
    let default = match key.value_in(defaults) {
        Value::Null => String::new(),
        Value::Object(map) if map.is_empty() => String::new(),
        value => format!(" Default: {value}."),
    };
    let effect = match key.effect {
        Effect::Reload => " A reload changes it.",
        Effect::Restart | Effect::Unused => "",
    };
    let expects = format!("Must be {}.", key.kind.expects());
    let text = format!("{} {expects}{default}{effect}", key.help);
    page.item(&format!("\\fB{}\\fR", escaped(key.path)), &text);
}

/// Roff in the making.
struct Page(String);

impl Page {
    fn new(title: &str, section: u8, manual: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self(format!(".TH {title} {section} \"\" \"openclaw\\-bridge {version}\" \"{manual}\"\n"))
    }

    fn section(&mut self, title: &str) {
        self.raw(&format!(".SH {}\n", escaped(title)));
    }

    /// `title` is roff.
    fn subsection(&mut self, title: &str) {
        self.raw(&format!(".SS {title}\n"));
    }

    fn text(&mut self, text: &str) {
        self.raw(".PP\n");
        self.line(text);
    }

    /// A term, as roff, and what it means.
    fn item(&mut self, term: &str, meaning: &str) {
        self.raw(&format!(".TP\n{term}\n"));
        self.line(meaning);
    }

    fn line(&mut self, text: &str) {
        let text = escaped(text);
        // A dot or a quote at the start of a line would be a request.
        let guard = if text.starts_with(['.', '\'']) { "\\&" } else { "" };
        self.raw(&format!("{guard}{text}\n"));
    }

    fn raw(&mut self, roff: &str) {
        self.0.push_str(roff);
    }
}

/// The text as roff shows it: a dash that can be copied, a backslash that is one.
fn escaped(text: &str) -> String {
    let mut roff = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => roff.push_str("\\e"),
            '-' => roff.push_str("\\-"),
            '`' => roff.push_str("\\(ga"),
            '~' => roff.push_str("\\(ti"),
            '^' => roff.push_str("\\(ha"),
            '…' => roff.push_str("..."),
            c => roff.push(c),
        }
    }
    roff
}
