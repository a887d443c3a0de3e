//! Requests to the running bridge, and their parameters.

use crate::cli::args::CommandLine;
use crate::cli::failure::{could_not, Failure};
use crate::cli::{print, print_json};
use crate::config::{paths, process_env};
use crate::control::{Client, Reply};
use crate::files;
use crate::protocol::operator::{GetStatus, OperatorCall, Status};
use crate::protocol::{json, limits};
use serde::de::IgnoredAny;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

const STDIN: &str = "standard input";

/// Connects to the bridge that the command is for.
pub(super) fn connect(line: &CommandLine) -> Result<Client, Failure> {
    let state_dir = line.value("state-dir").map(Path::new);
    let places = paths::control_socket_candidates(state_dir, &process_env);
    if places == [Path::new(paths::NO_SOCKET)] {
        let why = "agents may not use nodes here; agent.nodes in the configuration permits it";
        return Err(Failure::failed(why));
    }
    Ok(Client::connect(&places)?)
}

pub(super) fn timeout(line: &CommandLine) -> Duration {
    line.duration("timeout").unwrap_or_default()
}

pub(super) fn ask<C: OperatorCall>(
    line: &CommandLine,
    call: &C,
) -> Result<Reply<C::Answer>, Failure> {
    Ok(connect(line)?.ask(call, timeout(line))?)
}

/// Sends one request and prints the answer: as it came with `--json`, else as text.
pub(super) fn show<C: OperatorCall>(
    line: &CommandLine,
    call: &C,
    text: impl FnOnce(C::Answer) -> String,
) -> Result<(), Failure> {
    let reply = ask(line, call)?;
    match line.wants_json() {
        true => print_json(&reply.json),
        false => print(&text(reply.read()?)),
    }
}

/// The status of the bridge; `None` if none is running.
pub(super) fn running_status(line: &CommandLine) -> Result<Option<Box<Status>>, Failure> {
    match ask(line, &GetStatus {}) {
        Ok(reply) => Ok(Some(reply.read()?)),
        Err(failure) if failure.is_not_running() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Parameters given as JSON, as `@FILE`, or as `-` for standard input; checked to be JSON.
/// `place` is where they were given, such as a flag.
pub(super) fn params(text: &str, place: &str) -> Result<String, Failure> {
    let (text, origin) = match text.strip_prefix('@') {
        Some(path) => (read_file(path)?, path),
        None if text == "-" => (read_stdin()?, STDIN),
        None => (text.to_owned(), place),
    };
    serde_json::from_str::<IgnoredAny>(&text)
        .map_err(|error| Failure::usage(format!("{origin} is not JSON: {error}")))?;
    // On the socket a request is one line.
    Ok(json::one_line(&text).unwrap_or_default().into_owned())
}

pub(super) fn params_flag(line: &CommandLine) -> Result<Option<String>, Failure> {
    line.value("params").map(|text| params(text, "--params")).transpose()
}

/// An argument that is text, or `-` for standard input.
pub(super) fn text_argument(line: &CommandLine, name: &str) -> Result<String, Failure> {
    match line.required(name) {
        text if text == "-" => read_stdin(),
        text => Ok(text),
    }
}

/// The text of a file of at most [`limits::PARAMS_BYTES`].
pub(super) fn read_file(path: &str) -> Result<String, Failure> {
    read(path, std::fs::File::open(path))
}

/// Standard input, as [`read_file`].
pub(super) fn read_stdin() -> Result<String, Failure> {
    read(STDIN, Ok(io::stdin()))
}

fn read(name: &str, input: io::Result<impl Read>) -> Result<String, Failure> {
    let text = input.and_then(|input| files::text_at_most(input, limits::PARAMS_BYTES));
    text.map_err(could_not(format_args!("read {name}")))
}
