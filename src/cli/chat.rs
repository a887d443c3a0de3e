//! `chat …`: the operator in the same conversations as the nodes.

use crate::cli::args::CommandLine;
use crate::cli::failure::Failure;
use crate::cli::operator::{ask_text, connect, patience, text_argument, value};
use crate::cli::render::field;
use crate::cli::text::{safe, safe_text};
use crate::cli::{print, print_json};
use crate::control::{Client, Message};
use crate::protocol::GatewayEvent;
use crate::random;
use serde_json::{json, Map, Value};
use std::fs;
use std::path::Path;

/// Says something, and shows the answer as it comes.
pub(super) fn send(line: &CommandLine) -> Result<(), Failure> {
    let run_id = random_id()?;
    let mut params = json!({
        "sessionKey": line.value("session"),
        "message": text_argument(line, "MESSAGE")?,
        "idempotencyKey": run_id,
    });
    if let Some(level) = line.value("thinking") {
        params["thinking"] = level.into();
    }
    if let Some(timeout) = line.duration("run-timeout") {
        params["timeoutMs"] = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).into();
    }
    let files = line.values("attach").into_iter().map(|path| attachment(Path::new(path)));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    if !files.is_empty() {
        params["attachments"] = files.into();
    }
    let mut client = connect(line)?;
    // Before the message, so that no part of the answer is missed.
    let subscribed =
        client.ask("events.subscribe", &json!({ "only": [GatewayEvent::Chat] }), patience(line))?;
    subscribed.map_err(|refusal| Failure::refused(&refusal))?;
    let reply = client.ask("chat.send", &params, patience(line))?;
    let reply = value(&reply.map_err(|refusal| Failure::refused(&refusal))?)?;
    match reply["status"].as_str() {
        Some("started" | "in_flight") => follow(&mut client, &run_id, line.is_set("json")),
        _ => print_json(&reply.to_string()),
    }
}

/// Prints the answer of one run as it grows, until it ends.
fn follow(client: &mut Client, run_id: &str, as_json: bool) -> Result<(), Failure> {
    let mut shown = 0;
    loop {
        let Message::Event(event) = client.listen()? else { continue };
        let event = value(&event)?;
        let chat = &event["payload"];
        if event["event"] != GatewayEvent::Chat.as_str() || chat["runId"] != run_id {
            continue;
        }
        if as_json {
            print_json(&chat.to_string())?;
        } else {
            let text = text_of(&chat["message"]);
            print(&safe_text(text.get(shown..).unwrap_or_default()))?;
            shown = shown.max(text.len());
        }
        let end = if as_json { "" } else { "\n" };
        match chat["state"].as_str() {
            Some("final") => return print(end),
            Some("aborted") => {
                print(end)?;
                return Err(Failure::failed(format!("aborted: {}", field(chat, "stopReason"))));
            }
            Some("error") => {
                print(end)?;
                return Err(Failure::failed(field(chat, "errorMessage")));
            }
            _ => {}
        }
    }
}

pub(super) fn history(line: &CommandLine) -> Result<(), Failure> {
    let limit: u32 = line.value("limit").and_then(|text| text.parse().ok()).unwrap_or(20);
    let params = json!({ "sessionKey": line.value("session"), "limit": limit.min(1000) });
    let answer = ask_text(line, "chat.history", &params)?;
    if line.is_set("json") {
        return print_json(&answer);
    }
    let answer = value(&answer)?;
    let messages = answer["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let mut text = String::new();
    for message in messages {
        text += &format!("{}: {}\n", field(message, "role"), safe_text(&text_of(message)));
    }
    if text.is_empty() {
        text += "Nothing has been said yet.\n";
    }
    print(&text)
}

pub(super) fn abort(line: &CommandLine) -> Result<(), Failure> {
    let mut params = json!({ "sessionKey": line.value("session") });
    if let Some(run) = line.value("run") {
        params["runId"] = run.into();
    }
    let answer = ask_text(line, "chat.abort", &params)?;
    if line.is_set("json") {
        return print_json(&answer);
    }
    let aborted = value(&answer)?["aborted"] == true;
    print(if aborted { "aborted\n" } else { "there was nothing to abort\n" })
}

pub(super) fn inject(line: &CommandLine) -> Result<(), Failure> {
    let mut params = json!({
        "sessionKey": line.value("session"),
        "message": text_argument(line, "MESSAGE")?,
    });
    if let Some(label) = line.value("label") {
        params["label"] = label.into();
    }
    let answer = ask_text(line, "chat.inject", &params)?;
    if line.is_set("json") {
        return print_json(&answer);
    }
    print(&format!("message {}\n", field(&value(&answer)?, "messageId")))
}

/// The text parts of a message.
fn text_of(message: &Value) -> String {
    let parts = message["content"].as_array().map_or(&[][..], Vec::as_slice);
    let texts = parts.iter().filter(|part| part["type"] == "text");
    texts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}

/// A file as the apps send it.
fn attachment(path: &Path) -> Result<Value, Failure> {
    let shown = path.display();
    let bytes = fs::read(path)
        .map_err(|error| Failure::failed(format!("could not read {shown}: {error}")))?;
    let mut attachment = Map::new();
    attachment.insert("type".into(), "file".into());
    if let Some(name) = path.file_name() {
        attachment.insert("fileName".into(), safe(&name.to_string_lossy()).into());
    }
    attachment.insert("content".into(), crate::protocol::base64::encode(&bytes).into());
    Ok(attachment.into())
}

fn random_id() -> Result<String, Failure> {
    let bits = random::bits();
    let bits = bits.map_err(|_| Failure::failed("no random numbers"))?;
    Ok(format!("cli-{bits:032x}"))
}
