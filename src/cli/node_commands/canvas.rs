//! `nodes canvas`: what a node shows, besides pictures of it.

use super::*;
use crate::canvas_host::CANVAS;
use crate::cli::operator::{read_file, read_stdin, text_argument};
use crate::config::url_host;
use crate::protocol::command::canvas::{
    CanvasA2uiPushJsonl, CanvasA2uiReset, CanvasEval, CanvasHide, CanvasNavigate, CanvasPresent,
    Placement, Rendered,
};
use crate::protocol::operator::DescribeNode;
use std::net::IpAddr;

/// How many warnings of a page are told; ours gives as many.
const MOST_WARNINGS: usize = 20;

pub(crate) fn present(line: &CommandLine) -> Result<(), Failure> {
    let [x, y, width, height] = ["x", "y", "width", "height"].map(|flag| line.number(flag));
    let placement = Placement { x, y, width, height };
    let placement = (placement != Placement::default()).then_some(placement);
    let call = CanvasPresent { url: line.text("target").or_else(|| own_page(line)), placement };
    Invoke::new(line, call).send()?.confirm()
}

/// The owner's page, at the address of the canvas host that the node was told. Without one, the node
/// shows its built-in page; what else is wrong, the command itself will say.
fn own_page(line: &CommandLine) -> Option<String> {
    let node = ask(line, &DescribeNode { node_id: line.required("node") }).ok()?.read().ok()?.node;
    let url = node.canvas_host_url?;
    // A phone is never this machine: it has come through a tunnel, and its loopback is its own.
    let is_loopback = url_host(&url)?.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    (!is_loopback || !node.profile.is_sequential()).then_some(url + CANVAS)
}

pub(crate) fn hide(line: &CommandLine) -> Result<(), Failure> {
    Invoke::new(line, CanvasHide {}).send()?.confirm()
}

pub(crate) fn navigate(line: &CommandLine) -> Result<(), Failure> {
    Invoke::new(line, CanvasNavigate { url: line.required("URL") }).send()?.confirm()
}

pub(crate) fn eval(line: &CommandLine) -> Result<(), Failure> {
    let java_script = text_argument(line, "js")?;
    let answer = Invoke::new(line, CanvasEval { java_script }).send()?;
    answer.show(|| {
        Ok(match answer.result()?.result {
            Some(Value::String(text)) => for_stdout(&text) + "\n",
            None | Some(Value::Null) => "canvas eval ok\n".to_owned(),
            Some(other) => safe_json(&other.to_string()) + "\n",
        })
    })
}

pub(crate) fn push(line: &CommandLine) -> Result<(), Failure> {
    let jsonl = match (line.value("jsonl"), line.value("text")) {
        (Some(path), None) => {
            let text = if path == "-" { read_stdin()? } else { read_file(path)? };
            a2ui::checked(&text).map_err(|why| failed(line, &format!("{path}: {why}")))?
        }
        (None, Some(text)) => a2ui::for_text(text),
        _ => return Err(usage(line, "exactly one of --jsonl and --text is required")),
    };
    render(line, CanvasA2uiPushJsonl { jsonl })
}

pub(crate) fn reset(line: &CommandLine) -> Result<(), Failure> {
    render(line, CanvasA2uiReset {})
}

fn render(line: &CommandLine, call: impl NodeCall<Result = Rendered>) -> Result<(), Failure> {
    let answer = Invoke::new(line, call).send()?;
    let rendered = answer.result()?;
    for warning in rendered_warnings(&rendered) {
        print_on_stderr(&format!("warning: {warning}"));
    }
    check_rendered(line.path(), rendered)?;
    answer.confirm()
}

/// What the page shows otherwise than the messages say.
pub(crate) fn rendered_warnings(rendered: &Rendered) -> Vec<String> {
    let warnings = rendered.warnings.as_ref().and_then(Value::as_array).into_iter().flatten();
    warnings.filter_map(Value::as_str).map(safe).take(MOST_WARNINGS).collect()
}

/// The node may have succeeded although the renderer on its page failed.
pub(crate) fn check_rendered(label: &str, rendered: Rendered) -> Result<(), Failure> {
    if rendered.ok != Some(false) {
        return Ok(());
    }
    let why = match rendered.error {
        Some(Value::String(text)) => safe(&text),
        other => safe_json(&other.unwrap_or_default().to_string()),
    };
    Err(command_failed(label, &format!("the page on the node reported {why}")))
}
