//! `chat …`: the operator takes part in the conversations that nodes use.

use super::*;
use crate::control::{Client, ClientError};
use crate::protocol::operator::{OperatorEvent, SubscribeEvents};
use crate::protocol::rpc::chat::{
    Attachment, ChatAbort, ChatHistory, ChatInject, ChatMessage, ChatSend, RunStatus,
};
use crate::protocol::rpc::event::{ChatEvent, ChatState};
use crate::protocol::{base64, limits, GatewayEvent};
use std::fs;

/// Sends a message, and prints the answer as it arrives.
pub(super) fn send(line: &CommandLine) -> Result<(), Failure> {
    let attachments = line.values("attach").into_iter().map(|path| attachment(Path::new(&path)));
    let attachments = attachments.collect::<Result<Vec<_>, _>>()?;
    let call = ChatSend {
        session_key: line.required("session"),
        message: operator::text_argument(line, "MESSAGE")?,
        thinking: line.text("thinking"),
        deliver: None,
        attachments: Some(attachments).filter(|list| !list.is_empty()),
        timeout_ms: line.milliseconds("run-timeout"),
        idempotency_key: format!("cli-{:032x}", random::bits()),
    };
    let mut client = connect(line)?;
    // Subscribes before it sends the message, so that no part of the answer is missed.
    let only = Some([GatewayEvent::Chat.to_string()].into());
    client.ask(&SubscribeEvents { only }, timeout(line))?;
    let reply = client.ask(&call, timeout(line))?;
    match reply.read()?.status {
        RunStatus::Started | RunStatus::InFlight => {
            follow(&mut client, &call.idempotency_key, line.wants_json())
        }
        RunStatus::Ok | RunStatus::Aborted => print_json(&reply.json),
    }
}

/// Prints the answer of one run as it grows, until it ends.
fn follow(client: &mut Client, run_id: &str, as_json: bool) -> Result<(), Failure> {
    let mut shown = 0;
    loop {
        let (event, _) = client.next_event(None)?;
        let OperatorEvent::Backend { payload: Some(json), .. } = &*event else { continue };
        let chat: ChatEvent = serde_json::from_str(json).map_err(ClientError::UnexpectedAnswer)?;
        if chat.run_id != run_id {
            continue;
        }
        if as_json {
            print_json(json)?;
        } else {
            let text = chat.message.as_ref().map(ChatMessage::plain_text).unwrap_or_default();
            print(&safe_text(text.get(shown..).unwrap_or_default()))?;
            shown = shown.max(text.len());
        }
        if chat.state != ChatState::Delta && !as_json {
            print("\n")?;
        }
        match chat.state {
            ChatState::Delta => {}
            ChatState::Final => return Ok(()),
            ChatState::Aborted => {
                let reason = safe(&chat.stop_reason.unwrap_or_default());
                return Err(Failure::failed(format!("aborted: {reason}")));
            }
            ChatState::Error => {
                return Err(Failure::failed(safe(&chat.error_message.unwrap_or_default())));
            }
        }
    }
}

pub(super) fn history(line: &CommandLine) -> Result<(), Failure> {
    let limit = line.whole_number("limit").map(|limit| limit.min(limits::HISTORY_MESSAGES as u64));
    show(line, &ChatHistory { session_key: line.required("session"), limit }, |history| {
        let messages = history.messages.iter();
        let messages = messages.filter_map(|json| serde_json::from_str(json.get()).ok());
        let shown = messages.map(|message: ChatMessage| {
            format!("{}: {}\n", safe(&message.role), safe_text(&message.plain_text()))
        });
        let text: String = shown.collect();
        match text.is_empty() {
            true => "There are no messages yet.\n".to_owned(),
            false => text,
        }
    })
}

pub(super) fn abort(line: &CommandLine) -> Result<(), Failure> {
    let call = ChatAbort { session_key: line.required("session"), run_id: line.text("run") };
    show(line, &call, |answer| {
        if answer.aborted { "aborted\n" } else { "there was nothing to abort\n" }.to_owned()
    })
}

pub(super) fn inject(line: &CommandLine) -> Result<(), Failure> {
    let call = ChatInject {
        session_key: line.required("session"),
        message: operator::text_argument(line, "MESSAGE")?,
        label: line.text("label"),
    };
    show(line, &call, |answer| format!("message {}\n", safe(&answer.message_id)))
}

/// Reads a file into an attachment as the apps send it.
fn attachment(path: &Path) -> Result<Attachment, Failure> {
    let bytes = fs::read(path).map_err(could_not(format_args!("read {}", path.display())))?;
    Ok(Attachment {
        r#type: Some("file".into()),
        file_name: path.file_name().map(|name| safe(&name.to_string_lossy())),
        content: Some(base64::encode(&bytes)),
    })
}
