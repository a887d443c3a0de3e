//! Asking the running bridge.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::{print, print_json};
use crate::config::{paths, process_env};
use crate::control::Client;
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// The longest parameters that are read from a file or from standard input, in bytes.
const LONGEST_PARAMS: u64 = 24 * 1024 * 1024;

const STDIN: &str = "standard input";

/// Connects to the bridge the command means.
pub(super) fn connect(line: &CommandLine) -> Result<Client, Failure> {
    let state_dir = line.value("state-dir").map(Path::new);
    let places = paths::control_socket_candidates(state_dir, &process_env);
    Ok(Client::connect(&places)?)
}

/// How long the bridge may take to answer.
pub(super) fn patience(line: &CommandLine) -> Duration {
    line.duration("timeout").unwrap_or(Duration::from_secs(10))
}

/// Asks; the answer as JSON text.
pub(super) fn ask_text(
    line: &CommandLine,
    method: &str,
    params: &Value,
) -> Result<String, Failure> {
    let reply = connect(line)?.ask(method, params, patience(line))?;
    reply.map_err(|refusal| Failure::refused(&refusal))
}

/// The status of the bridge; `None` if none is running.
pub(super) fn running_status(line: &CommandLine) -> Result<Option<Value>, Failure> {
    match ask_text(line, "status", &Value::Object(serde_json::Map::new())) {
        Ok(answer) => value(&answer).map(Some),
        Err(failure) if failure.is_not_running() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// An answer as a JSON value. The commands run on a stack that bears its depth.
pub(super) fn value(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|e| Failure::failed(format!("strange answer: {e}")))
}

/// Prints an answer: as it is with `--json`, else as a sentence.
pub(super) fn show(
    line: &CommandLine,
    answer: &str,
    sentence: impl FnOnce(&Value) -> String,
) -> Result<(), Failure> {
    if line.is_set("json") {
        return print_json(answer);
    }
    print(&sentence(&value(answer)?))
}

/// Parameters given as JSON, as `@FILE`, or as `-` for standard input; checked to be JSON.
/// `place` is where they were written, such as a flag.
pub(super) fn params(text: &str, place: &str) -> Result<String, Failure> {
    let (text, origin) = match text.strip_prefix('@') {
        Some(path) => (read_file(path)?, path),
        None if text == "-" => (read_stdin()?, STDIN),
        None => (text.to_owned(), place),
    };
    let value: Result<serde::de::IgnoredAny, _> = serde_json::from_str(&text);
    match value {
        // On the socket a request is one line, and JSON has line breaks only between its parts.
        Ok(_) => Ok(text.replace(['\n', '\r'], " ")),
        Err(error) => Err(Failure::usage(format!("{origin} is not JSON: {error}"))),
    }
}

/// An argument that is text, or `-` for standard input.
pub(super) fn text_argument(line: &CommandLine, name: &str) -> Result<String, Failure> {
    match line.value(name).unwrap_or_default() {
        "-" => read_stdin(),
        text => Ok(text.to_owned()),
    }
}

/// A file of bearable length that was named.
pub(super) fn read_file(path: &str) -> Result<String, Failure> {
    read(path, std::fs::File::open(path))
}

/// Standard input, if it is of bearable length.
pub(super) fn read_stdin() -> Result<String, Failure> {
    read(STDIN, Ok(std::io::stdin()))
}

fn read(name: &str, input: std::io::Result<impl Read>) -> Result<String, Failure> {
    let text = input.and_then(bearable);
    text.map_err(|error| Failure::failed(format!("could not read {name}: {error}")))
}

fn bearable(input: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    input.take(LONGEST_PARAMS + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_PARAMS {
        let megabytes = LONGEST_PARAMS / 1024 / 1024;
        return Err(std::io::Error::other(format!("more than {megabytes} MiB")));
    }
    Ok(text)
}
