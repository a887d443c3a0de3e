//! `nodes run`: a program on a node, as if it ran here.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::node_commands::invoke::{failed, payload, Invoke, Params};
use crate::cli::text::{for_stderr, for_stdout, safe};
use crate::cli::{print, print_json};
use crate::protocol::NodeCommand;
use serde_json::{Map, Value};
use std::io::{self, Write};

pub(crate) fn run(line: &CommandLine) -> Result<(), Failure> {
    let env: Map<String, Value> = line
        .values("env")
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let env = (!env.is_empty()).then_some(env);
    let needs_screen = line.is_set("needs-screen-recording").then_some(true);
    let params = Params::default()
        .set("command", line.positionals.clone())
        .set("rawCommand", raw(&line.positionals))
        .text(line, "cwd", "cwd")
        .maybe("env", env)
        .milliseconds(line, "command-timeout", "timeoutMs")
        .maybe("needsScreenRecording", needs_screen);
    let busy = line.duration("command-timeout").unwrap_or_default();
    let answer = Invoke::new(line, NodeCommand::SystemRun, params).busy_for(busy).ask()?;
    let said = payload(line, &answer)?;
    if line.is_set("json") {
        print_json(&answer)?;
    } else {
        let text = |key: &str| said[key].as_str().unwrap_or_default();
        print(&for_stdout(text("stdout")))?;
        // Without stderr there is nobody left to tell.
        let _ = io::stderr().write_all(for_stderr(text("stderr")).as_bytes());
    }
    verdict(&said).map_err(|why| failed(line, &why))
}

/// How the program ended, if not well. macOS says `success`, and leaves `exitCode` out when a
/// signal or a timeout was the end.
fn verdict(said: &Value) -> Result<(), String> {
    let reason = said["error"].as_str().map(safe).filter(|text| !text.is_empty());
    let because = reason.map(|text| format!(": {text}")).unwrap_or_default();
    if said["timedOut"] == true {
        return Err(format!(
            "the program took too long and was stopped{because}; allow more with --command-timeout"
        ));
    }
    match (said["exitCode"].as_i64(), &said["success"]) {
        (Some(0), Value::Bool(false)) | (None, Value::Bool(false)) => {
            Err(format!("the program failed{because}"))
        }
        (Some(0), _) | (None, Value::Bool(true)) => Ok(()),
        (Some(code), _) => Err(format!("the program ended with exit code {code}{because}")),
        (None, _) if !because.is_empty() => Err(format!("the program failed{because}")),
        (None, _) => Err("the node did not say how the program ended".to_owned()),
    }
}

/// The command as one would type it. Nodes show it to their owner, and compare it with what is
/// allowed.
fn raw(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_quoted_as_a_shell_needs_them() {
        let words = ["echo", "", "a b", "it's", "--x=1", "$HOME"].map(str::to_owned);
        assert_eq!(raw(&words), r"echo '' 'a b' 'it'\''s' --x=1 '$HOME'");
    }

    #[test]
    fn every_platforms_ending_is_understood() {
        let ok = json!({ "exitCode": 0, "timedOut": false, "success": true });
        assert_eq!(verdict(&ok), Ok(()));
        assert_eq!(verdict(&json!({ "timedOut": false, "success": true })), Ok(()));
        for (said, says) in [
            (json!({ "exitCode": 3, "success": false }), "ended with exit code 3"),
            (json!({ "exitCode": 0, "success": false, "error": "x" }), "failed: x"),
            (json!({ "timedOut": true, "success": false }), "took too long"),
            (json!({ "success": false, "error": "spawn ENOENT" }), "failed: spawn ENOENT"),
            (json!({ "exitCode": null, "error": "killed" }), "failed: killed"),
            (Value::Null, "did not say how"),
        ] {
            let why = verdict(&said).unwrap_err();
            assert!(why.contains(says), "{said}: {why}");
        }
    }
}
