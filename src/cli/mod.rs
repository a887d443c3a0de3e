//! The command line: its description, and what the commands do.

mod args;
mod chat;
mod columns;
mod command;
mod completion;
mod config_file;
mod daemon;
mod discover;
mod dns;
mod failure;
mod fingerprint;
mod import;
mod logging;
mod mcp;
mod metrics;
mod next_steps;
mod node;
mod node_commands;
mod node_verb;
mod nodes;
mod operator;
mod pending_watch;
mod prompt;
mod render;
mod serve;
mod sessions;
mod settings;
mod setup;
mod signals;
mod systemd;
mod text;
mod tools;
mod watch;
mod zone;

// What most commands need; they import it with `use super::*`.
use crate::calendar::now_ms;
use crate::config::process_env;
use crate::control::ClientError;
use crate::random;
use args::{in_milliseconds, CommandLine, Parsed};
use clap_complete::Shell;
use columns::{clip, table, whole_table};
use failure::{chain, could_not, Failure};
use operator::{ask, connect, show, timeout};
use render::{ago, is_coloured, span};
use serde::Serialize;
use serde_json::{json, Value};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use text::{for_stderr, for_stdout, safe, safe_json, safe_text};

#[doc(hidden)]
pub use command::command;

/// Runs the command line, without the program's name; returns the exit code: 0 done, 1 refused or
/// failed, 2 usage, 69 no bridge is running, 78 bad configuration.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    match run(&args) {
        Ok(()) => 0,
        // The reader closed the pipe; that is not an error.
        Err(failure) if failure.is_closed_pipe => 0,
        Err(failure) => {
            print_on_stderr(&format!("error: {}", failure.message));
            failure.code
        }
    }
}

fn run(args: &[OsString]) -> Result<(), Failure> {
    if let Some((completion::CALL, rest)) =
        args.split_first().and_then(|(first, rest)| Some((first.to_str()?, rest)))
    {
        return completion::answer(rest);
    }
    match args::parse(&command(), args.to_vec())? {
        Parsed::Print(text) => print(&text),
        Parsed::Run(line) => match command::action(line.path()) {
            Some(run) => run(&line),
            None => Err(Failure::usage(format!("unknown command `{}`", line.path()))),
        },
    }
}

type Action = fn(&CommandLine) -> Result<(), Failure>;

/// Prints an answer: as JSON with `--json`, else as text.
fn print_answer(line: &CommandLine, json: &impl Serialize, text: &str) -> Result<(), Failure> {
    if line.wants_json() {
        let json = serde_json::to_string(json).map_err(|error| Failure::output(error.into()))?;
        return print_json(&json);
    }
    print(text)
}

/// Prints a JSON document on one line, safe for a terminal.
fn print_json(json: &str) -> Result<(), Failure> {
    text::write_safe_json(json, &mut io::stdout().lock()).map_err(Failure::output)
}

/// Prints a line on standard error, in one piece: other programs may write to the same terminal.
fn print_on_stderr(line: &str) {
    // If it cannot be written, there is nowhere to report it.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::output)
}
