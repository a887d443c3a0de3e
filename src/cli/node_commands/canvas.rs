//! `nodes canvas`: what a node shows, besides pictures of it.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::node_commands::a2ui;
use crate::cli::node_commands::invoke::{failed, payload, show, usage, Invoke, Params};
use crate::cli::operator::{read_file, read_stdin};
use crate::cli::render::field;
use crate::cli::text::{for_stdout, safe_json};
use crate::protocol::NodeCommand;
use serde_json::{json, Value};

pub(crate) fn present(line: &CommandLine) -> Result<(), Failure> {
    let placement = Params::default()
        .number(line, "x", "x")
        .number(line, "y", "y")
        .number(line, "width", "width")
        .number(line, "height", "height");
    let placement = (!placement.is_empty()).then(|| placement.object());
    let params = Params::default().text(line, "target", "url").maybe("placement", placement);
    done(line, NodeCommand::CanvasPresent, params, "canvas present ok\n")
}

pub(crate) fn hide(line: &CommandLine) -> Result<(), Failure> {
    done(line, NodeCommand::CanvasHide, Params::default(), "canvas hide ok\n")
}

pub(crate) fn navigate(line: &CommandLine) -> Result<(), Failure> {
    let url = line.positionals.first().map_or("", String::as_str);
    done(
        line,
        NodeCommand::CanvasNavigate,
        Params::default().set("url", url),
        "canvas navigate ok\n",
    )
}

fn done(
    line: &CommandLine,
    command: NodeCommand,
    params: Params,
    words: &'static str,
) -> Result<(), Failure> {
    let answer = Invoke::new(line, command, params).ask()?;
    show(line, &answer, |_| words.to_owned())
}

pub(crate) fn eval(line: &CommandLine) -> Result<(), Failure> {
    let program = match line.value("js").unwrap_or_default() {
        "-" => read_stdin()?,
        program => program.to_owned(),
    };
    let params = Params::default().set("javaScript", program);
    let answer = Invoke::new(line, NodeCommand::CanvasEval, params).ask()?;
    show(line, &answer, |said| match &said["result"] {
        Value::String(text) => for_stdout(text) + "\n",
        Value::Null => "canvas eval ok\n".to_owned(),
        other => safe_json(&other.to_string()) + "\n",
    })
}

pub(crate) fn push(line: &CommandLine) -> Result<(), Failure> {
    let jsonl = match (line.value("jsonl"), line.value("text")) {
        (Some(path), None) => {
            let text = if path == "-" { read_stdin()? } else { read_file(path)? };
            a2ui::checked(&text).map_err(|why| failed(line, &format!("{path}: {why}")))?
        }
        (None, Some(text)) => a2ui::for_text(text),
        _ => return Err(usage(line, "exactly one of --jsonl and --text is needed")),
    };
    let params = Params::default().set("jsonl", jsonl);
    rendered(line, NodeCommand::CanvasA2uiPushJsonl, params, "canvas a2ui push ok\n")
}

pub(crate) fn reset(line: &CommandLine) -> Result<(), Failure> {
    rendered(line, NodeCommand::CanvasA2uiReset, Params::default(), "canvas a2ui reset ok\n")
}

/// The node may have done its part, and the renderer on its page not.
fn rendered(
    line: &CommandLine,
    command: NodeCommand,
    params: Params,
    words: &'static str,
) -> Result<(), Failure> {
    let answer = Invoke::new(line, command, params).ask()?;
    let said = payload(line, &answer)?;
    if said["ok"] == json!(false) {
        let why = match &said["error"] {
            Value::String(_) => field(&said, "error"),
            other => safe_json(&other.to_string()),
        };
        return Err(failed(line, &format!("the page on the node says {why}")));
    }
    show(line, &answer, |_| words.to_owned())
}
