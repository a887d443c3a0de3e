//! From words to a command, by the table alone.

use super::help;
use super::table::{self, Flag, Kind, Positional, Verb, VerbId, PROGRAM};
use crate::duration;
use crate::suggest::closest;
use lexopt::Arg;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

/// What was asked for.
#[derive(Debug)]
pub enum Parsed {
    /// Run a command.
    Run(CommandLine),
    /// Print this text.
    Help(String),
    /// Print the version.
    Version,
}

/// A command with its arguments. Whoever runs it may rely on what the table promises: required
/// arguments are there, ports, durations and choices are valid.
pub struct CommandLine {
    /// The command.
    pub verb: &'static Verb,
    /// Arguments without a name that do not stand for a flag.
    pub positionals: Vec<String>,
    flags: BTreeMap<&'static str, Vec<String>>,
}

impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.verb.path, self.flags, self.positionals)
    }
}

impl CommandLine {
    /// Which command it is.
    pub fn id(&self) -> VerbId {
        self.verb.id
    }

    /// The value of a flag: the last one that was given, else the default.
    pub fn value(&self, name: &str) -> Option<&str> {
        let flag = self.verb.flag(name);
        debug_assert!(flag.is_some(), "`{}` has no flag --{name}", self.verb.path);
        let given = self.flags.get(name).and_then(|values| values.last()).map(String::as_str);
        given.or_else(|| flag.and_then(|flag| flag.default))
    }

    /// Every value of a flag that may be repeated.
    pub fn values(&self, name: &str) -> &[String] {
        debug_assert!(self.verb.flag(name).is_some(), "`{}` has no --{name}", self.verb.path);
        self.flags.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a flag was given; a default does not count.
    pub fn is_set(&self, name: &str) -> bool {
        !self.values(name).is_empty()
    }

    /// The value of a flag that is a duration.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        self.value(name).and_then(duration::parse)
    }

    /// The value of a flag that is a port.
    pub fn port(&self, name: &str) -> Option<u16> {
        self.value(name).and_then(|text| text.parse().ok())
    }
}

/// What is wrong with the command line, and where to read how it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError {
    message: String,
    path: String,
}

impl UsageError {
    fn new(message: String, path: &str) -> Self {
        Self { message, path: path.to_owned() }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.path.is_empty() { "" } else { " " };
        write!(f, "{}; see `{PROGRAM}{space}{} --help`", self.message, self.path)
    }
}

impl std::error::Error for UsageError {}

/// Reads the arguments, without the name of the program.
///
/// # Errors
/// What was not understood, with what was probably meant.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, UsageError> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut words = Words::default();
    let mut asked_for_help = false;
    loop {
        match parser.next() {
            Err(error) => return Err(words.error(error.to_string())),
            Ok(None) => break,
            Ok(Some(Arg::Long("help") | Arg::Short('h'))) => asked_for_help = true,
            Ok(Some(Arg::Long("version") | Arg::Short('V'))) => return Ok(Parsed::Version),
            Ok(Some(Arg::Value(word))) => {
                let word = word.into_string().map_err(|word| {
                    words.error(format!("`{}` is not valid UTF-8", word.to_string_lossy()))
                })?;
                // With --help, words that are no command are no arguments either.
                words.word(word, asked_for_help)?;
            }
            Ok(Some(Arg::Long(name))) => {
                let name = name.to_owned();
                let flag = words.flag(&name).ok_or_else(|| words.unknown_flag(&name))?;
                words.take(flag, &mut parser)?;
            }
            Ok(Some(Arg::Short(letter))) => {
                let flag = words
                    .verb()
                    .and_then(|verb| verb.flags().find(|flag| flag.short == Some(letter)));
                let hint = words.verb().map_or("", hint_for_foreign_flag);
                let unknown = || words.error(format!("unknown flag `-{letter}`{hint}"));
                let flag = flag.ok_or_else(unknown)?;
                words.take(flag, &mut parser)?;
            }
        }
    }
    if asked_for_help {
        return Ok(Parsed::Help(help::text(&words.path)));
    }
    words.finish()
}

