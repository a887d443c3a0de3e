//! The table of commands. Parsing, help, completions and the manual page are made from it; a new
//! command is described in one of the files here, with the function that runs it.

mod bridge;
mod conversations;
mod node_commands;
mod nodes;
mod setup;
mod tools;

use super::Action;
use crate::duration;
use clap::builder::{
    NonEmptyStringValueParser, PossibleValuesParser, StringValueParser, TypedValueParser,
};
use clap::{Arg, ArgAction, Command, ValueHint};
use serde_json::Number;
use std::sync::LazyLock;
use std::time::Duration;

/// A command that does something.
struct Verb {
    /// Its words, such as `nodes camera snap`.
    path: &'static str,
    run: Action,
    command: Command,
}

/// The commands of a file, each with its words, the function that runs it and what it does. Then
/// follow perhaps details, examples to copy, and perhaps arguments.
macro_rules! commands {
    ($(
        $path:literal => $run:expr, $about:literal;
        $(help $details:expr;)?
        eg $($example:literal),+;
        $(args $($args:expr),+;)?
    )+) => {
        pub(super) fn verbs() -> Vec<Verb> {
            vec![$(Verb {
                path: $path,
                run: $run,
                command: verb($path, $about, &[$($example),+])
                    $(.before_help($details))?
                    $($(.args($args))+)?,
            }),+]
        }
    };
}
use commands;

/// The commands that only have subcommands.
const GROUPS: &[(&str, &str)] = &[
    ("nodes", "List and approve nodes, and send them commands"),
    ("nodes approvals", "See and change what a node lets the gateway run"),
    ("nodes camera", "Take pictures and record clips with a node's cameras"),
    ("nodes canvas", "Show pages on a node's canvas, and take snapshots of it"),
    ("nodes canvas a2ui", "Show user interfaces described in A2UI"),
    ("nodes screen", "Record a node's screen"),
    ("nodes location", "Get a node's location"),
    ("nodes sms", "Send text messages with an Android phone"),
    ("chat", "Chat with the agent in the conversations that nodes use"),
    ("sessions", "List and maintain conversations"),
    ("settings", "Read and change the settings that nodes see"),
    ("voicewake", "Read and change the wake words for voice mode"),
    ("dns", "Set up a DNS server for discovery beyond the local network"),
    ("config", "Check or show the configuration"),
    ("tools", "What the connected nodes can do, as tools for agents"),
];

fn verbs() -> impl Iterator<Item = Verb> {
    let files = [
        bridge::verbs,
        nodes::verbs,
        node_commands::verbs,
        conversations::verbs,
        setup::verbs,
        tools::verbs,
    ];
    files.into_iter().flat_map(|verbs| verbs())
}

/// The function that runs the command with these words. A group that can be called without a
/// command lists.
pub(super) fn action(path: &str) -> Option<Action> {
    let list = format!("{path} list");
    verbs().find(|verb| verb.path == path || verb.path == list).map(|verb| verb.run)
}

/// What `--version` prints. The Makefile names the commit and its date; a build by cargo alone does not,
/// so that it is not repeated at each commit.
static VERSION: LazyLock<String> = LazyLock::new(|| version(option_env!("OPENCLAW_BRIDGE_COMMIT")));

pub(crate) fn version(commit: Option<&str>) -> String {
    let commit = commit.map(str::trim).filter(|commit| !commit.is_empty());
    let commit = commit.map(|commit| format!(" ({commit})")).unwrap_or_default();
    format!("{}{commit}", env!("CARGO_PKG_VERSION"))
}

/// The program with all its commands.
pub fn command() -> Command {
    let program = Command::new("openclaw-bridge")
        .about("The gateway side of the OpenClaw Bridge protocol")
        .version(VERSION.as_str())
        .propagate_version(true)
        .max_term_width(100)
        .subcommand_value_name("COMMAND")
        .subcommand_required(true)
        .after_help("Run `openclaw-bridge COMMAND --help` for help on a command.");
    verbs().fold(program, |program, verb| insert(program, verb.path, 0, verb.command))
}

