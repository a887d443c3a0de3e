//! From arguments to a command, as the program describes it.

use super::failure::Failure;
use crate::protocol::Method;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, Error};
use serde_json::Number;
use std::any::Any;
use std::ffi::OsString;
use std::time::Duration;

#[derive(Debug)]
pub(super) enum Parsed {
    Run(CommandLine),
    /// Help, or the version.
    Print(String),
}

/// A command with its arguments. They are as the description promises: required ones are there,
/// numbers, durations and choices are valid.
#[derive(Clone, Debug)]
pub(super) struct CommandLine {
    path: String,
    matches: ArgMatches,
}

impl CommandLine {
    /// The command's words, such as `nodes approve`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The text of a flag or of a positional argument: the last one that was given, else the
    /// default. A positional in capitals is a shorter way to write the flag of that name.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let text = |id: &str| self.get::<String>(id).map(String::as_str);
        text(name).or_else(|| text(&name.to_uppercase()))
    }

    /// As [`CommandLine::value`], as an owned text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(str::to_owned)
    }

    /// The text of a required argument, or of one with a default.
    pub(super) fn required(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// Every text of a flag or of a positional argument that may be repeated.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        self.all(name)
    }

    /// Every NAME=VALUE of a flag that may be repeated.
    pub(super) fn pairs(&self, name: &str) -> Vec<(String, String)> {
        self.all(name)
    }

    fn all<T: Any + Clone + Send + Sync>(&self, name: &str) -> Vec<T> {
        let values = self.matches.try_get_many(name).ok().flatten();
        values.into_iter().flatten().cloned().collect()
    }

    /// Whether a flag was given; a default does not count.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.matches.try_contains_id(name).unwrap_or(false)
            && self.matches.value_source(name) == Some(ValueSource::CommandLine)
    }

    /// Whether the answer is to be printed as JSON.
    pub(super) fn wants_json(&self) -> bool {
        self.is_set("json") || self.is_legacy()
    }

    /// Whether that is to have the shape that the old command line gave it.
    pub(super) fn is_legacy(&self) -> bool {
        self.is_set("legacy-json")
    }

    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        self.get(name).copied()
    }

    pub(super) fn milliseconds(&self, name: &str) -> Option<u64> {
        self.duration(name).map(in_milliseconds)
    }

    /// The number of a flag, as it was written.
    pub(super) fn number(&self, name: &str) -> Option<Number> {
        self.get(name).cloned()
    }

    pub(super) fn whole_number(&self, name: &str) -> Option<u64> {
        self.number(name)?.as_u64()
    }

    /// A value of the type that the description gives it.
    pub(super) fn get<T: Any + Clone + Send + Sync>(&self, name: &str) -> Option<&T> {
        self.matches.try_get_one(name).ok().flatten()
    }
}

pub(super) fn in_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Reads the arguments, without the program's name. An error is one line with the mistake and what
/// was probably meant.
pub(super) fn parse(program: &Command, args: Vec<OsString>) -> Result<Parsed, Failure> {
    let name = OsString::from(program.get_name());
    match program.clone().try_get_matches_from(std::iter::once(&name).chain(&args)) {
        Ok(mut matches) => {
            let mut words = Vec::new();
            while let Some((word, below)) = matches.remove_subcommand() {
                words.push(word);
                matches = below;
            }
            Ok(Parsed::Run(CommandLine { path: words.join(" "), matches }))
        }
        Err(error) if error.use_stderr() => {
            Err(Failure::usage(one_line(&error, &path_of(program, &args))))
        }
        Err(text) => Ok(Parsed::Print(text.render().to_string())),
    }
}

/// The command that the arguments begin with, with a space before each word.
fn path_of(mut command: &Command, args: &[OsString]) -> String {
    let mut path = String::new();
    for word in args.iter().filter_map(|arg| arg.to_str()).filter(|arg| !arg.starts_with('-')) {
        let Some(below) = command.find_subcommand(word) else { break };
        path = format!("{path} {}", below.get_name());
        command = below;
    }
    path
}

/// What to do instead of a word that only the old gateway's command line knew.
fn instead(path: &str, word: &str) -> Option<String> {
    let systemctl = match word {
        "install" => Some("enable --now"),
        "uninstall" => Some("disable --now"),
        verb => "start stop restart status".split(' ').find(|known| *known == verb),
    };
    if let (" node", Some(verb)) = (path, systemctl) {
        return Some(format!(
            "the service is a systemd unit: `systemctl {verb} openclaw-bridge-node`"
        ));
    }
    let text = match (path, word) {
        (" node", "run") => "`node` runs in the foreground: leave out run",
        ("", "gateway") => "`serve` runs the bridge, and `call` calls a method",
        ("", "approvals" | "exec-approvals") => "use `nodes approvals`",
        ("", method) if Method::parse(method).is_some() => "use `call`",
        (_, "--url") => {
            "commands reach the bridge through its socket on this machine: leave out --url, choose \
             a bridge with --state-dir, or run the command on the bridge's machine, such as with ssh"
        }
        (_, "--token") if path != " node" => {
            "commands reach the bridge through its socket, which only its owner may open: leave \
             out --token"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// The first paragraph of clap's message, what was probably meant, and where to read more.
fn one_line(error: &Error, path: &str) -> String {
    let text = error.render().to_string();
    let message = text.split("\n\n").next().unwrap_or_default();
    let message: Vec<&str> =
        message.split_whitespace().skip_while(|word| *word == "error:").collect();
    let last = |kind| match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.last().cloned(),
        ContextValue::StyledStrs(texts) => texts.first().map(ToString::to_string),
        _ => None,
    };
    let wrong = last(ContextKind::InvalidArg).or_else(|| last(ContextKind::InvalidSubcommand));
    let instead = wrong.and_then(|word| instead(path, &word));
    let meant = last(ContextKind::SuggestedSubcommand)
        .map(|word| format!("`{}`", format!("{path} {word}").trim_start()))
        .or_else(|| last(ContextKind::SuggestedArg))
        .or_else(|| last(ContextKind::SuggestedValue));
    let hint = match (instead, meant) {
        (Some(instead), _) => format!("; {instead}"),
        (None, Some(meant)) => format!(" (did you mean {meant}?)"),
        (None, None) => {
            last(ContextKind::Suggested).map(|tip| format!(" ({tip})")).unwrap_or_default()
        }
    };
    format!("{}{hint}; see `openclaw-bridge{path} --help`", message.join(" "))
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