/// What has been read so far.
#[derive(Default)]
struct Words {
    path: String,
    positionals: Vec<String>,
    flags: BTreeMap<&'static str, Vec<String>>,
}

impl Words {
    fn verb(&self) -> Option<&'static Verb> {
        table::find(&self.path)
    }

    fn error(&self, message: String) -> UsageError {
        UsageError::new(message, &self.path)
    }

    fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.verb().and_then(|verb| verb.flag(name))
    }

    /// A word is the next word of the command as long as there is one, then an argument.
    fn word(&mut self, word: String, asked_for_help: bool) -> Result<(), UsageError> {
        let next = table::words_after(&self.path);
        if next.contains(&word.as_str()) && self.positionals.is_empty() {
            let space = if self.path.is_empty() { "" } else { " " };
            self.path = format!("{}{space}{word}", self.path);
            return Ok(());
        }
        let room = self.verb().is_some_and(|verb| {
            let repeated = verb.positionals.last().is_some_and(|last| last.repeat);
            repeated || self.positionals.len() < verb.positionals.len()
        });
        if room {
            self.positionals.push(word);
        } else if !next.is_empty() {
            return Err(unknown_command(&self.path, &word));
        } else if !asked_for_help {
            return Err(self.error(format!("`{}` does not take `{word}`", self.path)));
        }
        Ok(())
    }

    fn unknown_flag(&self, name: &str) -> UsageError {
        let Some(verb) = self.verb() else {
            let place = if self.path.is_empty() { "the command" } else { "its second word" };
            return self.error(format!("`--{name}` has to come after {place}"));
        };
        let known = verb.flags().map(|flag| flag.name).chain(["help", "version"]);
        let hint = match closest(name, known) {
            Some(meant) => format!(" (did you mean --{meant}?)"),
            None => hint_for_foreign_flag(verb).to_owned(),
        };
        self.error(format!("`{}` has no flag `--{name}`{hint}", self.path))
    }

    fn take(&mut self, flag: &'static Flag, parser: &mut lexopt::Parser) -> Result<(), UsageError> {
        let value = if flag.kind == Kind::Switch {
            // lexopt refuses `--json=yes` when it is asked for the next argument.
            String::new()
        } else {
            let value = parser.value().map_err(|_| {
                self.error(format!("`--{}` needs a value: {}", flag.name, flag.usage()))
            })?;
            let value = value.into_string().map_err(|_| {
                self.error(format!("the value of `--{}` is not valid UTF-8", flag.name))
            })?;
            check(flag.kind, &value)
                .map_err(|reason| self.error(format!("--{}: {reason}", flag.name)))?;
            value
        };
        let values = self.flags.entry(flag.name).or_default();
        values.push(value);
        // Wrappers give defaults and let others follow; but nobody means two nodes and gets one.
        if flag.required && !flag.repeat && values.len() > 1 {
            return Err(self.error(format!("`--{}` was given twice", flag.name)));
        }
        Ok(())
    }

    /// Everything is read; is it a command, and a whole one?
    fn finish(mut self) -> Result<Parsed, UsageError> {
        let Some(verb) = self.verb() else {
            let words = table::words_after(&self.path).join(", ");
            let message = if self.path.is_empty() {
                "a command is missing".to_owned()
            } else {
                format!("`{}` needs one more word: {words}", self.path)
            };
            return Err(self.error(message));
        };
        self.place(verb)?;
        for name in self.flags.keys() {
            if verb.flag(name).is_none() {
                return Err(self.unknown_flag(name));
            }
        }
        let missing = |flag: &&Flag| flag.required && !self.flags.contains_key(flag.name);
        let missing: Vec<_> = verb.flags().filter(missing).map(Flag::usage).collect();
        if !missing.is_empty() {
            return Err(self.error(format!("`{}` needs {}", verb.path, missing.join(" and "))));
        }
        if verb.id == VerbId::Help {
            return explain(&self.positionals);
        }
        Ok(Parsed::Run(CommandLine { verb, positionals: self.positionals, flags: self.flags }))
    }

    /// Checks the arguments without a name, and moves those that stand for a flag.
    fn place(&mut self, verb: &'static Verb) -> Result<(), UsageError> {
        let needed = verb.positionals.iter().filter(|positional| positional.required);
        if let Some(missing) = needed.clone().nth(self.positionals.len()) {
            return Err(self.error(format!("`{}` needs {}", verb.path, missing.name)));
        }
        let mut kept = Vec::new();
        for (i, word) in std::mem::take(&mut self.positionals).into_iter().enumerate() {
            let Some(positional) = verb.positionals.get(i).or_else(|| verb.positionals.last())
            else {
                continue;
            };
            let Positional { name, kind, flag, .. } = *positional;
            check(kind, &word).map_err(|reason| self.error(format!("{name}: {reason}")))?;
            match flag {
                None => kept.push(word),
                Some(flag) if self.flags.contains_key(flag) => {
                    let message = format!("`{word}` and `--{flag}` mean the same; write one");
                    return Err(self.error(message));
                }
                Some(flag) => self.flags.entry(flag).or_default().push(word),
            }
        }
        self.positionals = kept;
        Ok(())
    }
}