/// Puts a command in its place below `parent`, whose own words are the first `at` bytes of `path`.
fn insert(parent: Command, path: &'static str, at: usize, verb: Command) -> Command {
    let Some(length) = path[at..].find(' ') else { return parent.subcommand(verb) };
    let end = at + length;
    let name = &path[at..end];
    let parent = match parent.find_subcommand(name) {
        Some(_) => parent,
        None => parent.subcommand(group(&path[..end])),
    };
    parent.mut_subcommand(name, |group| insert(group, path, end + 1, verb))
}

fn group(path: &'static str) -> Command {
    let about = GROUPS.iter().find(|(group, _)| *group == path).map(|(_, about)| *about);
    let group = Command::new(name_of(path))
        .about(about.unwrap_or_default())
        .subcommand_value_name("COMMAND")
        .disable_help_subcommand(true)
        .subcommand_required(true);
    match path {
        "nodes" => or_list(group.arg(legacy_json()), path),
        "sessions" | "tools" => or_list(group, path),
        "chat" | "settings" | "voicewake" => group.args(operator_everywhere()),
        _ => group,
    }
}

/// A group that can be called without a command.
fn or_list(group: Command, path: &str) -> Command {
    group
        .args(operator_everywhere())
        .subcommand_required(false)
        .after_help(format!("Without a command: `{path} list`."))
}

fn verb(path: &'static str, about: &'static str, examples: &[&str]) -> Command {
    let heading = if examples.len() == 1 { "Example:" } else { "Examples:" };
    let examples = examples.iter().map(|line| format!("\n  openclaw-bridge {line}"));
    Command::new(name_of(path))
        .about(about)
        .after_help(heading.to_owned() + &examples.collect::<String>())
        .help_template(
            "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}",
        )
}

/// The last word.
fn name_of(path: &'static str) -> &'static str {
    path.rsplit(' ').next().unwrap_or(path)
}

/// A flag without a value.
fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).action(ArgAction::SetTrue).overrides_with(name)
}

/// A flag with a value. If it is repeated, the last value wins.
fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    valued(name, value, help).overrides_with(name)
}

/// An [`option`] whose value is a path.
fn file(name: &'static str, help: &'static str) -> Arg {
    option(name, "FILE", help).value_hint(ValueHint::FilePath)
}

/// A required flag with a value; it must be given exactly once.
fn required(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    valued(name, value, help).required(true)
}

/// A flag with a value that may be given several times.
fn repeated(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    valued(name, value, help).action(ArgAction::Append)
}

fn valued(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    let flag = Arg::new(name).long(name).value_name(value).help(help);
    flag.allow_hyphen_values(true).value_parser(NonEmptyStringValueParser::new())
}

/// A required positional argument.
fn argument(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).required(true).help(help).value_parser(NonEmptyStringValueParser::new())
}

/// A required flag that can also be given as a positional argument. The positional's id is the
/// flag's name in capitals, by which [`CommandLine::value`](super::args::CommandLine::value) finds
/// it.
fn required_or_positional(flag: Arg, positional: &'static str, help: &'static str) -> [Arg; 2] {
    let value = flag.get_value_names().and_then(|names| names.first().cloned());
    let short = argument(positional, help).required(false).value_name(value.unwrap_or_default());
    let short = short.conflicts_with(flag.get_id());
    [flag.required(false).required_unless_present(positional), short]
}

/// `--node N`
fn node() -> Arg {
    required(
        "node",
        "N",
        "The node: its id, address or name, or the start of its id; id:ID is that id only",
    )
}

/// `--node N`, or just `N`.
fn node_or_positional() -> [Arg; 2] {
    required_or_positional(node(), "NODE", "The same as --node")
}

