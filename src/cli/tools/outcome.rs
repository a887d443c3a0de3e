//! Runs a tool on a node, and what comes of it.

use super::catalog::{Kind, Tool};
use crate::cli::node_commands::canvas::{check_rendered, rendered_warnings};
use crate::cli::node_commands::invoke::{payload, refused};
use crate::cli::node_commands::media_file::{receive, MediaFile, IMAGES, VIDEOS};
use crate::cli::text::for_stdout;
use crate::cli::*;
use crate::protocol::command::canvas::CanvasA2uiReset;
use crate::protocol::command::NodeCall;
use crate::protocol::operator::InvokeNode;
use crate::protocol::{base64, limits};
use std::fs;

/// What a tool has returned.
pub(in crate::cli) enum Outcome {
    /// A text, mostly JSON.
    Text(String),
    Picture(MediaFile),
    Recording(MediaFile),
}

pub(super) fn of_node(
    line: &CommandLine,
    tool: &Tool,
    request: InvokeNode,
) -> Result<Outcome, Failure> {
    let timeout = Tool::timeout(&request);
    let label = tool.name();
    let mut client = connect(line)?;
    let fail = |error| refused(label, error);
    let formats = match tool.result {
        Kind::Picture => IMAGES,
        Kind::Recording => VIDEOS,
        kind => {
            let reply = client.ask(&request, timeout).map_err(fail)?;
            let payload = payload(label, &reply.json)?;
            return text(label, kind, payload).map(Outcome::Text);
        }
    };
    let stem = label.replace('_', "-");
    let file = receive(label, (&stem, None), formats, |media| {
        let (reply, was_found) = client.ask_for_media(&request, timeout, media).map_err(fail)?;
        Ok((payload(label, &reply.json)?, was_found))
    })?;
    Ok(match tool.result {
        Kind::Picture => Outcome::Picture(file),
        _ => Outcome::Recording(file),
    })
}

/// What a model reads of a node's answer.
fn text(label: &str, kind: Kind, payload: Value) -> Result<String, Failure> {
    if kind == Kind::Rendered {
        let rendered = CanvasA2uiReset::decode(&payload);
        let warnings = rendered_warnings(&rendered);
        check_rendered(label, rendered)?;
        let told = warnings.iter().map(|warning| format!("\nwarning: {warning}"));
        return Ok("done".to_owned() + &told.collect::<String>());
    }
    let text = payload.to_string();
    match (kind, payload) {
        (Kind::Done, _) | (_, Value::Null) => Ok("done".to_owned()),
        _ if text.len() > limits::TOOL_ANSWER => {
            let most = limits::TOOL_ANSWER / 1024;
            let why = format!("{label} failed: the answer is longer than {most} KiB; ask for less");
            Err(Failure::failed(why))
        }
        _ => Ok(text),
    }
}

impl Outcome {
    /// As content of the Model Context Protocol.
    pub(in crate::cli) fn content(self) -> Result<Value, Failure> {
        let blocks = match self {
            Self::Text(text) => json!([{ "type": "text", "text": text }]),
            Self::Picture(file) => {
                let bytes = fs::read(file.path()).map_err(could_not("read the picture"));
                // The picture is in the answer; nobody would know of the file.
                let _ = fs::remove_file(file.path());
                let data = base64::encode(&bytes?);
                json!([{ "type": "image", "data": data, "mimeType": file.mime_type() }])
            }
            Self::Recording(file) => {
                let path = file.path().to_string_lossy();
                let text = format!("Saved as {path}: {}", file.json());
                json!([{ "type": "text", "text": text }])
            }
        };
        Ok(json!({ "content": blocks, "isError": false }))
    }

    /// Prints a text as it is, and the path of a file.
    pub(super) fn show(self) -> Result<(), Failure> {
        match self {
            Self::Text(text) => print(&format!("{}\n", for_stdout(&text))),
            Self::Picture(file) | Self::Recording(file) => file.print_path(),
        }
    }
}
