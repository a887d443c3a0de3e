//! The description of the command line. Parsing, help, completions and the manual page are made
//! from it; a new command is described here and gets an arm in `cli::action`.

mod bridge;
mod conversations;
mod node_commands;
mod nodes;
mod setup;

use crate::duration;
use clap::builder::{NonEmptyStringValueParser, StringValueParser};
use clap::{Arg, ArgAction, Command, ValueHint};
use std::time::Duration;

/// The program with all its commands.
pub fn command() -> Command {
    Command::new("openclaw-bridge")
        .about("The gateway side of the OpenClaw Bridge protocol")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .max_term_width(100)
        .subcommand_value_name("COMMAND")
        .subcommand_required(true)
        .after_help("Run `openclaw-bridge COMMAND --help` for help on a command.")
        .subcommands(bridge::commands())
        .subcommands(nodes::commands())
        .subcommands(conversations::commands())
        .subcommands(setup::commands())
}

/// A command without subcommands.
fn verb(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).help_template(
        "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}",
    )
}

/// The end of a command's help: arguments to copy.
fn examples(lines: &[&str]) -> String {
    let heading = if lines.len() == 1 { "Example:" } else { "Examples:" };
    lines.iter().fold(heading.to_owned(), |text, line| format!("{text}\n  openclaw-bridge {line}"))
}

/// A command that only has subcommands.
fn group(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .subcommand_value_name("COMMAND")
        .disable_help_subcommand(true)
        .subcommand_required(true)
}

/// A group that lists something when it is called without a command.
fn listing_group(name: &'static str, about: &'static str) -> Command {
    group(name, about)
        .subcommand_required(false)
        .after_help(format!("Without a command: `{name} list`."))
}

/// A flag without a value.
fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).overrides_with(name)
}

/// A flag with a value. If it is repeated, the last value wins.
fn option(name: &'static str, value: &'static str) -> Arg {
    valued(name, value).overrides_with(name)
}

/// A required flag with a value; it must be given exactly once.
fn required(name: &'static str, value: &'static str) -> Arg {
    valued(name, value).required(true)
}

/// A flag with a value that may be given several times.
fn repeated(name: &'static str, value: &'static str) -> Arg {
    valued(name, value).action(ArgAction::Append)
}

fn valued(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .allow_hyphen_values(true)
        .value_parser(NonEmptyStringValueParser::new())
}

/// A required positional argument.
fn argument(name: &'static str) -> Arg {
    Arg::new(name).required(true).value_parser(NonEmptyStringValueParser::new())
}

/// A required flag that can also be given as a positional argument. The
/// positional's id is the flag's name in capitals, by which
/// [`CommandLine::value`](super::args::CommandLine::value) finds it.
fn required_or_positional(flag: Arg, positional: &'static str, help: &'static str) -> [Arg; 2] {
    let value = flag.get_value_names().and_then(|names| names.first().cloned());
    let short = argument(positional).required(false).value_name(value.unwrap_or_default());
    let short = short.conflicts_with(flag.get_id()).help(help);
    [flag.required(false).required_unless_present(positional), short]
}

/// `--node N`
fn node() -> Arg {
    required("node", "N").help("The node: its id, address or name, or the start of its id")
}

/// `--node N`, or just `N`.
fn node_or_positional() -> [Arg; 2] {
    required_or_positional(node(), "NODE", "The same as --node")
}

/// The flags of every command that sends a request to the running daemon.
fn operator() -> [Arg; 3] {
    [
        json(),
        state_dir().help(
            "The daemon's state directory; by default, the usual places are searched for a running \
             daemon",
        ),
        duration("timeout").help("How long to wait for the daemon").default_value("10s"),
    ]
    .map(|flag| flag.display_order(100))
}

/// The flags of [`operator`], for all commands of a group.
fn operator_everywhere() -> [Arg; 3] {
    operator().map(|flag| flag.global(true))
}

fn json() -> Arg {
    switch("json").help("Print JSON instead of text")
}

fn state_dir() -> Arg {
    option("state-dir", "DIR").value_hint(ValueHint::DirPath)
}

fn config() -> Arg {
    option("config", "FILE").help("The configuration file").value_hint(ValueHint::FilePath)
}

fn params() -> Arg {
    option("params", "JSON").help("Parameters: JSON, @FILE to read a file, or - for standard input")
}

fn log_level() -> Arg {
    option("log", "LEVEL").value_parser(LEVELS)
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A flag whose value is a duration.
fn duration(name: &'static str) -> Arg {
    option(name, "DURATION").value_parser(|text: &str| -> Result<Duration, &str> {
        duration::parse(text)
            .ok_or("expected a duration such as 15s, 500ms, 2m or 1500 (milliseconds)")
    })
}

/// A flag whose value is a TCP port.
fn port() -> Arg {
    option("port", "N").value_parser(|text: &str| {
        text.parse::<u16>().map_err(|_| "expected a port from 0 to 65535")
    })
}

/// A flag whose value is a whole number above 0.
fn number(name: &'static str, value: &'static str) -> Arg {
    let is_positive = |text: &str| text.parse::<u32>().is_ok_and(|number| number > 0);
    option(name, value).value_parser(checked(is_positive, "expected a whole number above 0"))
}

/// A flag whose value is a whole number, 0 included.
fn count(name: &'static str, value: &'static str) -> Arg {
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    option(name, value).value_parser(checked(is_number, "expected a whole number"))
}

/// A flag whose value is a number that JSON writes without an exponent, which Android does not
/// read: digits, at most one point between them, and perhaps a minus sign.
fn decimal(name: &'static str, value: &'static str) -> Arg {
    fn is_decimal(text: &str) -> bool {
        let number = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        digits(whole, 9) && digits(fraction, 4)
    }
    option(name, value).value_parser(checked(is_decimal, "expected a number such as 12, 0.5 or -3"))
}

/// A parser that returns valid text unchanged.
fn checked(
    is_valid: fn(&str) -> bool,
    expected: &'static str,
) -> impl Fn(&str) -> Result<String, &'static str> + Clone {
    move |text| if is_valid(text) { Ok(text.to_owned()) } else { Err(expected) }
}