/// The flags of every command that sends a request to the running daemon.
fn operator() -> [Arg; 3] {
    let place = "The daemon's state directory; by default, the usual places are searched for a \
                 running daemon";
    let timeout = duration("timeout", "How long to wait for the daemon").default_value("10s");
    [json(), state_dir(place), timeout].map(|flag| flag.display_order(100))
}

/// The flags of [`operator`], for all commands of a group.
fn operator_everywhere() -> [Arg; 3] {
    operator().map(|flag| flag.global(true))
}

/// For scripts that were written for the old gateway.
fn legacy_json() -> Arg {
    let help = "Print JSON as the old command line did; see the manual";
    switch("legacy-json", help).global(true).display_order(101)
}

fn json() -> Arg {
    switch("json", "Print JSON instead of text")
}

fn state_dir(help: &'static str) -> Arg {
    option("state-dir", "DIR", help).value_hint(ValueHint::DirPath)
}

fn config() -> Arg {
    file("config", "The configuration file")
}

fn params() -> Arg {
    let help = "Parameters: JSON, @FILE to read a file, or - for standard input";
    option("params", "JSON", help)
}

fn log_level() -> Arg {
    one_of(option("log", "LEVEL", "The log level"), LEVELS)
}

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// A flag whose value is a duration.
fn duration(name: &'static str, help: &'static str) -> Arg {
    option(name, "DURATION", help).value_parser(|text: &str| -> Result<Duration, &str> {
        duration::parse(text)
            .ok_or("expected a duration such as 15s, 1.5s, 500ms, 2m or 1500 (milliseconds)")
    })
}

/// An argument whose value is one of these words, in capitals or not.
fn one_of(arg: Arg, words: &'static [&'static str]) -> Arg {
    let as_listed = |typed: String| {
        let listed = words.iter().find(|word| word.eq_ignore_ascii_case(&typed));
        listed.map_or(typed, |word| (*word).to_owned())
    };
    arg.ignore_case(true).value_parser(PossibleValuesParser::new(words).map(as_listed))
}

/// A flag whose value is a TCP port.
fn port(help: &'static str) -> Arg {
    option("port", "N", help).value_parser(|text: &str| {
        text.parse::<u16>().map_err(|_| "expected a port from 0 to 65535")
    })
}

/// A flag whose value is a whole number above 0.
fn number(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    option(name, value, help)
        .value_parser(|text: &str| above_zero(text).ok_or("expected a whole number above 0"))
}

fn above_zero(text: &str) -> Option<Number> {
    text.parse().ok().filter(|number: &u32| *number > 0).map(Number::from)
}

/// A flag whose value is a length in pixels: a whole number above 0, with or without `px`.
fn pixels(name: &'static str, help: &'static str) -> Arg {
    option(name, "PIXELS", help).value_parser(|text: &str| {
        let number = text.to_ascii_lowercase();
        above_zero(number.strip_suffix("px").unwrap_or(&number))
            .ok_or("expected a whole number of pixels above 0, such as 800 or 800px")
    })
}

/// A flag whose value is a whole number, 0 included.
fn count(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    option(name, value, help).value_parser(|text: &str| {
        text.parse::<u32>().map(Number::from).map_err(|_| "expected a whole number")
    })
}

/// A flag whose value is a number that JSON writes without an exponent, which Android does not
/// read: digits, at most one point between them, and perhaps a minus sign.
fn decimal(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    fn parse(text: &str) -> Option<Number> {
        let number = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 9) || !digits(fraction, 4) {
            return None;
        }
        let whole = text.parse::<i64>().ok().map(Number::from);
        whole.or_else(|| Number::from_f64(text.parse().ok()?))
    }
    option(name, value, help)
        .value_parser(|text: &str| parse(text).ok_or("expected a number such as 12, 0.5 or -3"))
}

/// What stands before and after the first `=`; `None` if nothing stands before it.
fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty())?;
    Some((name.to_owned(), value.to_owned()))
}
