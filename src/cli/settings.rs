//! `settings …` and `voicewake …`: what the apps read from the gateway.

use super::*;
use crate::config::hide_secrets;
use crate::control::{ClientError, Reply};
use crate::protocol::rpc::settings::{ConfigChange, ConfigPatch, ConfigSet};
use crate::protocol::rpc::system::WakeWords;
use crate::protocol::rpc::{ConfigGet, VoicewakeGet};
use serde::de::DeserializeOwned;

/// A text that stands for a secret.
const HIDDEN: &str = "\"…\"";

pub(super) fn get(line: &CommandLine) -> Result<(), Failure> {
    show(line, &ask(line, &ConfigGet {})?, |answer| answer.config)
}

pub(super) fn set(line: &CommandLine) -> Result<(), Failure> {
    show(line, &ask(line, &ConfigSet(change(line)?))?, |answer| answer.config)
}

pub(super) fn patch(line: &CommandLine) -> Result<(), Failure> {
    show(line, &ask(line, &ConfigPatch(change(line)?))?, |answer| answer.config)
}

/// The change given on the command line. The hash of the current settings detects a concurrent
/// change.
fn change(line: &CommandLine) -> Result<ConfigChange, Failure> {
    let raw = operator::params(&line.required("JSON"), "the argument")?;
    if raw.contains(HIDDEN) {
        return Err(Failure::usage(format!(
            "a value is {HIDDEN}, which `settings get` shows instead of a secret; leave that key \
             out, or write the secret itself"
        )));
    }
    let now = ask(line, &ConfigGet {})?.read()?;
    Ok(ConfigChange { raw, base_hash: Some(now.hash).filter(|_| now.exists) })
}

/// Prints an answer without the keys of other services, which only the apps need.
fn show<A: DeserializeOwned>(
    line: &CommandLine,
    reply: &Reply<A>,
    config: impl FnOnce(A) -> Value,
) -> Result<(), Failure> {
    let mut shown: Value = match line.wants_json() {
        true => serde_json::from_str(&reply.json).map_err(ClientError::from)?,
        false => config(reply.read()?),
    };
    hide_secrets(&mut shown);
    print_answer(line, &shown, &(safe_text(&format!("{shown:#}")) + "\n"))
}

pub(super) fn voicewake_get(line: &CommandLine) -> Result<(), Failure> {
    operator::show(line, &VoicewakeGet {}, wake_words)
}

pub(super) fn voicewake_set(line: &CommandLine) -> Result<(), Failure> {
    operator::show(line, &WakeWords { triggers: line.values("WORD") }, wake_words)
}

fn wake_words(words: WakeWords) -> String {
    safe_text(&words.triggers.join("\n")) + "\n"
}
