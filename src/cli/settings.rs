//! `settings …` and `voicewake …`: what the apps read from the gateway.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::operator::{ask_text, params, value};
use crate::cli::text::safe;
use crate::cli::{print, print_json};
use crate::config::hide_secrets;
use serde_json::{json, Value};

/// A text that stands for a secret.
const HIDDEN: &str = "\"…\"";

pub(super) fn get(line: &CommandLine) -> Result<(), Failure> {
    show(line, &ask_text(line, "config.get", &json!({}))?)
}

/// What the daemon answered, without the keys of other services: they are for the apps.
fn show(line: &CommandLine, answer: &str) -> Result<(), Failure> {
    let mut answer = value(answer)?;
    hide_secrets(&mut answer);
    if line.is_set("json") {
        return print_json(&answer.to_string());
    }
    print(&(pretty(&answer["config"]) + "\n"))
}

/// Replaces or merges. What is read first guards against a change in between.
pub(super) fn change(line: &CommandLine, method: &str) -> Result<(), Failure> {
    let raw = params(line.value("JSON").unwrap_or_default(), "the argument")?;
    if raw.contains(HIDDEN) {
        return Err(Failure::usage(format!(
            "a value is {HIDDEN}, which `settings get` shows instead of a secret; leave that key \
             out, or say the secret itself"
        )));
    }
    let now = value(&ask_text(line, "config.get", &json!({}))?)?;
    let mut request = json!({ "raw": raw });
    if now["exists"] == true {
        request["baseHash"] = now["hash"].clone();
    }
    show(line, &ask_text(line, method, &request)?)
}

/// Prints the words, or chooses new ones.
pub(super) fn voicewake(line: &CommandLine, words: Option<&[&str]>) -> Result<(), Failure> {
    let answer = match words {
        None => ask_text(line, "voicewake.get", &json!({}))?,
        Some(words) => ask_text(line, "voicewake.set", &json!({ "triggers": words }))?,
    };
    if line.is_set("json") {
        return print_json(&answer);
    }
    let answer = value(&answer)?;
    let words = answer["triggers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    print(&(words.map(safe).collect::<Vec<_>>().join("\n") + "\n"))
}

/// JSON over several lines, each of them safe to print.
fn pretty(value: &Value) -> String {
    let text = format!("{value:#}");
    text.lines().map(safe).collect::<Vec<_>>().join("\n")
}