/// A flag may belong to the command that a node shall run.
fn hint_for_foreign_flag(verb: &Verb) -> &'static str {
    let is_for_node = verb.positionals.iter().any(|word| word.kind == Kind::Argument);
    if is_for_node {
        " (put -- before the node's own command)"
    } else {
        ""
    }
}

fn unknown_command(path: &str, word: &str) -> UsageError {
    let hint = closest(word, table::words_after(path))
        .map(|meant| format!(" (did you mean `{}`?)", format!("{path} {meant}").trim_start()));
    let words = format!("{path} {word}");
    UsageError::new(format!("unknown command `{}`{}", words.trim(), hint.unwrap_or_default()), path)
}

/// `help nodes approve`
fn explain(words: &[String]) -> Result<Parsed, UsageError> {
    let mut path = String::new();
    for word in words.iter().flat_map(|word| word.split_whitespace()) {
        if !table::words_after(&path).contains(&word) {
            return Err(unknown_command(&path, word));
        }
        path = format!("{path} {word}").trim_start().to_owned();
    }
    Ok(Parsed::Help(help::text(&path)))
}

/// Whether a value is what the table says; the reason if not.
fn check(kind: Kind, value: &str) -> Result<(), String> {
    let wrong = |expected: &str| Err(format!("must be {expected}, not `{value}`"));
    match kind {
        _ if value.is_empty() && !matches!(kind, Kind::Switch | Kind::Argument) => {
            Err("must not be empty".to_owned())
        }
        Kind::Number if value.parse::<u32>().map_or(true, |n| n == 0) => {
            wrong("a whole number above 0")
        }
        Kind::Count if value.parse::<u32>().is_err() => wrong("a whole number"),
        Kind::Decimal if !is_decimal(value) => wrong("a number such as 12, 0.5 or -3"),
        Kind::Port if value.parse::<u16>().is_err() => wrong("a port from 0 to 65535"),
        Kind::Duration if duration::parse(value).is_none() => {
            wrong("a duration such as 15s, 500ms, 2m or 1500 (milliseconds)")
        }
        Kind::Pair
            if !value.split_once('=').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()) =>
        {
            wrong("two texts with = between them")
        }
        Kind::Variable if value.split_once('=').is_none_or(|(name, _)| name.is_empty()) => {
            wrong("a name, = and a value")
        }
        Kind::Choice(words) if !words.contains(&value) => {
            let hint = closest(value, words.iter().copied());
            let hint = hint.map(|word| format!(" (did you mean {word}?)")).unwrap_or_default();
            Err(format!("must be one of {}, not `{value}`{hint}", words.join(", ")))
        }
        _ => Ok(()),
    }
}

/// Digits, at most one point between them, and perhaps a sign.
fn is_decimal(value: &str) -> bool {
    let number = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    // With more of them, JSON would write an exponent, which Android does not read.
    digits(whole, 9) && digits(fraction, 4)
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
